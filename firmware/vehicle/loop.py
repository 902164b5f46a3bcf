"""The vehicle's one loop: read its own meter, poll the link, run the session."""

from joulestream import errors
from joulestream.link.uart import Link
from joulestream.meter.counter import EnergyCounter
from joulestream.runtime.fault import load_fault, store_fault
from joulestream.session import CLOSED, IDLE, STATE_NAMES
from joulestream.units import MS_PER_HOUR, ticks_diff


class OwnMeter:
    """The vehicle's own meter: `measure` follows it, `reason` tells why it cannot be trusted.

    `total_mwh` goes on where the register stands, over reboots; `step_mwh` is the register's step.
    """

    def __init__(self, config, board):
        self._counter = EnergyCounter(config.meter, board.uart("meter"), config.max_power_mw)
        self._base_mwh = None
        self.step_mwh = 0
        self.total_mwh = 0
        self.reason = errors.METER_SILENT

    def measure(self, now_ms):
        """Follow the meter up to `now_ms`."""
        counter = self._counter
        counter.measure(None, now_ms)
        if self._base_mwh is None and counter.register_mwh is not None:
            self._base_mwh = max(counter.register_mwh, 0)
        self.step_mwh = counter.step_mwh
        self.reason = counter.reason
        self.total_mwh = (self._base_mwh or 0) + counter.total_mwh


class PowerAudit:
    """For a vehicle without a meter: the most that can have flowed, maximum power times time."""

    def __init__(self, max_power_mw):
        self._max_power_mw = max_power_mw
        self._numerator = 0
        self._last_ms = None
        self.step_mwh = 0
        self.total_mwh = 0
        self.reason = 0

    def measure(self, now_ms):
        """Let time pass up to `now_ms`."""
        if self._last_ms is not None:
            self._numerator += self._max_power_mw * max(ticks_diff(now_ms, self._last_ms), 0)
            self.total_mwh = self._numerator // MS_PER_HOUR
        self._last_ms = now_ms


class VehicleLoop:
    """Wires own meter, link and payer; `step(now_ms)` never blocks.

    `own_meter` is an OwnMeter or a PowerAudit; `board` offers `uart(name)`, `plugged()` and
    `now_ms()`.
    """

    def __init__(self, board, payer, own_meter, journal):
        self._board = board
        self._journal = journal
        self._payer = payer
        self._own = own_meter
        self._now_ms = board.now_ms()
        self._link = Link(board.uart("link"), self._deliver)
        self._recorded_fault = load_fault(journal)

    def step(self, now_ms):
        """Do one round at `now_ms`."""
        self._now_ms = now_ms
        self._own.measure(now_ms)
        self._link.poll()
        self._payer.step(self._own, self._board.plugged(), now_ms)
        outbox = self._payer.session.outbox
        for payload in outbox:
            self._link.send(payload)
        outbox.clear()

    def idle(self):
        """Do what takes long, when nothing waits: erase flash ahead of need."""
        if not self._payer.is_ready():
            self._journal.prepare()
        elif not self._payer.is_in_packet():
            self._journal.tend()

    def stop(self, reason):
        """End the session, if there is one, for `reason` (errors.py)."""
        self._payer.stop(reason, self._now_ms)

    def is_at_rest(self):
        """Return whether no session is open, so that nothing is lost by starting anew."""
        return self._payer.session.state in (IDLE, CLOSED)

    def record_fault(self, why):
        """Journal why the loop before this one was given up. Raises OSError."""
        store_fault(self._journal, why)
        self._recorded_fault = why

    def status(self):
        """Return what the vehicle does and why, as a flat dictionary."""
        payer = self._payer
        channel = payer.channel
        status = {
            "role": "vehicle",
            "state": STATE_NAMES[payer.session.state],
            "why": self._why(),
            "last_stop": errors.reason_name(payer.last_stop) if payer.last_stop else None,
            "own_mwh": self._own.total_mwh,
            "budget_left": payer.budget_left,
            "packets": payer.packets,
            "frames_dropped": self._link.dropped(),
            "frames_late": payer.session.stale,
            "retransmissions": payer.session.retransmissions,
            "bytes_sent": self._link.bytes_sent,
            "journal_damaged": self._journal.damaged,
            "journal_bad_blocks": self._journal.bad_blocks,
            "recorded_fault": self._recorded_fault,
        }
        if channel is not None:
            status["energy_mwh"] = payer.energy_mwh
            status["signed"] = channel.signed
            status["amount_due"] = channel.amount_due
            status["price_per_kwh"] = payer.tariff.price_per_kwh
        if payer.receipt is not None:
            status["receipt"] = payer.receipt
        return status

    def _why(self):
        payer = self._payer
        if payer.last_stop:
            return errors.reason_name(payer.last_stop)
        if self._own.reason:
            return errors.reason_name(self._own.reason)
        return "PAYING" if payer.packets else STATE_NAMES[payer.session.state].upper()

    def _deliver(self, payload):
        self._payer.receive(payload, self._now_ms)
