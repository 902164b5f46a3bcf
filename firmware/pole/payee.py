"""The pole's side of a session: offer, admission, invoices, stored claims, receipt."""

from joulestream import errors
from joulestream.channel import (
    Certificate,
    claim_reason,
    expiry_reason,
    time_bytes,
)
from joulestream.device.journal import JournalFull
from joulestream.errors import PeerError
from joulestream.messages import (
    ACCEPT,
    HELLO,
    MAX_ISSUERS,
    NONCE_SIZE,
    OFFER,
    PAYEE,
    RECEIPT,
    RECEIPT_ACK,
    RENEW,
    STOP,
    TARIFF,
    TARIFF_ACCEPT,
    TIME,
    UPDATE,
    VERSION,
    Invoice,
    Renewed,
    RenewRequest,
    make,
)
from joulestream.pole.admission import Admission
from joulestream.pole.charging_session import ChargingSession
from joulestream.session import GREETED, OPEN, RECEIPTED, ProtocolSession
from joulestream.signing import Verifier, verify
from joulestream.units import energy_from_power, packet_amount, ticks_add, ticks_diff

# After the contactor opened, this many meter intervals show what still flowed.
_SETTLE_INTERVALS = 3


class Payee:
    """Runs the pole's end of one session after the other. It owns no hardware.

    `step` is given the meter (meter.counter.EnergyCounter); `may_energise` tells whether the contactor
    may be closed. `charge` is the open session's figures, `last_charge` those of the newest
    session, open or not; `last_stop` is the reason code the last session ended with. `table` is
    memory for a signing.Verifier, set aside while the heap is whole.
    """

    def __init__(self, config, signer, records, session_log, clock, random, table):
        self._config = config
        self._signer = signer
        self._records = records
        self._session_log = session_log
        self._clock = clock
        self._random = random
        self._admission = Admission(config, signer.public_key, records)
        self._table = table
        self._issuers = b"".join(issuer.key for issuer in config.issuers)
        self.session = ProtocolSession(PAYEE, config.retry_ms, config.link_timeout_ms)
        self.charge = None
        self.last_charge = None
        self.last_stop = 0
        self.receipt = None
        self._meter = None
        self._offered_record = None
        self._offered_price = 0
        self._hello = None  # a HELLO that waits for the session before it to end
        self._unstored = None  # (channel id, record) of a session that the store did not take
        self._stopping = 0
        self._settle_ms = 0
        self._tariff_out = None
        self._renew_ms = 0
        self._invoice = Invoice(sequence=0, energy_mwh=0, amount_due=0)  # one for every packet
        self._handlers = {
            HELLO: self._on_hello,
            TIME: self._on_time,
            ACCEPT: self._on_accept,
            UPDATE: self._on_update,
            TARIFF_ACCEPT: self._on_tariff_accept,
            RENEW: self._on_renew,
            STOP: self._on_stop,
            RECEIPT_ACK: self._on_receipt_ack,
        }

    def receive(self, payload, now_ms):
        """Take a payload from the link. Raises MalformedError for bytes that are no message."""
        try:
            message = self.session.receive(payload, now_ms)
            if message is not None:
                self._handlers[message.number](message, now_ms)
        except PeerError as error:
            self.stop(error.reason, now_ms)

    def step(self, meter, plugged, now_ms):
        """Move the session on; `plugged` tells whether a vehicle is connected."""
        self._meter = meter
        self._clock.tick(now_ms)
        if not meter.reason:
            self._recover(meter)
        charge = self.charge
        timeout = self.session.poll(now_ms)
        if charge is None:
            if timeout:
                self.stop(timeout, now_ms)
            return
        charge.measure(meter.total_mwh)
        if self._stopping:
            self._step_stopping(charge, timeout, now_ms)
            return
        reason = timeout or self._interruption(charge, meter.reason, plugged, now_ms)
        if reason:
            self.stop(reason, now_ms)
            return
        self._step_tariff(charge, now_ms)
        self._step_renewal(charge, now_ms)
        self._step_invoice(charge, now_ms)

    def keep_time(self, time_s, now_ms):
        """Take the board's `time_s` (or None) while the time is unknown; journal it now and then.

        Raises OSError.
        """
        if time_s is not None and self._clock.time_s(now_ms) is None:
            self._clock.set(time_s, now_ms)
        self._clock.keep(now_ms)

    def is_in_packet(self):
        """Return whether an invoice waits for its update, which must not be kept waiting."""
        return self.charge is not None and self.session.is_waiting_for(UPDATE)

    def can_store(self):
        """Return whether a packet's claim can be stored without an erase."""
        return self._records.can_store()

    def may_energise(self):
        """Return whether the contactor may be closed, as of the last step."""
        charge = self.charge
        return (
            charge is not None
            and not self._stopping
            and self.session.state == OPEN
            and charge.unpaid < charge.credit()
        )

    def stop(self, reason, now_ms):
        """End the session for `reason`: the contactor stays open from now on."""
        if self._stopping:
            return
        self.last_stop = reason
        if self.charge is not None:
            self._begin_stopping(reason, now_ms)
        self.session.stop(reason, now_ms)

    # Messages

    def _on_hello(self, hello, now_ms):
        self._hello = hello
        if self.charge is None:
            self._offer(now_ms)
        elif not self._stopping:
            # What flows until the contactor is open belongs to this channel: the offer waits for it.
            self.last_stop = errors.RESTARTED
            self._begin_stopping(errors.RESTARTED, now_ms)

    def _offer(self, now_ms):
        """Answer the newest HELLO."""
        hello = self._hello
        self._hello = None
        self._require_meter()
        self._recover(self._meter)
        if self._unstored is not None:
            self._store_session(*self._unstored)
        if self._unstored is not None or not self._session_log.is_settled:
            raise PeerError(errors.STORE_FAILED)
        config = self._config
        session = self.session
        record = self._records.load(hello.channel_id)
        price_per_kwh = self._price(now_ms)
        self._offered_record = record
        self._offered_price = price_per_kwh
        packet = packet_amount(price_per_kwh, config.packet_energy_mwh)
        fields = {
            "version": VERSION,
            "nonce": self._random(NONCE_SIZE),
            "payee_key": self._signer.public_key,
            "time_s": self._clock.time_s(now_ms) or 0,
            "price_per_kwh": price_per_kwh,
            "credit": config.credit,
            # Without credit yet, one packet must be paid ahead or nothing would ever start.
            "prepay": max(config.prepay, packet - min(config.credit, record.amount)),
            "packet_energy_mwh": config.packet_energy_mwh,
            "packet_ms": config.packet_ms,
            "link_timeout_ms": config.link_timeout_ms,
            "max_power_mw": config.max_power_mw,
            "energy_mwh": record.energy_mwh,
            "amount_due": record.amount_due,
            "remainder": record.remainder,
            "best_amount": record.amount,
            "best_signature": record.signature,
            "issuer_count": len(config.issuers),
            "issuers": self._issuers + bytes(32 * MAX_ISSUERS - len(self._issuers)),
        }
        session.send_signed(make(OFFER, **fields), self._signer, now_ms)

    def _on_time(self, message, now_ms):
        if self._clock.time_s(now_ms) is not None:
            return
        if self._admission.issuer(message.issuer_key) is None:
            raise PeerError(errors.UNTRUSTED_ISSUER)
        proof = time_bytes(self.session.payee_nonce, self._signer.public_key, message.time_s)
        if not verify(message.issuer_key, proof, message.signature):
            raise PeerError(errors.BAD_TIME)
        if not self._clock.set(message.time_s, now_ms):
            raise PeerError(errors.BAD_TIME)

    def _on_accept(self, accept, now_ms):
        session = self.session
        time_s = self._clock.time_s(now_ms)
        if time_s is None:
            raise PeerError(errors.TIME_UNKNOWN)
        self._require_meter()
        certificate = Certificate.from_bytes(accept.certificate)
        reason = self._admission.certificate_reason(
            certificate, session.channel_id, session.payer_key, time_s
        )
        if reason:
            raise PeerError(reason)
        if not self._admission.proof_is_good(session, accept):
            raise PeerError(errors.BAD_PROOF)
        record = self._offered_record
        record.issuer_key = certificate.issuer_key
        packet = packet_amount(self._offered_price, self._config.packet_energy_mwh)
        if min(self._config.credit, record.amount) + accept.prepay < packet:
            raise PeerError(errors.PREPAY_TOO_SMALL)
        if record.amount_due > certificate.capacity:
            raise PeerError(errors.CAPACITY_EXHAUSTED)
        charge = ChargingSession(
            self._config,
            certificate,
            Verifier(certificate.payer_key, self._table),
            record,
            self._offered_price,
            self._meter.total_mwh,
            time_s,
            now_ms,
        )
        self._erase_ahead()
        self._admit(certificate, record, now_ms)
        self._log_session(charge)
        self.charge = charge
        self.last_charge = charge
        self.receipt = None
        self.last_stop = 0
        self._stopping = 0
        self._tariff_out = None
        self._renew_ms = now_ms
        self._send_invoice(self.charge, record.energy_mwh, now_ms)

    def _on_update(self, update, now_ms):
        charge = self.charge
        record = charge.record
        reason = claim_reason(
            update.amount, record.amount, charge.invoice_due, charge.certificate.capacity
        )
        if reason:
            raise PeerError(reason)
        if not charge.verifier.verify(charge.claim.message(update.amount), update.signature):
            raise PeerError(errors.BAD_SIGNATURE)
        paid = charge.spare_record
        paid.amount = update.amount
        paid.signature = update.signature
        paid.amount_due = charge.invoice_due
        paid.remainder = charge.invoice_remainder
        paid.energy_mwh = charge.packetizer.invoiced_mwh
        paid.issuer_key = record.issuer_key
        try:
            self._records.store(charge.certificate.channel_id, paid)
        except OSError:
            raise PeerError(errors.STORE_FAILED)
        charge.pay(paid)

    def _on_tariff_accept(self, message, now_ms):
        tariff = self._tariff_out
        if tariff is None or self._stopping:
            return
        if (message.price_per_kwh, message.from_energy_mwh) != tariff:
            raise PeerError(errors.BAD_FIELD)
        self._require_meter()
        self.charge.tariff.change(tariff[1], tariff[0])
        self._tariff_out = None
        self._log_session(self.charge)

    def _on_renew(self, message, now_ms):
        if self._stopping:
            return
        charge = self.charge
        certificate = Certificate.from_bytes(message.certificate)
        reason = self._admission.certificate_reason(
            certificate,
            self.session.channel_id,
            self.session.payer_key,
            self._clock.time_s(now_ms),
        )
        if reason:
            raise PeerError(reason)
        if certificate.expires_at_s <= charge.certificate.expires_at_s:
            raise PeerError(errors.BAD_FIELD)
        charge.record.issuer_key = certificate.issuer_key
        self._admit(certificate, charge.record, now_ms)
        charge.renew(certificate)
        self.session.send(
            Renewed(expires_at_s=certificate.expires_at_s, capacity=certificate.capacity),
            now_ms,
        )

    def _on_stop(self, message, now_ms):
        if self._stopping:
            return
        self.last_stop = message.reason
        if self.charge is not None:
            self._begin_stopping(message.reason, now_ms)

    def _on_receipt_ack(self, message, now_ms):
        self._close_out(self.charge)

    # Steps

    def _interruption(self, charge, meter_reason, plugged, now_ms):
        """Return why the open session must stop now, or 0."""
        if not plugged:
            return errors.UNPLUGGED
        if meter_reason:
            return meter_reason
        time_s = self._clock.time_s(now_ms)
        if time_s is None:
            return errors.TIME_UNKNOWN
        reason = expiry_reason(charge.certificate, time_s)
        if reason:
            return reason
        if self._tariff_out is not None and charge.energy_mwh >= self._tariff_out[1]:
            return errors.TARIFF_REFUSED
        if charge.amount_due >= charge.certificate.capacity:
            return errors.CAPACITY_EXHAUSTED
        return 0

    def _step_tariff(self, charge, now_ms):
        tariff = charge.tariff
        if self._tariff_out is not None or tariff.next_price_per_kwh is not None:
            return
        price_per_kwh = self._price(now_ms)
        if price_per_kwh == tariff.price_per_kwh:
            return
        config = self._config
        # Far enough ahead that the vehicle can answer before the new price begins.
        lead_mwh = energy_from_power(config.max_power_mw, config.link_timeout_ms)
        packets = lead_mwh // config.packet_energy_mwh + 2
        invoiced_mwh = charge.packetizer.invoiced_mwh
        from_energy_mwh = invoiced_mwh + packets * config.packet_energy_mwh
        self._tariff_out = (price_per_kwh, from_energy_mwh)
        fields = {"price_per_kwh": price_per_kwh, "from_energy_mwh": from_energy_mwh}
        self.session.send_signed(make(TARIFF, **fields), self._signer, now_ms)

    def _step_renewal(self, charge, now_ms):
        if ticks_diff(now_ms, self._renew_ms) < 0:
            return
        if self._clock.time_s(now_ms) >= charge.renew_from_s and not self.is_in_packet():
            # So that the new certificate can be stored whenever it comes.
            self._erase_ahead()
            # The vehicle may get its certificate only later, so it is asked again.
            self._renew_ms = ticks_add(now_ms, self._config.link_timeout_ms)
            expires_at_s = charge.certificate.expires_at_s
            self.session.send(RenewRequest(valid_until_s=expires_at_s), now_ms)

    def _step_invoice(self, charge, now_ms):
        if self.session.is_waiting_for(UPDATE) or not self._records.can_store():
            return
        energy_mwh = charge.packetizer.end_of_packet(charge.energy_mwh, now_ms)
        if energy_mwh is not None:
            self._send_invoice(charge, energy_mwh, now_ms)

    def _step_stopping(self, charge, timeout, now_ms):
        session = self.session
        if session.state == RECEIPTED:
            if timeout:
                session.abort()
                self._close_out(charge)
            return
        if ticks_diff(now_ms, self._settle_ms) < 0:
            return
        if self._hello is not None:
            self._close_out(charge)
            if session.state == GREETED:
                self._answer_hello(now_ms)
            return
        if not timeout and session.is_waiting_for(UPDATE):
            return
        asks = not timeout and charge.unpaid > 0 and charge.has_uninvoiced()
        if asks and self._erase_ahead():
            self._send_invoice(charge, charge.energy_mwh, now_ms)
        else:
            self._finish(charge, now_ms)

    def _answer_hello(self, now_ms):
        try:
            self._offer(now_ms)
        except PeerError as error:
            self.stop(error.reason, now_ms)

    def _begin_stopping(self, reason, now_ms):
        self._stopping = reason
        meter = self._config.meter
        self._settle_ms = ticks_add(now_ms, _SETTLE_INTERVALS * meter.interval_ms)

    def _finish(self, charge, now_ms):
        """Fix the figures, store them, send the receipt."""
        charge.settle()
        record = charge.record
        self._store_session(charge.certificate.channel_id, record)
        self.receipt = {
            "reason": self._stopping,
            "started_s": charge.started_s,
            "ended_s": self._clock.time_s(now_ms) or charge.started_s,
            "start_energy_mwh": charge.start_energy_mwh,
            "energy_mwh": record.energy_mwh,
            "amount_due": record.amount_due,
            "amount_paid": record.amount,
        }
        self.session.send_signed(make(RECEIPT, **self.receipt), self._signer, now_ms)

    def _close_out(self, charge):
        """End the charge with what has flowed by now, receipt or not."""
        charge.settle()
        self._store_session(charge.certificate.channel_id, charge.record)
        self.charge = None
        self._stopping = 0

    def _admit(self, certificate, record, now_ms):
        """Store what opens or renews a session. Raises PeerError when it cannot be stored."""
        try:
            self._records.admit(certificate, record)
            self._clock.keep(now_ms)
        except JournalFull:
            raise PeerError(errors.CHANNELS_FULL)
        except OSError:
            raise PeerError(errors.STORE_FAILED)

    def _log_session(self, charge):
        """Journal that `charge` is open, before the contactor closes at its price."""
        try:
            self._session_log.open(
                charge.certificate.channel_id, self._meter, charge.energy_mwh, charge.tariff
            )
        except OSError:
            raise PeerError(errors.STORE_FAILED)

    def _store_session(self, channel_id, record):
        """Store what a session, whose contactor is open, left of its channel; close its log.

        What could not be stored is kept, and no other session begins before it is.
        """
        self._unstored = (channel_id, record)
        if self._erase_ahead():
            try:
                self._records.store(channel_id, record)
                self._session_log.close()
                self._unstored = None
            except OSError:
                pass

    def _recover(self, meter):
        """Bill what a power cut left unbilled; if the store fails, again at the next step."""
        if not self._session_log.is_settled and self._erase_ahead():
            try:
                self._session_log.settle(meter)
            except OSError:
                pass

    def _erase_ahead(self):
        """Erase ahead, which takes long; return whether the store did it."""
        try:
            self._records.erase_ahead()
        except OSError:
            return False
        return True

    def _require_meter(self):
        """Raise PeerError while the meter cannot be trusted."""
        reason = errors.METER_SILENT if self._meter is None else self._meter.reason
        if reason:
            raise PeerError(reason)

    def _price(self, now_ms):
        """Return the price per kWh that holds now; the first one while the time is unknown."""
        time_s = self._clock.time_s(now_ms) or 0
        price_per_kwh = 0
        for row in self._config.prices:
            if row.from_s <= time_s:
                price_per_kwh = row.price_per_kwh
        return price_per_kwh

    def _send_invoice(self, charge, energy_mwh, now_ms):
        charge.invoice(energy_mwh, now_ms)
        invoice = self._invoice
        invoice.sequence = self.session.sequence + 1
        invoice.energy_mwh = energy_mwh
        invoice.amount_due = charge.invoice_due
        self.session.send(invoice, now_ms)
