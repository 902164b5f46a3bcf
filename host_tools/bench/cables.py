"""The cables between both firmwares' links: a serial line, or a CAN bus with two adapters."""

from joulestream.testkit.can_bus import CanBus, Node
from joulestream.testkit.slcan_adapter import SlcanAdapter

_NS_PER_MS = 1_000_000
_OTHER = {"pole": "vehicle", "vehicle": "pole"}


class SerialCable:
    """A line of its own in each direction, without a length."""

    def cross(self, sent: dict[str, bytes], now_ms: int, is_whole: bool) -> dict[str, bytes]:
        """Return the bytes that arrive at each role.

        Args:
            sent: the bytes that each role has sent.
            now_ms: the bench's time.
            is_whole: whether the cable is plugged in and not cut.
        """
        if not is_whole:
            return {}
        return {_OTHER[role]: data for role, data in sent.items()}


class CanCable:
    """A CAN bus. Each firmware's UART goes to an slcan adapter on it.

    Attributes:
        bus: the bus.
        adapters: by role.
    """

    def __init__(self, *others: Node) -> None:
        self.adapters = {role: SlcanAdapter() for role in _OTHER}
        self.bus = CanBus(*self.adapters.values(), *others)

    def cross(self, sent: dict[str, bytes], now_ms: int, is_whole: bool) -> dict[str, bytes]:
        """Return the bytes that arrive at each role; see SerialCable."""
        vehicle = self.adapters["vehicle"]
        if is_whole != (vehicle in self.bus.nodes):
            (self.bus.nodes.append if is_whole else self.bus.nodes.remove)(vehicle)
        for role, data in sent.items():
            self.adapters[role].feed(data)
        self.bus.advance(now_ms * _NS_PER_MS)
        return {role: adapter.take() for role, adapter in self.adapters.items()}
