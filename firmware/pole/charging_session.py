"""One charging session in figures: energy, packets, amounts due, paid and unpaid."""

from joulestream.channel import Claim
from joulestream.compat import const
from joulestream.device.payee_records import bound_record, new_record
from joulestream.pole.cover import earned_credit
from joulestream.pole.packetizer import Packetizer
from joulestream.tariff import Tariff
from joulestream.units import packet_amount, small_int

TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from joulestream.channel import Certificate
    from joulestream.device.payee_records import PayeeRecord
    from joulestream.pole.config import PoleConfig
    from joulestream.pole.cover import Cover
    from joulestream.signing import Verifier


class ChargingSession:
    """The figures of one open session. Energy counts on the channel's own scale, in mWh.

    Args:
        config: the pole's configuration.
        certificate: the channel's certificate.
        verifier: verifies signatures of the payer's key.
        record: the record of the channel, with the amount due that the first invoice asks for.
        settled: the highest amount that the ledger accepted, in claim units.
        price_per_kwh: the offered price, in claim units per kWh.
        total_mwh: the meter's running total now, in mWh.
        time_s: the unix time, in s.
        now_ms: the present tick.
        cover: the energies that credit and prepayment have to cover.
        prepay: the amount that the vehicle promised to pay ahead, in claim units.
        left: the part of the amount due that the vehicle may leave unpaid, in claim units.

    Attributes:
        channel_id: the channel that pays.
        record: the channel's record as it is stored.
        proven_at: the amount at which a packet is paid under the certificate, in claim units.
        paid: the amount that the channel has paid by the best claim, or by the ledger's word.
        spare_record: a second record. The next claim is written into it, and it takes the place
            of `record` once it is stored.
        credit: the unpaid amount at which the contactor opens, in claim units.
        stop_amount: the price of all that flows in an orderly stop; 0 when credit and prepayment
            do not cover one.
        unpaid: `amount_due()` less `paid`; negative while prepaid.
        invoice_due, invoice_remainder: the amount that the last invoice asks for, and the part of
            a claim unit that it rounded off, in millionths.
        left: the part of the amount due that the vehicle may leave unpaid in this session. It uses
            up a part of the credit.
        packets: how many invoices were paid.
        packet: the price of a packet when the session began, in claim units.
        must_admit: whether the next stored claim brings its certificate along. A new channel
            takes its place in the journal then.
        is_logged: whether the journal knows that energy may flow.
        max_unpaid, max_prepaid: the extremes of `unpaid` in this session.
    """

    def __init__(
        self,
        config: "PoleConfig",
        certificate: "Certificate",
        verifier: "Verifier",
        record: "PayeeRecord",
        settled: int,
        price_per_kwh: int,
        total_mwh: int,
        time_s: int,
        now_ms: int,
        cover: "Cover",
        prepay: int,
        left: int,
    ) -> None:
        self.channel_id = certificate.channel_id
        self._renew_before_s = config.renew_before_s
        self.packet = packet_amount(price_per_kwh, config.packet_energy_mwh)
        self.is_logged = False
        self.paid = max(record.amount, settled)
        self.renew(certificate)
        self.record = record
        self.spare_record = new_record()
        self.claim = Claim(certificate.channel_id)
        self.verifier = verifier
        self.tariff = Tariff(record.energy_mwh, record.amount_due, price_per_kwh, record.remainder)
        self.packetizer = Packetizer(
            config.packet_energy_mwh,
            config.packet_ms,
            config.link_timeout_ms,
            cover.paying_mwh // 2,
            record.energy_mwh,
            now_ms,
        )
        self.start_energy_mwh = record.energy_mwh
        self.started_s = time_s
        self._offset_mwh = record.energy_mwh - total_mwh
        # On the scale of the meter's running total. Its numbers are small and need no memory.
        self._total_mwh = total_mwh
        self._invoiced_total_mwh = total_mwh  # at the end of the last invoiced packet
        self._paid_total_mwh = total_mwh  # at the end of the last paid packet
        self._due_ahead = 0  # the amount due for the energy since then
        self._unpaid_before = 0  # the unpaid amount at that end
        self.invoice_due = record.amount_due
        self.invoice_remainder = record.remainder
        self.left = left
        self.packets = 0
        self.max_unpaid = 0
        self.max_prepaid = 0
        self.unpaid = 0
        self._config = config
        self.credit = earned_credit(config.credit, self.paid)
        self._cover = cover
        self._prepay = prepay
        self._follow_price()
        self._note_paid(record)
        self.unpaid = self._unpaid_before

    # No properties here: MicroPython would search the class at every assignment to an attribute.

    def energy_mwh(self) -> int:
        """Return the channel's energy that has flowed so far."""
        return self._total_mwh + self._offset_mwh

    def amount_due(self) -> int:
        """Return the total due for it, in claim units."""
        return self.paid + self.unpaid

    def renew(self, certificate: "Certificate") -> None:
        """Go on with `certificate`. From `renew_from_s` on the pole asks for the next one."""
        self.certificate = certificate
        self.expires_at_s = certificate.expires_at_s
        self.must_admit = True
        self.renew_from_s = certificate.expires_at_s - self._renew_before_s
        self.proven_at = self.paid + self.packet
        self._unpaid_at_capacity = small_int(certificate.capacity - self.paid)

    def follow(self, total_mwh: int) -> None:
        """Bring the figures up to the meter's running total, in mWh."""
        if total_mwh != self._total_mwh:
            self._total_mwh = total_mwh
            self._due_ahead = self.tariff.amount_ahead(total_mwh - self._paid_total_mwh)
            self._update_unpaid()

    def pay(self, record: "PayeeRecord") -> None:
        """Count one more paid packet. `record` holds its claim and is stored."""
        self.spare_record, self.record = self.record, record
        self.packets += 1
        self.paid = record.amount
        self.tariff.advance(record.energy_mwh)
        credit = earned_credit(self._config.credit, record.amount)
        if credit != self.credit or self.tariff.price_per_kwh != self._price_per_kwh:
            self.credit = credit
            self._follow_price()
        self._note_paid(record)
        self._update_unpaid()

    def _note_paid(self, record: "PayeeRecord") -> None:
        """Count on from the energy of `record`, where the tariff begins."""
        self._paid_total_mwh = small_int(record.energy_mwh - self._offset_mwh)
        self._unpaid_before = small_int(self.tariff.amount_after(0) - self.paid)
        self._due_ahead = self.tariff.amount_ahead(self._total_mwh - self._paid_total_mwh)
        self._unpaid_at_capacity = small_int(self.certificate.capacity - self.paid)

    def change_price(self, from_energy_mwh: int, price_per_kwh: int) -> None:
        """Let the accepted price hold beyond the channel energy `from_energy_mwh`."""
        self.tariff.change(from_energy_mwh, price_per_kwh)
        self._follow_price()

    def covers(self, price_per_kwh: int) -> bool:
        """Return whether current flows steadily at a price, with this credit and prepayment."""
        return self.usable() >= self._cover.least(price_per_kwh)

    def usable(self) -> int:
        """Return the credit that no left debt uses up, and the prepayment, in claim units."""
        return self.credit - self.left + self._prepay

    def must_invoice(self) -> bool:
        """Return whether credit and prepayment last just until an invoice of now is paid.

        Up to a unit more has flowed than the amount due shows, so there is no room for less.
        """
        return self._room() <= self._early and self.has_uninvoiced_energy()

    def must_invoice_all(self) -> bool:
        """Return whether a full packet's invoice has to ask for the energy behind it too."""
        return self._room() < 2 * self._early

    def _room(self) -> int:
        """Return the amount that may still flow before an orderly stop has to begin."""
        return self.credit - self.stop_amount - self.unpaid

    def must_pause(self) -> bool:
        """Return whether an orderly stop has to begin now, so that the credit lasts to its end."""
        return self.credit - self.stop_amount <= self.unpaid

    def has_uninvoiced_energy(self) -> bool:
        """Return whether energy has flowed that no invoice has asked for yet."""
        return self._total_mwh != self._invoiced_total_mwh

    def uninvoiced_mwh(self) -> int:
        """Return the energy that has flowed and that no invoice has asked for yet, in mWh."""
        return self._total_mwh - self._invoiced_total_mwh

    def begin_packet(self, energy_mwh: int, now_ms: int) -> None:
        """Begin the next packet at the channel's energy `energy_mwh`."""
        self.packetizer.begin(energy_mwh, now_ms)
        self._invoiced_total_mwh = small_int(energy_mwh - self._offset_mwh)

    def is_exhausted(self) -> bool:
        """Return whether the channel can pay no more than is due."""
        return self.unpaid >= self._unpaid_at_capacity

    def is_claimed(self) -> bool:
        """Return whether the pole holds a claim for all that the channel has paid.

        A pole whose journal is new or old holds less than the ledger has paid, and delivers
        nothing before the vehicle has signed for that anew.
        """
        return self.record.amount >= self.paid

    def close_record(self) -> "PayeeRecord":
        """Return the channel's record, brought up to the energy that has flowed."""
        record = self.record
        record.energy_mwh = self.energy_mwh()
        record.amount_due = self.amount_due()
        record.remainder = self.tariff.remainder(record.energy_mwh)
        bound_record(record)
        return record

    def _follow_price(self) -> None:
        """Note the price of what flows while a packet is paid, and in an orderly stop.

        If credit and prepayment do not cover an orderly stop beside that, the pole opens at once.
        """
        cover = self._cover
        self._price_per_kwh = self.tariff.price_per_kwh
        # A price that is ahead may begin before the next payment.
        price_per_kwh = max(self._price_per_kwh, self.tariff.next_price_per_kwh or 0)
        self._early = cover.early(price_per_kwh)
        stop = cover.stop(price_per_kwh)
        self.stop_amount = stop if self.usable() >= cover.least(price_per_kwh) + stop else 0

    def _update_unpaid(self) -> None:
        self.unpaid = self._unpaid_before + self._due_ahead
        if self.unpaid > self.max_unpaid:
            self.max_unpaid = self.unpaid
        if -self.unpaid > self.max_prepaid:
            self.max_prepaid = -self.unpaid
