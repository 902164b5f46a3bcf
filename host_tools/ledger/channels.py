"""Ledger channels: channels as the ledger stores them."""

from dataclasses import dataclass

from sqlalchemy import Connection, Row, insert, select, update

from joulestream.channel import Terms
from joulestream.host_tools.ledger import schema
from joulestream.host_tools.ledger.errors import LedgerError, short

IS_OPEN = "open"
IS_CLOSING = "closing"
IS_CLOSED = "closed"

_TERM_NAMES = tuple(name for name, _, _ in Terms.LAYOUT)


@dataclass(frozen=True)
class Channel:
    """A ledger channel. Its amounts are in claim units, its times in unix seconds.

    Attributes:
        id: 32 bytes, the hash of `terms`.
        terms: keys, accounts, asset and dispute window of the channel.
        escrow_account: id of the account that holds the money neither paid nor refunded yet.
        deposit: the amount that the payer deposited.
        paid: the total that was paid to the payee.
        paid_signature: the payer's signature of the claim of `paid`; None before the first.
        opened_at_s: time of opening.
        certified_at_s: time of the newest certificate; `opened_at_s` before the first.
        closes_at_s: last second of the dispute window; None before a request to close.
        closed_at_s: time of the refund of the rest; None before.
    """

    id: bytes
    terms: Terms
    escrow_account: bytes
    deposit: int
    paid: int
    paid_signature: bytes | None
    opened_at_s: int
    certified_at_s: int
    closes_at_s: int | None
    closed_at_s: int | None

    @property
    def state(self) -> str:
        """IS_OPEN, IS_CLOSING or IS_CLOSED."""
        if self.closed_at_s is not None:
            return IS_CLOSED
        return IS_OPEN if self.closes_at_s is None else IS_CLOSING

    @property
    def refunded(self) -> int:
        """The amount that was refunded to the payer, in claim units."""
        return self.deposit - self.paid if self.state == IS_CLOSED else 0

    def base_units(self, claim_units: int) -> int:
        """Return an amount in claim units as base units of the asset."""
        return claim_units * self.terms.base_units_per_claim_unit


@dataclass(frozen=True)
class Payment:
    """The payment for one claim.

    Attributes:
        channel: the channel after the payment.
        paid_now: the amount paid, in claim units; 0 if the channel had paid as much before.
        paid_now_base_units: the same amount in base units.
    """

    channel: Channel
    paid_now: int
    paid_now_base_units: int


def check_new(connection: Connection, channel_id: bytes) -> None:
    """Raise LedgerError if a channel with this id was ever opened."""
    if _find(connection, channel_id) is not None:
        raise LedgerError(
            f"channel {short(channel_id)} was opened before and its id never opens again; "
            "choose another salt"
        )


def add(connection: Connection, channel: Channel) -> None:
    """Store a new channel. Its escrow account must be stored before."""
    values = {name: getattr(channel.terms, name) for name in _TERM_NAMES}
    connection.execute(
        insert(schema.channel).values(
            id=channel.id,
            **values,
            escrow_account=channel.escrow_account,
            deposit_claim_units=channel.deposit,
            paid_claim_units=channel.paid,
            paid_signature=channel.paid_signature,
            opened_at_s=channel.opened_at_s,
            certified_at_s=channel.certified_at_s,
            closes_at_s=channel.closes_at_s,
            closed_at_s=channel.closed_at_s,
        )
    )


def save(connection: Connection, channel: Channel) -> None:
    """Store those fields of a channel that may change."""
    connection.execute(
        update(schema.channel)
        .where(schema.channel.c.id == channel.id)
        .values(
            paid_claim_units=channel.paid,
            paid_signature=channel.paid_signature,
            certified_at_s=channel.certified_at_s,
            closes_at_s=channel.closes_at_s,
            closed_at_s=channel.closed_at_s,
        )
    )


def load(connection: Connection, channel_id: bytes) -> Channel:
    """Return a channel by its 32-byte id. Raises LedgerError if there is none."""
    row = _find(connection, channel_id)
    if row is None:
        raise LedgerError(
            f"channel {short(channel_id)} is not on this ledger; check the id and the ledger"
        )
    return _channel(row)


def load_all(connection: Connection) -> list[Channel]:
    """Return all channels, in the order in which they were opened."""
    table = schema.channel
    rows = connection.execute(select(table).order_by(table.c.opened_at_s, table.c.id))
    return [_channel(row) for row in rows]


def _find(connection: Connection, channel_id: bytes) -> Row | None:
    where = schema.channel.c.id == channel_id
    return connection.execute(select(schema.channel).where(where)).one_or_none()


def _channel(row: Row) -> Channel:
    return Channel(
        id=row.id,
        terms=Terms(**{name: row._mapping[name] for name in _TERM_NAMES}),
        escrow_account=row.escrow_account,
        deposit=row.deposit_claim_units,
        paid=row.paid_claim_units,
        paid_signature=row.paid_signature,
        opened_at_s=row.opened_at_s,
        certified_at_s=row.certified_at_s,
        closes_at_s=row.closes_at_s,
        closed_at_s=row.closed_at_s,
    )
