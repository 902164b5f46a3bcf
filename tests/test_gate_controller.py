"""The safety controller of firmware/gate: every fault, every pair, in virtual time."""

import itertools
import random
import re
import subprocess

import pytest

from gate_controller import SOURCES, STRICT, WELL, Controller, build
from joulestream.framing import MAX_FRAME, Decoder, encode
from joulestream.host_tools.build import shell
from joulestream.host_tools.build.native import ARM_COMPILER

HEADER = (SOURCES / "gate.h").read_text()


def numbers_of(enum):
    """Return the numbers of an enum of gate.h by the names in lower case."""
    body = HEADER.split(f"enum {enum} {{")[1].split("};")[0]
    names = re.findall(r"GATE_(\w+)", re.sub(r"/\*.*?\*/", "", body, flags=re.DOTALL))
    return {name.lower(): number for number, name in enumerate(names)}


REASON = numbers_of("gate_reason")
STATE = numbers_of("gate_state")
HOLD_MS = int(re.search(r"GATE_HOLD_MS = (\d+)", HEADER).group(1))

# name: changes of the plant, the reason of the opening, the most ms until the coil is open, and
# whether a fault's rest follows.
FAULTS = {
    "the line CONTACTOR is low": ({"request": 0}, "not_asked", 1, False),
    "no heartbeat": ({"beat_ms": 0}, "heartbeat_slow", HOLD_MS, True),
    "an edge each millisecond": ({"edges": 1}, "heartbeat_fast", 20, True),
    "a heartbeat of 400 Hz": ({"beat_ms": 2, "edges": 0}, "heartbeat_fast", 60, True),
    "pilot state B, E or F": ({"pilot": 0}, "pilot", 10, False),
    "unplugged": ({"pilot": 1}, "pilot", 10, False),
    "residual current": ({"residual": 1}, "residual_current", 1, True),
    "temperature switch": ({"cool": 0}, "temperature", 1, True),
    "too hot": ({"ddeg": 851}, "temperature", 1, True),
    "thermometer broken": ({"ddeg": -32768}, "temperature", 1, True),
    "thermometer shorted": ({"ddeg": 32767}, "temperature", 1, True),
    "emergency stop": ({"no_emergency": 0}, "emergency", 1, True),
    "contacts stay open": ({"contacts": 0}, "stuck_open", 200, True),
    "too much current": ({"ma": 18_501}, "current", 6_000, True),
    "ammeter broken": ({"ma": 0xFFFFFFFF}, "current", 6_000, True),
    "the board says nothing": ({"permit_ms": 0}, "no_permission", 500, True),
    "the board repeats one frame": ({"counter_step": 0}, "no_permission", 500, True),
    "the board permits nothing": ({"limit_ma": 0}, "no_permission", 50, True),
    "the board permits no time": ({"hold_ms": 0}, "no_permission", 50, True),
    "the board permits too much": ({"limit_ma": 16_001}, "above_rating", 50, True),
    "the controller is held up": ({"step_ms": 11}, "late_step", 11, True),
}
FRAMES = {"permit_ms", "counter_step", "limit_ma", "hold_ms"}
WELL_AGAIN = {
    "request": 1, "beat_ms": 20, "edges": 0, "pilot": 2, "residual": 0, "cool": 1, "ddeg": 250,
    "no_emergency": 1, "contacts": -1, "ma": 0, "permit_ms": 50, "counter_step": 1,
    "limit_ma": 16_000, "hold_ms": 500, "step_ms": 1,
}  # fmt: skip


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    return build(tmp_path_factory.mktemp("gate"))


@pytest.fixture
def gate(program):
    controller = Controller(program)
    yield controller
    controller.close()


def steps(name, ms):
    """Return how many steps last for `ms` under a fault."""
    return ms // FAULTS[name][0].get("step_ms", 1)


def test_it_closes_when_all_is_well_and_stays_closed(gate):
    gate.charge()
    closed = gate.now
    assert (closed.state, closed.reason) == (STATE["closed"], REASON["ok"])
    assert gate.run(60_000) == []


@pytest.mark.parametrize("name", FAULTS)
def test_each_fault_opens_the_coil_in_time(gate, name):
    changes, reason, most_ms, is_fault = FAULTS[name]
    gate.charge()
    gate.run(30_000)
    start_ms = gate.passed_ms
    gate.set(**changes)
    gate.run(steps(name, most_ms) + 11)
    assert gate.opened_ms() - start_ms <= most_ms
    assert gate.now.opened_by == REASON[reason]
    gate.set(**WELL_AGAIN)
    assert not any(row.coil for row in gate.run(29_900 if is_fault else 4_900))
    gate.run(31_000)
    assert gate.now.coil or reason == "residual_current"


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_that_stays_keeps_the_coil_open(gate, name):
    gate.charge()
    gate.set(**FAULTS[name][0])
    gate.run(steps(name, 130_000))
    assert not gate.now.coil
    # Some faults show only while the coil is closed. The gate tries three times in all.
    is_seen_closed = FAULTS[name][1] in ("stuck_open", "current", "above_rating")
    closings = sum(row.coil for row in gate.history)
    assert closings <= 3 if is_seen_closed else closings == 1
    if closings == 3:
        assert gate.now.reason == REASON["many_faults"]
        gate.run(2_000, "set pilot 1")
        gate.set(**WELL_AGAIN)
        gate.run(40_000)
        assert gate.now.coil


def hides(first, second):
    """Return whether both faults change the same part of the plant, or the same frames."""
    one, other = set(FAULTS[first][0]), set(FAULTS[second][0])
    return bool(one & other) or bool(one & FRAMES and other & FRAMES)


@pytest.mark.parametrize("first", FAULTS)
def test_each_pair_of_faults_opens_the_coil_in_time_and_keeps_it_open(gate, first):
    for second, gap_ms in itertools.product(FAULTS, (0, 170)):
        gate.charge()
        start_ms = gate.passed_ms
        gate.set(**FAULTS[first][0])
        gate.run(gap_ms)
        gate.set(**FAULTS[second][0])
        # The second may hide the first: of two frames that permit nothing, none may come.
        both = {**FAULTS[first][0], **FAULTS[second][0]}
        most_ms = min(FAULTS[first][2], gap_ms + FAULTS[second][2])
        if hides(first, second):
            most_ms = max(FAULTS[first][2], gap_ms + FAULTS[second][2])
        # A fault that is seen in a step of the board waits for one that takes 11 ms.
        most_ms += 11 if "step_ms" in both else 0
        gate.run(most_ms + 1_000)
        assert gate.opened_ms() - start_ms <= most_ms, (first, second, gap_ms)
        assert not gate.now.coil, (first, second, gap_ms)
        assert sum(row.coil for row in gate.history) == 1, (first, second, gap_ms)


@pytest.mark.parametrize("first", FAULTS)
def test_no_pair_of_faults_at_the_start_lets_the_coil_close(gate, first):
    for second in FAULTS:
        gate.begin()
        gate.tell(*WELL)
        gate.set(**FAULTS[first][0])
        gate.set(**FAULTS[second][0])
        gate.run(5_500)
        # These two show only while the coil is closed.
        hidden = {FAULTS[first][1], FAULTS[second][1]} <= {"stuck_open", "current"}
        assert hidden or not any(row.coil for row in gate.history), (first, second)


def test_the_hold_bridges_an_erase_and_ends_before_the_longest_silence(gate):
    for beat_ms in (5, 20, 250, 450):
        gate.charge()
        gate.run(20_000, f"set beat_ms {beat_ms}")
        assert gate.now.coil, beat_ms
    gate.run(450 - gate.passed_ms % 450)
    start_ms = gate.passed_ms  # an edge came just now
    gate.run(700, "set beat_ms 0")
    assert 450 < gate.opened_ms() - start_ms <= 600


def test_edges_at_the_highest_rate_of_a_board_are_no_fault_and_twice_that_rate_is(gate):
    gate.charge()
    gate.run(60_000, "set beat_ms 5")
    assert gate.now.coil
    gate.run(60, "set beat_ms 2")
    assert gate.now.opened_by == REASON["heartbeat_fast"]


def test_a_static_level_and_a_single_edge_close_nothing(gate):
    gate.begin()
    gate.run(10_000, *WELL, "set beat_ms 0")
    assert gate.now.reason == REASON["heartbeat_slow"]
    gate.run(1, "set edges 1")
    gate.run(1_000, "set edges 0")
    assert gate.opened_ms() is None and not gate.now.coil


def test_a_permission_never_lasts_longer_than_its_longest_time(gate):
    gate.charge()
    gate.run(50, "set hold_ms 65535")
    start_ms = gate.passed_ms
    gate.run(1_000, "set permit_ms 0")
    assert gate.opened_ms() - start_ms <= 500


def test_a_lower_limit_gives_the_vehicle_time_to_follow(gate):
    gate.charge()
    gate.run(5_000, "set ma 16000", "set limit_ma 6000")
    assert gate.now.coil
    gate.run(10_000, "set ma 6000")
    assert gate.now.coil
    start_ms = gate.passed_ms
    gate.run(7_000, "set ma 16000")
    assert gate.now.opened_by == REASON["current"]
    assert 5_900 < gate.opened_ms() - start_ms <= 6_000


@pytest.mark.parametrize(
    ("commands", "rest_ms"),
    [(["set pilot 0"], 20_000), (["set no_emergency 0"], 30_000)],
    ids=["after an ordinary opening", "after a fault"],
)
def test_the_contactor_rests(gate, commands, rest_ms):
    gate.charge()
    closed_ms = gate.now.at_ms
    gate.run(1_000, *commands)
    gate.set(pilot=2, no_emergency=1)
    again = [row for row in gate.run(40_000) if row.coil]
    assert rest_ms <= again[0].at_ms - closed_ms <= rest_ms + 1_100


def test_a_long_charge_rests_for_five_seconds_only(gate):
    gate.charge()
    gate.run(60_000)
    start_ms = gate.passed_ms
    gate.run(10, "set pilot 0")
    (again,) = [row for row in gate.run(10_000, "set pilot 2") if row.coil]
    assert 5_000 <= again.at_ms - start_ms <= 5_030


def test_short_drops_of_the_pilot_are_noise(gate):
    gate.charge()
    for _ in range(50):
        gate.run(9, "set pilot 0")
        gate.run(1, "set pilot 2")
    assert gate.now.coil


# Residual current


def test_nothing_closes_before_the_device_passed_its_test(gate):
    gate.begin()
    rows = gate.run(3_500, *WELL, "set self_test_ms 3000")
    assert next(row.at_ms for row in rows if row.test) < 1_000
    assert not any(row.coil for row in rows) and gate.now.reason == REASON["test_due"]
    gate.begin()
    gate.run(40_000, *WELL, "set self_test_ms 0")
    assert gate.now.reason in (REASON["test_failed"], REASON["test_due"]) and not gate.now.coil
    assert not any(row.coil for row in gate.history)
    tests = [row for old, row in zip(gate.history, gate.history[1:]) if row.test > old.test]
    assert len(tests) == 2, "a failed test is repeated, after a rest"


def test_a_device_that_trips_but_never_lets_go_fails_its_test(gate):
    gate.begin()
    gate.run(600, *WELL)
    assert gate.now.test
    gate.run(20_000, "set residual 1")
    assert gate.now.state == STATE["tripped"] and not gate.now.coil


def test_the_test_is_repeated_after_each_unplugging(gate):
    gate.charge()
    rows = gate.run(10_000, "set pilot 1")
    assert [row.test for row in rows].count(1) == 1
    gate.run(30_000, "set pilot 2")
    assert gate.now.coil


def test_a_test_is_good_for_a_day_and_then_the_coil_opens(gate):
    gate.begin()
    gate.run(5_100, "set self_test_ms 100")
    # Big steps while the coil is open; the day ends with a closed coil.
    gate.run(1_439, "set step_ms 60000")
    gate.run(90_000, "set step_ms 1", *WELL)
    closed = [row for row in gate.history if row.coil]
    assert closed, gate.now
    assert gate.opened_ms() is not None and gate.now.coil, "tested, and closed again"
    opened = [row for row in gate.history if row.opened_by]
    assert opened[0].opened_by == REASON["test_due"]


def test_a_trip_stays_until_the_vehicle_is_unplugged_and_the_test_is_passed(gate):
    gate.charge()
    gate.run(50, "set residual 1")
    gate.run(120_000, "set residual 0")
    assert gate.now.state == STATE["tripped"] and gate.now.tripped
    gate.run(60_000, "set pilot 0")
    assert gate.now.state == STATE["tripped"]
    gate.run(900, "set pilot 1")
    gate.run(60_000, "set pilot 2")
    assert gate.now.state == STATE["tripped"], "unplugged for too short a time"
    gate.run(1_100, "set pilot 1")
    gate.run(60_000, "set pilot 2")
    assert gate.now.coil and not gate.now.tripped


def test_a_trip_stays_when_the_test_fails(gate):
    gate.charge()
    gate.run(50, "set residual 1")
    gate.set(residual=0, pilot=1, self_test_ms=0)
    gate.run(100_000)
    gate.run(100_000, "set pilot 2")
    assert gate.now.tripped and not gate.now.coil


def test_a_device_that_starts_slowly_has_not_tripped(gate):
    gate.begin()
    gate.run(20_000, *WELL, "set residual 1")
    assert gate.now.reason == REASON["test_due"] and not gate.now.tripped
    gate.run(2_000, "set residual 0")
    assert gate.now.coil
    gate.run(10, "set residual 1")
    assert gate.now.tripped


def test_a_trip_survives_a_power_cut(gate):
    gate.begin(tripped=1)
    gate.run(100_000, *WELL)
    assert gate.now.state == STATE["tripped"] and not any(row.coil for row in gate.history)
    gate.run(3_000, "set pilot 1")
    gate.run(60_000, "set pilot 2")
    assert gate.now.coil


# Contacts


def test_welded_contacts_trip_the_second_means_and_lock_the_gate(gate):
    gate.charge()
    gate.set(contacts=1)
    gate.run(1_000)
    assert gate.now.coil
    start_ms = gate.passed_ms
    rows = gate.run(1_000, "set pilot 0")
    shunt = [row.at_ms - start_ms for row in rows if row.shunt_trip]
    assert 10 + 180 <= shunt[0] <= 10 + 200 and gate.now.state == STATE["locked"]
    gate.set(**WELL_AGAIN)
    gate.run(200_000)
    assert gate.now.state == STATE["locked"] and gate.now.shunt_trip


def test_contacts_that_are_closed_at_the_start_are_welded(gate):
    gate.begin()
    gate.run(20_000, *WELL, "set contacts 1")
    assert gate.now.reason == REASON["welded"]
    assert not any(row.coil or row.test for row in gate.history)


# Memory


def test_no_flipped_bit_of_the_memory_closes_the_coil_or_keeps_it_closed(gate):
    (bits,) = gate.tell("bits")
    assert bits > 500
    seen = 0
    for bit in range(bits):
        gate.begin()
        gate.run(700, *WELL)
        gate.run(1, f"flip {bit}")
        gate.run(10)
        seen += gate.now.state == STATE["locked"]
        assert not gate.now.coil, bit
    assert seen >= bits - 64, "all but padding is watched"
    for bit in range(0, bits, 7):
        gate.charge()
        gate.run(1, f"flip {bit}")
        assert not gate.now.coil or bit >= bits - 64, bit


# Protocol


def framed(message):
    """Return the frame of a message, by the encoder of the board."""
    frame = bytearray(MAX_FRAME)
    return bytes(frame[: encode(message, frame)])


def permit(counter, limit_ma=16_000, hold_ms=500):
    message = b"\x01" + counter.to_bytes(2, "big") + limit_ma.to_bytes(4, "big")
    return framed(message + hold_ms.to_bytes(2, "big"))


def payload(frame):
    """Return the payload of one frame, by the decoder of the board."""
    found = []
    Decoder(lambda view: found.append(bytes(view))).feed(bytearray(frame), len(frame))
    assert len(found) == 1
    return found[0]


def ready(gate):
    """Begin anew; only the board's permission is missing."""
    gate.begin()
    gate.run(6_000, *WELL, "set permit_ms 0")
    assert gate.now.reason == REASON["no_permission"]


def test_a_frame_of_the_board_permits_and_is_answered(gate):
    ready(gate)
    (answer,) = gate.tell("bytes " + permit(1).hex())
    status = payload(answer)
    assert len(status) == 20 and status[:3] == b"\x81\x00\x01"
    assert status[6] & 4, "granted"
    gate.run(2)
    assert gate.now.coil
    (answer,) = gate.tell("bytes " + permit(2, 10_000).hex())
    status = payload(answer)
    assert status[3:5] == bytes((STATE["closed"], REASON["ok"])) and status[6] == 1 | 4
    assert int.from_bytes(status[16:20], "big") == 10_000
    (answer,) = gate.tell("bytes " + framed(b"\x02").hex())
    figures = (16_000).to_bytes(4, "big") + b"\x01" + HOLD_MS.to_bytes(2, "big")
    assert payload(answer) == b"\x82\x01" + figures + b"\x03SERIAL01"


@pytest.mark.parametrize("counter", [0, 17, 18, 0x7FFF, 0x8000, 0xFFFF])
def test_a_counter_that_is_not_just_ahead_permits_nothing_but_is_counted_on_from(gate, counter):
    ready(gate)
    (answer,) = gate.tell("bytes " + permit(counter).hex())
    assert not payload(answer)[6] & 4
    gate.run(100)
    assert not gate.now.coil
    for _ in range(3):
        gate.tell("bytes " + permit(counter).hex())
        gate.run(10)
    assert not gate.now.coil, "the same frame again and again"
    gate.tell("bytes " + permit((counter + 16) & 0xFFFF).hex())
    gate.run(10)
    assert gate.now.coil


def test_no_damaged_frame_permits(gate):
    ready(gate)
    frame = permit(1)
    for bit in range(8 * (len(frame) - 1)):
        damaged = bytearray(frame)
        damaged[bit // 8] ^= 1 << bit % 8
        assert gate.tell(f"bytes {damaged.hex()}00") == [], bit
        gate.run(1)
        assert not gate.now.coil, bit
    for size in range(len(frame) - 1):
        assert gate.tell(f"bytes {frame[:size].hex()}00") == []
    gate.run(5)
    assert not gate.now.coil
    gate.tell("bytes " + frame.hex())
    gate.run(2)
    assert gate.now.coil


def test_random_bytes_permit_nothing_and_hide_no_later_frame(gate):
    draw = random.Random(11)
    for _ in range(300):
        ready(gate)
        for _ in range(20):
            noise = draw.randbytes(draw.randrange(1, 200))
            kind = draw.randrange(4)
            if kind == 1:  # valid frames of other payloads
                noise = framed(draw.randbytes(draw.randrange(1, 40)))
            elif kind == 2:  # the right payload with another type or length
                body = bytearray(payload(permit(1)))
                body[0] = draw.choice((0, 2, 3, 0x81, 0xFF))
                noise = framed(body + draw.randbytes(draw.randrange(3)))
            elif kind == 3:  # cut
                noise = permit(1)[: draw.randrange(1, len(permit(1)) - 1)] + b"\xff"
            gate.tell(f"bytes {noise.hex()}")
            gate.run(1)
            assert not gate.now.coil, noise.hex()
        gate.tell(f"bytes 00{permit(1).hex()}")
        gate.run(2)
        assert gate.now.coil


# Compilers


@pytest.mark.parametrize(
    ("machine", "flags"),
    [("cortex-m0plus", ["-mcpu=cortex-m0plus", "-mthumb"])],
)
def test_it_fits_a_small_microcontroller(machine, flags, tmp_path):
    try:
        shell.require_tools(ARM_COMPILER)
    except shell.ToolchainError as error:
        pytest.skip(f"bare core {machine}: {error}")
    files = sorted(SOURCES.glob("*.c"))
    whole = tmp_path / "gate.o"
    command = ["arm-none-eabi-gcc", *flags, *STRICT, "-Os", "-ffreestanding", "-nostdlib", "-r"]
    subprocess.run([*command, *map(str, files), "-o", str(whole)], check=True)
    sizes = subprocess.check_output(["arm-none-eabi-size", str(whole)], text=True)
    text, data, bss = map(int, sizes.splitlines()[1].split()[:3])
    assert 1_000 < text <= 4_096 and data == bss == 0
    missing = subprocess.check_output(["arm-none-eabi-nm", "-u", str(whole)], text=True)
    needed = set(missing.split()) - {"U"}
    assert needed <= {"memcpy", "memset", "memmove", "memcmp", "__aeabi_uidiv"}, needed
