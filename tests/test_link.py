"""A link sends an outbox, delivers payloads, counts; one more kind is one module and one row."""

from pathlib import Path
from typing import Any

import pytest

from joulestream.device.config import ConfigError
from joulestream.errors import MalformedError
from joulestream.framing import MAX_FRAME, Decoder, encode
from joulestream.link import LINKS, check_link, open_link
from joulestream.testkit.board import MemoryBoard, cable
from joulestream.testkit.can_pair import CanPair
from joulestream.testkit.half_duplex import Pair
from joulestream.testkit.pole_bench import PoleBench

# Frames without COBS or a CRC: a length, then the payload.
THROW_AWAY = """
from joulestream.device.config import whole

TABLE = (("gap_ms", whole(0, 10), 1),)


class Link:
    def __init__(self, config, board):
        self._uart = board.uart("link")
        self.gap_ms = config.gap_ms
        self.fault = None
        self.dropped = 0
        self.unsent = 0
        self.bytes_sent = 0

    def attach(self, deliver):
        self._deliver = deliver

    def poll(self):
        size = bytearray(2)
        while self._uart.readinto(size) == 2:
            payload = bytearray(int.from_bytes(size, "big"))
            self._uart.readinto(payload)
            self._deliver(memoryview(payload))

    def flush(self, outbox):
        for payload in outbox:
            self._uart.write(len(payload).to_bytes(2, "big") + payload)
            self.bytes_sent += 2 + len(payload)
        outbox.clear()
"""


class Uart:
    """A UART with the bytes `sent` to it, the bytes `coming` from it, and `room` to send."""

    def __init__(self) -> None:
        self.room: int | None = None
        self.most = 1 << 20  # bytes that one call takes
        self.sent = b""
        self.coming = b""
        self.tick_ms = 0

    def uart(self, name: str) -> "Uart":
        assert name == "link"
        return self

    def random(self, size: int) -> bytes:
        return bytes(size)

    def now_ms(self) -> int:
        return self.tick_ms

    def write(self, data: bytes) -> int:
        data = data[: self.most]
        if self.room is not None:
            data = data[: self.room]
            self.room -= len(data)
        self.sent += bytes(data)
        return len(data)

    def readinto(self, buffer: bytearray) -> int:
        size = min(len(buffer), len(self.coming))
        buffer[:size], self.coming = self.coming[:size], self.coming[size:]
        return size


def frames_of(sent: bytes) -> list[bytes]:
    """Return the payloads of all frames in `sent`, each of which must be good."""
    came: list[bytes] = []
    decoder = Decoder(lambda payload: came.append(bytes(payload)))
    decoder.feed(bytearray(sent), len(sent))
    assert not decoder.bad_cobs + decoder.bad_crc + decoder.oversized
    return came


def size_of_buffers(link: Any) -> int:
    """Return the bytes in all buffers and lists of a link."""
    held = [value for value in vars(link).values() if hasattr(value, "__len__")]
    return sum(len(value) for value in held)


def frame(payload: bytes) -> bytes:
    buffer = bytearray(MAX_FRAME)
    return bytes(buffer[: encode(payload, buffer)])


def test_flush_sends_every_payload_in_order_and_clears_the_outbox():
    uart = Uart()
    link = open_link(check_link({}), uart)
    outbox = [b"one", b"two"]
    link.flush(outbox)
    assert outbox == []
    assert uart.sent == frame(b"one") + frame(b"two")
    assert link.bytes_sent == len(uart.sent)


@pytest.mark.parametrize("kind", ["rs485", "uart"])
def test_a_peer_that_never_reads_costs_frames_and_nothing_else(kind):
    """Flush returns with any room on the wire. The peer still gets whole frames."""
    payload = bytes(range(1, 200))
    for room in (0, 1, 40, len(frame(payload)), 300, 900):
        uart = Uart()
        uart.room = room
        link = open_link(check_link({"kind": kind}), uart)
        sent = 0
        for _ in range(50):
            outbox = [payload, b"short"]
            link.flush(outbox)
            assert outbox == []
            uart.tick_ms += 1_000
            sent += 2
        held = size_of_buffers(link)
        for _ in range(500):
            link.flush([payload])
            uart.tick_ms += 1_000
            sent += 1
        assert size_of_buffers(link) == held, "the buffer has a fixed size"
        assert link.unsent and len(uart.sent) == link.bytes_sent == room
        uart.room = None
        for _ in range(2):
            link.flush([])
            uart.tick_ms += 1_000
        link.flush([b"again"])
        link.flush([b"again"])
        uart.tick_ms += 1_000
        link.flush([])
        came = frames_of(uart.sent)
        assert set(came) <= {payload, b"short", b"again"}, "no half a frame ever goes out"
        assert came[-1] == b"again"
        assert len(came) == sent + 2 - link.unsent


# Each row of LINKS, as a function that returns both ends, and one that lets a ms pass.
def _uart_ends(kind, cable):
    """Return the links at both ends of a cable between two boards."""
    boards = [MemoryBoard({"link": end}) for end in cable.ends]
    boards[1].random(1)  # so that both do not draw the same numbers
    links = [open_link(check_link({"kind": kind}), board) for board in boards]

    def pass_ms():
        cable.advance(1)
        for board in boards:
            board.tick_ms += 1

    return links, pass_ms


class TwoWires:
    """A UART's cable with a wire in each direction."""

    def __init__(self):
        self.ends = cable()

    def advance(self, ms):
        """A byte takes no time here."""


def _can_ends(controller):
    pair = CanPair(controller, controller)
    return list(pair.links.values()), lambda: pair.step(roles=())


WIRES = {
    "can": [lambda: _can_ends("mcp2515"), lambda: _can_ends("slcan")],
    "rs485": [
        lambda: _uart_ends("rs485", Pair()),
        lambda: _uart_ends("rs485", Pair(echo=True)),
    ],
    "uart": [lambda: _uart_ends("uart", TwoWires())],
}
ENDS = [
    pytest.param(ends, id=f"{kind}-{at}") for kind in WIRES for at, ends in enumerate(WIRES[kind])
]


def test_every_row_of_links_is_held_to_the_contract():
    assert sorted(WIRES) == sorted(LINKS)


@pytest.mark.parametrize("ends", ENDS)
def test_payloads_of_every_size_cross_in_order_and_are_cleared(ends):
    """A payload is sent again every 250 ms, as a session does: a collision may have taken it."""
    links, pass_ms = ends()
    came: list[list[bytes]] = [[], []]

    def take(received: list[bytes], payload: memoryview) -> None:
        if bytes(payload) not in received:
            received.append(bytes(payload))

    for link, received in zip(links, came, strict=True):
        link.attach(lambda payload, received=received: take(received, payload))
        assert link.fault is None
    sizes = (1, 2, 3, 4, 19, 77, 250, 251, 254, 255, 559, 560)
    sent = [
        [bytes((at * side + size + side) & 0xFF for at in range(size)) for size in sizes]
        for side in (3, 5)
    ]
    due_ms = [0, 0]
    for now_ms in range(8_000):
        for side, link in enumerate(links):
            arrived = len(came[1 - side])
            outbox = []
            if arrived < len(sizes) and now_ms >= due_ms[side]:
                due_ms[side] = now_ms + 250
                outbox.append(sent[side][arrived])
            link.flush(outbox)
            assert outbox == []
        pass_ms()
        counts = [len(received) for received in came]
        for link in links:
            link.poll()
        for side in (0, 1):
            if len(came[1 - side]) > counts[1 - side]:
                due_ms[side] = now_ms
        if counts == [len(sizes)] * 2:
            break
    assert came == list(reversed(sent))
    for link in links:
        assert (link.unsent, link.fault) == (0, None)
        assert link.bytes_sent > sum(sizes)


@pytest.mark.parametrize("ends", ENDS)
def test_a_receiver_that_refuses_is_counted_and_any_other_exception_passes(ends):
    links, pass_ms = ends()
    sender, receiver = links
    raised = [MalformedError("no message"), OSError(5)]

    def deliver(payload: memoryview) -> None:
        raise raised.pop(0)

    receiver.attach(deliver)

    def until_raised(left: int) -> None:
        sender.flush([b"a payload of some bytes"])
        for _ in range(200):
            pass_ms()
            receiver.poll()
            sender.poll()
            if len(raised) == left:
                return

    until_raised(1)
    assert receiver.dropped == 1
    with pytest.raises(OSError):
        until_raised(0)


@pytest.mark.parametrize("ends", ENDS)
def test_a_side_that_is_not_there_costs_payloads_and_nothing_else(ends):
    links, pass_ms = ends()
    link = links[0]
    payload = bytes(range(1, 200))
    held = 0
    for number in range(3_000):
        outbox = [payload, b"short"] if number % 10 == 0 else []
        link.flush(outbox)
        assert outbox == []
        pass_ms()
        link.poll()
        if number == 1_000:
            held = size_of_buffers(link)
    assert size_of_buffers(link) == held, "the buffers have a fixed size"


def test_a_uart_that_takes_a_few_bytes_at_a_time_gets_whole_frames():
    uart = Uart()
    uart.most = 7
    link = open_link(check_link({}), uart)
    payloads = [bytes([number]) * number for number in range(1, 90)]
    for payload, other in zip(payloads[::2], [*payloads[1::2], None], strict=True):
        link.flush([payload])
        link.flush([other] if other else [])
        for _ in range(2 * MAX_FRAME // uart.most):
            link.flush([])
    assert frames_of(uart.sent) == payloads
    assert link.unsent == 0


def test_poll_delivers_every_payload_and_counts_frames_without_a_message():
    def deliver(payload: memoryview) -> None:
        if payload == b"nonsense":
            raise MalformedError("no message")
        came.append(bytes(payload))

    came: list[bytes] = []
    uart = Uart()
    link = open_link(check_link({"kind": "uart"}), uart)
    link.attach(deliver)
    link.poll()
    uart.coming = frame(b"one") + frame(b"nonsense") + b"noise\0" + frame(b"two")
    link.poll()
    assert came == [b"one", b"two"]
    assert link.dropped == 2


def test_any_other_exception_of_the_receiver_passes():
    def deliver(payload: memoryview) -> None:
        raise OSError(5)

    uart = Uart()
    link = open_link(check_link({}), uart)
    link.attach(deliver)
    uart.coming = frame(b"one")
    with pytest.raises(OSError):
        link.poll()


@pytest.mark.parametrize(
    ("value", "field"),
    [({"kind": "string"}, "kind"), ({"kind": []}, "kind"), ({"speed": 1}, "speed")],
)
def test_a_broken_link_field_is_named(value, field):
    with pytest.raises(ConfigError) as caught:
        check_link(value)
    assert caught.value.field == field


def test_one_more_kind_of_link_is_one_module_and_one_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "throw_away_link.py").write_text(THROW_AWAY)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(LINKS, "throw-away", "throw_away_link")
    bench = PoleBench(link={"kind": "throw-away", "gap_ms": 2})
    assert bench.world.pole_config.link.gap_ms == 2
    bench.charge(packets=3)
    assert bench.record.amount > 0
    with pytest.raises(ConfigError):
        check_link({"kind": "throw-away", "gap_ms": 11})
