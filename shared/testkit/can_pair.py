"""Two boards on one CanBus, each with an MCP2515 or an slcan adapter, in virtual time."""

from typing import Any

from joulestream.link import check_link, open_link
from joulestream.testkit.board import MemoryBoard
from joulestream.testkit.can_bus import CanBus, Node
from joulestream.testkit.mcp2515 import Mcp2515, Spi
from joulestream.testkit.meter import Meter
from joulestream.testkit.slcan_adapter import SlcanAdapter
from joulestream.testkit.two_loops import TwoLoops

POLE_ADDRESS = 0x56
VEHICLE_ADDRESS = 0xF4
_NS_PER_MS = 1_000_000
# Ten packets: enough for the meters of the test bench.
_COVER = 3_200


class AdapterUart:
    """The UART of a board whose other end is an slcan adapter."""

    def __init__(self, adapter: SlcanAdapter) -> None:
        self._adapter = adapter
        self.plugged = True

    def write(self, data: bytes) -> int:
        """Send `data` to the adapter."""
        if self.plugged:
            self._adapter.feed(bytes(data))
        return len(data)

    def readinto(self, buffer: bytearray) -> int:
        """Move the adapter's bytes into `buffer`; return their number."""
        data = self._adapter.take(len(buffer)) if self.plugged else b""
        buffer[: len(data)] = data
        return len(data)


class CanBoard(MemoryBoard):
    """A board in memory with a controller on a bus. `node` is the controller."""

    def __init__(self, controller: str, crystal_mhz: int = 16, **parts: Any) -> None:
        super().__init__(**parts)
        if controller == "mcp2515":
            self.node: Any = Mcp2515(crystal_mhz * 1_000_000)
        else:
            self.node = SlcanAdapter()
            self.uarts["link"] = AdapterUart(self.node)

    def spi(self, name: str) -> Any:
        """Return the SPI of the chip."""
        if name != "can" or not isinstance(self.node, Mcp2515):
            raise ValueError("the board in memory has no SPI '%s'" % name)
        chip = self.node
        return Spi(chip), lambda level: chip.select(bool(level)), lambda: int(chip.interrupt)


def can_config(role: str, controller: str, **changes: Any) -> dict[str, Any]:
    """Return the configuration's 'link' of the side `role`: "pole" or "vehicle"."""
    own, peer = POLE_ADDRESS, VEHICLE_ADDRESS
    if role == "vehicle":
        own, peer = peer, own
    values: dict[str, Any] = {
        "kind": "can",
        "controller": controller,
        "own_address": own,
        "peer_address": peer,
    }
    values.update(changes)
    return values


class CanPair:
    """A pole's and a vehicle's link on one bus.

    Args:
        pole, vehicle: the controllers, rows of link.can.CONTROLLERS.
        others: further nodes of the bus.
        pole_link, vehicle_link: changed fields of the two configurations.

    Attributes:
        bus: the bus.
        boards, links: by role.
        came: by role, the payloads that the link of that role delivered.
    """

    def __init__(
        self,
        pole: str = "mcp2515",
        vehicle: str = "mcp2515",
        others: tuple[Node, ...] = (),
        pole_link: dict[str, Any] | None = None,
        vehicle_link: dict[str, Any] | None = None,
    ) -> None:
        self.bus = CanBus(*others)
        self.boards: dict[str, CanBoard] = {}
        self.links: dict[str, Any] = {}
        self.came: dict[str, list[bytes]] = {"pole": [], "vehicle": []}
        changed = {"pole": pole_link or {}, "vehicle": vehicle_link or {}}
        for role, controller in (("pole", pole), ("vehicle", vehicle)):
            config = can_config(role, controller, **changed[role])
            board = CanBoard(controller, config.get("crystal_mhz", 16))
            self.boards[role] = board
            self.bus.nodes.append(board.node)
            self.links[role] = open_link(check_link(config), board)
            self.links[role].attach(
                lambda payload, role=role: self.came[role].append(bytes(payload))
            )

    def step(self, step_ms: int = 1, roles: tuple[str, ...] = ("pole", "vehicle")) -> None:
        """Let `step_ms` pass on the bus, then let the links of `roles` poll."""
        self.bus.advance(self.bus.now_ns + step_ms * _NS_PER_MS)
        for role in ("pole", "vehicle"):
            self.boards[role].tick_ms = self.bus.now_ns // _NS_PER_MS
            if role in roles:
                self.links[role].poll()

    def run(self, duration_ms: int, step_ms: int = 1, **how: Any) -> None:
        """Step for `duration_ms`."""
        for _ in range(duration_ms // step_ms):
            self.step(step_ms, **how)


class CanLoops(TwoLoops):
    """Both firmwares' loops on one bus, with a step every ms.

    Args:
        pole, vehicle: the controllers, rows of link.can.CONTROLLERS.
        power_mw: the power that flows while the contact is closed.
        others: further nodes of the bus.
    """

    def __init__(
        self,
        pole: str = "mcp2515",
        vehicle: str = "mcp2515",
        power_mw: int = 3_600_000,
        others: tuple[Node, ...] = (),
    ) -> None:
        self.bus = CanBus(*others)
        boards = [CanBoard(controller) for controller in (pole, vehicle)]
        self.bus.nodes += [board.node for board in boards]
        super().__init__(
            {"link": can_config("pole", pole), "credit": _COVER, "packet_ms": 1_000},
            {"link": can_config("vehicle", vehicle), "prepay": _COVER, "budget": 1 << 40},
            Meter(),
            Meter(),
            power_mw,
            boards=boards,
            step_ms=1,
        )

    def pass_time(self, step_ms: int) -> None:
        """Let the bus run for so long."""
        self.bus.advance(self.bus.now_ns + step_ms * _NS_PER_MS)
