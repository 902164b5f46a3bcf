"""The pole's end of a session: which message or moment leads to which step.

Each step is a file of its own: offer, admission, invoice, verify, books, tariff_change, renewal,
closing. This file only joins them. It owns no hardware.
"""

from joulestream import errors
from joulestream.channel import MAX_AMOUNT, Certificate, time_bytes
from joulestream.compat import const
from joulestream.errors import PeerError
from joulestream.messages import (
    ACCEPT,
    HELLO,
    NONCE_SIZE,
    PAYEE,
    RECEIPT_ACK,
    RENEW,
    STOP,
    TARIFF_ACCEPT,
    TIME,
    UPDATE,
    Receipt,
    Renewed,
    RenewRequest,
    TimeTaken,
)
from joulestream.pole.admission import Admission
from joulestream.pole.charging_session import ChargingSession
from joulestream.pole.closing import (
    CLOSE,
    CLOSE_FOR_HELLO,
    INVOICE_REST,
    WAIT,
    Closing,
)
from joulestream.pole.cover import Cover, earned_credit
from joulestream.pole.invoice import InvoiceCutter
from joulestream.pole.issuers import issuer_of
from joulestream.pole.offer import build_offer
from joulestream.pole.renewal import Renewal, is_better, renewal_reason
from joulestream.pole.tariff_change import TariffChanges
from joulestream.pole.verify import paid_record, update_reason
from joulestream.session import GREETED, OPEN, ProtocolSession
from joulestream.signing import Verifier, verify

TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from joulestream.device.payee_records import PayeeRecord
    from joulestream.messages import (
        Accept,
        Hello,
        Offer,
        Renew,
        Stop,
        TariffAccept,
        TimeProof,
        Update,
    )
    from joulestream.meter.counter import EnergyCounter
    from joulestream.pole.books import Books
    from joulestream.pole.clock import PoleClock
    from joulestream.pole.config import PoleConfig
    from joulestream.pole.limits import PowerLimits
    from joulestream.signing import Signer


class Payee:
    """Runs the pole's end of one session after the other.

    Args:
        config: the pole's configuration.
        signer: the pole's key.
        books: the stored records (books.py).
        clock: the pole's time.
        prices: the price source (prices.py).
        limits: the power limits (limits.py).
        random: `random(size)` returns fresh random bytes.
        table: memory for a signing.Verifier, allocated while the heap is whole.

    Attributes:
        books: the stored records.
        prices: the price source.
        admission: the rules for certificates and for the start of a session.
        session: the protocol session.
        charging: the figures of the open session, None while there is none.
        last_charging: the figures of the newest session, open or closed.
        last_stop: the reason code that the last session ended with, None while one is open.
        receipt: the last receipt (messages.Receipt), None before the first.
    """

    def __init__(
        self,
        config: "PoleConfig",
        signer: "Signer",
        books: "Books",
        clock: "PoleClock",
        prices: "Any",
        limits: "PowerLimits",
        random: "Callable[[int], bytes]",
        table: bytearray,
    ) -> None:
        self._config = config
        self._signer = signer
        self.books = books
        self._clock = clock
        self.prices = prices
        self._limits = limits
        self._random = random
        self._table = table
        self.admission = Admission(config, signer.public_key, books.records, clock)
        self._invoices = InvoiceCutter()
        self._tariff_changes = TariffChanges(config)
        self._renewal = Renewal(config.link_timeout_ms)
        self._closing = Closing()
        self.session = ProtocolSession(PAYEE, config.retry_ms, config.link_timeout_ms)
        self.charging: ChargingSession | None = None
        self.last_charging: ChargingSession | None = None
        self.last_stop: int | None = None
        self.receipt: Receipt | None = None
        self._meter: EnergyCounter | None = None
        self._waiting_hello: Hello | None = None  # until the session before it has ended
        self._offer: Offer | None = None
        self._offered_record: PayeeRecord | None = None
        self._offered_cover: Cover | None = None
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

    def receive(self, payload: "Any", now_ms: int) -> None:
        """Take a payload from the link. Raises MalformedError for bytes that are no message."""
        try:
            message = self.session.receive(payload, now_ms)
            if message is not None:
                handler: Any = self._handlers[message.number]
                handler(message, now_ms)
        except PeerError as error:
            self.stop(error.reason, now_ms)

    def step(self, meter: "EnergyCounter", is_connected: bool, now_ms: int) -> None:
        """Move the session on.

        Args:
            meter: the meter.counter.EnergyCounter.
            is_connected: whether the pilot shows a vehicle.
            now_ms: the present tick.
        """
        self._meter = meter
        self._clock.tick(now_ms)
        self._closing.settle_ms = meter.settle_ms
        if not meter.doubt:
            self.books.recover(meter)
            if meter.alarm and self.charging is None:
                more_mwh = meter.total_mwh - self.books.total_mwh
                if more_mwh >= self._config.packet_energy_mwh:
                    self.books.bill_rest(meter)
        charging = self.charging
        timeout = self.session.poll(now_ms)
        if charging is None:
            if timeout:
                self.stop(timeout, now_ms)
            return
        charging.follow(meter.total_mwh)
        self.books.total_mwh = meter.total_mwh
        if self._closing.is_under_way:
            self._step_closing(charging, timeout, now_ms)
            return
        time_s = self._clock.time_s(now_ms)
        reason = timeout or self._stop_reason(charging, meter, is_connected, time_s)
        if reason:
            self.stop(reason, now_ms)
            return
        # A vehicle that lost the first INVOICE does not know that the session is open.
        if charging.packets:
            price_per_kwh = self._price()
            if price_per_kwh != charging.tariff.price_per_kwh:
                self._step_tariff(charging, price_per_kwh, now_ms)
            if time_s >= charging.renew_from_s:
                self._step_renewal(charging, now_ms)
        self._step_invoice(charging, now_ms)
        if not charging.is_logged:
            self._step_log(charging, meter, now_ms)

    def is_in_packet(self) -> bool:
        """Return whether an invoice waits for its payment. Nothing slow may be done then."""
        return self.charging is not None and self.session.is_waiting_for(UPDATE)

    def can_store(self) -> bool:
        """Return whether a packet's claim can be stored without an erase."""
        return self.books.can_store(self.charging)

    def may_energise(self) -> bool:
        """Return whether the contactor may be closed, as of the last step."""
        charging = self.charging
        return (
            charging is not None
            and not self._closing.is_under_way
            and charging.is_logged
            and self._is_covered(charging)
        )

    def must_pause(self) -> bool:
        """Return whether an orderly stop for non-payment has to begin, or goes on."""
        return self.charging is not None and self.charging.must_pause()

    def stop(self, reason: int, now_ms: int) -> None:
        """End the session for `reason` (errors.py). The contactor stays open from now on."""
        if self._closing.is_under_way:
            return
        self.last_stop = reason
        if self.charging is not None:
            self._closing.begin(reason, now_ms)
        self.session.stop(reason, now_ms)

    def power_limit(self) -> "tuple[int, str]":
        """Return the power limit in mW, and the name of the limit that sets it."""
        return self._limits.smallest()

    # Messages

    def _on_hello(self, hello: "Hello", now_ms: int) -> None:
        self._waiting_hello = hello
        if self.charging is None:
            self._answer_hello(now_ms)
        elif not self._closing.is_under_way:
            # Energy that flows until the contactor is open is due on the old channel. So the
            # offer waits until the old session is closed.
            self.last_stop = errors.RESTARTED
            self._closing.begin(errors.RESTARTED, now_ms)

    def _answer_hello(self, now_ms: int) -> None:
        """Answer the newest HELLO with an OFFER. Raises PeerError when the pole cannot charge."""
        hello = self._waiting_hello
        self._waiting_hello = None
        assert hello is not None
        meter = self._trusted_meter()
        record = self.books.record_for_offer(hello.channel_id, meter)
        time_s = self._clock.offer_s(now_ms)
        price_per_kwh = self._price()
        cover = Cover(self._config, meter)
        offer = build_offer(
            self._config,
            record,
            price_per_kwh,
            self._limits.smallest()[0],
            time_s,
            hello,
            meter,
            cover,
            self._random(NONCE_SIZE),
            self._signer.public_key,
        )
        self._offer = offer
        self._offered_record = record
        self._offered_cover = cover
        self.session.send_signed(offer, self._signer, now_ms)

    def _on_time(self, message: "TimeProof", now_ms: int) -> None:
        issuer_key = message.issuer_key
        if issuer_of(self._config, issuer_key) is None:
            raise PeerError(errors.UNTRUSTED_ISSUER)
        if not self._clock.is_told_by(issuer_key):
            proof = time_bytes(self.session.payee_nonce, self._signer.public_key, message.time_s)
            if not verify(issuer_key, proof, message.signature):
                raise PeerError(errors.BAD_TIME)
            reason = self._clock.tell(issuer_key, message.time_s, now_ms)
            if reason:
                raise PeerError(reason)
        self.session.send(TimeTaken(time_s=message.time_s), now_ms)

    def _on_accept(self, accept: "Accept", now_ms: int) -> None:
        offer, record, cover = self._offer, self._offered_record, self._offered_cover
        assert offer is not None and record is not None and cover is not None
        price_per_kwh = offer.price_per_kwh
        meter = self._trusted_meter()
        if not self.books.is_stored(self.session.channel_id, record):
            raise PeerError(errors.STORE_FAILED)
        shown = Certificate.from_bytes(accept.certificate)
        admission, session = self.admission, self.session
        reason = (
            admission.certificate_reason(shown, session.channel_id, session.payer_key, now_ms)
            or admission.proof_reason(session, accept)
            or admission.figures_reason(accept)
            or admission.place_reason(shown, price_per_kwh)
        )
        if reason:
            raise PeerError(reason)
        certificate = admission.newest(shown, session.channel_id, session.payer_key, now_ms)
        standing = self.books.records.standing(session.channel_id)
        settled = max(standing.settled, certificate.claimed)
        reason = admission.settle_due(record, accept, shown, settled, offer)
        if reason:
            raise PeerError(reason)
        credit = earned_credit(self._config.credit, max(record.amount, settled))
        # A debt that the vehicle does not acknowledge stays due, as a part of its credit.
        left = min(record.amount_due - accept.amount_due, credit)
        reason = admission.start_reason(
            record.amount_due,
            credit - left + accept.prepay,
            cover.least(price_per_kwh),
            certificate.capacity,
        )
        if reason:
            raise PeerError(reason)
        self._clock.begin(certificate, now_ms)
        charging = ChargingSession(
            self._config,
            certificate,
            Verifier(certificate.payer_key, self._table),
            record,
            settled,
            price_per_kwh,
            meter.total_mwh,
            self._clock.time_s(now_ms),
            now_ms,
            cover,
            accept.prepay,
            left,
        )
        self.books.open_session(charging, now_ms)
        self.charging = charging
        self.last_charging = charging
        self.receipt = None
        self.last_stop = None
        self._closing.end()
        self._tariff_changes.forget()
        self._renewal.begin()
        self._send_invoice(charging, record.energy_mwh, now_ms)

    def _on_update(self, update: "Update", now_ms: int) -> None:
        charging = self._open_charging()
        reason = update_reason(update, charging)
        if reason:
            raise PeerError(reason)
        record = paid_record(update, charging)
        self.books.store_claim(charging, record, now_ms)
        charging.pay(record)
        if record.amount >= charging.proven_at:
            self._clock.keep_floor(charging.certificate)
            charging.proven_at = MAX_AMOUNT + 1

    def _on_tariff_accept(self, message: "TariffAccept", now_ms: int) -> None:
        if not self._tariff_changes.is_waiting or self._closing.is_under_way:
            return
        charging = self._open_charging()
        meter = self._trusted_meter()
        self._tariff_changes.accept(message, charging)
        if charging.is_logged:
            self.books.log_prices(charging, meter)

    def _on_renew(self, message: "Renew", now_ms: int) -> None:
        if self._closing.is_under_way:
            return
        charging = self._open_charging()
        certificate = Certificate.from_bytes(message.certificate)
        # A refused one changes nothing: the certificate in use is still good.
        if is_better(certificate, charging.certificate):
            if not renewal_reason(certificate, self.admission, self.session, now_ms):
                self._use(certificate, charging, now_ms)
        used = charging.certificate
        self.session.send(Renewed(expires_at_s=used.expires_at_s, capacity=used.capacity), now_ms)

    def _use(self, certificate: Certificate, charging: ChargingSession, now_ms: int) -> None:
        """Go on with the session under `certificate`."""
        self._clock.begin(certificate, now_ms)
        charging.renew(certificate)
        self.books.records.vouch(charging.channel_id, certificate.issuer_key)
        self._renewal.begin()

    def _on_stop(self, message: "Stop", now_ms: int) -> None:
        if self._closing.is_under_way:
            return
        self.last_stop = message.reason
        if self.charging is not None:
            self._closing.begin(message.reason, now_ms)

    def _on_receipt_ack(self, message: "Any", now_ms: int) -> None:
        self._close(self._open_charging())

    # Steps

    def _stop_reason(
        self,
        charging: ChargingSession,
        meter: "EnergyCounter",
        is_connected: bool,
        time_s: int,
    ) -> int:
        """Return the reason why the open session must stop at the unix time `time_s`, or 0."""
        if not is_connected:
            return errors.UNPLUGGED
        if meter.reason:
            return meter.reason
        if time_s >= charging.expires_at_s:
            return errors.CERTIFICATE_EXPIRED
        changes = self._tariff_changes
        if changes.is_waiting and changes.is_overdue(charging.energy_mwh()):
            return errors.TARIFF_REFUSED
        if charging.is_exhausted():
            return errors.CAPACITY_EXHAUSTED
        return 0

    def _step_tariff(self, charging: ChargingSession, price_per_kwh: int, now_ms: int) -> None:
        if not charging.covers(price_per_kwh):
            # A vehicle that has agreed to this prepayment cannot pay that price steadily.
            self.stop(errors.PREPAY_TOO_SMALL, now_ms)
            return
        message = self._tariff_changes.announce(charging, price_per_kwh)
        if message is not None:
            self.session.send_signed(message, self._signer, now_ms)

    def _step_renewal(self, charging: ChargingSession, now_ms: int) -> None:
        if self._renewal.is_due(now_ms):
            sequence = self._renewal.asked(now_ms)
            expires_at_s = charging.certificate.expires_at_s
            self.session.send(RenewRequest(sequence=sequence, valid_until_s=expires_at_s), now_ms)

    def _step_invoice(self, charging: ChargingSession, now_ms: int) -> None:
        if self.session.is_waiting_for(UPDATE):
            return
        packetizer = charging.packetizer
        flowed_mwh = charging.uninvoiced_mwh()
        packet_mwh = packetizer.end_of_packet(flowed_mwh, now_ms)
        if packet_mwh is None:
            if not charging.must_invoice():
                return
            packet_mwh = flowed_mwh
        elif charging.must_invoice_all():
            packet_mwh = flowed_mwh
        # An invoice for little energy costs a write that hardly anybody pays for.
        is_due = packetizer.is_worth or self.books.budget.allows(1, now_ms)
        if is_due and self.books.can_store(charging):
            self._send_invoice(charging, packetizer.invoiced_mwh + packet_mwh, now_ms)
        elif packetizer.is_late(now_ms):
            # No energy flows for which no invoice can be cut: recovery.py counts on it.
            self.stop(errors.STORE_FAILED, now_ms)

    def _step_log(self, charging: ChargingSession, meter: "EnergyCounter", now_ms: int) -> None:
        """Log the session once money covers its energy, before the contactor may close."""
        if self._is_covered(charging):
            try:
                self.books.log_session(charging, meter, now_ms)
            except PeerError as error:
                self.stop(error.reason, now_ms)

    def _is_covered(self, charging: ChargingSession) -> bool:
        """Return whether credit or prepayment covers energy that flows now."""
        return (
            self.session.state == OPEN
            and charging.unpaid < charging.credit
            and charging.is_claimed()
        )

    def _step_closing(self, charging: ChargingSession, timeout: int, now_ms: int) -> None:
        hello_waits = self._waiting_hello is not None
        step = self._closing.next_step(self.session, charging, timeout, hello_waits, now_ms)
        if step == WAIT:
            return
        if step == INVOICE_REST and self.books.erase_ahead():
            self._send_invoice(charging, charging.energy_mwh(), now_ms)
        elif step == CLOSE:
            self.session.abort()
            self._close(charging)
        elif step == CLOSE_FOR_HELLO:
            self._close(charging)
            if self.session.state == GREETED:
                self._answer_waiting_hello(now_ms)
        else:
            self._send_receipt(charging, now_ms)

    def _answer_waiting_hello(self, now_ms: int) -> None:
        try:
            self._answer_hello(now_ms)
        except PeerError as error:
            self.stop(error.reason, now_ms)

    def _send_invoice(self, charging: ChargingSession, energy_mwh: int, now_ms: int) -> None:
        sequence = self.session.sequence + 1
        self.session.send(self._invoices.cut(charging, energy_mwh, sequence, now_ms), now_ms)

    def _send_receipt(self, charging: ChargingSession, now_ms: int) -> None:
        """Store the final figures, then send them."""
        self.books.close_session(charging)
        record = charging.record
        self.receipt = Receipt(
            reason=self._closing.reason,
            started_s=charging.started_s,
            ended_s=self._clock.time_s(now_ms),
            start_energy_mwh=charging.start_energy_mwh,
            energy_mwh=record.energy_mwh,
            amount_due=record.amount_due,
            amount_paid=record.amount,
            signature=b"",
        )
        self.session.send_signed(self.receipt, self._signer, now_ms)

    def _close(self, charging: ChargingSession) -> None:
        """Close the session with the energy that has flowed by now, with or without a receipt."""
        self.books.close_session(charging)
        assert self._meter is not None
        self.books.has_rest = self._meter.doubt != 0
        self.charging = None
        self._closing.end()

    def _open_charging(self) -> ChargingSession:
        """Return the open session's figures. The transition table vouches that there are some."""
        charging = self.charging
        assert charging is not None
        return charging

    def _trusted_meter(self) -> "EnergyCounter":
        """Return the meter. Raises PeerError with a METER_ reason while it cannot be trusted."""
        meter = self._meter
        if meter is None:  # before the first step
            raise PeerError(errors.METER_SILENT)
        if meter.reason:
            raise PeerError(meter.reason)
        return meter

    def _price(self) -> int:
        """Return the price that holds now, in claim units per kWh.

        While nothing tells the time it is the dearest price. A session that opens then changes to
        the price of its time.
        """
        price: int = self.prices.price_per_kwh(self._clock.price_s)
        return price
