"""One charging session's figures: energy, packets, amount due, paid and unpaid."""

from joulestream.channel import Claim
from joulestream.device.payee_records import PayeeRecord
from joulestream.pole.packetizer import Packetizer
from joulestream.tariff import Tariff
from joulestream.units import small_int


class ChargingSession:
    """What flows on one open session; energy is on the channel's own scale, in mWh.

    `total_mwh` arguments are the meter's running total, `credit` is in claim units.
    """

    def __init__(
        self, config, certificate, verifier, record, price_per_kwh, total_mwh, time_s, now_ms
    ):
        self._renew_before_s = config.renew_before_s
        self.renew(certificate)
        self.record = record
        # The next record is written here and stored before it becomes the record.
        self.spare_record = PayeeRecord()
        self.claim = Claim(certificate.channel_id)
        self.verifier = verifier
        self.tariff = Tariff(record.energy_mwh, record.amount_due, price_per_kwh, record.remainder)
        self.packetizer = Packetizer(
            config.packet_energy_mwh, config.packet_ms, record.energy_mwh, now_ms
        )
        self.start_energy_mwh = record.energy_mwh
        self.started_s = time_s
        self.energy_mwh = record.energy_mwh
        self.amount_due = record.amount_due
        self.invoice_due = record.amount_due
        self.invoice_remainder = record.remainder
        self.packets = 0
        self.max_unpaid = 0
        self.max_prepaid = 0
        self.unpaid = small_int(record.amount_due - record.amount)
        self._credit = config.credit
        self._offset_mwh = record.energy_mwh - total_mwh

    def renew(self, certificate):
        """Go on with `certificate`; near its end, from `renew_from_s` on, ask for the next."""
        self.certificate = certificate
        self.renew_from_s = certificate.expires_at_s - self._renew_before_s

    def measure(self, total_mwh):
        """Follow the meter; return the amount that is unpaid now (negative: prepaid)."""
        energy_mwh = total_mwh + self._offset_mwh
        if energy_mwh != self.energy_mwh:
            self.energy_mwh = energy_mwh
            self.amount_due = self.tariff.amount_due(energy_mwh)
            self._refresh()
        return self.unpaid

    def invoice(self, energy_mwh, now_ms):
        """Begin a packet whose invoice asks for all energy up to `energy_mwh`."""
        self.packetizer.invoice(energy_mwh, now_ms)
        self.invoice_due = self.tariff.amount_due(energy_mwh)
        self.invoice_remainder = self.tariff.remainder(energy_mwh)

    def pay(self, record):
        """Take the stored `record` with its better claim: one more packet is paid."""
        self.spare_record, self.record = self.record, record
        self.packets += 1
        self.tariff.advance(record.energy_mwh)
        self._refresh()

    def has_uninvoiced(self):
        """Return whether energy has flowed that no invoice asked for yet."""
        return self.energy_mwh != self.packetizer.invoiced_mwh

    def credit(self):
        """Return the unpaid amount at which the contactor opens.

        A channel earns its credit: it never exceeds what the channel has paid already, so a
        channel that was never seen before starts token-first.
        """
        return min(self._credit, self.record.amount)

    def settle(self):
        """Bring the record up to the energy that has flowed."""
        record = self.record
        record.energy_mwh = self.energy_mwh
        record.amount_due = self.amount_due
        record.remainder = self.tariff.remainder(self.energy_mwh)

    def _refresh(self):
        self.unpaid = small_int(self.amount_due - self.record.amount)
        if self.unpaid > self.max_unpaid:
            self.max_unpaid = self.unpaid
        if -self.unpaid > self.max_prepaid:
            self.max_prepaid = -self.unpaid
