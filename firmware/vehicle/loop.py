"""The vehicle's one loop: read its own meter, poll the link, run the session."""

from joulestream import errors
from joulestream.compat import TYPE_CHECKING
from joulestream.runtime.fault import load_fault, store_fault
from joulestream.runtime.pilot import is_connected
from joulestream.session import CLOSED, IDLE, STATE_NAMES

if TYPE_CHECKING:
    from typing import Any


class VehicleLoop:
    """Joins the vehicle's own meter, link and payer on its board; no call blocks.

    `own_meter` is an OwnMeter or a PowerBound (vehicle.own_meter), `link` a Link
    (joulestream.link), `payer` a vehicle.payer.Payer, `journal` the journal in the storage.
    """

    def __init__(
        self, board: "Any", own_meter: "Any", link: "Any", payer: "Any", journal: "Any"
    ) -> None:
        self._board = board
        self._own_meter = own_meter
        self._link = link
        self._payer = payer
        self._journal = journal
        self._now_ms = board.now_ms()
        self._recorded_fault = load_fault(journal)
        link.attach(self._deliver)

    @property
    def own_meter(self) -> "Any":
        """The own meter that this loop follows."""
        return self._own_meter

    @property
    def payer(self) -> "Any":
        """The payer that this loop moves on."""
        return self._payer

    def step(self, now_ms: int) -> None:
        """Do one round at the tick `now_ms`."""
        self._now_ms = now_ms
        self._own_meter.advance(now_ms)
        self._link.poll()
        self._payer.step(self._own_meter, is_connected(self._board.pilot_state()), now_ms)
        self._link.flush(self._payer.session.outbox)

    def idle(self) -> None:
        """Do the slow work: erase flash ahead of need, but not while an invoice waits."""
        if not self._payer.can_store():
            self._journal.erase_ahead()
        elif not self._payer.is_in_packet():
            self._journal.erase_step()

    def stop(self, reason: int) -> None:
        """End the session, if there is one, for `reason` (errors.py)."""
        self._payer.stop(reason, self._now_ms)

    def is_at_rest(self) -> bool:
        """Return whether no session is open, so that a new start loses nothing."""
        return self._payer.session.state in (IDLE, CLOSED)

    def record_fault(self, why: str) -> None:
        """Journal why the loop before this one was given up. Raises OSError."""
        store_fault(self._journal, why)
        self._recorded_fault = why

    def status(self) -> "dict[str, Any]":
        """Return what the vehicle does and why, as a flat dictionary for people and programs."""
        payer = self._payer
        record = payer.record
        status = {
            "role": "vehicle",
            "state": STATE_NAMES[payer.session.state],
            "why": self._why(),
            "last_stop": errors.reason_name(payer.last_stop) if payer.last_stop else None,
            "own_mwh": self._own_meter.total_mwh,
            "budget_left": payer.budget_left,
            "packets": payer.packets,
            "frames_dropped": self._link.dropped,
            "frames_late": payer.session.stale,
            "retransmissions": payer.session.retransmissions,
            "bytes_sent": self._link.bytes_sent,
            "journal_damaged": self._journal.damaged,
            "journal_bad_blocks": self._journal.bad_blocks,
            "recorded_fault": self._recorded_fault,
        }
        if record is not None:
            status["energy_mwh"] = payer.energy_mwh
            status["signed"] = record.signed
            status["amount_due"] = record.amount_due
            status["price_per_kwh"] = payer.tariff.price_per_kwh
        if payer.receipt is not None:
            status["receipt"] = payer.receipt
        return status

    def _why(self) -> str:
        payer = self._payer
        if payer.last_stop:
            return errors.reason_name(payer.last_stop)
        if self._own_meter.reason:
            return errors.reason_name(self._own_meter.reason)
        return "PAYING" if payer.packets else STATE_NAMES[payer.session.state].upper()

    def _deliver(self, payload: memoryview) -> None:
        self._payer.receive(payload, self._now_ms)
