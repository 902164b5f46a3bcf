"""INVOICE: one packet becomes the amount that is due on the channel."""

from joulestream.compat import const
from joulestream.messages import Invoice

TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from joulestream.pole.charging_session import ChargingSession


class InvoiceCutter:
    """Cuts the invoices of a charging session. One message object serves every packet."""

    def __init__(self) -> None:
        self._invoice = Invoice(sequence=0, energy_mwh=0, amount_due=0)

    def cut(
        self, charging: "ChargingSession", energy_mwh: int, sequence: int, now_ms: int
    ) -> Invoice:
        """Return the invoice for all energy up to `energy_mwh`; the next packet begins there.

        The next call overwrites the message.

        Args:
            charging: the session's figures. They keep the invoiced amount for the payment.
            energy_mwh: the channel's energy at the end of the packet, in mWh.
            sequence: the sequence of the invoice (session_tag.py).
            now_ms: the present tick.
        """
        charging.begin_packet(energy_mwh, now_ms)
        charging.invoice_due = charging.tariff.amount_due(energy_mwh)
        charging.invoice_remainder = charging.tariff.remainder(energy_mwh)
        invoice = self._invoice
        invoice.sequence = sequence
        invoice.energy_mwh = energy_mwh
        invoice.amount_due = charging.invoice_due
        return invoice
