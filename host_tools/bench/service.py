"""Asks a firmware of the bench over its service UART, while the bench's time goes on."""

from joulestream.framing import MAX_FRAME, Decoder, encode
from joulestream.host_tools.bench.bench import Bench
from joulestream.host_tools.service.client import PAUSE, Exchange, T, is_answer

# A request takes four steps of a firmware; so many ticks without an answer are silence.
_MOST_TICKS = 50


class BenchLine:
    """The service line of the firmware `role`."""

    def __init__(self, bench: Bench, role: str) -> None:
        self._bench = bench
        self._role = role
        self._payloads: list[bytes] = []
        self._decoder = Decoder(lambda payload: self._payloads.append(bytes(payload)))

    async def run(self, exchange: Exchange[T]) -> T:
        """Return the result of an exchange."""
        try:
            request = next(exchange)
            while True:
                if request == PAUSE:
                    await self._bench.tick()
                    request = exchange.send(None)
                else:
                    request = exchange.send(await self._answer(request))
        except StopIteration as end:
            result: T = end.value
            return result

    async def _answer(self, request: bytes) -> bytes | None:
        frame = bytearray(MAX_FRAME)
        self._bench.put(self._role, "service", bytes(frame[: encode(request, frame)]))
        for _ in range(_MOST_TICKS):
            await self._bench.tick()
            data = bytearray(self._bench.take_service(self._role))
            self._decoder.feed(data, len(data))
            while self._payloads:
                payload = self._payloads.pop(0)
                if is_answer(request, payload):
                    return payload
        return None
