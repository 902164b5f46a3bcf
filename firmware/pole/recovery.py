"""The last session in the journal. After a power cut, the rest of its energy is billed, once.

The meter's register outlives the pole's supply. The energy that it counted until the contactor
fell open is due on the channel that was energised, at the prices that were agreed. The pole bills
the register's word, up to the most that can have flowed. A register that went back has begun anew,
so its word is the figure that it shows.
"""

from joulestream.compat import const
from joulestream.device import journal_keys
from joulestream.device.own_record import UnreadableRecord, read_own
from joulestream.device.payee_records import bound_record
from joulestream.device.put_again import put_again
from joulestream.fields import BYTES, UINT, Record
from joulestream.tariff import Tariff
from joulestream.units import energy_from_power, packet_amount

TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from typing import Any

    from joulestream.device.journal import Journal
    from joulestream.device.payee_records import PayeeRecord, PayeeRecords
    from joulestream.meter.counter import EnergyCounter
    from joulestream.pole.config import PoleConfig


class LoggedSession(Record):
    """A session as it is journaled when the contactor may close.

    The register said `register_mwh` when the channel's energy was `energy_mwh`.
    `next_price_per_kwh` holds beyond `next_from_mwh`; it is 0 while no change of price is agreed.
    `is_closed` is 1 once the session is closed.
    """

    channel_id: bytes
    register_mwh: int
    energy_mwh: int
    price_per_kwh: int
    next_price_per_kwh: int
    next_from_mwh: int
    is_closed: int
    LAYOUT = (
        ("channel_id", 32, BYTES),
        ("register_mwh", 6, UINT),
        ("energy_mwh", 6, UINT),
        ("price_per_kwh", 8, UINT),
        ("next_price_per_kwh", 8, UINT),
        ("next_from_mwh", 6, UINT),
        ("is_closed", 1, UINT),
    )


def stored_log(journal: "Journal") -> "LoggedSession | None":
    """Return the session that a journal has, or None if it has none that is readable."""
    data = journal.get(journal_keys.SESSION)
    if data is None:
        return None
    try:
        return read_own(LoggedSession, data)
    except UnreadableRecord:
        return None


def close_log(journal: "Journal") -> None:
    """Close the log of a session that a journal holds open, so that nothing is billed for it.

    A log that is not readable is left as it is. Raises OSError.
    """
    log = stored_log(journal)
    if log is not None and not log.is_closed:
        log.is_closed = 1
        journal.put(journal_keys.SESSION, log.to_bytes())


class SessionLog:
    """Keeps the last session in the journal.

    Args:
        config: the pole's configuration.
        journal: the device's journal.
        records: the stored records of all channels.

    Attributes:
        is_recovered: whether the session before this start is billed to its end. It takes a good
            reading of the meter, so it is False for a while after a start.
    """

    def __init__(self, config: "PoleConfig", journal: "Journal", records: "PayeeRecords") -> None:
        self._journal = journal
        self._records = records
        self._config = config
        self._last: Any = self._stored()
        self.is_recovered = self._last is None

    def _stored(self) -> "LoggedSession | None":
        """Return the last session, or None if there is none that can be billed.

        An entry of another version loses the energy after the last payment, a packet or two. One
        of a channel whose record is of another version stays until the next session.
        """
        last = stored_log(self._journal)
        if last is None or not self._records.is_readable(last.channel_id):
            return None
        return last

    def open(
        self, channel_id: bytes, meter: "EnergyCounter", energy_mwh: int, tariff: Tariff
    ) -> None:
        """Store that a session is open, or that a change of its price is agreed.

        Args:
            channel_id: the channel that pays.
            meter: the meter.counter.EnergyCounter, which can be trusted now.
            energy_mwh: the channel's energy now, in mWh.
            tariff: the agreed prices.

        Raises OSError when it cannot be stored.
        """
        # Inside a register step the total runs ahead of the register. The register alone will
        # still be there after a power cut, so the entry says where the register stands.
        ahead_mwh = meter.total_mwh - meter.register_total_mwh
        register_mwh = meter.register_mwh
        assert register_mwh is not None  # a trusted meter is followed
        register_energy_mwh = energy_mwh - ahead_mwh
        if register_energy_mwh < 0:  # neither field of the entry may be negative
            register_mwh -= register_energy_mwh
            register_energy_mwh = 0
        self._last = LoggedSession(
            channel_id=channel_id,
            register_mwh=max(register_mwh, 0),
            energy_mwh=register_energy_mwh,
            price_per_kwh=tariff.price_per_kwh,
            next_price_per_kwh=tariff.next_price_per_kwh or 0,
            next_from_mwh=tariff.next_from_mwh,
            is_closed=0,
        )
        put_again(self._journal, journal_keys.SESSION, self._last.to_bytes())

    def close(self) -> None:
        """Store that the session is closed. Raises OSError when it cannot be stored."""
        if self._last is not None and not self._last.is_closed:
            self._last.is_closed = 1
            put_again(self._journal, journal_keys.SESSION, self._last.to_bytes())

    def bill_interrupted(self, meter: "EnergyCounter") -> None:
        """Bill the energy that flowed after the last stored payment of an interrupted session.

        It is called once after a start, with the first good reading of `meter`
        (meter.counter.EnergyCounter). If the pole had billed ahead of the register, the meter
        skips that energy, so that it is not billed twice.

        Raises OSError when it cannot be stored; then nothing is lost, and the caller tries again.
        """
        last = self._last
        record = self._records.load(last.channel_id)
        register_mwh = meter.register_mwh
        assert register_mwh is not None  # a trusted meter is followed
        # The entry of a new channel's session may be ahead of the register: by a step, and by the
        # energy of the time by which the register is late.
        meter_config = self._config.meter
        late_ms = meter_config.refresh_ms + 2 * meter_config.interval_ms
        late_mwh = energy_from_power(self._config.max_power_mw, late_ms)
        # A step that nobody declared was seen before the start, and is forgotten now. It should
        # fit into a packet.
        step_mwh = max(meter.step_mwh, self._config.packet_energy_mwh)
        if register_mwh < last.register_mwh - step_mwh - late_mwh:
            energy_mwh = record.energy_mwh + register_mwh
        else:
            energy_mwh = last.energy_mwh + register_mwh - last.register_mwh
        ahead_mwh = record.energy_mwh - energy_mwh
        if not last.is_closed and ahead_mwh < 0:
            self._bill(record, energy_mwh, meter.step_mwh)
        if 0 < ahead_mwh <= step_mwh + late_mwh:
            meter.skip_counted(ahead_mwh)
        self.close()
        self.is_recovered = True

    def _bill(self, record: "PayeeRecord", energy_mwh: int, step_mwh: int) -> None:
        """Store the amount due up to `energy_mwh`, or up to the most that can have flowed."""
        last = self._last
        most_mwh = self._most_mwh(step_mwh)
        tariff = self._tariff(record)
        dearest = max(last.price_per_kwh, last.next_price_per_kwh)
        most_due = record.amount + self._config.credit + packet_amount(dearest, most_mwh)
        energy_mwh = min(energy_mwh, record.energy_mwh + most_mwh)
        # The contactor was open before the amount due was more. The search halves the distance.
        least_mwh = record.energy_mwh
        while least_mwh < energy_mwh:
            middle_mwh = (least_mwh + energy_mwh + 1) // 2
            if tariff.amount_due(middle_mwh) <= most_due:
                least_mwh = middle_mwh
            else:
                energy_mwh = middle_mwh - 1
        self._store(record, tariff, energy_mwh)

    def bill_more(self, more_mwh: int) -> None:
        """Bill `more_mwh` that flowed after the last session, at the prices agreed in it.

        Raises OSError when it cannot be stored.
        """
        if self._last is not None:
            record = self._records.load(self._last.channel_id)
            self._store(record, self._tariff(record), record.energy_mwh + more_mwh)

    def _tariff(self, record: "PayeeRecord") -> Tariff:
        """Return the prices of the last session's energy from `record` on."""
        last = self._last
        tariff = Tariff(record.energy_mwh, record.amount_due, last.price_per_kwh, record.remainder)
        if last.next_price_per_kwh:
            from_mwh = max(last.next_from_mwh, record.energy_mwh)
            tariff.change(from_mwh, last.next_price_per_kwh)
        return tariff

    def _store(self, record: "PayeeRecord", tariff: Tariff, energy_mwh: int) -> None:
        record.remainder = tariff.remainder(energy_mwh)
        record.amount_due = tariff.amount_due(energy_mwh)
        record.energy_mwh = energy_mwh
        bound_record(record)
        self._records.store(self._last.channel_id, record)

    def _most_mwh(self, step_mwh: int) -> int:
        """Return the most energy that can flow between the last stored payment and the open
        contactor of a pole that lost its supply.

        One packet had begun when its invoice was sent. The next invoice is sent within one link
        timeout, or the contactor opens (Packetizer.is_late); it is paid within another. The meter
        may be silent for its timeout, and the contactor's hold time passes. The register is read
        with a step of error at both ends.
        """
        config = self._config
        late_ms = config.meter.timeout_ms + 2 * config.link_timeout_ms + config.contactor_hold_ms
        late_mwh = energy_from_power(config.max_power_mw, late_ms)
        return late_mwh + config.packet_energy_mwh + 2 * step_mwh
