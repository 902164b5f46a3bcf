"""What the pole stores about its sessions, and when: written first, acted upon afterwards.

The records of the channels and the log of the last session are written here alone. An erase of
flash takes long, so it happens before a session or between packets, never inside a packet.
"""

from joulestream import errors
from joulestream.compat import const
from joulestream.device.journal import JournalFull
from joulestream.device.payee_records import PayeeRecords
from joulestream.device.write_budget import WriteBudget
from joulestream.errors import PeerError
from joulestream.pole.recovery import SessionLog
from joulestream.pole.slots import Slots

# A session's log and its end, and the record at its end, as claims' records.
_LOG_RECORDS = const(3)
# A certificate, and the record of the claim that it comes with.
_CERTIFICATE_RECORDS = const(5)

TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from joulestream.device.journal import Journal
    from joulestream.device.payee_records import PayeeRecord
    from joulestream.meter.counter import EnergyCounter
    from joulestream.pole.charging_session import ChargingSession
    from joulestream.pole.clock import PoleClock
    from joulestream.pole.config import PoleConfig


class Books:
    """The stored records of all channels and the log of the last session.

    Args:
        config: the pole's configuration.
        journal: the device's journal.
        clock: the pole's time.
        now_ms: the present tick.

    Attributes:
        records: the stored records of all channels.
        slots: the places for channels.
        budget: the writes that nobody paid for.
        total_mwh: the meter's running total up to which the channels' energy is known.
        has_rest: whether the last session was closed without a meter to tell its last energy.
    """

    def __init__(
        self, config: "PoleConfig", journal: "Journal", clock: "PoleClock", now_ms: int
    ) -> None:
        self.records = PayeeRecords(journal, config.max_channels)
        self.slots = Slots(config, self.records, clock)
        self.budget = WriteBudget(now_ms, config.link_timeout_ms)
        self._session_log = SessionLog(config, journal, self.records)
        self.total_mwh = 0
        self.has_rest = False
        # (channel id, record) of a closed session that the journal did not take yet
        self._unstored: tuple[bytes, PayeeRecord] | None = None

    @property
    def is_recovered(self) -> bool:
        """Whether the session before this start is billed to its end."""
        return self._session_log.is_recovered

    def can_store(self, charging: "ChargingSession | None") -> bool:
        """Return whether the next claim of a session can be stored without an erase."""
        if charging is not None and charging.must_admit:
            return self.records.can_admit()
        return self.records.can_store()

    def erase_ahead(self) -> bool:
        """Erase flash ahead of need, which takes long; return whether that worked."""
        try:
            self.records.erase_ahead()
        except OSError:
            return False
        return True

    def recover(self, meter: "EnergyCounter") -> None:
        """Bill the session that a power cut ended. If that fails, the next call tries again.

        `meter` is the meter.counter.EnergyCounter, which can be trusted now.
        """
        if not self._session_log.is_recovered and self.erase_ahead():
            try:
                self._session_log.bill_interrupted(meter)
            except OSError:
                pass
        if self.has_rest:
            self.bill_rest(meter)
            self.has_rest = self.total_mwh != meter.total_mwh

    def bill_rest(self, meter: "EnergyCounter") -> None:
        """Bill what flowed after the last session to its channel. If that fails, the next call
        tries again.

        `meter` is the meter.counter.EnergyCounter, whose register can be trusted now.
        """
        more_mwh = meter.total_mwh - self.total_mwh
        if more_mwh and self._unstored is None and self.erase_ahead():
            try:
                self._session_log.bill_more(more_mwh)
                self.total_mwh = meter.total_mwh
            except OSError:
                pass

    def record_for_offer(self, channel_id: bytes, meter: "EnergyCounter") -> "PayeeRecord":
        """Return the record to offer a new session on.

        Raises PeerError(STORE_FAILED) while an earlier session is not stored to its end, and for a
        channel with a record of another version: its claim must not be overwritten.
        """
        if not self.records.is_readable(channel_id):
            raise PeerError(errors.STORE_FAILED)
        # The energy after a session is billed behind the session's own record.
        self._store_closed()
        self.recover(meter)
        if self._unstored is not None or self.has_rest or not self.is_recovered:
            raise PeerError(errors.STORE_FAILED)
        return self.records.load(channel_id)

    def is_stored(self, channel_id: bytes, record: "PayeeRecord") -> bool:
        """Return whether nothing was billed to the channel since `record` was loaded."""
        return self.records.load(channel_id).energy_mwh == record.energy_mwh

    def open_session(self, charging: "ChargingSession", now_ms: int) -> None:
        """Prepare for a session's claims. It writes nothing: nobody has paid yet.

        Raises PeerError(CHANNELS_FULL) if the journal has no place for a new channel.
        """
        self.erase_ahead()
        channel_id = charging.channel_id
        if channel_id in self.records:
            held = self.records.certificate(channel_id)
            charging.must_admit = held is None or held.signature != charging.certificate.signature
            self.records.vouch(channel_id, charging.certificate.issuer_key)
        elif not self.slots.find(charging.certificate, now_ms)[0]:
            raise PeerError(errors.CHANNELS_FULL)

    def log_session(
        self, charging: "ChargingSession", meter: "EnergyCounter", now_ms: int
    ) -> None:
        """Store that energy may flow from now on, unless too much was written unpaid.

        Raises PeerError(STORE_FAILED).
        """
        if self.budget.take(_LOG_RECORDS, now_ms):
            self.log_prices(charging, meter)
            charging.is_logged = True

    def log_prices(self, charging: "ChargingSession", meter: "EnergyCounter") -> None:
        """Store at which prices the session's energy flows. Raises PeerError(STORE_FAILED)."""
        try:
            self._session_log.open(
                charging.channel_id, meter, charging.energy_mwh(), charging.tariff
            )
        except OSError:
            raise PeerError(errors.STORE_FAILED)

    def store_claim(self, charging: "ChargingSession", record: "PayeeRecord", now_ms: int) -> None:
        """Store `record` with its better claim; it survives a power cut when this returns.

        The first claim of a new channel, worth a packet at least, takes a place in the journal. A
        claim that pays less than a packet, without a whole packet of energy, is an unpaid write.

        Raises PeerError with PREPAY_TOO_SMALL, CHANNELS_FULL or STORE_FAILED; then the record
        before it still counts.
        """
        known = charging.record
        try:
            if charging.must_admit and self._admit(charging, record, now_ms):
                return
            if (
                record.amount - known.amount < charging.packet
                and not charging.packetizer.is_worth
                and (record.amount != known.amount or record.energy_mwh != known.energy_mwh)
                and not self.budget.take(1, now_ms)
            ):
                raise PeerError(errors.STORE_FAILED)
            self.records.store(charging.channel_id, record)
        except JournalFull:
            raise PeerError(errors.CHANNELS_FULL if charging.must_admit else errors.STORE_FAILED)
        except OSError:
            raise PeerError(errors.STORE_FAILED)

    def _admit(self, charging: "ChargingSession", record: "PayeeRecord", now_ms: int) -> bool:
        """Store the session's certificate with its claim; return False if it must wait."""
        certificate = charging.certificate
        instead_of = None
        if certificate.channel_id in self.records:
            if not self.budget.take(_CERTIFICATE_RECORDS, now_ms):
                if self.records.issuer_key(certificate.channel_id) != certificate.issuer_key:
                    # After a restart the debt would count for the issuer before alone.
                    raise PeerError(errors.STORE_FAILED)
                return False
        else:
            if record.amount < charging.packet:
                raise PeerError(errors.PREPAY_TOO_SMALL)
            has_place, instead_of = self.slots.find(certificate, now_ms)
            if not has_place:
                raise PeerError(errors.CHANNELS_FULL)
            if instead_of is not None:
                self.slots.taken(instead_of)
        self.records.admit(certificate, record, instead_of)
        charging.must_admit = False
        return True

    def close_session(self, charging: "ChargingSession") -> None:
        """Store the record of a session whose contactor is open, and that the session is closed.

        Nothing is written for a session in which no energy could flow: its claims are stored.

        If the journal fails, the record is kept in memory, and `record_for_offer` lets no other
        session begin before it is stored.
        """
        record = charging.close_record()
        if charging.is_logged:
            self._unstored = charging.channel_id, record
            self._store_closed()

    def _store_closed(self) -> None:
        if self._unstored is not None and self.erase_ahead():
            try:
                self.records.store(*self._unstored)
                self._session_log.close()
                self._unstored = None
            except OSError:
                pass
