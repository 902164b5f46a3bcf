"""A Modbus meter on a line that damages, delays and lies."""

from joulestream.meter.config import check_meter
from joulestream.meter.drivers import open_driver
from joulestream.meter.eastron import MODELS
from joulestream.meter.modbus import VARIANTS, ModbusMaster
from joulestream.native import crc16
from joulestream.testkit.random import Random
from joulestream.units import TICKS_PERIOD, ticks_add

UNIT = 1
BAUD = 9_600
# Two registers: 17 bytes of 11 bits at 9,600 bit/s, and the meter's time.
TURNAROUND_MS = 130
ANSWER_MS = 20 + TURNAROUND_MS
PAUSE_MS = 60


class Line:
    """A UART with the test at its other end."""

    def __init__(self):
        self.sent = b""
        self.coming = b""

    def uart(self, name):
        """Be the board too: the meter is all that it has."""
        return self

    def write(self, data):
        self.sent += bytes(data)
        return len(data)

    def readinto(self, buffer):
        count = min(len(self.coming), len(buffer))
        buffer[:count] = self.coming[:count]
        self.coming = self.coming[count:]
        return count


def slow_crc(data):
    """The CRC of MODBUS over Serial Line V1.02, section 2.5.1.2, bit by bit."""
    crc = 0xFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            low = crc & 1
            crc >>= 1
            if low:
                crc ^= 0xA001
    return crc


def closed(body):
    return bytes(body) + slow_crc(body).to_bytes(2, "little")


def answer(registers, unit=UNIT, function=4):
    return closed(bytes([unit, function, len(registers)]) + registers)


def test_crc():
    assert crc16(b"123456789", 9, 0) == 0x4B37
    assert closed(b"\1\4\0\0\0\2") == bytes.fromhex("01040000000271cb")
    random = Random(1)
    for size in range(64):
        data = random.bytes(size)
        assert crc16(data + b"more", size, 0) == slow_crc(data)


def asked(registers=2):
    line = Line()
    master = ModbusMaster(line, UNIT, BAUD, TURNAROUND_MS, PAUSE_MS)
    master.ask(4, 0x0048, registers, 1_000)
    return line, master


def test_a_question_and_its_answer():
    line, master = asked()
    assert line.sent == bytes.fromhex("010400480002") + slow_crc(
        bytes.fromhex("010400480002")
    ).to_bytes(2, "little")
    assert master.busy and master.heard_ms is None
    assert master.poll(1_010) is None
    whole = answer(b"abcd")
    for at in range(len(whole)):
        line.coming += whole[at : at + 1]
        data = master.poll(1_020 + at)
        assert (data is not None) == (at == len(whole) - 1)
    assert bytes(data) == b"abcd"
    assert not master.busy and master.bad_answers == 0
    assert master.heard_ms == 1_020 + len(whole) - 1
    assert master.poll(1_100) is None


def refused_answer(data):
    line, master = asked()
    line.coming = data
    result = master.poll(1_020)
    for now_ms in (1_100, 1_000 + ANSWER_MS):
        result = result or master.poll(now_ms)
    assert not master.busy
    return result is None and master.bad_answers == 1


def test_every_flipped_bit_is_refused():
    good = answer(b"\0\x7f\x80\xff")
    for bit in range(8 * len(good)):
        copy = bytearray(good)
        copy[bit >> 3] ^= 1 << (bit & 7)
        assert refused_answer(bytes(copy)), bit


def test_answers_that_are_none():
    for data in (
        answer(b"abcd", unit=2),
        answer(b"abcd", unit=0),
        answer(b"abcd", function=3),
        answer(b"abcdef"),
        answer(b"ab"),
        closed(b"\1\x84\2"),
        answer(b"abcd")[:-1],
        answer(b"abcd")[:1],
        answer(b"ab") + answer(b"abcdef"),
        answer(b"abcd")[:5] + b"\0" + answer(b"abcd")[5:],
        bytes(300),
        b"\xff" * 300,
        b"\1\4\4" * 100,
    ):
        assert refused_answer(data), data


def test_an_answer_is_found_between_other_bytes():
    """Stray bytes, echoes, half frames and answers to older requests; in one piece or in many."""
    echo = bytes.fromhex("010400480002") + slow_crc(bytes.fromhex("010400480002")).to_bytes(
        2, "little"
    )
    whole = answer(b"abcd")
    for before in (
        b"",
        b"\0",
        b"\xff",
        b"\1",
        b"\1\4",
        b"\1\4\4",
        echo,
        echo + b"\0",
        b"\xff" + echo + b"\1",
        echo + echo,
        whole[:4],
        whole[:-1],
        answer(b"late:6"),
        answer(b"late:6") + echo + b"\0",
        answer(b"abcd", unit=2),
        answer(b"\1\4\4\1\4\4"),
        bytes(250),
        b"\xff" * 700,
    ):
        for after in (b"", b"\0", b"\xff\xff", whole, echo):
            for piece in (1, 3, 7, 200):
                line, master = asked()
                data = None
                stream = before + whole + after
                now_ms = 1_000
                while data is None:
                    assert stream, (before, piece)
                    line.coming += stream[:piece]
                    stream = stream[piece:]
                    data = master.poll(now_ms)
                assert bytes(data) == b"abcd"
                assert not master.busy and master.bad_answers == 0
                line.coming += stream
                master.ask(4, 0, 2, 1_060)
                assert master.skipped_bytes == len(before) + len(after)


def test_an_echo_that_looks_like_the_begin_of_an_answer_hides_none():
    line = Line()
    master = ModbusMaster(line, UNIT, BAUD, TURNAROUND_MS, PAUSE_MS)
    master.ask(4, 0x0848, 4, 1_000)  # 01 04 08: an answer of four registers begins so
    line.coming = line.sent
    assert master.poll(1_020) is None and master.busy
    line.coming = answer(b"abcdefgh")
    assert bytes(master.poll(1_040)) == b"abcdefgh"


def test_an_exception_behind_other_bytes_ends_the_question():
    for before in (b"\0", b"\1\x84", answer(b"ab"), bytes.fromhex("010400480002")):
        line, master = asked()
        line.coming = before + closed(b"\1\x84\2")
        assert master.poll(1_020) is None and not master.busy
        assert master.bad_answers == 1 and master.skipped_bytes == len(before)


def test_lost_answers_make_the_next_requests_differ_and_wait_longer():
    line = Line()
    master = ModbusMaster(line, UNIT, BAUD, TURNAROUND_MS, PAUSE_MS)
    now_ms = TICKS_PERIOD - 500
    seen, waits = set(), []
    for _ in range(2 * VARIANTS):
        asked_ms = now_ms
        seen.add(master.variant)
        master.ask(4, 0, 2, now_ms)
        master.poll(now_ms)
        while not master.may_ask(now_ms):
            now_ms = ticks_add(now_ms, 10)
            master.poll(now_ms)
        waits.append(ticks_add(now_ms, -asked_ms))
    assert seen == set(range(VARIANTS))
    assert waits == [ANSWER_MS * min(turn + 1, VARIANTS) for turn in range(2 * VARIANTS)]


def test_silence_ends_the_question_across_the_wrap():
    for start_ms in (0, TICKS_PERIOD - 100):
        line = Line()
        master = ModbusMaster(line, UNIT, BAUD, TURNAROUND_MS, PAUSE_MS)
        master.ask(4, 0, 2, start_ms)
        assert master.poll(ticks_add(start_ms, ANSWER_MS - 1)) is None and master.busy
        assert master.poll(ticks_add(start_ms, ANSWER_MS)) is None and not master.busy
        assert master.bad_answers == 0 and master.heard_ms is None


def test_a_late_answer_is_not_taken_for_the_next_one():
    line, master = asked(2)
    master.poll(1_000 + ANSWER_MS)
    line.coming = answer(b"late")
    master.ask(4, 0, 2, 1_200)
    assert master.poll(1_210) is None and master.busy and master.skipped_bytes == 9
    line.coming = answer(b"next")
    assert bytes(master.poll(1_220)) == b"next"
    # It comes after the next question, which asks for more.
    master.ask(4, 0, 3, 1_300)
    line.coming = answer(b"late") + answer(b"second")
    assert bytes(master.poll(1_310)) == b"second" and master.skipped_bytes == 18


def float_bits(value):
    """Return the float32 of a positive `value` = whole / 2^k, as 4 bytes."""
    exponent = 127
    while value >= 2:
        value /= 2
        exponent += 1
    while value < 1:
        value *= 2
        exponent -= 1
    return (exponent << 23 | int((value - 1) * (1 << 23))).to_bytes(4, "big")


def serve(line, registers):
    """Answer the question on the line from {address: 4 bytes}; zeros elsewhere."""
    question = line.sent[-8:]
    line.sent = b""
    assert closed(question[:6]) == question
    address = int.from_bytes(question[2:4], "big")
    count = int.from_bytes(question[4:6], "big")
    data = b""
    for at in range(address, address + count, 2):
        data += registers.get(at, bytes(4))
    line.coming += answer(data)
    return count


def read(model, registers, now_ms=0):
    line = Line()
    meter = open_driver(check_meter({"model": model}), line)
    reading = None
    while reading is None and meter.bad_answers == 0:
        reading = meter.poll(now_ms)
        if line.sent:
            serve(line, registers)
        now_ms += 10
    return reading, meter


def test_every_model_is_read():
    for model in MODELS:
        if model == "sdm72d":
            continue
        power = 0x34 if model in ("sdm630", "sdm630-mid", "sdm72d-v2") else 0x0C
        registers = {0: float_bits(230.5), power: float_bits(7360.25), 0x48: float_bits(1234.5)}
        reading, _ = read(model, registers)
        assert reading.voltage_mv == 230_500 and reading.power_mw == 7_360_250
        assert reading.energy_mwh == 1_234_500_000
        assert reading.step_mwh == 1_000
        # The question, a pause of 100 or 500 ms, the next question; each answer takes 10 ms.
        assert reading.time_ms == reading.age_ms == (510 if model == "sdm72d-v2" else 110)


def test_a_high_register_steps_more_coarsely():
    reading, _ = read("sdm120", {0: float_bits(230.0), 0x48: float_bits(16384.0)})
    assert reading.step_mwh == 1_954
    reading, _ = read("sdm120", {0: float_bits(230.0), 0x48: float_bits(99999.0)})
    assert reading.step_mwh == 7_813


def test_no_numbers_are_no_reading():
    good = {0: float_bits(230.0), 0x0C: float_bits(1000.0), 0x48: float_bits(5.0)}
    for address in good:
        # NaN, both infinities, -3e38, 1e38, 1e9.
        for wrong in (0x7FC00000, 0x7F800000, 0xFF800000, 0xFF61B1E6, 0x7E967699, 0x4E6E6B28):
            registers = dict(good)
            registers[address] = wrong.to_bytes(4, "big")
            reading, meter = read("sdm120", registers)
            assert reading is None and meter.bad_answers == 1
            assert meter.senseless_ms is not None
    good[0x48] = b"\xc0\xa0\0\0"  # -5 kWh
    assert read("sdm120", good)[0] is None
