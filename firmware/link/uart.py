"""The link over a UART: COBS frames with a CRC, one payload each (joulestream.framing).

A UART takes as many bytes as it has room for. The rest of a frame that it took in part waits here
and goes first, so that the other side never sees half a frame. While it waits, a frame that has
no room behind it is dropped. The session sends it again, as it does with a frame that the wire
lost.
"""

from joulestream.compat import const
from joulestream.framing import MAX_FRAME, encode
from joulestream.link.framed import FramedLink

TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from joulestream.boards.contract import Board
    from joulestream.device.config import Config

# The UART's name and its line settings belong to the board.
TABLE = ()


class Link(FramedLink):
    """Frames over the board's UART "link", or another one."""

    def __init__(self, config: "Config", board: "Board", name: str = "link") -> None:
        super().__init__(board, name)
        self._rest = bytearray(MAX_FRAME)  # bytes that the UART did not take yet
        self._rest_size = 0

    def poll(self) -> None:
        """Read the bytes that have come; deliver the payload of every good frame."""
        size = self._uart.readinto(self._received)
        if size:
            self._decoder.feed(self._received, size)

    def flush(self, outbox: "list[bytes]") -> None:
        """Send every payload of `outbox` as a frame or drop it, then clear the list."""
        if self._rest_size:
            self._send_rest()
        for payload in outbox:
            size = encode(payload, self._frame)
            sent = 0
            if not self._rest_size:
                sent = self._uart.write(self._frame_view[:size])
                self.bytes_sent += sent
                if sent == size:
                    continue
            end = self._rest_size + size - sent
            if end > MAX_FRAME:
                self.unsent += 1
                continue
            self._rest[self._rest_size : end] = self._frame_view[sent:size]
            self._rest_size = end
        outbox.clear()

    def _send_rest(self) -> None:
        """Send the bytes that wait, as far as the UART takes them."""
        sent = self._uart.write(memoryview(self._rest)[: self._rest_size])
        self.bytes_sent += sent
        rest_size = self._rest_size - sent
        self._rest[:rest_size] = self._rest[sent : self._rest_size]
        self._rest_size = rest_size
