"""Checks that the ledger conserves money: no unit is lost or made, and every payment is signed."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from sqlalchemy import Connection, Row, select

from joulestream.channel import KIND_SQL, Claim
from joulestream.errors import LocalError
from joulestream.host_tools.ledger import book, channels, schema
from joulestream.host_tools.ledger.book import Account
from joulestream.host_tools.ledger.channels import Channel
from joulestream.host_tools.ledger.checks import is_signed
from joulestream.host_tools.ledger.errors import LedgerError, short


@dataclass(frozen=True)
class LedgerCheck:
    """The result of a check of the whole ledger.

    Attributes:
        accounts: number of ledger accounts that were checked.
        channels: number of ledger channels that were checked.
        entries: number of entries that were checked.
        issued_base_units: all money that was ever issued, by asset (32 bytes).
        faults: one sentence for each contradiction; empty when the ledger is sound.
    """

    accounts: int
    channels: int
    entries: int
    issued_base_units: dict[bytes, int]
    faults: list[str]


@dataclass
class _Sums:
    """Sums over all postings, in base units."""

    by_account: Counter[bytes] = field(default_factory=Counter)
    by_entry: Counter[int] = field(default_factory=Counter)
    issued: Counter[bytes] = field(default_factory=Counter)  # by asset
    # By the entry's channel id and kind, and the posting's account id.
    moved: Counter[tuple[bytes | None, str, bytes]] = field(default_factory=Counter)
    assets: dict[int, set[bytes]] = field(default_factory=dict)  # of each entry


def check_ledger(connection: Connection, ledger_number: int, ledger_key: bytes) -> LedgerCheck:
    """Check the whole ledger.

    - The postings of every entry sum to zero, in one asset.
    - The balance of every account is the sum of its postings. Only issuance is below zero.
    - All accounts but issuance together hold exactly the money that was ever issued.
    - Every entry but an issue belongs to a channel, and moves an amount that the channel states.
    - The id of every channel is the hash of its terms, and the terms name this ledger.
    - The amount that a channel paid is signed by its payer.
    - The escrow account of a channel holds deposit - paid - refunded.

    Args:
        connection: inside a transaction, so that everything is read at one moment.
        ledger_number: the ledger's number.
        ledger_key: the ledger's public key.
    """
    accounts = {account.id: account for account in book.list_accounts(connection)}
    all_channels = channels.load_all(connection)
    entries = {row.id: row for row in connection.execute(select(schema.entry))}
    sums = _Sums()
    faults = list(_add_postings(connection, accounts, entries, sums))
    for entry_id in entries:
        if sums.by_entry[entry_id] or len(sums.assets.get(entry_id, ())) != 1:
            faults.append(f"entry {entry_id} does not sum to zero in one asset")
    for account in accounts.values():
        faults += _account_faults(account, sums.by_account[account.id])
    faults += _issue_faults(accounts, sums.issued)
    for channel in all_channels:
        faults += _identity_faults(channel, ledger_number, ledger_key)
        faults += _money_faults(channel, accounts, sums.moved)
    for (_, kind, account_id), amount in sums.moved.items():
        if amount and kind != book.ISSUE:
            name = accounts[account_id].name
            faults.append(f"account {name} has '{kind}' entries of {amount} for no channel of its")
    return LedgerCheck(len(accounts), len(all_channels), len(entries), dict(sums.issued), faults)


def _add_postings(
    connection: Connection, accounts: dict[bytes, Account], entries: dict[int, Row], sums: _Sums
) -> Iterator[str]:
    """Add all postings to `sums`; yield a fault for each one without its account or entry."""
    for entry_id, account_id, amount in connection.execute(select(schema.posting)):
        account, entry = accounts.get(account_id), entries.get(entry_id)
        if account is None or entry is None:
            yield f"entry {entry_id} or the account of its posting is missing"
            continue
        sums.by_account[account_id] += amount
        sums.by_entry[entry_id] += amount
        sums.assets.setdefault(entry_id, set()).add(account.asset)
        sums.moved[entry.channel_id, entry.kind, account_id] += amount
        if entry.kind == book.ISSUE and account.kind != book.ISSUANCE:
            sums.issued[account.asset] += amount


def _account_faults(account: Account, total: int) -> Iterator[str]:
    balance = account.balance_base_units
    if balance != total:
        yield f"account {account.name} has a balance of {balance}, but postings of {total}"
    if balance < 0 and account.kind != book.ISSUANCE:
        yield f"account {account.name} is below zero: {balance}"


def _issue_faults(accounts: dict[bytes, Account], issued: Counter[bytes]) -> Iterator[str]:
    held: Counter[bytes] = Counter()
    for account in accounts.values():
        if account.kind != book.ISSUANCE:
            held[account.asset] += account.balance_base_units
    for asset in sorted(set(held) | set(issued)):
        if held[asset] != issued[asset]:
            yield (
                f"accounts hold {held[asset]} base units of {book.asset_name(asset)}, "
                f"but {issued[asset]} were issued"
            )


def _identity_faults(channel: Channel, ledger_number: int, ledger_key: bytes) -> Iterator[str]:
    name, terms = short(channel.id), channel.terms
    try:
        same = terms.channel_id() == channel.id
    except LocalError:
        same = False
    if not same:
        yield f"channel {name} does not have the id of its terms"
    if (terms.kind, terms.chain_id, terms.contract) != (KIND_SQL, ledger_number, ledger_key):
        yield f"channel {name} belongs to another ledger"
    if channel.paid:
        claim = bytes(Claim(channel.id).message(channel.paid))
        try:
            signed = is_signed(terms.payer_key, claim, channel.paid_signature or b"")
        except LedgerError:
            signed = False
        if not signed:
            yield f"channel {name} paid {channel.paid} claim units without a signed claim"


def _money_faults(
    channel: Channel,
    accounts: dict[bytes, Account],
    moved: Counter[tuple[bytes | None, str, bytes]],
) -> Iterator[str]:
    """Yield the faults of a channel's money; take the channel's own sums out of `moved`."""
    name, terms, escrow = short(channel.id), channel.terms, channel.escrow_account
    if not 0 <= channel.paid <= channel.deposit:
        yield f"channel {name} paid {channel.paid} of a deposit of {channel.deposit}"
    deposit, paid, refunded = (
        channel.base_units(amount) for amount in (channel.deposit, channel.paid, channel.refunded)
    )
    expected = (
        (book.OPEN, terms.refund_account, -deposit),
        (book.OPEN, escrow, deposit),
        (book.CLAIM, escrow, -paid),
        (book.CLAIM, terms.payout_account, paid),
        (book.REFUND, escrow, -refunded),
        (book.REFUND, terms.refund_account, refunded),
    )
    for kind, account_id, amount in expected:
        found = moved.pop((channel.id, kind, account_id), 0)
        if found != amount:
            yield f"channel {name} should have '{kind}' entries of {amount}, but has {found}"
    held = accounts[escrow].balance_base_units if escrow in accounts else 0
    if held != deposit - paid - refunded:
        yield f"channel {name} should hold {deposit - paid - refunded} in escrow, but holds {held}"
