"""The pole's one loop: read the meter, poll the link, run the session, drive the contactor."""

from joulestream import errors
from joulestream.link.uart import Link
from joulestream.meter.counter import EnergyCounter
from joulestream.pole.contactor import Contactor
from joulestream.runtime.fault import load_fault, store_fault
from joulestream.session import STATE_NAMES

WAITING_FOR_PAYMENT = "WAITING_FOR_PAYMENT"
IDLE = "IDLE"


class PoleLoop:
    """Wires meter, link, payee and contactor; `step(now_ms)` never blocks.

    `board` offers `uart(name)`, `contactor(closed)`, `plugged()`, `now_ms()` and `time_s()` (see
    boards/unix.py).
    """

    def __init__(self, config, board, payee, journal):
        self._board = board
        self._payee = payee
        self._journal = journal
        self._meter = EnergyCounter(config.meter, board.uart("meter"), config.max_power_mw)
        self._now_ms = board.now_ms()
        self._link = Link(board.uart("link"), self._deliver)
        self._contactor = Contactor(board.contactor, config.contactor_hold_ms)
        self._recorded_fault = load_fault(journal)

    def step(self, now_ms):
        """Do one round at `now_ms`. A fault of any kind opens the contactor before it is raised."""
        try:
            self._now_ms = now_ms
            self._meter.measure(self._contactor.closed, now_ms)
            self._link.poll()
            self._payee.step(self._meter, self._board.plugged(), now_ms)
            self._switch(now_ms)
            self._flush()
        except Exception:
            self._contactor.open()
            raise

    def idle(self):
        """Do what takes long, when nothing waits: erase flash ahead of need, keep the time."""
        payee = self._payee
        try:
            if payee.is_in_packet():
                return
            if payee.is_ready():
                self._journal.tend()
            else:
                self._journal.prepare()
            if payee.is_ready():
                payee.keep_time(self._board.time_s(), self._now_ms)
        except Exception:
            self._contactor.open()
            raise

    def stop(self, reason):
        """End the session, if there is one, for `reason` (errors.py)."""
        self._payee.stop(reason, self._now_ms)

    def is_at_rest(self):
        """Return whether no session is open, so that nothing is lost by starting anew."""
        return self._payee.charge is None

    def record_fault(self, why):
        """Journal why the loop before this one was given up. Raises OSError."""
        store_fault(self._journal, why)
        self._recorded_fault = why

    def status(self):
        """Return what the pole does and why, as a flat dictionary for people and programs."""
        payee = self._payee
        charge = payee.last_charge
        meter = self._meter
        status = {
            "role": "pole",
            "state": STATE_NAMES[payee.session.state],
            "charging": self._contactor.closed,
            "why": self._why(),
            "meter": errors.reason_name(meter.reason) if meter.reason else "GOOD",
            "last_stop": errors.reason_name(payee.last_stop) if payee.last_stop else None,
            "power_mw": meter.power_mw,
            "frames_dropped": self._link.dropped(),
            "frames_late": payee.session.stale,
            "retransmissions": payee.session.retransmissions,
            "bytes_sent": self._link.bytes_sent,
            "bad_meter_answers": meter.bad_answers,
            "journal_damaged": self._journal.damaged,
            "journal_bad_blocks": self._journal.bad_blocks,
            "recorded_fault": self._recorded_fault,
        }
        if charge is not None:
            status["energy_mwh"] = charge.energy_mwh - charge.start_energy_mwh
            status["price_per_kwh"] = charge.tariff.price_per_kwh
            status["packets"] = charge.packets
            status["paid"] = charge.account.amount
            status["unpaid"] = charge.unpaid
            status["max_unpaid"] = charge.max_unpaid
            status["max_prepaid"] = charge.max_prepaid
            status["credit"] = charge.credit()
        if payee.receipt is not None:
            status["receipt"] = payee.receipt
        return status

    def _why(self):
        if self._contactor.closed:
            return "CHARGING"
        payee = self._payee
        if payee.charge is not None and not payee.last_stop:
            return WAITING_FOR_PAYMENT
        reason = payee.last_stop or self._meter.reason
        return errors.reason_name(reason) if reason else IDLE

    def _deliver(self, payload):
        self._payee.receive(payload, self._now_ms)

    def _switch(self, now_ms):
        if self._contactor.expired(now_ms):
            self._contactor.open()
            self._payee.stop(errors.INTERNAL, now_ms)
        if self._payee.may_energise() and not self._meter.reason and self._board.plugged():
            self._contactor.arm(now_ms)
        elif self._contactor.closed:
            self._contactor.open()

    def _flush(self):
        outbox = self._payee.session.outbox
        for payload in outbox:
            self._link.send(payload)
        outbox.clear()
