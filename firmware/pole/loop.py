"""The pole's one loop: read the meter, poll the link, run the session, drive the contactor."""

from joulestream import errors
from joulestream.compat import const
from joulestream.pole.charger import STATE_NAMES as CHARGER_STATES
from joulestream.pole.charger import Charger
from joulestream.pole.contactor import Contactor
from joulestream.pole.welding import WeldWatch
from joulestream.runtime.fault import load_fault, store_fault
from joulestream.runtime.pilot import PILOT_E, is_connected
from joulestream.session import STATE_NAMES

TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from typing import Any

    from joulestream.boards.contract import Board
    from joulestream.device.journal import Journal
    from joulestream.meter.counter import EnergyCounter
    from joulestream.pole.config import PoleConfig
    from joulestream.pole.payee import Payee

WAITING_FOR_PAYMENT = "WAITING_FOR_PAYMENT"
IDLE = "IDLE"


class PoleLoop:
    """Joins the pole's meter, link, payee and contactor on its board. `step` never blocks.

    Args:
        config: the checked configuration.
        board: the board.
        meter: the pole's meter.
        link: a Link (joulestream.link).
        payee: the pole's end of a session.
        journal: the journal in the board's storage.

    Attributes:
        meter: the meter that this loop follows.
        payee: the payee that this loop moves on.
        charger: the charger that this loop steps.
    """

    def __init__(
        self,
        config: "PoleConfig",
        board: "Board",
        meter: "EnergyCounter",
        link: "Any",
        payee: "Payee",
        journal: "Journal",
    ) -> None:
        self._board = board
        self.meter = meter
        self._link = link
        self.payee = payee
        self._journal = journal
        self._now_ms = board.now_ms()
        self._contactor = Contactor(
            board.contactor, config.contactor_hold_ms, journal, self._now_ms
        )
        self._welding = WeldWatch(journal, config.contactor_checked, config.max_power_mw)
        self.charger = Charger(
            config, board, self._contactor, self._welding, payee.power_limit, self._now_ms
        )
        self._recorded_fault = load_fault(journal)
        link.attach(self._deliver)

    def step(self, now_ms: int) -> None:
        """Do one round at the tick `now_ms`. Any exception opens the contactor, then passes on."""
        try:
            self._now_ms = now_ms
            meter, payee, charger = self.meter, self.payee, self.charger
            meter.advance(self._contactor.closed, now_ms)
            self._welding.follow(self._contactor.closed, meter, now_ms)
            meter.alarm = self._welding.alarm
            self._link.poll()
            pilot = self._board.pilot_state()
            # The charger names a short circuit; a pilot that it drives to -12 V shows nobody.
            is_here = is_connected(pilot) or pilot == PILOT_E or charger.hides_vehicle()
            payee.step(meter, is_here, now_ms)
            charger.step(pilot, payee.may_energise(), payee.must_pause(), meter, now_ms)
            meter.hazard = charger.reason
            if charger.reason and payee.charging is not None:
                payee.stop(charger.reason, now_ms)
            self._link.flush(payee.session.outbox)
        except Exception:
            self._contactor.open(now_ms)
            raise

    def idle(self) -> None:
        """Do the slow work: erase flash ahead of need.

        Nothing may be slow while an invoice waits for its update: then this call does nothing.
        """
        payee = self.payee
        try:
            if payee.is_in_packet():
                return
            if payee.can_store():
                self._journal.erase_step()
            else:
                # One erase at most: two take longer than the contactor holds.
                self._journal.erase_block()
        except Exception:
            self._contactor.open(self._now_ms)
            raise

    def stop(self, reason: int) -> None:
        """End the session, if there is one, for `reason` (errors.py)."""
        self.payee.stop(reason, self._now_ms)

    def is_at_rest(self) -> bool:
        """Return whether no session is open, so that a new start loses nothing."""
        return self.payee.charging is None

    def record_fault(self, why: str) -> None:
        """Journal why the loop before this one was given up. Raises OSError."""
        store_fault(self._journal, why)
        self._recorded_fault = why
        self.charger.rest_after_fault(self._now_ms)

    def status(self) -> "dict[str, Any]":
        """Return what the pole does and why, as a flat dictionary for people and programs."""
        payee = self.payee
        charging = payee.last_charging
        meter = self.meter
        charger = self.charger
        status = {
            "role": "pole",
            "state": STATE_NAMES[payee.session.state],
            "charging": self._contactor.closed,
            "charger": CHARGER_STATES[charger.state],
            "paused": charger.is_pausing(),
            "gate": self._board.gate() or "NONE",
            "desk_mode": charger.is_desk,
            "hazard": errors.reason_name(charger.reason) if charger.reason else None,
            "residual_test": charger.test.result,
            "opening_ms": charger.opening_ms,
            "current_limit_ma": charger.limit_ma,
            "contactor_closings": self._contactor.closings,
            "why": self._why(),
            "contactor_alarm": self._welding.number if self._welding.alarm else None,
            "meter": errors.reason_name(meter.doubt) if meter.doubt else "GOOD",
            "last_stop": errors.stop_name(payee.last_stop),
            "power_mw": meter.power_mw,
            "link": self._link.fault or "GOOD",
            "frames_dropped": self._link.dropped,
            "frames_late": payee.session.stale,
            "retransmissions": payee.session.retransmissions,
            "frames_unsent": self._link.unsent,
            "bytes_sent": self._link.bytes_sent,
            "bad_meter_answers": meter.driver.bad_answers,
            "meter_bytes_skipped": meter.driver.skipped_bytes,
            "journal_damaged": self._journal.damaged,
            "records_unreadable": payee.books.records.count_unreadable(),
            "journal_bad_blocks": self._journal.bad_blocks(),
            "claims_given_up": payee.books.slots.given_up,
            "recorded_fault": self._recorded_fault,
        }
        status["power_limit_mw"], status["power_limit_reason"] = payee.power_limit()
        if charging is not None:
            status["energy_mwh"] = charging.energy_mwh() - charging.start_energy_mwh
            status["price_per_kwh"] = charging.tariff.price_per_kwh
            status["packets"] = charging.packets
            status["paid"] = charging.record.amount
            status["unpaid"] = charging.unpaid
            status["max_unpaid"] = charging.max_unpaid
            status["max_prepaid"] = charging.max_prepaid
            status["credit"] = charging.credit
        if payee.receipt is not None:
            status["receipt"] = payee.receipt.figures()
        return status

    def _why(self) -> str:
        if self._contactor.closed:
            return "CHARGING"
        payee = self.payee
        if payee.charging is not None and payee.last_stop is None:
            waits_for = self.charger.waits_for() if payee.may_energise() else ""
            return waits_for or WAITING_FOR_PAYMENT
        stopped = errors.stop_name(payee.last_stop)
        if stopped is None and self.meter.reason:
            stopped = errors.reason_name(self.meter.reason)
        return stopped or IDLE

    def _deliver(self, payload: memoryview) -> None:
        self.payee.receive(payload, self._now_ms)
