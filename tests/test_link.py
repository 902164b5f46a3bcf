"""A link sends an outbox, delivers payloads, counts; one more kind is one module and one row."""

from pathlib import Path
from typing import Any

import pytest

from joulestream.device.config import ConfigError
from joulestream.errors import MalformedError
from joulestream.framing import MAX_FRAME, Decoder, encode
from joulestream.link import LINKS, check_link, open_link
from joulestream.testkit.pole_bench import PoleBench

# Frames without COBS or a CRC: a length, then the payload.
THROW_AWAY = """
from joulestream.device.config import whole

TABLE = (("gap_ms", whole(0, 10), 1),)


class Link:
    def __init__(self, config, board):
        self._uart = board.uart("link")
        self.gap_ms = config.gap_ms
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

    def uart(self, name: str) -> "Uart":
        assert name == "link"
        return self

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


@pytest.mark.parametrize("kind", sorted(LINKS))
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
            sent += 2
        held = size_of_buffers(link)
        for _ in range(500):
            link.flush([payload])
            sent += 1
        assert size_of_buffers(link) == held, "the buffer has a fixed size"
        assert link.unsent and len(uart.sent) == link.bytes_sent == room
        uart.room = None
        link.flush([b"again"])
        link.flush([b"again"])
        came = frames_of(uart.sent)
        assert set(came) <= {payload, b"short", b"again"}, "no half a frame ever goes out"
        assert came[-1] == b"again"
        assert len(came) == sent + 2 - link.unsent


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
