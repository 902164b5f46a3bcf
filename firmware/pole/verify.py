"""UPDATE: is the new claim good, and the record of the channel that it leads to."""

from joulestream.channel import claim_reason
from joulestream.compat import const
from joulestream.errors import BAD_SIGNATURE

TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from joulestream.device.payee_records import PayeeRecord
    from joulestream.messages import Update
    from joulestream.pole.charging_session import ChargingSession


def update_reason(update: "Update", charging: "ChargingSession") -> int:
    """Return the reason to refuse the claim of `update`, or 0.

    The cheap checks of the amount come first; the signature is verified last.
    """
    least = charging.invoice_due
    if charging.left:
        least -= charging.left
    reason = claim_reason(
        update.amount,
        charging.paid,
        least,
        charging.certificate.capacity,
    )
    if reason:
        return reason
    claim = charging.claim.message(update.amount)
    return 0 if charging.verifier.verify(claim, update.signature) else BAD_SIGNATURE


def paid_record(update: "Update", charging: "ChargingSession") -> "PayeeRecord":
    """Return the record of the channel once the claim of `update` is stored.

    It is the session's spare record, which becomes the session's record when it is stored
    (ChargingSession.pay). So a packet allocates no new record.
    """
    record = charging.spare_record
    record.amount = update.amount
    record.signature = update.signature
    record.amount_due = charging.invoice_due
    record.remainder = charging.invoice_remainder
    record.energy_mwh = charging.packetizer.invoiced_mwh
    return record
