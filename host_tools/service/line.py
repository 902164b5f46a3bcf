"""A serial port to the service UART of a device."""

import os
import select
import time

from joulestream.framing import MAX_FRAME, Decoder, encode
from joulestream.host_tools.errors import CommandError
from joulestream.host_tools.serial_port import SerialPort
from joulestream.host_tools.service.client import PAUSE, Exchange, T, is_answer

BAUD = 115_200
# Far more than a device needs, so that a busy computer is not taken for a silent device.
_ANSWER_S = 1.0
_PAUSE_S = 0.1
_CHUNK = 4096


class ServiceLine:
    """Carries exchanges over the port at `path`.

    Raises CommandError if the port cannot be used.
    """

    def __init__(self, path: str, baud: int = BAUD) -> None:
        self.path = path
        self._port = SerialPort(path, baud)
        try:
            self._descriptor = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        except OSError as error:
            self._port.close()
            raise CommandError(f"{path}: the port cannot be opened: {error.strerror}") from None
        self._payloads: list[bytes] = []
        self._decoder = Decoder(lambda payload: self._payloads.append(bytes(payload)))

    def close(self) -> None:
        """Give the port back."""
        os.close(self._descriptor)
        self._port.close()

    def __enter__(self) -> "ServiceLine":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def run(self, exchange: Exchange[T]) -> T:
        """Return the result of an exchange.

        Raises CommandError, with the port's path: the exchange's own, or for a port that fails.
        """
        try:
            request = next(exchange)
            while True:
                if request == PAUSE:
                    time.sleep(_PAUSE_S)
                    request = exchange.send(None)
                else:
                    request = exchange.send(self._answer(request))
        except StopIteration as end:
            result: T = end.value
            return result
        except OSError as error:
            raise CommandError(f"{self.path}: the port fails: {error.strerror}") from None

    def _answer(self, request: bytes) -> bytes | None:
        """Send a request; return its answer, or None if none comes."""
        frame = bytearray(MAX_FRAME)
        # The zero byte ends a frame that noise may have begun at the device.
        self._send(b"\0" + frame[: encode(request, frame)])
        end_s = time.monotonic() + _ANSWER_S
        while True:
            while self._payloads:
                payload = self._payloads.pop(0)
                if is_answer(request, payload):
                    return payload
            left_s = end_s - time.monotonic()
            if left_s <= 0 or not select.select([self._descriptor], [], [], left_s)[0]:
                return None
            data = bytearray(os.read(self._descriptor, _CHUNK))
            if not data:
                # A terminal that hung up is always ready, and has nothing.
                time.sleep(min(_PAUSE_S, max(left_s, 0)))
            self._decoder.feed(data, len(data))

    def _send(self, data: bytes) -> None:
        end_s = time.monotonic() + _ANSWER_S
        while data:
            left_s = end_s - time.monotonic()
            if left_s <= 0 or not select.select([], [self._descriptor], [], left_s)[1]:
                return
            data = data[os.write(self._descriptor, data) :]
