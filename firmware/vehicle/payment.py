"""Paying an INVOICE: limits, prepayment, the stored record, the signed claim, the UPDATE."""

from joulestream import errors
from joulestream.channel import Claim
from joulestream.compat import const
from joulestream.messages import Update
from joulestream.tariff import Tariff
from joulestream.units import energy_from_power, packet_amount, small_int
from joulestream.vehicle.audit import Audit
from joulestream.vehicle.offer_check import agreed_prepay, refresh_mwh
from joulestream.vehicle.tariff_check import record_prices

TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from typing import Any

    from joulestream.channel import Certificate
    from joulestream.device.payer_record import PayerRecord
    from joulestream.messages import Invoice, Offer
    from joulestream.vehicle.config import VehicleConfig
    from joulestream.vehicle.own_meter import Figures
    from joulestream.vehicle.wallet import Wallet

# After a STOP for one of these the vehicle still pays the energy that flowed until the contactor
# opened. After any other the pole may have wronged the vehicle, which pays nothing more.
PAID_AFTER_STOP = (
    errors.OWNER_STOP,
    errors.ENERGY_REACHED,
    errors.BUDGET_EXHAUSTED,
    errors.CAPACITY_EXHAUSTED,
    errors.UNPLUGGED,
    errors.CERTIFICATE_EXPIRED,
    errors.CERTIFICATE_WINDOW,
    errors.TARIFF_REFUSED,
    errors.PRICE_TOO_HIGH,
    errors.PREPAY_TOO_SMALL,
    errors.METER_SILENT,
    errors.METER_STALE,
    errors.METER_FROZEN,
    errors.METER_BACKWARD,
    errors.METER_JUMP,
    errors.METER_OUT_OF_RANGE,
    errors.CONTACTOR_WELDED,
)


# The payment of less energy is hardly worth a write. With more, the battery is full before the
# flash wears out. A packet is no measure for it, since the pole chooses its packets.
WORTH_MWH = const(100)


class Payments:
    """The payments of one session: the agreed terms, and how far the vehicle has paid.

    Money is in claim units. Energy is in mWh; channel energy is on the pole's scale.

    Args:
        offer: the OFFER, checked.
        record: the channel's record that check_offer() returned.
        certificate: the channel's certificate.
        wallet: signs and stores.
        config: the vehicle's configuration.

    Attributes:
        record: the same; its prices are now those of the OFFER.
        certificate: the same, until a renewal replaces it.
        tariff: the agreed prices.
        audit: the audit of this session.
        prepay: paid ahead with every claim.
        limit: the most that may be signed in this session: the budget's or the channel's limit.
        start_energy_mwh: channel energy of the OFFER.
        energy_mwh: channel energy of the last INVOICE paid, or of the OFFER.
        packet_energy_mwh: energy of a packet, as the OFFER tells.
    """

    def __init__(
        self,
        offer: "Offer",
        record: "PayerRecord",
        certificate: "Certificate",
        wallet: "Wallet",
        config: "VehicleConfig",
    ) -> None:
        self.record = record
        self.tariff = Tariff(
            offer.energy_mwh, record.amount_due, offer.price_per_kwh, record.remainder
        )
        record_prices(record, self.tariff)
        self.audit = Audit(
            record,
            config.audit_percent,
            energy_from_power(config.max_power_mw, config.audit_wait_ms),
            energy_from_power(config.max_power_mw, config.link_timeout_ms),
            offer.energy_mwh,
            offer.step_mwh,
            refresh_mwh(offer, config),
        )
        self.prepay = agreed_prepay(offer, record, config.prepay)
        self.start_energy_mwh = offer.energy_mwh
        self.energy_mwh = offer.energy_mwh
        self.packet_energy_mwh = offer.packet_energy_mwh
        self._left_amount = record.left_amount
        self._credit = offer.credit
        self._wallet = wallet
        self._channel_id = certificate.channel_id
        self._claim = Claim(certificate.channel_id)
        # Every packet is answered with one UPDATE. The object is made once and reused.
        self._update = Update(sequence=0, amount=0, signature=b"")
        self.use(certificate)

    def use(self, certificate: "Certificate") -> None:
        """Pay on `certificate` of the same channel from now on: a renewal may raise the limit."""
        self.certificate = certificate
        # Each claim moves money from the budget to `signed`: their sum stays the same all session.
        allowed = self.record.signed + self._wallet.budget_left
        self.limit = min(allowed, certificate.capacity)

    def covers_packet(self, price_per_kwh: int) -> bool:
        """Return whether earned credit and prepayment cover one packet at a price."""
        credit = min(self._credit, self.record.signed) - self._left_amount
        return credit + self.prepay >= packet_amount(price_per_kwh, self.packet_energy_mwh)

    def limit_reason(self) -> int:
        """Return which limit is the nearer one: CAPACITY_EXHAUSTED or BUDGET_EXHAUSTED."""
        left = self.certificate.capacity - self.record.signed
        if left <= self._wallet.budget_left:
            return errors.CAPACITY_EXHAUSTED
        return errors.BUDGET_EXHAUSTED

    def is_spent(self) -> bool:
        """Return whether nothing is owed, and no packet can be paid any more."""
        owed = self.amount_to_pay(self.record.amount_due) > self.record.signed
        return not owed and self.next_amount_to_pay() > self.limit

    def next_amount_to_pay(self) -> int:
        """Return the amount to pay after one more full packet."""
        return self.amount_to_pay(self.tariff.amount_after(self.packet_energy_mwh))

    def amount_to_pay(self, amount_due: int) -> int:
        """Return `amount_due` without the debt that the owner leaves unpaid."""
        return amount_due - self._left_amount if self._left_amount else amount_due

    def more_mwh(self, invoice: "Invoice") -> int:
        """Return the energy of an INVOICE that no INVOICE before it has asked for."""
        return small_int(invoice.energy_mwh - self.energy_mwh)

    def pay(self, invoice: "Invoice", prepay: int, own_meter: "Figures") -> Update:
        """Return the UPDATE that pays a justified INVOICE and `prepay` ahead.

        The claim's amount is amount_to_pay + prepay, never above the limit, and never below an
        amount that was signed before. The next call overwrites the UPDATE.

        Args:
            invoice: the INVOICE; the amount to pay for it is at most `limit`.
            prepay: claim units to pay ahead.
            own_meter: the vehicle's view of the energy that flowed.

        Raises:
            OSError: the record could not be stored, so nothing was signed.
        """
        record = self.record
        wanted = self.amount_to_pay(invoice.amount_due) + prepay
        amount = max(min(wanted, self.limit), record.signed)
        energy_mwh = invoice.energy_mwh
        record.amount_due = invoice.amount_due
        record.remainder = self.tariff.remainder(energy_mwh)
        record.energy_mwh = energy_mwh
        self.audit.accept(record, energy_mwh, own_meter.total_mwh, own_meter.step_mwh)
        self._move_mark()
        self.energy_mwh = energy_mwh
        signature: Any = self._wallet.sign_claim(self._channel_id, record, amount, self._claim)
        self.tariff.advance(energy_mwh)
        update = self._update
        update.sequence = invoice.sequence
        update.amount = amount
        update.signature = signature
        return update

    def change_price(self, price_per_kwh: int, from_energy_mwh: int) -> None:
        """Agree to `price_per_kwh` for channel energy beyond `from_energy_mwh`."""
        self.tariff.change(from_energy_mwh, price_per_kwh)
        self._move_mark()
        record_prices(self.record, self.tariff)

    def _move_mark(self) -> None:
        """Move the audit's mark to the present figures, while a dearer price is ahead."""
        tariff = self.tariff
        next_price_per_kwh = tariff.next_price_per_kwh
        if next_price_per_kwh is not None and next_price_per_kwh > tariff.price_per_kwh:
            self.audit.move_mark(self.record)
