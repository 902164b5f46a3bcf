"""Accounts, channels and payments as fields to show: ids in hexadecimal, units in the names."""

from typing import Any

from joulestream.channel import MAX_AMOUNT, Certificate
from joulestream.host_tools.ledger.book import ESCROW, Account, asset_id, asset_name
from joulestream.host_tools.ledger.channels import Channel, Payment
from joulestream.host_tools.ledger.checks import check_range
from joulestream.host_tools.ledger.conservation import LedgerCheck
from joulestream.host_tools.ledger.ledger import Ledger
from joulestream.messages import TimeProof, encode

# Terms that are shown in hexadecimal; 'contract' is the ledger's own key.
_TERMS = ("payer_key", "refund_account", "payee_key", "payout_account", "salt")

# The fields that a table for people shows.
ACCOUNT_BRIEF = ("name", "asset", "balance_base_units", "id")
CHANNEL_BRIEF = (
    "channel_id",
    "state",
    "deposit_claim_units",
    "paid_claim_units",
    "refunded_claim_units",
    "asset",
)


def ledger_fields(ledger: Ledger) -> dict[str, Any]:
    """Return the number and key of a ledger, as a pole's configuration needs them."""
    return {"ledger": ledger.name, "number": ledger.number, "key": ledger.key.hex()}


def issuer_block(ledger: Ledger, asset: str, units: int, limit: int) -> dict[str, Any]:
    """Return the ledger as a row of `issuers` in a pole's configuration.

    Args:
        ledger: the ledger.
        asset: the asset's name.
        units: base units in one claim unit.
        limit: claim units up to which the pole trusts all channels of the ledger together.

    Raises LedgerError for a name that no asset has, or units out of range.
    """
    asset_id(asset)
    check_range("base units per claim unit", units, 1, MAX_AMOUNT)
    return {
        "key": ledger.key.hex(),
        "limit": limit,
        "kind": "sql",
        "chain_id": ledger.number,
        "contract": ledger.key.hex(),
        "asset": asset,
        "base_units_per_claim_unit": units,
    }


def time_fields(proof: TimeProof) -> dict[str, Any]:
    """Return the fields of a signed time, and the TIME message whole."""
    return {
        "issuer_key": proof.issuer_key.hex(),
        "time_s": proof.time_s,
        "signature": proof.signature.hex(),
        "message": encode(proof).hex(),
    }


def account_fields(account: Account) -> dict[str, Any]:
    """Return an account's fields."""
    return {
        "name": account.name,
        "kind": account.kind,
        "asset": asset_name(account.asset),
        "balance_base_units": account.balance_base_units,
        "id": account.id.hex(),
    }


def channel_fields(channel: Channel) -> dict[str, Any]:
    """Return a channel's fields."""
    terms = channel.terms
    return {
        "channel_id": channel.id.hex(),
        "state": channel.state,
        "deposit_claim_units": channel.deposit,
        "paid_claim_units": channel.paid,
        "refunded_claim_units": channel.refunded,
        "asset": asset_name(terms.asset),
        "base_units_per_claim_unit": terms.base_units_per_claim_unit,
        **{name: getattr(terms, name).hex() for name in _TERMS},
        "dispute_window_s": terms.dispute_window_s,
        "opened_at_s": channel.opened_at_s,
        "closes_at_s": channel.closes_at_s,
        "closed_at_s": channel.closed_at_s,
    }


def certificate_fields(certificate: Certificate) -> dict[str, Any]:
    """Return the limits of a certificate."""
    return {
        "channel_id": certificate.channel_id.hex(),
        "capacity_claim_units": certificate.capacity,
        "issued_at_s": certificate.issued_at_s,
        "expires_at_s": certificate.expires_at_s,
    }


def payment_fields(payment: Payment) -> dict[str, Any]:
    """Return the fields of the payment for a claim."""
    return {
        "channel_id": payment.channel.id.hex(),
        "paid_claim_units": payment.channel.paid,
        "paid_now_claim_units": payment.paid_now,
        "paid_now_base_units": payment.paid_now_base_units,
    }


def check_fields(check: LedgerCheck) -> dict[str, Any]:
    """Return the fields of a ledger check; `faults` is a list of sentences."""
    return {
        "accounts": check.accounts,
        "channels": check.channels,
        "entries": check.entries,
        "issued_base_units": {
            asset_name(asset): amount for asset, amount in check.issued_base_units.items()
        },
        "faults": check.faults,
    }


def accounts_for_people(accounts: list[Account]) -> list[dict[str, Any]]:
    """Return the brief fields of all accounts but the escrow accounts of channels."""
    shown = [account_fields(account) for account in accounts if account.kind != ESCROW]
    return [_brief(fields, ACCOUNT_BRIEF) for fields in shown]


def channels_for_people(channels: list[Channel]) -> list[dict[str, Any]]:
    """Return the brief fields of channels."""
    return [_brief(channel_fields(channel), CHANNEL_BRIEF) for channel in channels]


def _brief(fields: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: fields[name] for name in names}
