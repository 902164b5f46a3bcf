"""The stage of a play: one honest firmware on its board, the cable, and the energy through it.

The firmwares are the boards' own, assembled by their main.py. At the cable's other end is a peer
(peers.py). Time is virtual. Energy is counted at the contact; no meter is asked.
"""

from collections.abc import Callable
from random import Random
from typing import Any

from joulestream import messages
from joulestream.channel import Certificate
from joulestream.device.config import check_table
from joulestream.framing import Decoder
from joulestream.host_tools.adversaries.bank import (
    ASSET,
    COLLECT_WITHIN_S,
    LEDGER_NUMBER,
    PAYOUT_ACCOUNT,
    SIGNERS,
    START_S,
)
from joulestream.host_tools.ledger.book import asset_name
from joulestream.host_tools.simulation.parts import HOLD_MS, Board, LinkUart
from joulestream.messages import UPDATE
from joulestream.pole import config as pole_config
from joulestream.pole import main as pole_main
from joulestream.runtime.supervisor import Supervisor
from joulestream.signing import TABLE_SIZE
from joulestream.testkit.flash import NorFlash
from joulestream.testkit.meter import Meter
from joulestream.units import MS_PER_HOUR
from joulestream.vehicle import config as vehicle_config
from joulestream.vehicle import main as vehicle_main

STEP_MS = 50
CONTACTOR_DELAY_MS = 50
PRICE = 320_000
HIGHEST_PRICE = 2 * PRICE
PACKET_MWH = 10_000
PACKET_MS = 4_000
# The price of one packet. Credit and prepayment together exceed it, so that the contactor stays
# closed while a packet is paid.
PACKET = PRICE * PACKET_MWH // 1_000_000
CREDIT = PREPAY = PACKET * 6 // 10
# The most that a vehicle pays ahead: a new channel starts with a whole packet.
MOST_PREPAID = PACKET
POWER_MW = 11_000_000
MAX_POWER_W = 11_500
LINK_TIMEOUT_MS = 6_000
RETRY_MS = 250
AUDIT_WAIT_MS = 600
AUDIT_PERCENT = 3
RECONNECT_MS = 300
_METER = {"model": "sdm120", "baud": 9_600, "turnaround_ms": 30}
_METER_REGISTER_MWH = 7_000
_BLOCKS = 12
_BLOCK_SIZE = 2_048
_WARM_UP_MS = 1_000


class Stage:
    """The parts that both stages share.

    Attributes:
        peer: the script at the cable's other end (peers.Peer), or None.
        plugged: whether the plug is in.
        knows_time: whether the honest side's board has a clock that knows the time.
        contact_closed: whether current can flow in this step.
        load_mw: the power that flows then; below 0: the vehicle feeds power back.
        price_per_kwh: the agreed price of the energy that flows now.
        flowed_mw_ms: energy that flowed, in mW times ms.
        value_numerator: each part of that energy times its price.
        closings: how often the contact was to be closed.
    """

    def __init__(self, name: str) -> None:
        self.now_ms = 0
        self.peer: Any = None
        self.nonces = 0  # that the peers on this stage have used
        self.plugged = True
        self.contact_closed = False
        self.price_per_kwh = PRICE
        self.flowed_mw_ms = 0
        self.value_numerator = 0
        self.closings = 0
        self._payloads: list[bytes] = []  # on their way to the peer
        self.supervisor: Any = None  # None without power
        self.load_mw = POWER_MW
        self.knows_time = True
        self._start_s = START_S
        rng = Random(f"adversaries {name}")
        self._contact_wanted = False
        self._contact_at_ms = 0
        self._decoder = Decoder(self._take)
        self.meter = Meter(_METER_REGISTER_MWH, step_mwh=1)
        flash = NorFlash(_BLOCKS, _BLOCK_SIZE)
        self.board = Board(name, LinkUart(self._write), self.meter, flash, 1_000, 0, rng)

    # Parts of a stage

    def make(self) -> Any:
        """Return the firmware's loop, assembled from its configuration, key and journal."""
        raise NotImplementedError

    def wants_contact(self) -> bool:
        """Return whether the contact is to be closed."""
        raise NotImplementedError

    # Time

    def boot(self) -> None:
        """Switch the honest side on, with the contents of its flash."""
        self.board.contactor_closed = False
        self._set_clocks()
        self.supervisor = Supervisor(self.make, self.board)

    def cut_power(self, for_ms: int = 1_000) -> None:
        """Switch the honest side off at this moment, and on again after `for_ms`."""
        self.board.contactor_closed = False
        self.board.link = LinkUart(self._write)
        self.supervisor = None
        self.pass_time(for_ms)
        self.board.flash.power_up()
        self.boot()
        self.pass_time(_WARM_UP_MS)

    def lose_journal(self) -> None:
        """Start the honest side with an empty flash, as after a failed chip."""
        self.supervisor = None
        self.board.flash = NorFlash(_BLOCKS, _BLOCK_SIZE)
        self.cut_power()

    def step(self) -> None:
        """Let one step of time pass: energy flows, both sides act, the contact follows."""
        self.now_ms += STEP_MS
        self._flow()
        self._set_clocks()
        if self.peer is not None and self.plugged:
            self.peer.step()
        if self.supervisor is not None:
            self.board.is_plugged = self.plugged
            faults = self.supervisor.faults
            self.supervisor.step(self.board.now_ms())
            self.supervisor.idle()
            assert self.supervisor.faults == faults, self.supervisor.last_fault
        self._deliver()
        self._follow_contact()

    def pass_time(self, for_ms: int) -> None:
        """Let `for_ms` pass."""
        for _ in range(-(-for_ms // STEP_MS)):
            self.step()

    def run(self, condition: Callable[[], Any], limit_ms: int = 120_000) -> None:
        """Step until `condition()` holds. Raises AssertionError after `limit_ms`."""
        until_ms = self.now_ms + limit_ms
        while not condition():
            assert self.now_ms < until_ms, f"the condition never held: {self.status()}"
            self.step()

    def skip(self, seconds: int) -> None:
        """Leave the honest side without power for `seconds`. No steps are simulated meanwhile."""
        self._start_s += seconds
        self.cut_power()

    def replug(self) -> None:
        """Pull the plug, let the honest side see it, and plug in again."""
        self.plugged = False
        self.pass_time(1_500)
        self.plugged = True

    # The view from outside

    @property
    def now_s(self) -> int:
        """The unix time. The honest side may not know it."""
        return self._start_s + self.now_ms // 1_000

    @property
    def flowed_mwh(self) -> int:
        """Energy that flowed."""
        return self.flowed_mw_ms // MS_PER_HOUR

    @property
    def value(self) -> float:
        """The value of all energy that flowed, at the agreed prices, in claim units."""
        return self.value_numerator / (MS_PER_HOUR * 1_000_000)

    def status(self) -> dict[str, Any]:
        """Return the honest side's own status."""
        return {"state": "off"} if self.supervisor is None else self.supervisor.status()

    def last_stop(self) -> str | None:
        """Return the name of the reason that ended the honest side's last session."""
        return self.status().get("last_stop")

    def put(self, data: bytes) -> None:
        """Let bytes come in at the honest side's end of the cable."""
        if self.plugged:
            self.board.link.put(data)

    # Parts

    def _set_clocks(self) -> None:
        self.board.set_time(self.now_ms)
        self.board.unix_s = self.now_s if self.knows_time else None

    def _flow(self) -> None:
        power_mw = self.load_mw if self.contact_closed and self.plugged else 0
        self.meter.advance(power_mw, STEP_MS)
        power_mw = max(power_mw, 0)
        self.flowed_mw_ms += power_mw * STEP_MS
        self.value_numerator += power_mw * STEP_MS * self.price_per_kwh

    def _follow_contact(self) -> None:
        wanted = self.wants_contact()
        if wanted != self._contact_wanted:
            self.closings += wanted
            self._contact_wanted = wanted
            self._contact_at_ms = self.now_ms + CONTACTOR_DELAY_MS
        if self.now_ms >= self._contact_at_ms:
            self.contact_closed = self._contact_wanted

    def _write(self, frame: bytes) -> None:
        self._decoder.feed(bytearray(frame), len(frame))

    def _take(self, payload: memoryview) -> None:
        data = bytes(payload)
        self.note(messages.decode(data))
        self._payloads.append(data)

    def note(self, message: Any) -> None:
        """Take note of a message that the honest side sent."""

    def _deliver(self) -> None:
        payloads, self._payloads = self._payloads, []
        if self.peer is not None and self.plugged:
            for payload in payloads:
                self.peer.receive(payload)


def issuer_row(name: str, limit: int = 1 << 40) -> dict[str, Any]:
    """Return the row of the pole's configuration for the issuer of that name."""
    return {
        "key": SIGNERS[name].public_key.hex(),
        "limit": limit,
        "kind": "sql",
        "chain_id": LEDGER_NUMBER,
        "contract": SIGNERS["issuer"].public_key.hex(),
        "asset": asset_name(ASSET),
        "base_units_per_claim_unit": 1,
    }


class PoleStage(Stage):
    """The stage of an honest pole. The pole's own contactor drives the contact."""

    def __init__(self, key: str = "pole", **changes: Any) -> None:
        super().__init__(key)
        self._signer = SIGNERS[key]
        values = {
            "board": {},
            "seed_file": "-",
            "payout_account": PAYOUT_ACCOUNT.hex(),
            "issuers": [issuer_row("issuer", changes.pop("limit", 1 << 40))],
            "collect_within_s": COLLECT_WITHIN_S,
            "min_capacity": 1,
            "prices": [{"from_s": 0, "price_per_kwh": PRICE}],
            "credit": CREDIT,
            "prepay": PREPAY,
            "packet_energy_mwh": PACKET_MWH,
            "packet_ms": PACKET_MS,
            "max_power_w": MAX_POWER_W,
            "phases": 1,
            "meter": _METER,
            "link_timeout_ms": LINK_TIMEOUT_MS,
            "retry_ms": RETRY_MS,
            "max_channels": 16,
            "contactor_hold_ms": HOLD_MS,
        }
        self.config = pole_config.consistent(check_table(pole_config.TABLE, values | changes))
        self._table = bytearray(TABLE_SIZE)
        self.boot()
        self.pass_time(_WARM_UP_MS)

    def make(self) -> Any:
        return pole_main.assemble(self.config, self.board, self._signer, self._table)

    def wants_contact(self) -> bool:
        board = self.board
        if board.contactor_closed and self.now_ms - board.contactor_told_ms > HOLD_MS:
            board.contactor_closed = False
        return board.contactor_closed

    def ended(self) -> bool:
        """Return whether no session is open and the contact is open."""
        loop = self.supervisor.loop if self.supervisor else None
        return loop is not None and loop.is_at_rest() and not self.contact_closed

    def run_to_end(self, *reasons: str) -> None:
        """Run until the peer's session is over; it must have ended for one of `reasons`."""
        peer = self.peer
        # Before the peer's session has begun, the last reason is that of an older session.
        self.run(lambda: self.ended() and (peer.packets or peer.stop_reason) and self.last_stop())
        assert self.last_stop() in reasons, (self.last_stop(), reasons)
        assert not self.contact_closed and not self.board.contactor_closed


class VehicleStage(Stage):
    """The stage of an honest vehicle with its own meter. The peer drives the contact.

    Attributes:
        claims: all claims that ever left the vehicle: (channel id, amount, signature).
    """

    def __init__(self, load: Callable[[], list[Certificate]], **changes: Any) -> None:
        super().__init__("vehicle")
        self.claims: list[tuple[bytes, int, bytes]] = []
        self._load = load
        values = {
            "board": {},
            "seed_file": "-",
            "certificates": ["-"],
            "budget": 1 << 40,
            "max_price_per_kwh": HIGHEST_PRICE,
            "energy_wanted_mwh": 1 << 40,
            "prepay": MOST_PREPAID,
            "audit_percent": AUDIT_PERCENT,
            "audit_wait_ms": AUDIT_WAIT_MS,
            "max_power_w": MAX_POWER_W,
            "meter": _METER,
            "link_timeout_ms": LINK_TIMEOUT_MS,
            "retry_ms": RETRY_MS,
            "reconnect_ms": RECONNECT_MS,
        }
        self.config = vehicle_config.consistent(
            check_table(vehicle_config.TABLE, values | changes)
        )
        self.boot()

    def make(self) -> Any:
        return vehicle_main.assemble(self.config, self.board, SIGNERS["vehicle"], self._load)

    def wants_contact(self) -> bool:
        return self.peer is not None and self.plugged and self.peer.energises()

    def note(self, message: Any) -> None:
        if message.number == UPDATE:
            self.claims.append((self.peer.channel_id, message.amount, bytes(message.signature)))
