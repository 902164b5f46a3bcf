"""The table of all checks: their wiring, the figures that they should give, and the judges.

A check is one function here and one row of CHECKS. Each function runs a probe on the board (the
folder probes) and returns a Finding.
"""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from joulestream.host_tools.board_bench import line
from joulestream.host_tools.board_bench.device import BoardDevice
from joulestream.host_tools.board_bench.finding import Finding, judged, left_out
from joulestream.host_tools.board_bench.operator import Operator
from joulestream.host_tools.reason_words import in_words
from joulestream.host_tools.serial_port import SerialPort

# The contacts have to part within this time (IEC 61851-1 gives 100 ms from state C to B).
_OPENING_MS = 100
# With fewer clicks of ten that the feedback shows, the feedback or the contactor is at fault.
_FRAMES = 200
_ERASE_BYTES = 8_192
_ERASES = 3
_PUTS = 5_000
_METER_S = 30
_METER_PERCENT = 2
_US_PER_MS = 1_000
# A paid session is seen when so much was delivered and paid, within so many looks.
_SESSION_MWH = 1_000
_SESSION_PACKETS = 5
_SESSION_LOOKS = 300
# The device's test may take 7 s to trip and 7 s to be ready again (IEC 62955).
_RESIDUAL_MS = 7_000
# A packet takes a second or more: a signature and a verification may take a fifth of it.
_SIGNING_MS = 200
_PILOT_STATES = {
    "A": "Leave the pilot open",
    "B": "Load the pilot with the diode and 2.74 kOhm",
    "C": "Load the pilot with the diode and 882 Ohm",
    "D": "Load the pilot with the diode and 246 Ohm",
    "E": "Short the pilot to earth",
}
# The peak in V that each state stands for, with the standard's band (IEC 61851-1, table A.4).
_BANDS_MV = {"A": (11_000, 13_000), "B": (8_000, 10_000), "C": (5_000, 7_000), "D": (2_000, 4_000)}


@dataclass(frozen=True)
class Bench:
    """The board and the things around it.

    Attributes:
        device: the board.
        operator: the person at the bench.
        link_port: the host's port on the board's link; None: not wired.
        link_baud: its speed in bit/s.
        reference_mw: the power of the reference load in mW; None: there is none.
        silence_s: after so long without a byte on the link, the missing bytes count as lost.
        look: returns the status of the pole that runs, over its service line; None: not wired.
        pause: waits between two looks.
    """

    device: BoardDevice
    operator: Operator
    link_port: str | None = None
    link_baud: int = 115_200
    reference_mw: int | None = None
    silence_s: float = line.SILENCE_S
    look: Callable[[], dict[str, Any]] | None = None
    pause: Callable[[], None] = lambda: time.sleep(1)


@dataclass(frozen=True)
class Check:
    """One check.

    Attributes:
        name: its name on the command line.
        title: its subject.
        wiring: the parts that have to be wired, for a person.
        unit: the unit of its figure.
        must: the good values of the figure, for a person.
        run: runs it.
    """

    name: str
    title: str
    wiring: str
    unit: str
    must: str
    run: Callable[[Bench], Finding]


def _contactor(bench: Bench) -> Finding:
    found, _ = bench.device.measure("contactor")
    if not found["has_feedback"]:
        return left_out("the board has no auxiliary contact; wire FEEDBACK")
    closing, opening = found["closing_us"], found["opening_us"]
    if None in closing or None in opening:
        return judged(
            False,
            f"the auxiliary contact missed a change of the coil at click {len(closing)}; check"
            " FEEDBACK, the coil's supply and that the gate lets it close",
            details=found,
        )
    slowest_ms = max(opening) / _US_PER_MS
    return judged(
        slowest_ms <= _OPENING_MS,
        f"{len(opening)} clicks; it closes in {max(closing) / _US_PER_MS:.1f} ms and opens in"
        f" {slowest_ms:.1f} ms at most",
        slowest_ms,
        series=tuple(time_us / _US_PER_MS for time_us in opening),
        details=found,
    )


def _gate(bench: Bench) -> Finding:
    found, _ = bench.device.measure("gate")
    if not found["has_feedback"]:
        return left_out("the board has no auxiliary contact; wire FEEDBACK")
    if found["gate_ms"] is None:
        return left_out("the board has no gate: it runs at safety extra-low voltage only")
    if not found["closed"]:
        return judged(
            False, "the contactor did not close; check the gate's supply and pilot state C"
        )
    if found["opened_us"] is None:
        return judged(
            False,
            "THE CONTACTOR STAYS CLOSED WITHOUT A HEARTBEAT: switch the mains off; a static level"
            " must never hold the coil",
            details=found,
        )
    opened_ms = found["opened_us"] / _US_PER_MS
    return judged(
        opened_ms <= found["gate_ms"] + _OPENING_MS,
        f"the contactor opens {opened_ms:.0f} ms after the last heartbeat",
        opened_ms,
        details=found,
    )


def _collection(bench: Bench) -> Finding:
    found, _ = bench.device.measure("collection")
    times_ms = [time_us / _US_PER_MS for time_us in found["times_us"]]
    longest_ms = max(times_ms)
    return judged(
        longest_ms <= found["hold_ms"] / 2,
        f"the longest of {len(times_ms)} collections takes {longest_ms:.1f} ms, with"
        f" {found['heap_free']:,} bytes of heap free",
        longest_ms,
        series=tuple(times_ms),
        details=found,
    )


def _signatures(bench: Bench) -> Finding:
    found, _ = bench.device.measure("signatures")
    if not found["is_right"]:
        return judged(
            False,
            "a signature is wrong; install this chip's native module with `joulestream flash`",
            details=found,
        )
    both_ms = (found["sign_us"] + found["verify_us"]) / _US_PER_MS
    return judged(
        both_ms <= _SIGNING_MS,
        f"it signs in {found['sign_us'] / _US_PER_MS:.1f} ms and verifies in"
        f" {found['verify_us'] / _US_PER_MS:.1f} ms",
        both_ms,
        details=found,
    )


def _link(bench: Bench) -> Finding:
    if bench.link_port is None:
        return left_out("no port of the link is named; use --link-port")
    sent = line.payloads(_FRAMES)
    size = sum(len(line.frame_of(payload)) for payload in sent)
    good = 0
    with SerialPort(bench.link_port, bench.link_baud) as port:

        def echo() -> None:
            nonlocal good
            good = line.echoed(port, sent, bench.silence_s)

        bench.device.measure("link", {"bytes": size}, echo)
    lost = len(sent) - good
    return judged(lost == 0, f"{lost} of {len(sent)} frames did not come back whole", lost)


def _erase(bench: Bench) -> Finding:
    if bench.link_port is None:
        return left_out("no port of the link is named; use --link-port")
    with SerialPort(bench.link_port, bench.link_baud) as port:
        found, _ = bench.device.measure(
            "erase",
            {"bytes": _ERASE_BYTES, "erases": _ERASES},
            lambda: line.send_bytes(port, _ERASE_BYTES, bench.silence_s),
        )
    if not found["has_blank_block"]:
        return left_out("the journal has no blank block just now; run the firmware and try again")
    lost = _ERASE_BYTES - found["came"]
    each = lost / found["erases"] if found["erases"] else 0
    return judged(
        lost == 0,
        f"{each:.0f} bytes get lost in an erase of {found['longest_us'] / _US_PER_MS:.0f} ms; a"
        " frame that is lost is sent again"
        if lost
        else f"no byte gets lost in an erase of {found['longest_us'] / _US_PER_MS:.0f} ms",
        each,
        details=found,
    )


def _journal(bench: Bench) -> Finding:
    device = bench.device
    cuts = [True]

    def cut() -> None:
        cuts[0] = bench.operator.do(
            "cut power",
            "The board writes now. Cut its power at any moment, then plug it in again.",
        )

    _, said = device.measure("journal", {"puts": _PUTS}, cut, survives_a_cut=True)
    stored = [int(words[1]) for words in map(str.split, said) if _is_number(words, "STORED")]
    before = next((words[1] for words in map(str.split, said) if _is_word(words, "BEFORE")), "-")
    asked = {"before": "" if before == "-" else before}
    if not bench.operator.do("power on", "Wait until the board runs again."):
        cuts[0] = False
    found, _ = device.measure("journal", asked)
    if not cuts[0]:
        return left_out("nobody cut the power")
    value = found["value"].removeprefix("bench ")
    last = stored[-1] if stored else -1
    # A value that was stored may not have been told yet when the power went.
    is_good = value.isdigit() and int(value) >= last and not found["damaged"]
    return judged(
        is_good,
        f"value {last} was stored before the cut, and the journal holds value {value or 'none'};"
        f" {found['damaged']} records are damaged",
        float(found["damaged"]),
        details=found,
    )


def _is_number(words: list[str], first: str) -> bool:
    return len(words) == 2 and words[0] == first and words[1].isdigit()


def _is_word(words: list[str], first: str) -> bool:
    return len(words) == 2 and words[0] == first


def _pilot(bench: Bench) -> Finding:
    wrong, peaks_mv = [], []
    for state, task in _PILOT_STATES.items():
        if not bench.operator.do(f"pilot {state}", f"{task}."):
            return left_out("nobody set the pilot's loads")
        found, _ = bench.device.measure("pilot")
        peak_mv = found["peak_mv"]
        low, high = _BANDS_MV.get(state, (-1_000, 2_000))
        if peak_mv is not None:
            peaks_mv.append(peak_mv)
        if found["state"] != state or not (peak_mv is None or low <= peak_mv <= high):
            wrong.append(f"{state} reads as {found['state']} with {peak_mv} mV")
    bench.operator.do("pilot A", "Leave the pilot open.")
    return judged(
        not wrong,
        "; ".join(wrong) or f"the states {', '.join(_PILOT_STATES)} are read as they are",
        float(len(wrong)),
        series=tuple(peak_mv / 1_000 for peak_mv in peaks_mv),
    )


def _meter(bench: Bench) -> Finding:
    wants_load = bench.reference_mw is not None
    if wants_load and not bench.operator.do("load on", "Switch the reference load on."):
        return left_out("nobody switched the reference load on")
    found, _ = bench.device.measure("meter", {"seconds": _METER_S, "current_flows": wants_load})
    if not found["has_meter"]:
        return left_out("the configuration names no meter")
    powers_mw = found["powers_mw"]
    if found["doubt"] or not powers_mw:
        return judged(
            False,
            f"the meter gives no good reading: {found['doubt'] or 'its figures do not change'};"
            " check A and B, baud, parity and unit with `joulestream bench meter --probe`",
            details=found,
        )
    mean_mw = statistics.fmean(powers_mw)
    series = tuple(power_mw / 1_000 for power_mw in powers_mw)
    if bench.reference_mw is None:
        return judged(
            not found["bad_answers"],
            f"{len(powers_mw)} readings, {found['bad_answers']} bad answers; name the load with"
            " --reference-w to check the figures too",
            float(found["bad_answers"]),
            series=series,
            details=found,
        )
    percent = 100 * (mean_mw - bench.reference_mw) / bench.reference_mw
    return judged(
        abs(percent) <= _METER_PERCENT,
        f"{mean_mw / 1_000:.1f} W with a load of {bench.reference_mw / 1_000:.1f} W:"
        f" {percent:+.1f} %",
        percent,
        series=series,
        details=found,
    )


def _residual(bench: Bench) -> Finding:
    found, _ = bench.device.measure("residual")
    if not found["has_device"]:
        return left_out("the board has no line from a residual-current device")
    tripped_ms, ready_ms = found["tripped_ms"], found["ready_ms"]
    if tripped_ms is None or ready_ms is None:
        fault = "does not trip" if tripped_ms is None else "is not ready again"
        return judged(
            False,
            f"the residual-current device {fault} within {_RESIDUAL_MS // 1_000} s of its test;"
            " check its test input, and replace it if that is right",
            details=found,
        )
    return judged(
        True,
        f"the test trips it in {tripped_ms} ms, and it is ready again after {ready_ms} ms",
        float(tripped_ms),
        details=found,
    )


def _session(bench: Bench) -> Finding:
    if bench.look is None:
        return left_out("no service line of the pole is named; use --service-port")
    if not bench.operator.do(
        "start session", "Let pole and vehicle run, plug in, and switch the lamps on."
    ):
        return left_out("nobody started a session")
    powers_w = []
    status: dict[str, Any] = {}
    for _ in range(_SESSION_LOOKS):
        status = bench.look()
        powers_w.append(status.get("power_mw", 0) / 1_000)
        energy_mwh, packets = status.get("energy_mwh", 0), status.get("packets", 0)
        if energy_mwh >= _SESSION_MWH and packets >= _SESSION_PACKETS:
            is_covered = status["unpaid"] <= status["max_unpaid"]
            return judged(
                is_covered,
                f"{energy_mwh / 1_000:.3f} Wh in {packets} packets, {status['paid']:,} paid and"
                f" {status['unpaid']:,} not yet",
                energy_mwh / 1_000,
                series=tuple(powers_w),
                details=status,
            )
        bench.pause()
    why = str(status.get("why", ""))
    return judged(
        False,
        f"no watt-hour was paid: {in_words(why) or 'the pole tells no reason'}",
        series=tuple(powers_w),
        details=status,
    )


CHECKS = (
    Check(
        "signatures",
        "Signatures are right and quick",
        "Nothing but the board's USB.",
        "ms",
        f"at most {_SIGNING_MS} for one of each",
        _signatures,
    ),
    Check(
        "collection",
        "Collections of garbage are short",
        "Nothing but the board's USB.",
        "ms",
        "at most half of contactor_hold_ms",
        _collection,
    ),
    Check(
        "contactor",
        "The contactor follows its coil",
        "Gate, coil and auxiliary contact; no mains on the contacts. Pilot in state C.",
        "ms",
        f"at most {_OPENING_MS} to open",
        _contactor,
    ),
    Check(
        "gate",
        "The gate opens when the processor hangs",
        "As for `contactor`.",
        "ms",
        "at most the gate's time and 100 for the contacts",
        _gate,
    ),
    Check(
        "pilot",
        "The pilot's levels are read as they are",
        "The pilot's driver and a tester: a diode with 2.74 kOhm, 882 Ohm and 246 Ohm.",
        "wrong states",
        "0",
        _pilot,
    ),
    Check(
        "meter",
        "The meter shows a reference load",
        "The meter on its line; with --reference-w a load of known power behind it.",
        "%",
        f"within {_METER_PERCENT} of the load",
        _meter,
    ),
    Check(
        "link",
        "The link brings every frame",
        "A serial adapter of this computer on the board's link: TX to RX, RX to TX, ground.",
        "frames",
        f"0 of {_FRAMES} lost",
        _link,
    ),
    Check(
        "erase",
        "No byte is lost across an erase",
        "As for `link`.",
        "bytes",
        "0; an RP2040 loses some and repeats them",
        _erase,
    ),
    Check(
        "journal",
        "The journal survives a power cut",
        "A plug that can be pulled.",
        "damaged records",
        "0",
        _journal,
    ),
    Check(
        "residual",
        "The residual-current device trips at its test",
        "The device's trip output and test input.",
        "ms",
        f"at most {_RESIDUAL_MS}",
        _residual,
    ),
    Check(
        "session",
        "A session is paid",
        "Pole and vehicle with their link, lamps as load, a serial adapter on the service line.",
        "Wh",
        f"{_SESSION_MWH // 1_000} or more in {_SESSION_PACKETS} packets or more",
        _session,
    ),
)
