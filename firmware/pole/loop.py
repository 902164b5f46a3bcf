"""The pole's one loop: read the meter, poll the link, run the session, drive the relay."""

from joulestream import errors
from joulestream.link import Link
from joulestream.session import STATE_NAMES
from meter.eastron import EastronMeter
from meter.estimate import EnergyEstimate
from meter.watch import MeterWatch
from pole.relay import Relay

WAITING_FOR_PAYMENT = "WAITING_FOR_PAYMENT"
IDLE = "IDLE"


class PoleLoop:
    """Wires meter, link, payee and relay; `step(now_ms)` never blocks.

    `board` offers `uart(name)`, `relay(closed)` and `plugged()` (see boards/unix.py).
    """

    def __init__(self, config, board, payee, journal):
        meter = config.meter
        self._board = board
        self._payee = payee
        self._journal = journal
        self._meter = EastronMeter(
            board.uart("meter"), meter.model, meter.unit, meter.interval_ms, meter.answer_ms
        )
        self._watch = MeterWatch(
            self._meter,
            config.max_power_mw,
            meter.timeout_ms,
            meter.frozen_ms,
            meter.recover_ms,
        )
        self._estimate = EnergyEstimate()
        self._now_ms = 0
        self._meter_reason = errors.METER_SILENT
        self._power_mw = 0
        self._link = Link(board.uart("link"), self._deliver)
        self._relay = Relay(board.relay, config.relay_hold_ms)

    def step(self, now_ms):
        """Do one round at `now_ms`. A fault of any kind opens the relay before it is raised."""
        try:
            self._now_ms = now_ms
            self._measure(now_ms)
            self._link.poll()
            self._payee.step(
                self._estimate.advance(now_ms), self._meter_reason, self._board.plugged(), now_ms
            )
            self._switch(now_ms)
            self._flush()
        except Exception:
            self._relay.open()
            raise

    def idle(self):
        """Do what takes long, when nothing waits: erase flash ahead of need."""
        try:
            self._journal.tend()
            self._payee.keep_time(self._now_ms)
        except Exception:
            self._relay.open()
            raise

    def status(self):
        """Return what the pole does and why, as a flat dictionary for people and programs."""
        payee = self._payee
        charge = payee.last_charge
        status = {
            "role": "pole",
            "state": STATE_NAMES[payee.session.state],
            "charging": self._relay.closed,
            "why": self._why(),
            "meter": errors.reason_name(self._meter_reason) if self._meter_reason else "GOOD",
            "last_stop": errors.reason_name(payee.last_stop) if payee.last_stop else None,
            "power_mw": self._power_mw,
            "frames_dropped": self._link.dropped(),
            "frames_late": payee.session.stale,
            "retransmissions": payee.session.retransmissions,
            "bytes_sent": self._link.bytes_sent,
            "bad_meter_answers": self._meter.bad_answers,
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
        if self._relay.closed:
            return "CHARGING"
        payee = self._payee
        if payee.charge is not None and not payee.last_stop:
            return WAITING_FOR_PAYMENT
        reason = payee.last_stop or self._meter_reason
        return errors.reason_name(reason) if reason else IDLE

    def _deliver(self, payload):
        self._payee.receive(payload, self._now_ms)

    def _measure(self, now_ms):
        reading = self._meter.poll(now_ms)
        if reading is not None:
            self._power_mw = reading.power_mw
            if self._watch.take(reading, self._relay.closed):
                self._estimate.take(reading)
            else:
                self._estimate.rebase()
        self._meter_reason = self._watch.reason(now_ms)

    def _switch(self, now_ms):
        if self._relay.expired(now_ms):
            self._relay.open()
            self._payee.stop(errors.INTERNAL, now_ms)
        if self._payee.may_energise() and not self._meter_reason and self._board.plugged():
            self._relay.arm(now_ms)
        elif self._relay.closed:
            self._relay.open()

    def _flush(self):
        outbox = self._payee.session.outbox
        for payload in outbox:
            self._link.send(payload)
        outbox.clear()
