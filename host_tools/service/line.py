"""A serial port to the service UART of a device."""

import os
import time

from joulestream.framing import MAX_FRAME, Decoder, encode
from joulestream.host_tools.errors import CommandError
from joulestream.host_tools.serial_port import SerialPort
from joulestream.host_tools.service.client import PAUSE, Exchange, T, is_answer

BAUD = 115_200
# Far more than a device needs. The variable tells more for a slower one, such as an emulated one.
_ANSWER_S = 1.0
PATIENCE_VARIABLE = "JOULESTREAM_SERVICE_PATIENCE"
_BITS_OF_BYTE = 10
_PAUSE_S = 0.1


class ServiceLine:
    """Carries exchanges over the port at `path`.

    Raises CommandError if the port cannot be used.
    """

    def __init__(self, path: str, baud: int = BAUD) -> None:
        self.path = path
        # A request and its answer, on a slow line too.
        self._answer_s = _patience_s() + 2 * MAX_FRAME * _BITS_OF_BYTE / baud
        self._port = SerialPort(path, baud)
        self._payloads: list[bytes] = []
        self._decoder = Decoder(lambda payload: self._payloads.append(bytes(payload)))

    def close(self) -> None:
        """Give the port back."""
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
        self._port.send(b"\0" + frame[: encode(request, frame)], self._answer_s)
        end_s = time.monotonic() + self._answer_s
        while True:
            while self._payloads:
                payload = self._payloads.pop(0)
                if is_answer(request, payload):
                    return payload
            left_s = end_s - time.monotonic()
            if left_s <= 0:
                return None
            data = bytearray(self._port.read(left_s))
            if not data:
                # A terminal that hung up is always ready, and has nothing.
                time.sleep(min(_PAUSE_S, max(left_s, 0)))
            self._decoder.feed(data, len(data))


def _patience_s() -> float:
    """Return how long to wait for an answer, in s. Raises CommandError."""
    told = os.environ.get(PATIENCE_VARIABLE)
    if told is None:
        return _ANSWER_S
    if not told.isdigit() or not 0 < int(told) <= 3_600:
        raise CommandError(f"{PATIENCE_VARIABLE} must be a whole number of seconds, 1 to 3600")
    return float(told)
