"""The start of the ledger's tests: two owners, a channel between them, and good requests."""

import pytest

from joulestream.channel import Claim
from joulestream.host_tools.ledger import LedgerError, book, requests
from joulestream.signing import Signer

NOW_S = 1_800_000_000
WINDOW_S = 3600
EUR = book.asset_id("uEUR")
LEDGER = Signer(bytes([1]) * 32)
PAYER = Signer(bytes([2]) * 32)
PAYEE = Signer(bytes([3]) * 32)
STRANGER = Signer(bytes([4]) * 32)


def terms_of(ledger, **changes):
    """Return terms between the accounts "car" and "pole", which are created when missing."""
    for name, balance in (("car", 1_000_000), ("pole", 0)):
        if book.account_id(ledger.key, name) not in {row.id for row in ledger.accounts()}:
            ledger.create_account(name, EUR, balance, NOW_S)
    values = {
        "payer_key": PAYER.public_key,
        "refund_account": book.account_id(ledger.key, "car"),
        "payee_key": PAYEE.public_key,
        "payout_account": book.account_id(ledger.key, "pole"),
        "asset": EUR,
        "dispute_window_s": WINDOW_S,
        "salt": bytes(16),
    }
    return ledger.terms(**{**values, **changes})


def opened(ledger, deposit=1000, **changes):
    """Return a channel that was just opened."""
    return ledger.open_channel(terms_of(ledger, **changes), deposit, NOW_S)


def claim(ledger, channel, amount, now_s=NOW_S, signer=PAYER):
    """Claim an amount with a good signature of `signer`."""
    signature = signer.sign(Claim(channel.id).message(amount))
    return ledger.claim(channel.id, amount, signature, now_s)


def close(ledger, channel, action, now_s=NOW_S, signer=None, time_s=None):
    """Close with a good request, signed by the side that the action names, or by `signer`."""
    time_s = now_s if time_s is None else time_s
    signer = signer or {requests.CLOSE_BY_PAYER: PAYER, requests.CLOSE_BY_PAYEE: PAYEE}[action]
    signature = signer.sign(requests.close_request(channel.terms, action, time_s).signed_bytes())
    return ledger.close_channel(channel.id, action, time_s, signature, now_s)


def balances(ledger):
    """Return the balances of the two owners, in base units."""
    return ledger.account("car").balance_base_units, ledger.account("pole").balance_base_units


def snapshot(ledger):
    """Return everything the ledger shows, to compare."""
    return [vars(row) for row in ledger.accounts()], [
        {**vars(row), "terms": row.terms.to_bytes()} for row in ledger.channels()
    ]


def refused(ledger, part, call, *arguments, **options):
    """Check that a call raises a LedgerError with `part` in its one line, and changes nothing."""
    before = snapshot(ledger)
    with pytest.raises(LedgerError) as caught:
        call(*arguments, **options)
    text = str(caught.value)
    assert part in text and "\n" not in text, text
    assert snapshot(ledger) == before
    assert ledger.check().faults == []
