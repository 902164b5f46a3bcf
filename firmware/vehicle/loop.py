"""The vehicle's one loop: it reads its own meter, polls the link and moves the payer on."""

from joulestream import errors
from joulestream.compat import const
from joulestream.runtime.fault import load_fault, store_fault
from joulestream.runtime.pilot import is_connected
from joulestream.session import STATE_NAMES
from joulestream.vehicle.plug import Plug

TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from typing import Any

    from joulestream.boards.contract import Board
    from joulestream.device.journal import Journal
    from joulestream.vehicle.own_meter import OwnMeter, PowerBound
    from joulestream.vehicle.payer import Payer


class VehicleLoop:
    """Joins the vehicle's own meter, link and payer on its board. `step` never blocks.

    Args:
        board: the board.
        own_meter: the vehicle's view of the energy that flowed.
        link: a Link (joulestream.link).
        payer: the vehicle's end of a session.
        journal: the journal in the board's storage.

    Attributes:
        own_meter: the own meter that this loop follows.
        payer: the payer that this loop moves on.
        plug: the vehicle's side of the pilot.
    """

    def __init__(
        self,
        board: "Board",
        own_meter: "OwnMeter | PowerBound",
        link: "Any",
        payer: "Payer",
        journal: "Journal",
    ) -> None:
        self._board = board
        self.own_meter = own_meter
        self._link = link
        self.payer = payer
        self._journal = journal
        self._now_ms = board.now_ms()
        self.plug = Plug(board)
        self._recorded_fault = load_fault(journal)
        link.attach(self._deliver)

    def step(self, now_ms: int) -> None:
        """Do one round at the tick `now_ms`. An exception asks for no power, then passes on."""
        try:
            self._now_ms = now_ms
            self.own_meter.advance(now_ms)
            self._link.poll()
            is_here = is_connected(self._board.pilot_state())
            self.payer.step(self.own_meter, is_here, now_ms)
            self.plug.follow(self.payer, is_here, now_ms)
            self._link.flush(self.payer.session.outbox)
        except Exception:
            self.plug.release()
            raise

    def idle(self) -> None:
        """Erase flash ahead of need. While an invoice waits, erase only if it cannot be stored."""
        if not self.payer.can_store():
            self._journal.erase_block()
        elif not self.payer.is_in_packet():
            self._journal.erase_step()

    def stop(self, reason: int) -> None:
        """End the session, if there is one, for `reason` (errors.py)."""
        self.payer.stop(reason, self._now_ms)

    def is_at_rest(self) -> bool:
        """Return whether no session is open, so that a new start loses nothing."""
        return self.payer.session.is_quiet()

    def record_fault(self, why: str) -> None:
        """Store the reason `why` the loop before this one ended in the journal. Raises OSError."""
        store_fault(self._journal, why)
        self._recorded_fault = why

    def status(self) -> "dict[str, Any]":
        """Return the vehicle's state and the reason for it, as a flat dictionary."""
        payer = self.payer
        record = payer.record
        status: dict[str, Any] = {
            "role": "vehicle",
            "state": STATE_NAMES[payer.session.state],
            "why": self._why(),
            "last_stop": errors.stop_name(payer.last_stop),
            "own_mwh": self.own_meter.total_mwh,
            "budget_left": payer.budget_left,
            "packets": payer.packets,
            "link": self._link.fault or "GOOD",
            "frames_dropped": self._link.dropped,
            "frames_late": payer.session.stale,
            "retransmissions": payer.session.retransmissions,
            "frames_unsent": self._link.unsent,
            "bytes_sent": self._link.bytes_sent,
            "journal_damaged": self._journal.damaged,
            "journal_bad_blocks": self._journal.bad_blocks(),
            "recorded_fault": self._recorded_fault,
            "asks_for_power": self.plug.asks,
            "offered_ma": self.plug.offered_ma,
            "charger_limit_ma": self.plug.limit_ma,
        }
        if record is not None and payer.tariff is not None:
            status["energy_mwh"] = payer.energy_mwh
            status["signed"] = record.signed
            status["amount_due"] = record.amount_due
            status["price_per_kwh"] = payer.tariff.price_per_kwh
            # The audit tolerates a step of the own meter: that is more than a packet here.
            status["own_meter_coarse"] = self.own_meter.step_mwh > payer.packet_energy_mwh
        if payer.receipt is not None:
            status["receipt"] = payer.receipt
        return status

    def _why(self) -> str:
        payer = self.payer
        stopped = errors.stop_name(payer.last_stop)
        if stopped is not None:
            return stopped
        if self.own_meter.reason:
            return errors.reason_name(self.own_meter.reason)
        return "PAYING" if payer.packets else STATE_NAMES[payer.session.state].upper()

    def _deliver(self, payload: memoryview) -> None:
        self.payer.receive(payload, self._now_ms)
