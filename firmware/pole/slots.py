"""The order in which channels of a full journal give their places to new ones.

A channel with money at stake keeps its place, and so does one whose record is of another version:
the pole cannot read how much money it holds. The other channels give their places in this order,
and in each case the smallest uncollected amount first:

1. The operator collected its best claim, nothing is due beyond that, and no older certificate is
   valid.
2. The same, and an amount is due.
3. The ledger pays nothing any more, and has not for 30 days.

The issuer's own word that it has paid is no reason. With its place a channel would leave the sum
that the pole trusts the issuer with, and the issuer could owe without end. So in case 3 the
board's clock must prove the time too. A certificate that expired is no reason either: its claims
can still be collected.
"""

from joulestream.compat import const
from joulestream.pole.issuers import issuer_of
from joulestream.units import packet_amount

TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from joulestream.channel import Certificate
    from joulestream.device.payee_records import PayeeRecords
    from joulestream.pole.clock import PoleClock
    from joulestream.pole.config import PoleConfig

_LONG_PAST_S = const(30 * 86_400)
_NEVER = const(4)
# A channel that takes a place is worth so many packets, if `min_capacity` tells nothing else.
_LEAST_PACKETS = const(100)


def least_capacity(config: "PoleConfig", price_per_kwh: int) -> int:
    """Return the least capacity in claim units of a new channel, at this price."""
    packet = packet_amount(price_per_kwh, config.packet_energy_mwh)
    return config.min_capacity or _LEAST_PACKETS * packet


class Slots:
    """The places for channels in the pole's journal.

    Args:
        config: the pole's configuration.
        records: the stored records of all channels.
        clock: the pole's time.

    Attributes:
        given_up: claims that were given up because no ledger pays them any more, in claim units.
    """

    def __init__(self, config: "PoleConfig", records: "PayeeRecords", clock: "PoleClock") -> None:
        self._config = config
        self._records = records
        self._clock = clock
        self.given_up = 0

    def find(self, certificate: "Certificate", now_ms: int) -> "tuple[bool, bytes | None]":
        """Look for a place for the certificate's channel, which is new to the journal.

        Returns whether there is one, and the id of the channel that gives its place; None: a place
        is free. An issuer that has all the places of its quota can only take its own.
        """
        records = self._records
        own_key = certificate.issuer_key
        issuer = issuer_of(self._config, own_key)
        own_only = records.count(own_key) >= (issuer.channels if issuer else 0)
        if not own_only and records.count() < self._config.max_channels:
            return True, None
        best: tuple[int, int] | None = None
        found = None
        for channel_id in records:
            if own_only and records.issuer_key(channel_id) != own_key:
                continue
            order, uncollected = self._order(channel_id, now_ms)
            if order < _NEVER and (best is None or (order, uncollected) < best):
                best = order, uncollected
                found = channel_id
        return found is not None, found

    def taken(self, channel_id: bytes) -> None:
        """Count the claim that is given up with the place of a channel."""
        record = self._records.load(channel_id)
        self.given_up += max(record.amount - self._records.standing(channel_id).collected, 0)

    def _order(self, channel_id: bytes, now_ms: int) -> "tuple[int, int]":
        """Return the channel's place in the order, _NEVER if it keeps its own, and its claim."""
        records = self._records
        if not records.is_readable(channel_id):
            return _NEVER, 0
        certificate = records.certificate(channel_id)
        if certificate is None:
            return _NEVER, 0
        record = records.load(channel_id)
        standing = records.standing(channel_id)
        uncollected = max(record.amount - standing.collected, 0)
        window_s = max(certificate.dispute_window_s - self._config.collect_within_s, 0)
        now_s, proven_s = self._clock.issuer_s(certificate.issuer_key, now_ms)
        if not uncollected and now_s >= standing.collected_at_s + window_s:
            return (1 if record.amount_due <= record.amount else 2), 0
        if proven_s >= certificate.claimable_until_s + _LONG_PAST_S:
            return 3, uncollected
        return _NEVER, 0
