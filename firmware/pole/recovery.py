"""The open session in the journal, and what a power cut left of it: closed and billed, once.

The meter's register outlives the pole's supply. What it counted until the relay fell open is due
on the channel that was energised, at the prices that were agreed; nothing is guessed.
"""

from joulestream.fields import BYTES, UINT, Record
from joulestream.tariff import Tariff
from joulestream.units import energy_from_power, packet_amount

_KEY = b"s"


class OpenSession(Record):
    """An open session: while its channel stood at `energy_mwh`, the register said `register_mwh`.

    `next_price_per_kwh` holds from `next_from_mwh` on; it is 0 while no change is agreed. A
    `price_per_kwh` of 0 says that no session is open.
    """

    LAYOUT = (
        ("channel_id", 32, BYTES),
        ("register_mwh", 6, UINT),
        ("energy_mwh", 6, UINT),
        ("price_per_kwh", 8, UINT),
        ("next_price_per_kwh", 8, UINT),
        ("next_from_mwh", 6, UINT),
    )


class SessionLog:
    """Keeps the open session in `journal`."""

    def __init__(self, config, journal, accounts):
        self._journal = journal
        self._accounts = accounts
        self._config = config
        data = journal.get(_KEY)
        self.left_open = None if data is None else OpenSession.from_bytes(data)
        if self.left_open is not None and not self.left_open.price_per_kwh:
            self.left_open = None

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
        self._journal.put(
            _KEY,
            OpenSession(
                channel_id=channel_id,
                register_mwh=max(register_mwh, 0),
                energy_mwh=register_energy_mwh,
                price_per_kwh=tariff.price_per_kwh,
                next_price_per_kwh=tariff.next_price_per_kwh or 0,
                next_from_mwh=tariff.next_from_mwh,
            ).to_bytes(),
        )

    def close(self):
        """Note that no session is open. Raises OSError."""
        if self._journal.get(_KEY) is not None:
            nothing = OpenSession(
                channel_id=bytes(32),
                register_mwh=0,
                energy_mwh=0,
                price_per_kwh=0,
                next_price_per_kwh=0,
                next_from_mwh=0,
            )
            self._journal.put(_KEY, nothing.to_bytes())

    def recover(self, register_mwh, step_mwh):
        """Bill what flowed after the last stored update of a session that the power cut.

        `register_mwh` and `step_mwh` are the register and its step now. A register that went back,
        or further than this pole would have let it, is not this session's: nothing is billed that
        was not recorded. Raises OSError; nothing is lost then, and it can be done again.
        """
        left = self.left_open
        account = self._accounts.load(left.channel_id)
        energy_mwh = left.energy_mwh + register_mwh - left.register_mwh
        if energy_mwh > account.energy_mwh:
            tariff = Tariff(
                account.energy_mwh, account.amount_due, left.price_per_kwh, account.remainder
            )
            if left.next_price_per_kwh:
                from_mwh = max(left.next_from_mwh, account.energy_mwh)
                tariff.change(from_mwh, left.next_price_per_kwh)
            amount_due = tariff.amount_due(energy_mwh)
            if amount_due - account.amount <= self._most_unpaid(left, step_mwh):
                account.remainder = tariff.remainder(energy_mwh)
                account.amount_due = amount_due
                account.energy_mwh = energy_mwh
                self._accounts.store(left.channel_id, account)
        self.close()
        self.left_open = None

    def _most_unpaid(self, left, step_mwh):
        """Return the most that can be unpaid when a pole loses its supply, in claim units."""
        config = self._config
        late_ms = config.meter.timeout_ms + config.link_timeout_ms + config.relay_hold_ms
        late_mwh = energy_from_power(config.max_power_mw, late_ms) + 2 * step_mwh
        dearest = max(left.price_per_kwh, left.next_price_per_kwh)
        return config.credit + packet_amount(dearest, late_mwh)
