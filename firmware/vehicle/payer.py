"""The vehicle's side of a session: greets, checks the offer, audits and pays invoices."""

from joulestream import errors
from joulestream.channel import (
    SIGNED_PROOF,
    Claim,
)
from joulestream.errors import PeerError
from joulestream.messages import (
    INVOICE,
    MAX_ISSUERS,
    NONCE_SIZE,
    OFFER,
    PAYER,
    RECEIPT,
    RENEW_REQUEST,
    RENEWED,
    STOP,
    TARIFF,
    VERSION,
    Accept,
    Hello,
    Invoice,
    ReceiptAck,
    Renew,
    TariffAccept,
    Update,
)
from joulestream.session import CLOSED, IDLE, OPEN, STOPPING, ProtocolSession
from joulestream.tariff import Tariff
from joulestream.units import energy_from_power, packet_amount, small_int, ticks_add, ticks_diff
from joulestream.vehicle.audit import Audit, amount_reason
from joulestream.vehicle.carryover import agree, begin, best_claim_reason, carry_over, new_record
from joulestream.vehicle.config import AUDIT_METER

# After these the vehicle may try again by itself; the others end its visit until it is replugged.
_PASSING = (
    errors.BAD_SIGNATURE,
    errors.UNEXPECTED_MESSAGE,
    errors.LINK_TIMEOUT,
    errors.PAYMENT_TIMEOUT,
    errors.RESTARTED,
    errors.TIME_UNKNOWN,
    errors.METER_SILENT,
    errors.METER_STALE,
    errors.METER_FROZEN,
    errors.METER_BACKWARD,
    errors.METER_JUMP,
)

# Ends for which what flowed until the contactor opened is still paid.
_FRIENDLY = (
    errors.OWNER_STOP,
    errors.ENERGY_REACHED,
    errors.BUDGET_EXHAUSTED,
    errors.CAPACITY_EXHAUSTED,
    errors.UNPLUGGED,
    errors.CERTIFICATE_EXPIRED,
    errors.CERTIFICATE_WINDOW,
    errors.TARIFF_REFUSED,
    errors.PRICE_TOO_HIGH,
    errors.METER_SILENT,
    errors.METER_STALE,
    errors.METER_FROZEN,
    errors.METER_BACKWARD,
    errors.METER_JUMP,
)


class Payer:
    """Runs the vehicle's end of a session. It owns no hardware.

    `step` is given the own meter (OwnMeter or PowerBound of own_meter.py); `renewals()` returns
    certificates that came since the start. `last_stop` is the reason code of the last end,
    `receipt` the pole's receipt.
    """

    def __init__(self, config, wallet, random, renewals):
        self._config = config
        self._wallet = wallet
        self._random = random
        self._renewals = renewals
        self.session = ProtocolSession(PAYER, config.retry_ms, config.link_timeout_ms)
        self.last_stop = 0
        self.receipt = None
        self.packets = 0
        self.tariff = None
        self._audit = None
        self.record = None
        self._certificate = None
        self._payee_key = b""
        self._claim = None
        self._prepay = 0
        self._packet_mwh = 0
        self._start_mwh = 0
        self._last_mwh = 0
        # A packet is two messages; what they need is made once.
        self._invoice = Invoice(sequence=0, energy_mwh=0, amount_due=0)
        self._update = Update(sequence=0, amount=0, signature=b"")
        self._invoice_waits = False
        self._invoice_ms = 0
        self._total_mwh = 0
        self._visit_mwh = 0
        self._step_mwh = 0
        self._retry_at_ms = None
        self._done = False
        self._handlers = {
            OFFER: self._on_offer,
            INVOICE: self._on_invoice,
            TARIFF: self._on_tariff,
            RENEW_REQUEST: self._on_renew_request,
            RENEWED: self._on_renewed,
            STOP: self._on_stop,
            RECEIPT: self._on_receipt,
        }

    @property
    def energy_mwh(self):
        """Energy invoiced and accepted in this session, in mWh."""
        return self._last_mwh - self._start_mwh

    @property
    def budget_left(self):
        """What the owner still allows to spend, in claim units."""
        return self._wallet.budget_left

    def receive(self, payload, now_ms):
        """Take a payload from the link. Raises MalformedError for bytes that are no message."""
        try:
            message = self.session.receive(payload, now_ms)
            if message is not None:
                self._handlers[message.number](message, now_ms)
        except PeerError as error:
            self.stop(error.reason, now_ms)

    def step(self, meter, plugged, now_ms):
        """Move the session on; `plugged` tells whether the vehicle is connected to a pole."""
        self._total_mwh = meter.total_mwh
        self._step_mwh = meter.step_mwh
        session = self.session
        if not plugged:
            self._unplug()
            return
        if session.state in (IDLE, CLOSED):
            self._step_greeting(meter.reason, now_ms)
            return
        reason = session.poll(now_ms)
        if reason:
            self.last_stop = self.last_stop or reason
            self._end(now_ms)
            return
        if session.state == OPEN and meter.reason:
            self.stop(meter.reason, now_ms)
        if self._invoice_waits:
            self._step_audit(now_ms)

    def is_in_packet(self):
        """Return whether an invoice waits to be paid."""
        return self._invoice_waits

    def can_store(self):
        """Return whether a claim can be stored without an erase."""
        return self._wallet.can_store()

    def stop(self, reason, now_ms):
        """End the session for `reason`."""
        if self.session.state == STOPPING:
            return
        self.last_stop = reason
        self.session.stop(reason, now_ms)
        if self.session.state == CLOSED:
            self._end(now_ms)

    # Messages

    def _on_offer(self, offer, now_ms):
        wallet = self._wallet
        certificate = wallet.certificate_for(offer.payee_key)
        if certificate is None:
            raise PeerError(errors.NO_CHANNEL)
        self._certificate = certificate
        if certificate.channel_id != self.session.channel_id:
            self._greet(now_ms)
            return
        self._payee_key = offer.payee_key
        self.session.check_signature(offer, self._payee_key)
        reason = self._offer_reason(offer, certificate)
        if reason:
            raise PeerError(reason)
        channel_id = certificate.channel_id
        record = wallet.load(channel_id) or new_record(offer, self._total_mwh)
        prepay = self._config.prepay
        growth_mwh = self._growth_mwh(record)
        reason = best_claim_reason(offer, channel_id, wallet.public_key) or carry_over(
            offer, record, growth_mwh, self._percent(), self._step_mwh, prepay
        )
        if reason:
            raise PeerError(reason)
        self._prepay = min(offer.prepay, prepay - record.unproven_amount)
        packet = packet_amount(offer.price_per_kwh, offer.packet_energy_mwh)
        if min(offer.credit, offer.best_amount) + self._prepay < packet:
            raise PeerError(errors.PREPAY_TOO_SMALL)
        # A wallet that lost its state learns from its own signature what it signed.
        record.signed = max(record.signed, offer.best_amount)
        self.record = record
        self._packet_mwh = offer.packet_energy_mwh
        self._start_mwh = offer.energy_mwh
        self._last_mwh = offer.energy_mwh
        self.tariff = Tariff(
            offer.energy_mwh, offer.amount_due, offer.price_per_kwh, offer.remainder
        )
        config = self._config
        self._audit = Audit(
            record,
            self._percent(),
            energy_from_power(config.max_power_mw, config.audit_wait_ms),
            energy_from_power(config.max_power_mw, config.link_timeout_ms),
            self._total_mwh,
            offer.energy_mwh,
        )
        begin(record, offer, self.tariff, self._total_mwh)
        self._remember(record)
        self._claim = Claim(channel_id)
        self._accept(certificate, now_ms)

    def _on_invoice(self, invoice, now_ms):
        if invoice.energy_mwh < self._last_mwh:
            raise PeerError(errors.BAD_FIELD)
        reason = amount_reason(invoice, self.tariff)
        if reason:
            raise PeerError(reason)
        held = self._invoice
        held.sequence = invoice.sequence
        held.energy_mwh = invoice.energy_mwh
        held.amount_due = invoice.amount_due
        self._invoice_waits = True
        self._invoice_ms = now_ms
        self._step_audit(now_ms)

    def _on_tariff(self, message, now_ms):
        self.session.check_signature(message, self._payee_key)
        tariff = self.tariff
        if tariff.next_price_per_kwh is not None:
            raise PeerError(errors.BAD_FIELD)
        record = self.record
        flowed_mwh = self._last_mwh
        if self._config.audit == AUDIT_METER:
            least_mwh = self._audit.least_flowed_mwh(
                self._total_mwh, self._step_mwh, record.own_total_mwh, self._last_mwh
            )
            flowed_mwh = max(flowed_mwh, least_mwh)
        if message.from_energy_mwh < flowed_mwh:
            raise PeerError(errors.BAD_FIELD)
        if message.price_per_kwh > self._config.max_price_per_kwh:
            raise PeerError(errors.PRICE_TOO_HIGH)
        tariff.change(message.from_energy_mwh, message.price_per_kwh)
        agree(record, tariff)
        self._expect_price(record)
        self._remember(record)
        self.session.send(
            TariffAccept(
                price_per_kwh=message.price_per_kwh,
                from_energy_mwh=message.from_energy_mwh,
            ),
            now_ms,
        )

    def _on_renew_request(self, message, now_ms):
        self._take_renewals()
        certificate = self._wallet.certificate_for(self.session.payee_key)
        known = self._certificate
        if (
            certificate is not None
            and certificate.channel_id == known.channel_id
            and certificate.expires_at_s > known.expires_at_s
        ):
            self._certificate = certificate
            self.session.send(Renew(certificate=certificate.to_bytes()), now_ms)

    def _on_renewed(self, message, now_ms):
        if message.expires_at_s != self._certificate.expires_at_s:
            raise PeerError(errors.BAD_FIELD)

    def _on_stop(self, message, now_ms):
        self.last_stop = self.last_stop or message.reason
        if self.session.state == CLOSED:
            self._end(now_ms)

    def _on_receipt(self, receipt, now_ms):
        self.session.check_signature(receipt, self._payee_key)
        self.receipt = {name: getattr(receipt, name) for name, _, _ in receipt.LAYOUT[:-1]}
        self.last_stop = self.last_stop or receipt.reason
        self.session.send(ReceiptAck(), now_ms)
        self._end(now_ms)

    # Steps

    def _step_greeting(self, meter_reason, now_ms):
        if self._done or meter_reason:
            return
        if self._retry_at_ms is not None and ticks_diff(now_ms, self._retry_at_ms) < 0:
            return
        self._take_renewals()
        if self._certificate is None:
            self._certificate = self._wallet.certificates[0]
        self.last_stop = 0
        self.receipt = None
        self.packets = 0
        self._greet(now_ms)

    def _take_renewals(self):
        wallet = self._wallet
        wallet.certificates = self._renewals() or wallet.certificates

    def _greet(self, now_ms):
        self.session.send(
            Hello(
                version=VERSION,
                nonce=self._random(NONCE_SIZE),
                channel_id=self._certificate.channel_id,
                payer_key=self._wallet.public_key,
            ),
            now_ms,
        )

    def _accept(self, certificate, now_ms):
        data = certificate.to_bytes()
        body = self.session.offer_hash + self._prepay.to_bytes(8, "big") + data
        signature = self._wallet.prove(self.session.signed(SIGNED_PROOF, body))
        self.session.send(
            Accept(certificate=data, prepay=self._prepay, signature=signature), now_ms
        )

    def _step_audit(self, now_ms):
        """Pay the waiting invoice once the own meter justifies it; refuse it when it never does.

        The own meter may lag the pole's by its own interval, so an invoice may wait a little.
        """
        if not self._wallet.can_store():
            return
        invoice = self._invoice
        reason = self._audit.energy_reason(invoice.energy_mwh, self._total_mwh, self._step_mwh)
        if reason:
            if ticks_diff(now_ms, self._invoice_ms) >= self._config.audit_wait_ms:
                self._invoice_waits = False
                self.stop(reason, now_ms)
            return
        self._invoice_waits = False
        if self.session.state == OPEN:
            self._pay(invoice, self._prepay, now_ms)
        elif self.last_stop in _FRIENDLY:
            self._pay(invoice, 0, now_ms)

    def _pay(self, invoice, prepay, now_ms):
        record = self.record
        limit = min(record.signed + self._wallet.budget_left, self._certificate.capacity)
        if invoice.amount_due > limit:
            self.stop(self._limit_reason(), now_ms)
            return
        amount = max(min(invoice.amount_due + prepay, limit), record.signed)
        energy_mwh = invoice.energy_mwh
        record.amount_due = invoice.amount_due
        record.remainder = self.tariff.remainder(energy_mwh)
        record.energy_mwh = energy_mwh
        self._audit.accept(record, energy_mwh, self._total_mwh, self._step_mwh)
        self._expect_price(record)
        self._visit_mwh += small_int(energy_mwh - self._last_mwh)
        self._last_mwh = energy_mwh
        try:
            signature = self._wallet.sign_claim(
                self.session.channel_id, record, amount, self._claim
            )
        except OSError:
            self.stop(errors.WALLET_UNABLE, now_ms)
            return
        self.packets += 1
        self.tariff.advance(invoice.energy_mwh)
        update = self._update
        update.sequence = invoice.sequence
        update.amount = amount
        update.signature = signature
        self.session.send(update, now_ms)
        if self.session.state != OPEN:
            return
        if self._visit_mwh >= self._config.energy_wanted_mwh:
            self.stop(errors.ENERGY_REACHED, now_ms)
        elif self.tariff.amount_due(invoice.energy_mwh + self._packet_mwh) > limit:
            self.stop(self._limit_reason(), now_ms)

    def _offer_reason(self, offer, certificate):
        """Return why the offer is not acceptable whatever the channel's standing, or 0."""
        if offer.price_per_kwh > self._config.max_price_per_kwh:
            return errors.PRICE_TOO_HIGH
        if offer.issuer_count > MAX_ISSUERS:
            return errors.BAD_FIELD
        # A pole that may stay silent for longer than this end waits would only be cut off.
        if offer.packet_ms + self._config.retry_ms >= self._config.link_timeout_ms:
            return errors.BAD_FIELD
        keys = [offer.issuers[32 * i : 32 * i + 32] for i in range(offer.issuer_count)]
        return 0 if certificate.issuer_key in keys else errors.UNTRUSTED_ISSUER

    def _limit_reason(self):
        """Return which limit is the nearer one: the budget's or the channel's."""
        left = self._certificate.capacity - self.record.signed
        if left <= self._wallet.budget_left:
            return errors.CAPACITY_EXHAUSTED
        return errors.BUDGET_EXHAUSTED

    def _remember(self, record):
        """Store what is about to be accepted: a pole may carry a debt over from here on."""
        try:
            self._wallet.store(self.session.channel_id, record)
        except OSError:
            raise PeerError(errors.WALLET_UNABLE)

    def _growth_mwh(self, record):
        """Return what the own meter counted after what was accepted last on the channel.

        No more than can flow until a pole misses its payment: the rest flowed elsewhere.
        """
        config = self._config
        most_mwh = energy_from_power(config.max_power_mw, 2 * config.link_timeout_ms)
        growth_mwh = self._total_mwh - record.own_total_mwh
        if growth_mwh < 0 and config.audit != AUDIT_METER:
            # What stands in for a meter counts anew from each start.
            return most_mwh
        return min(max(growth_mwh, 0), most_mwh)

    def _expect_price(self, record):
        """While a dearer price is ahead, let the audit know what was billed before it."""
        next_price_per_kwh = self.tariff.next_price_per_kwh
        if next_price_per_kwh is not None and next_price_per_kwh > self.tariff.price_per_kwh:
            self._audit.begin_price(record)

    def _percent(self):
        return self._config.audit_percent if self._config.audit == AUDIT_METER else 0

    def _unplug(self):
        if self.session.state not in (IDLE, CLOSED):
            self.last_stop = errors.UNPLUGGED
            self._end(0)
        self._done = False
        self._retry_at_ms = None
        self._visit_mwh = 0

    def _end(self, now_ms):
        """Leave the session; come back later only if the reason is a passing one."""
        self.session.abort()
        self._invoice_waits = False
        reconnect_ms = self._config.reconnect_ms
        self._done = not reconnect_ms or self.last_stop not in _PASSING
        self._retry_at_ms = ticks_add(now_ms, reconnect_ms)
