"""Whether all that the ledger stores fits together: no unit of money is lost or made."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Connection, select

from joulestream.channel import KIND_SQL, Claim
from joulestream.errors import LocalError
from joulestream.host_tools.ledger import book, channels, schema
from joulestream.host_tools.ledger.book import Account
from joulestream.host_tools.ledger.channels import Channel
from joulestream.host_tools.ledger.checks import is_signed
from joulestream.host_tools.ledger.errors import LedgerError, short


@dataclass(frozen=True)
class Audit:
    """What an audit found.

    Attributes:
        accounts, channels, entries: how many were checked.
        issued_base_units: all that was ever issued, by asset (32 bytes).
        faults: one sentence for everything that does not fit; empty when the ledger is sound.
    """

    accounts: int
    channels: int
    entries: int
    issued_base_units: dict[bytes, int]
    faults: list[str]


def audit(connection: Connection, ledger_number: int, ledger_key: bytes) -> Audit:
    """Check the whole ledger.

    Every entry's postings sum to zero, in one asset, and come from an issue or a channel's
    terms; every balance is the sum of its account's postings, and only issuance is below zero;
    what accounts hold is what was ever issued; every channel has the id of its terms, a signed
    claim for what it paid, and an escrow that holds its deposit less what was paid and refunded.

    Args:
        connection: inside a transaction, so that all is of one moment.
        ledger_number: the ledger's number.
        ledger_key: the ledger's public key.
    """
    accounts = {account.id: account for account in book.list_accounts(connection)}
    all_channels = channels.load_all(connection)
    entries = {row.id: row for row in connection.execute(select(schema.entry))}
    sums: Counter[bytes] = Counter()  # account id: base units
    remainders: Counter[int] = Counter()  # entry id: base units
    assets: dict[int, set[bytes]] = {}  # entry id: assets of its postings
    issued: Counter[bytes] = Counter()  # asset: base units
    moved: Counter[tuple[bytes | None, str, bytes]] = Counter()  # channel, kind, account
    faults = []
    for entry_id, account_id, amount in connection.execute(select(schema.posting)):
        account, entry = accounts.get(account_id), entries.get(entry_id)
        if account is None or entry is None:
            faults.append(f"entry {entry_id} or the account of its posting is missing")
            continue
        sums[account_id] += amount
        remainders[entry_id] += amount
        assets.setdefault(entry_id, set()).add(account.asset)
        moved[entry.channel_id, entry.kind, account_id] += amount
        if entry.kind == book.ISSUE and account.kind != book.ISSUANCE:
            issued[account.asset] += amount
    for entry_id in entries:
        if remainders[entry_id] or len(assets.get(entry_id, ())) != 1:
            faults.append(f"entry {entry_id} does not sum to zero in one asset")
    held: Counter[bytes] = Counter()  # asset: base units of all but issuance
    for account in accounts.values():
        faults += _account_faults(account, sums[account.id])
        if account.kind != book.ISSUANCE:
            held[account.asset] += account.balance_base_units
    for asset in sorted(set(held) | set(issued)):
        if held[asset] != issued[asset]:
            faults.append(
                f"accounts hold {held[asset]} base units of {book.asset_name(asset)}, "
                f"but {issued[asset]} were issued"
            )
    for channel in all_channels:
        faults += _identity_faults(channel, ledger_number, ledger_key)
        faults += _money_faults(channel, accounts, moved)
    for (_, kind, account_id), amount in moved.items():
        if amount and kind != book.ISSUE:
            name = accounts[account_id].name
            faults.append(f"account {name} has '{kind}' entries of {amount} for no channel of its")
    return Audit(len(accounts), len(all_channels), len(entries), dict(issued), faults)


def _account_faults(account: Account, total: int) -> Iterator[str]:
    balance = account.balance_base_units
    if balance != total:
        yield f"account {account.name} has a balance of {balance}, but postings of {total}"
    if balance < 0 and account.kind != book.ISSUANCE:
        yield f"account {account.name} is below zero: {balance}"


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
