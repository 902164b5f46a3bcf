"""The last session in the journal, and what a power cut left of it: closed and billed, once.

The meter's register outlives the pole's supply. What it counted until the contactor fell open is due
on the channel that was energised, at the prices that were agreed; nothing is guessed. What was
billed inside a step of the register, ahead of it, is not billed again when the register gets
there.
"""

from joulestream.device import journal_keys
from joulestream.fields import BYTES, UINT, Record
from joulestream.tariff import Tariff
from joulestream.units import energy_from_power, packet_amount


class LoggedSession(Record):
    """A session: while its channel stood at `energy_mwh`, the register said `register_mwh`.

    `next_price_per_kwh` holds from `next_from_mwh` on; it is 0 while no change is agreed. A
    `price_per_kwh` of 0 says that the session is closed.
    """

    channel_id: bytes
    register_mwh: int
    energy_mwh: int
    price_per_kwh: int
    next_price_per_kwh: int
    next_from_mwh: int
    LAYOUT = (
        ("channel_id", 32, BYTES),
        ("register_mwh", 6, UINT),
        ("energy_mwh", 6, UINT),
        ("price_per_kwh", 8, UINT),
        ("next_price_per_kwh", 8, UINT),
        ("next_from_mwh", 6, UINT),
    )


class SessionLog:
    """Keeps the last session in `journal`; `is_settled` once nothing of before has to be done."""

    def __init__(self, config, journal, records):
        self._journal = journal
        self._records = records
        self._config = config
        data = journal.get(journal_keys.SESSION)
        self._last = None if data is None else LoggedSession.from_bytes(data)
        self.is_settled = self._last is None

    def open(self, channel_id, meter, energy_mwh, tariff):
        """Note a session whose channel stands at `energy_mwh` by now. Raises OSError.

        `meter` is the meter.counter.EnergyCounter. Called anew when a tariff change is agreed.
        """
        ahead_mwh = meter.total_mwh - meter.register_total_mwh
        # On a new meter the register may stand below what the channel has had already.
        register_mwh = meter.register_mwh
        register_energy_mwh = energy_mwh - ahead_mwh
        if register_energy_mwh < 0:
            register_mwh -= register_energy_mwh
            register_energy_mwh = 0
        self._last = LoggedSession(
            channel_id=channel_id,
            register_mwh=max(register_mwh, 0),
            energy_mwh=register_energy_mwh,
            price_per_kwh=tariff.price_per_kwh,
            next_price_per_kwh=tariff.next_price_per_kwh or 0,
            next_from_mwh=tariff.next_from_mwh,
        )
        self._journal.put(journal_keys.SESSION, self._last.to_bytes())

    def close(self):
        """Note that the session is closed. Raises OSError."""
        if self._last is not None and self._last.price_per_kwh:
            self._last.price_per_kwh = 0
            self._journal.put(journal_keys.SESSION, self._last.to_bytes())

    def settle(self, meter):
        """Settle what was before the start; done once, by the first good reading of `meter`.

        Bills what flowed after the last stored update of a session that the power cut. A register
        that went back, or further than this pole would have let it, is not this session's: nothing
        is billed that was not recorded. Raises OSError; nothing is lost then, and it can be done
        again.
        """
        last = self._last
        record = self._records.load(last.channel_id)
        energy_mwh = last.energy_mwh + meter.register_mwh - last.register_mwh
        if last.price_per_kwh and energy_mwh > record.energy_mwh:
            self._bill(record, energy_mwh, meter.step_mwh)
        ahead_mwh = record.energy_mwh - energy_mwh
        if 0 < ahead_mwh <= meter.step_mwh:
            meter.skip_counted(ahead_mwh)
        self.close()
        self.is_settled = True

    def _bill(self, record, energy_mwh, step_mwh):
        """Store `record` with all due up to `energy_mwh`, if so much can have flowed."""
        last = self._last
        most_mwh = self._most_mwh(step_mwh)
        if energy_mwh - record.energy_mwh > most_mwh:
            return
        tariff = Tariff(record.energy_mwh, record.amount_due, last.price_per_kwh, record.remainder)
        if last.next_price_per_kwh:
            from_mwh = max(last.next_from_mwh, record.energy_mwh)
            tariff.change(from_mwh, last.next_price_per_kwh)
        amount_due = tariff.amount_due(energy_mwh)
        dearest = max(last.price_per_kwh, last.next_price_per_kwh)
        if amount_due - record.amount > self._config.credit + packet_amount(dearest, most_mwh):
            return
        record.remainder = tariff.remainder(energy_mwh)
        record.amount_due = amount_due
        record.energy_mwh = energy_mwh
        self._records.store(last.channel_id, record)

    def _most_mwh(self, step_mwh):
        """Return the most that can flow after the last stored update until a pole that lost its
        supply has opened its contactor.

        A packet had begun when its invoice was sent. The next invoice is sent within the link
        timeout, and answered within another.
        """
        config = self._config
        late_ms = config.meter.timeout_ms + 2 * config.link_timeout_ms + config.contactor_hold_ms
        late_mwh = energy_from_power(config.max_power_mw, late_ms)
        return late_mwh + config.packet_energy_mwh + 2 * step_mwh
