"""The figures as Markdown tables, and the limits that they must keep."""

from typing import Any

from joulestream.channel import CHANNEL_ID_SIZE
from joulestream.device import journal_format, journal_keys
from joulestream.device.payee_records import PayeeRecord
from joulestream.fields import size_of
from joulestream.host_tools.benchmarks import (
    BOARDS,
    ED25519,
    MODULES,
    RELIABILITY,
    SIZE,
    SUMMARY,
)
from joulestream.host_tools.benchmarks.fit import HEAP_FREE, LARGEST_BLOCK, PLACES
from joulestream.host_tools.benchmarks.packages import FILES, IMAGE, ROMFS, ROMFS_AND_MODULE

Figures = dict[str, Any]

# name: (the figure in words, the limit in words)
_SUMMARY = {
    "wire_bytes_per_packet": ("bytes on the wire per packet, both directions", "at most 110"),
    "packets_per_second": (
        "packets a second between two unix-port processes; the meter sets the pace",
        "-",
    ),
    "max_unpaid": ("most unpaid at any time in the demo, µ€", "at most the bound below"),
    "unpaid_bound": ("bound of that, µ€", "-"),
}

# (name, the figure in words, the most that it may be, the aim), for the column of our own code
_ED25519 = (
    ("sign", "sign, expanded key kept, constant time", 540_000, 485_000),
    ("verify", "verify, known key", 580_000, 550_000),
    ("verify_first", "verify, first time (key check and table included)", 3_600_000, 2_500_000),
    ("verify_once", "verify, without a table", None, None),
    ("table_bytes", "table per verifier key, bytes", 6_144, None),
    ("size_bytes", "native module in RAM (others: code and constants), bytes", 28_672, 24_576),
    ("stack_bytes", "stack, any call, bytes", 2_560, 1_536),
    ("pole_packet", "one packet on the pole, everything included", 1_150_000, 980_000),
    ("vehicle_packet", "one packet on the vehicle, everything included", 1_000_000, 870_000),
    ("meter_reading", "one reading of a meter (SDM120), from poll to Reading", None, None),
    ("alloc_per_packet", "heap allocated per packet, the worse side, bytes", 1_250, 600),
)

# name: the figure in words
_MODULES = {
    "code_bytes": "code, bytes",
    "constants_bytes": "constants, bytes",
    "data_bytes": "data, bytes",
    "mpy_bytes": "the `.mpy` file, bytes",
    "sign": "sign, expanded key kept, instructions",
    "verify": "verify, known key, instructions",
    "prepare": "the table of a new key, instructions",
    "verify_once": "verify, without a table, instructions",
}

# name: (the figure in words, the limit in words)
_RELIABILITY = {
    "power_cut_points": ("power cuts, one at each operation of a flash", "at least 10,000"),
    "power_cut_losses": ("of these, promises broken", "0"),
    "simulated_sessions": ("simulated sessions", "at least 5,000"),
    "simulated_packets": ("packets in them", "20 a session"),
    "invariant_violations": ("of these, promises broken", "0"),
    "honest_quarrels": ("of these, honest sides that accused each other", "0"),
    "unpaid_over_bound": ("of these, more unpaid than the bound of security.md", "0"),
    "adversaries": ("scripted liars", "at least 75"),
    "adversary_max_gain_packets": ("most that one gains, in packets", "1, or see security.md"),
    "planted_bugs": ("bugs that are planted again", "at least 40"),
    "planted_bugs_found": ("of these, bugs that a test finds", "all"),
    "contactor_closings_per_hour_worst": (
        "most closings of the contactor in an hour, under attack",
        "at most 60",
    ),
    "fuzz_execs": ("inputs tried by the fuzzers", "-"),
    "fuzz_crashes": ("of these, crashes or broken invariants", "0"),
    "heap_packets": ("packets in the hour of packets", "-"),
    "heap_growth_bytes_per_hour": ("heap that the hour used up, bytes, the worse side", "0"),
    "flash_bytes_per_hour_under_attack": ("bytes an hour that attacks write to a flash", "-"),
    "flash_years_under_attack": ("years that a flash of 256 KB lasts under attack", "as below"),
    "flash_years_paid": ("years that it lasts at one paid packet a second", "-"),
    "journal_append_rv32_instructions": ("storing a claim, rv32 instructions", "-"),
}

_BOARDS = {
    "flash_bytes_pole": (
        "the pole's `.mpy` files without the native module, bytes",
        "at most 122,880; aim 98,304",
    ),
    "flash_bytes_vehicle": (
        "the vehicle's `.mpy` files without the native module, bytes",
        "at most 122,880; aim 98,304",
    ),
    "import_heap_pole": (
        "heap after the pole's imports from files, native module included, bytes",
        "at most 98,304; aim 77,824",
    ),
    "import_heap_vehicle": (
        "heap after the vehicle's imports from files, native module included, bytes",
        "at most 98,304; aim 77,824",
    ),
    "import_heap_pole_romfs": (
        "heap after the pole's imports from a ROMFS, native module included, bytes",
        "at most 98,304; aim 77,824",
    ),
    "import_heap_vehicle_romfs": (
        "heap after the vehicle's imports from a ROMFS, native module included, bytes",
        "at most 98,304; aim 77,824",
    ),
    "import_heap_pole_romfs_and_module": (
        "the pole's from a ROMFS, with the native module in the image, bytes",
        "-",
    ),
    "import_heap_vehicle_romfs_and_module": (
        "the vehicle's from a ROMFS, with the native module in the image, bytes",
        "-",
    ),
    "import_heap_pole_frozen": ("the pole's with everything in the image, bytes", "-"),
    "import_heap_vehicle_frozen": ("the vehicle's with everything in the image, bytes", "-"),
    "heap_free_after_1000_packets": (
        "heap free after 1,000 packets, of 160 KB, imports from files, the worse side, bytes",
        "at least 40,960; aim 65,536",
    ),
    "heap_largest_block": (
        "largest block then, bytes",
        "at least 8,192; aim 16,384",
    ),
    "heap_free_after_1000_packets_romfs": (
        "heap free after 1,000 packets, of 160 KB, imports from a ROMFS, the worse side, bytes",
        "at least 40,960; aim 65,536",
    ),
    "heap_largest_block_romfs": (
        "largest block then, bytes",
        "at least 8,192; aim 16,384",
    ),
    "boards": ("boards that keep the contract of a board", "at least 6"),
    "meters": ("meters that keep the common suite", "at least 12; aim 20"),
    "heartbeat_end_worst_ms": (
        "latest end of the heartbeat after a fault or a pair of faults has shown, ms",
        "at most 600; aim 500",
    ),
    "fault_pairs": ("faults and pairs of faults that were played", "all"),
    "pilot_transitions": ("rows of the charger's table, each of them checked", "all"),
    "first_flash_s": ("`joulestream flash` of a pole onto the emulated board, s", "-"),
    "second_flash_s": ("the same once more, nothing changed, s", "at most 3; aim 2"),
    "collect_while_charging": (
        "claims read over the service line while a pole charges, no packet lost (1: true)",
        "1",
    ),
    "claims_collected_while_charging": ("claims read in that session", "-"),
    "can_packet_bus_ms": (
        "one packet on a CAN bus at 500 kbit/s, both directions and flow control, ms",
        "at most 8; aim 6",
    ),
    "can_frames_lost_at_full_load": (
        "frames lost on a CAN bus that other identifiers fill",
        "0",
    ),
    "bytes_lost_across_erase": (
        "bytes that a Pico's UART loses at 115,200 baud during an erase of 45 ms",
        "stated",
    ),
}

_PACKAGES = {
    FILES: "ordinary files",
    ROMFS: "in a ROMFS",
    ROMFS_AND_MODULE: "in a ROMFS; the native module in the image too",
    IMAGE: "in the image",
}
_FEWEST_BOARDS = 6
_FEWEST_METERS = 12
_LATEST_HEARTBEAT_MS = 600
_MOST_CAN_PACKET_MS = 8
_MOST_SECOND_FLASH_S = 3
_MOST_CLOSINGS = 60
# From a ROMFS; ordinary files do not keep them.
_MOST_IMPORT_HEAP, _LEAST_HEAP_FREE, _LEAST_BLOCK = 98_304, 40_960, 8_192
_FEWEST_LIARS = 75

# The pole's flash: numbers of blocks, and the erases that a sector endures.
_CHANNELS = 64
_BLOCK_SIZE = 4_096
_BLOCKS = (64, 256, 512)
_ERASES = 100_000
_RATES = (1, 10, 50)
_YEAR_S = 365.25 * 86_400


def summary_table(figures: Figures) -> str:
    """Return bytes, packets a second and exposure."""
    return _three_columns(_SUMMARY, figures)


def reliability_table(figures: Figures) -> str:
    """Return the figures of power cuts, simulation, liars, fuzzing, heap and journal."""
    return _three_columns(_RELIABILITY, figures)


def ed25519_table(figures: Figures) -> str:
    """Return instructions and bytes of our code beside Monocypher's and libsodium's."""
    lines = [
        "| figure (rv32imac instructions unless it says bytes; 44-byte claim) |"
        " must | aim | measured | Monocypher | libsodium |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    columns = [figures.get(name, {}) for name in ("rv32", "monocypher", "libsodium")]
    for name, meaning, must, aim in _ED25519:
        values = [must, aim, *(column.get(name) for column in columns)]
        cells = ["-" if value is None else f"{value:,}" for value in values]
        lines.append(f"| {meaning} | {' | '.join(cells)} |")
    return "\n".join(lines)


def modules_table(figures: Figures) -> str:
    """Return bytes and instructions of the native module for each architecture."""
    names = list(figures)
    lines = [
        f"| the module for | {' | '.join(names)} |",
        "| --- |" + " --- |" * len(names),
        f"| boards | {' | '.join(figures[name]['boards'] for name in names)} |",
    ]
    for key, meaning in _MODULES.items():
        values = [figures[name].get(key) for name in names]
        cells = ["-" if value is None else f"{value:,}" for value in values]
        lines.append(f"| {meaning} | {' | '.join(cells)} |")
    return "\n".join(lines)


def size_table(figures: Figures) -> str:
    """Return flash of each role by package, and the heap after its imports."""
    lines = ["| bytes | pole | vehicle |", "| --- | --- | --- |"]
    roles = [figures["packages_pole"], figures["packages_vehicle"]]
    heap = figures["import_heap_bytes"]
    rows = {name: [role.get(name) for role in roles] for name in sorted({**roles[0], **roles[1]})}
    rows["flash, all `.mpy` files together"] = [
        figures["flash_bytes_pole"],
        figures["flash_bytes_vehicle"],
    ]
    rows["heap after the imports"] = [heap["pole"], heap["vehicle"]]
    for name, values in rows.items():
        cells = ["-" if value is None else f"{value:,}" for value in values]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def boards_table(figures: Figures) -> str:
    """Return the figures of the boards."""
    return _three_columns(_BOARDS, figures)


def fit_table(figures: Figures) -> str:
    """Return the heap that firmwares leave free in each heap, with the packages at each place."""
    lines = [
        "| heap | packages and native module | free after 1,000 packets | largest block |",
        "| --- | --- | --- | --- |",
    ]
    for name, place in PLACES.items():
        if HEAP_FREE + name not in figures:
            continue
        free, block = figures[HEAP_FREE + name], figures[LARGEST_BLOCK + name]
        size = " + ".join(f"{piece:,}" for piece in place.pieces or [place.free_bytes])
        heap = f"{place.chip}: {size}" if place.chip else size
        cells = f"{free:,} | {block:,}" if free else "do not run | -"
        lines.append(f"| {heap} | {_PACKAGES[place.packages]} | {cells} |")
    return "\n".join(lines)


def flash_life_table() -> str:
    """Return the years until a pole's flash is worn out, as a Markdown table."""
    lines = [
        "| the pole's journal | "
        + " | ".join(f"{rate} packets a second" for rate in _RATES)
        + " |",
        "| --- |" + " --- |" * len(_RATES),
    ]
    records_at = journal_format.records_at(journal_keys.key_count(journal_keys.POLE, _CHANNELS))
    claim = journal_format.record_size(1 + CHANNEL_ID_SIZE, size_of(PayeeRecord.LAYOUT))
    live_bytes = journal_keys.live_bytes(journal_keys.POLE, _CHANNELS)
    capacity = _BLOCK_SIZE - records_at
    for blocks in _BLOCKS:
        # The newest records of each channel are copied once a round of the ring; the copies take
        # the place of new records.
        share = 1 - live_bytes / (blocks * capacity)
        packets = blocks * _ERASES * (capacity // claim) * share
        years = [packets / rate / _YEAR_S for rate in _RATES]
        cells = " | ".join(f"{value:.1f}" if value < 10 else f"{value:.0f}" for value in years)
        lines.append(f"| {blocks * _BLOCK_SIZE // 1024:,} KB, {_CHANNELS} channels | {cells} |")
    return "\n".join(lines)


def _three_columns(rows: dict[str, tuple[str, str]], figures: Figures) -> str:
    lines = ["| figure | measured | must be |", "| --- | --- | --- |"]
    for name, (meaning, must) in rows.items():
        if name in figures:
            lines.append(f"| {meaning} | {figures[name]:,} | {must} |")
    return "\n".join(lines)


def _beyond_bounds(figures: Figures) -> list[str]:
    """Return a sentence for each figure of reliability below or above its bound."""
    # name: the least value, and the largest one; None: no bound
    bounds: dict[str, tuple[int | None, int | None]] = {
        "contactor_closings_per_hour_worst": (None, _MOST_CLOSINGS),
        "adversaries": (_FEWEST_LIARS, None),
        "planted_bugs_found": (figures.get("planted_bugs"), None),
    }
    said = []
    for name, (least, most) in bounds.items():
        figure = figures.get(name)
        meaning = _RELIABILITY[name][0]
        if figure is not None and least is not None and figure < least:
            said.append(f"{meaning}: {figure:,}, must be {least:,} or more")
        if figure is not None and most is not None and figure > most:
            said.append(f"{meaning}: {figure:,}, must be at most {most:,}")
    return said


def misses(file: str, figures: Figures) -> list[str]:
    """Return a sentence for each figure that breaks its limit, the same on every machine."""
    if file == ED25519:
        ours = figures.get("rv32", {})
        return [
            f"{meaning}: {ours[name]:,}, must be at most {most:,}"
            for name, meaning, most, _ in _ED25519
            if most is not None and name in ours and ours[name] > most
        ]
    if file == RELIABILITY:
        return [
            f"{meaning}: {figures[name]:,}, must be 0"
            for name, (meaning, must) in _RELIABILITY.items()
            if must == "0" and figures.get(name, 0) > 0
        ] + _beyond_bounds(figures)
    if file == BOARDS:
        return [
            *_failed_boards(figures),
            *_failed_meters(figures),
            *_above_limits(figures),
            *_too_little_heap(figures),
            *_lost_packets(figures),
            *_late_gate(figures),
        ]
    return []


def _failed_boards(figures: Figures) -> list[str]:
    """Return a sentence if too few boards keep the contract."""
    if figures.get("boards", _FEWEST_BOARDS) >= _FEWEST_BOARDS:
        return []
    failed = ", ".join(figures.get("boards_failed", {}))
    return [f"boards: {figures['boards']}, must be {_FEWEST_BOARDS} or more, without {failed}"]


def _failed_meters(figures: Figures) -> list[str]:
    """Return a sentence if too few meters keep the suite."""
    if figures.get("meters", _FEWEST_METERS) >= _FEWEST_METERS:
        return []
    failed = ", ".join(figures.get("meters_failed", {}))
    return [f"meters: {figures['meters']}, must be {_FEWEST_METERS} or more, without {failed}"]


def _late_gate(figures: Figures) -> list[str]:
    """Return a sentence for each pair of faults that broke a promise."""
    said = [f"fault pair {failed}" for failed in figures.get("fault_pairs_failed", [])]
    late_ms = figures.get("heartbeat_end_worst_ms", 0)
    if late_ms > _LATEST_HEARTBEAT_MS:
        meaning = _BOARDS["heartbeat_end_worst_ms"][0]
        said.append(f"{meaning}: {late_ms}, must be at most {_LATEST_HEARTBEAT_MS}")
    return said


def _too_little_heap(figures: Figures) -> list[str]:
    """Return a sentence for each figure of a ROMFS that breaks its limit."""
    said = []
    for name, most in (
        ("import_heap_pole_romfs", _MOST_IMPORT_HEAP),
        ("import_heap_vehicle_romfs", _MOST_IMPORT_HEAP),
    ):
        if figures.get(name, 0) > most:
            said.append(f"{_BOARDS[name][0]}: {figures[name]:,}, must be at most {most:,}")
    for name, least in (
        (f"{HEAP_FREE}_romfs", _LEAST_HEAP_FREE),
        (f"{LARGEST_BLOCK}_romfs", _LEAST_BLOCK),
    ):
        if figures.get(name, least) < least:
            said.append(f"{_BOARDS[name][0]}: {figures[name]:,}, must be {least:,} or more")
    return said


def _lost_packets(figures: Figures) -> list[str]:
    """Return a sentence if a pole that is collected while it charges loses packets."""
    if figures.get("collect_while_charging", True):
        return []
    return ["collect_while_charging: a session with collections in it is not as one without"]


def _above_limits(figures: Figures) -> list[str]:
    """Return a sentence for each figure of boards and buses that is above its limit."""
    said = []
    for name, most in (
        ("can_packet_bus_ms", _MOST_CAN_PACKET_MS),
        ("can_frames_lost_at_full_load", 0),
        ("second_flash_s", _MOST_SECOND_FLASH_S),
    ):
        if figures.get(name, 0) > most:
            said.append(f"{_BOARDS[name][0]}: {figures[name]}, must be at most {most}")
    return said


# file of build/bench: the table that shows it
TABLES = {
    SUMMARY: summary_table,
    ED25519: ed25519_table,
    SIZE: size_table,
    MODULES: modules_table,
    RELIABILITY: reliability_table,
    BOARDS: boards_table,
}
