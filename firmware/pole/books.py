"""What the pole stores about its sessions, and when: written first, acted upon afterwards.

The records of the channels and the log of the last session are written here alone. An erase of
flash takes long, so it happens before a session or between packets, never inside a packet.
"""

from joulestream import errors
from joulestream.compat import const
from joulestream.device.journal import JournalFull
from joulestream.device.payee_records import PayeeRecords
from joulestream.errors import PeerError
from joulestream.pole.recovery import SessionLog

TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from joulestream.channel import Certificate
    from joulestream.device.journal import Journal
    from joulestream.device.payee_records import PayeeRecord
    from joulestream.meter.counter import EnergyCounter
    from joulestream.pole.charging_session import ChargingSession
    from joulestream.pole.config import PoleConfig


class Books:
    """The stored records of all channels and the log of the last session.

    Args:
        config: the pole's configuration.
        journal: the device's journal.
    """

    def __init__(self, config: "PoleConfig", journal: "Journal") -> None:
        self.records = PayeeRecords(journal, config.max_channels)
        self._session_log = SessionLog(config, journal, self.records)
        # (channel id, record) of a closed session that the journal did not take yet
        self._unstored: tuple[bytes, PayeeRecord] | None = None

    @property
    def is_recovered(self) -> bool:
        """Whether the session before this start is billed to its end."""
        return self._session_log.is_recovered

    def can_store(self) -> bool:
        """Return whether a packet's claim can be stored without an erase."""
        return self.records.can_store()

    def can_admit(self) -> bool:
        """Return whether a certificate, and a packet's claim, can be stored without an erase."""
        return self.records.can_admit()

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

    def record_for_offer(self, channel_id: bytes, meter: "EnergyCounter") -> "PayeeRecord":
        """Return the record to offer a new session on.

        Raises PeerError(STORE_FAILED) while an earlier session is not stored to its end.
        """
        self.recover(meter)
        if self._unstored is not None:
            self.close_session(*self._unstored)
        if self._unstored is not None or not self._session_log.is_recovered:
            raise PeerError(errors.STORE_FAILED)
        return self.records.load(channel_id)

    def open_session(self, charging: "ChargingSession", meter: "EnergyCounter") -> None:
        """Store certificate, record and log of a session before its contactor may close.

        Raises PeerError with CHANNELS_FULL or STORE_FAILED.
        """
        self.erase_ahead()
        self.admit(charging.certificate, charging.record)
        self.log_prices(charging, meter)

    def admit(self, certificate: "Certificate", record: "PayeeRecord") -> None:
        """Store a certificate that opens or renews a session, with the channel's record.

        Raises PeerError with CHANNELS_FULL or STORE_FAILED.
        """
        try:
            self.records.admit(certificate, record)
        except JournalFull:
            raise PeerError(errors.CHANNELS_FULL)
        except OSError:
            raise PeerError(errors.STORE_FAILED)

    def log_prices(self, charging: "ChargingSession", meter: "EnergyCounter") -> None:
        """Store at which prices the session's energy flows. Raises PeerError(STORE_FAILED)."""
        try:
            self._session_log.open(
                charging.channel_id, meter, charging.energy_mwh, charging.tariff
            )
        except OSError:
            raise PeerError(errors.STORE_FAILED)

    def store_claim(self, channel_id: bytes, record: "PayeeRecord") -> None:
        """Store `record` with its better claim; it survives a power cut when this returns.

        Raises PeerError(STORE_FAILED); then the record before it still counts.
        """
        try:
            self.records.store(channel_id, record)
        except OSError:
            raise PeerError(errors.STORE_FAILED)

    def close_session(self, channel_id: bytes, record: "PayeeRecord") -> None:
        """Store the record of a session whose contactor is open, and that the session is closed.

        If the journal fails, the record is kept in memory, and `record_for_offer` lets no other
        session begin before it is stored.
        """
        self._unstored = (channel_id, record)
        if self.erase_ahead():
            try:
                self.records.store(channel_id, record)
                self._session_log.close()
                self._unstored = None
            except OSError:
                pass
