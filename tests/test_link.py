"""A link sends an outbox, delivers payloads, counts; one more kind is one module and one row."""

from pathlib import Path

import pytest

from joulestream.device.config import ConfigError
from joulestream.errors import MalformedError
from joulestream.framing import MAX_FRAME, encode
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
    """A UART with the bytes `sent` to it and the bytes `coming` from it."""

    def __init__(self) -> None:
        self.sent = b""
        self.coming = b""

    def uart(self, name: str) -> "Uart":
        assert name == "link"
        return self

    def write(self, data: bytes) -> None:
        self.sent += bytes(data)

    def readinto(self, buffer: bytearray) -> int:
        size = min(len(buffer), len(self.coming))
        buffer[:size], self.coming = self.coming[:size], self.coming[size:]
        return size


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
