"""One watt-hour pays once: which channel the energy of the own meter belongs to.

The energy belongs to one channel at a time. It is the channel of the last OFFER, until current can
no longer flow on its account: docs/protocol.md, section 8.1, which is normative. All other energy
flowed at home or elsewhere, and justifies no bill.

    more_mwh = max(meter_mwh - own_total_mwh, 0)   for the channel that owns the energy
    more_mwh = min(more_mwh, tail_mwh)             for energy from before this start, once
    more_mwh = 0                                   for every other channel

The owner and its figures stand in the newest record of the wallet (device/payer_record.py).
"""

from joulestream.compat import const
from joulestream.units import MS_PER_HOUR, Timer, energy_from_power
from joulestream.vehicle.config import AUDIT_METER

TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from joulestream.device.payer_record import PayerRecord
    from joulestream.messages import Offer
    from joulestream.vehicle.config import VehicleConfig
    from joulestream.vehicle.own_meter import Figures
    from joulestream.vehicle.wallet import Wallet


class EnergyOwner:
    """The channel that owns the own meter's energy.

    Args:
        wallet: holds the records.
        config: the vehicle's configuration.

    Attributes:
        channel_id: the channel that owns the energy now, or None.
    """

    def __init__(self, wallet: "Wallet", config: "VehicleConfig") -> None:
        self._wallet = wallet
        self._max_power_mw = config.max_power_mw
        # The own meter may show energy later by as much.
        self._late_ms = config.audit_wait_ms
        self._tail_ms = 0
        self.channel_id: bytes | None = None
        self._total_mwh = 0
        newest = wallet.records.newest
        if newest is not None:
            self._total_mwh = newest.own_total_mwh
            if newest.tail_mwh:
                self.channel_id = wallet.records.newest_id
                self._tail_ms = newest.tail_mwh * MS_PER_HOUR // config.max_power_mw
        # A PowerBound counts from 0 at each start: it tells nothing of the time before.
        self._starts_anew = config.audit != AUDIT_METER
        self._since_start = True
        self._is_known = False  # whether the own meter's total counts since this start
        # Runs from the end of a session on, or from the start.
        self._timer = Timer()
        self._is_ending = self._is_unplugged = False

    def more_mwh(self, channel_id: bytes, record: "PayerRecord", own_meter: "Figures") -> int:
        """Return the energy that belongs to this channel, and that its record does not hold yet.

        Args:
            channel_id: the channel.
            record: its record.
            own_meter: the vehicle's view of the energy that flowed.
        """
        if channel_id != self.channel_id:
            return 0
        if self._since_start and self._starts_anew:
            return record.tail_mwh
        more_mwh = max(own_meter.total_mwh - record.own_total_mwh, 0)
        return min(more_mwh, record.tail_mwh) if self._since_start else more_mwh

    def total_mwh(self, own_meter: "Figures") -> int:
        """Return the own meter's total up to which its energy belongs to a channel, or to none.

        After a start the register stands up to a step below the total from before it. That part
        of a step was given to a channel already.
        """
        total_mwh = own_meter.total_mwh
        if 0 < self._total_mwh - total_mwh <= own_meter.step_mwh:
            return self._total_mwh
        return total_mwh

    def meet(self, channel_id: bytes, own_meter: "Figures", now_ms: int) -> None:
        """A pole makes an offer on `channel_id`: no other channel owns energy from now on."""
        if self.channel_id is not None:
            if self.channel_id != channel_id or (self._is_ending and self._timer.is_over(now_ms)):
                self._release(own_meter)

    def take(self, channel_id: bytes, record: "PayerRecord", offer: "Offer") -> None:
        """Store `record`, and let the energy from now on belong to its channel.

        Raises OSError; then the energy belongs to the channel as before.

        Args:
            channel_id: the channel.
            record: its record, which holds `more_mwh` and the `total_mwh` of now.
            offer: the OFFER that is accepted.
        """
        tail_ms = offer.link_timeout_ms + offer.stop_ms
        record.tail_mwh = max(energy_from_power(self._max_power_mw, tail_ms), 1)
        self._wallet.store(channel_id, record)
        self.channel_id = channel_id
        self._tail_ms = tail_ms
        self._since_start = self._is_ending = self._is_unplugged = False

    def end(self, now_ms: int) -> None:
        """The session has ended: the pole stops within the time that its offer told."""
        if not self._is_ending:
            self._is_ending = True
            self._timer.start(now_ms, self._tail_ms + self._late_ms)

    def unplug(self, now_ms: int) -> None:
        """The plug is out: nothing flows any more, and the own meter will soon have shown all."""
        if not self._is_unplugged:
            self._is_ending = self._is_unplugged = True
            self._timer.start(now_ms, self._late_ms)

    def step(self, own_meter: "Figures", now_ms: int) -> None:
        """Release the owner when its time is over. It is called while no session is open."""
        if self.channel_id is None:
            return
        if not own_meter.reason:
            self._is_known = True
        self.end(now_ms)  # after a start
        if self._timer.is_over(now_ms) and self._is_known and self._wallet.can_store():
            self._release(own_meter)

    def _release(self, own_meter: "Figures") -> None:
        """Give the owner its energy up to now, and let later energy belong to no channel."""
        wallet = self._wallet
        channel_id = self.channel_id
        record = wallet.load(channel_id) if channel_id is not None else None
        assert channel_id is not None and record is not None  # it was stored when it took over
        record.own_mwh += self.more_mwh(channel_id, record, own_meter)
        record.own_total_mwh = self._total_mwh = self.total_mwh(own_meter)
        record.tail_mwh = 0
        self.channel_id = None
        try:
            wallet.store(channel_id, record)
        except OSError:
            pass  # At the next start the stored owner gets its tail, once.
