"""The MCP2515's driver on both runtimes, with registers in a list in place of the chip.

tests/test_can_link.py has the driver on a chip with all its rules, on CPython.
"""

import gc

from joulestream.link import check_link, open_link
from joulestream.link.isotp import TIMEOUT_MS

WRITE, READ, STATUS, READ_RX0, RTS = 0x02, 0x03, 0xA0, 0x90, 0x80
CANCTRL, CANSTAT = 0x0F, 0x2E
TO_POLE = b"\xc6\xca\x56\xf4"
TO_VEHICLE = b"\xc6\xca\xf4\x56"
ROUNDS = 200
# What the loop and the clock of this test take themselves.
MOST_BYTES_A_ROUND = 8


class Registers:
    """An SPI to registers that keep the bytes written, a frame to receive, and the frames sent."""

    def __init__(self):
        self.values = bytearray(128)
        self.values[CANSTAT] = 0x80
        self.frame = None
        self.sent = []

    def write(self, data):
        if data[0] == WRITE:
            for at in range(len(data) - 2):
                self.values[data[1] + at] = data[2 + at]
            if data[1] == CANCTRL:
                self.values[CANSTAT] = data[2] & 0xE0
        elif data[0] & 0xF8 == 0x40:
            self.sent.append(bytes(data[1:]))

    def write_readinto(self, data, buffer):
        if data[0] == READ:
            for at in range(len(buffer) - 2):
                buffer[2 + at] = self.values[data[1] + at]
        elif data[0] == STATUS:
            buffer[1] = 1 if self.frame else 0
        elif data[0] == READ_RX0:
            buffer[1:] = self.frame
            self.frame = None


class Side:
    """The pole's link, its registers, and the payloads that came."""

    def __init__(self):
        self.spi_bus = Registers()
        self.tick_ms = 1_000
        self.came = []
        link = {"kind": "can", "controller": "mcp2515", "own_address": 0x56, "peer_address": 0xF4}
        self.link = open_link(check_link(link), self)
        self.link.attach(lambda payload: self.came.append(bytes(payload)))
        self.step()

    def spi(self, name):
        """Be the board too: SPI, chip select and interrupt pin are all that it has."""
        return self.spi_bus, (lambda level: None), (lambda: 0)

    def now_ms(self):
        return self.tick_ms

    def step(self, data=None, identifier=TO_POLE):
        """Let a ms pass; a frame with `data` came."""
        if data is not None:
            frame = identifier + bytes((len(data),)) + data
            self.spi_bus.frame = frame + bytes(13 - len(frame))
        self.tick_ms += 1
        self.link.poll()

    def sent(self):
        """Return the data of the frames that were sent since the last call."""
        frames, self.spi_bus.sent = self.spi_bus.sent, []
        assert all(frame[:4] == TO_VEHICLE and frame[4] == len(frame) - 5 for frame in frames)
        return [frame[5:] for frame in frames]


def test_the_registers_hold_timing_filters_and_masks():
    values = Side().spi_bus.values
    assert bytes(values[0x28:0x2C]) == b"\x02\xb4\x40\x23"
    assert bytes(values[0x00:0x0C]) == bytes(values[0x10:0x1C]) == TO_POLE * 3
    assert bytes(values[0x20:0x28]) == b"\xff\xe3\xff\xff" * 2
    assert (values[0x60], values[CANSTAT]) == (0x04, 0)


def test_payloads_go_out_and_come_in():
    side = Side()
    side.link.flush([b"abc"])
    assert side.sent() == [b"\x07abc\x35\x24\x41\xc2"]
    side.step(b"\x07abc\x35\x24\x41\xc2")
    assert side.came == [b"abc"]
    side.step(b"\x10\x0cabcdef")
    assert side.sent() == [b"\x30\x02\x00"]
    side.step(b"\x21gh\xae\xef\x2a\x50")
    assert side.came == [b"abc", b"abcdefgh"]
    assert (side.link.dropped, side.link.fault) == (0, None)


def test_a_frame_with_another_identifier_is_no_message():
    side = Side()
    side.step(b"\x07abc\x35\x24\x41\xc2", TO_VEHICLE)
    assert side.came == [] and side.link.dropped == 0


def test_a_chip_that_is_gone_is_said_and_comes_back():
    side = Side()
    kept = bytes(side.spi_bus.values)
    side.spi_bus.values[0x28:0x30] = bytes(8)
    for _ in range(150):
        side.step()
    assert "no MCP2515 answers" in side.link.fault
    side.spi_bus.values[:] = kept
    side.spi_bus.values[CANSTAT] = 0x80
    for _ in range(1_100):
        side.step()
    assert side.link.fault is None


def test_a_message_without_an_answer_is_given_up():
    side = Side()
    side.link.flush([bytes(20)])
    for _ in range(TIMEOUT_MS + 1):
        side.step()
    assert side.link.unsent == 1
    assert [bytes(side.spi_bus.values)[at] for at in (0x30, 0x40, 0x50)] == [0, 0, 0]


def test_a_round_without_frames_takes_no_heap():
    if not hasattr(gc, "mem_alloc"):  # CPython has no such count
        return
    side = Side()
    outbox = []
    gc.collect()
    gc.disable()
    before = gc.mem_alloc()
    for _ in range(ROUNDS):
        side.step()
        side.link.flush(outbox)
    taken = gc.mem_alloc() - before
    gc.enable()
    assert taken <= MOST_BYTES_A_ROUND * ROUNDS, taken
