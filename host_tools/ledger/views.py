"""The ledger's things as fields to show: ids in hexadecimal, the unit of money in the name."""

from typing import Any

from joulestream.channel import Certificate
from joulestream.host_tools.ledger.audit import Audit
from joulestream.host_tools.ledger.book import ESCROW, Account, asset_name
from joulestream.host_tools.ledger.channels import Channel, Payment
from joulestream.host_tools.ledger.ledger import Ledger

# Terms that are shown in hexadecimal; 'contract' is the ledger's own key.
_TERMS = ("payer_key", "refund_account", "payee_key", "payout_account", "salt")

# What a table for people shows of each; the escrow accounts are the channels' own.
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
    """Return what identifies a ledger, as a pole's configuration needs it."""
    return {"ledger": ledger.name, "number": ledger.number, "key": ledger.key.hex()}


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
    """Return what a claim did."""
    return {
        "channel_id": payment.channel.id.hex(),
        "paid_claim_units": payment.channel.paid,
        "paid_now_claim_units": payment.paid_now,
        "paid_now_base_units": payment.paid_now_base_units,
    }


def audit_fields(audit: Audit) -> dict[str, Any]:
    """Return what an audit found; `faults` is a list of sentences."""
    return {
        "accounts": audit.accounts,
        "channels": audit.channels,
        "entries": audit.entries,
        "issued_base_units": {
            asset_name(asset): amount for asset, amount in audit.issued_base_units.items()
        },
        "faults": audit.faults,
    }


def accounts_for_people(accounts: list[Account]) -> list[dict[str, Any]]:
    """Return the brief fields of all accounts but escrow."""
    shown = [account_fields(account) for account in accounts if account.kind != ESCROW]
    return [_brief(fields, ACCOUNT_BRIEF) for fields in shown]


def channels_for_people(channels: list[Channel]) -> list[dict[str, Any]]:
    """Return the brief fields of channels."""
    return [_brief(channel_fields(channel), CHANNEL_BRIEF) for channel in channels]


def _brief(fields: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: fields[name] for name in names}
