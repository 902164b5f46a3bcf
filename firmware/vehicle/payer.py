"""The vehicle's end of a session: which message leads to which step, and the state between them.

The steps have files of their own: visit (greet, come back), certificate_choice, offer_check,
audit, payment, tariff_check, renewal.
"""

from joulestream import errors
from joulestream.compat import const
from joulestream.device.write_budget import WriteBudget
from joulestream.errors import PeerError
from joulestream.messages import (
    INVOICE,
    OFFER,
    PAYER,
    RECEIPT,
    RENEW_REQUEST,
    RENEWED,
    STOP,
    TARIFF,
    Accept,
    Invoice,
    ReceiptAck,
    Renew,
    TariffAccept,
)
from joulestream.session import CLOSED, OPEN, QUIET_STATES, STOPPING, ProtocolSession
from joulestream.units import Timer
from joulestream.vehicle.audit import invoice_reason
from joulestream.vehicle.certificate_choice import CertificateChoice
from joulestream.vehicle.energy_owner import EnergyOwner
from joulestream.vehicle.offer_check import check_offer
from joulestream.vehicle.payment import PAID_AFTER_STOP, WORTH_MWH, Payments
from joulestream.vehicle.renewal import load_renewals
from joulestream.vehicle.tariff_check import tariff_reason
from joulestream.vehicle.visit import Visit

TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from joulestream import messages
    from joulestream.channel import Certificate
    from joulestream.device.payer_record import PayerRecord
    from joulestream.fields import Buffer
    from joulestream.tariff import Tariff
    from joulestream.vehicle.config import VehicleConfig
    from joulestream.vehicle.own_meter import Figures
    from joulestream.vehicle.wallet import Wallet


# The records of a session without a payment: of the OFFER that it takes, and of its end.
_SESSION_RECORDS = const(2)
# A pole tells its link timeout itself. A shorter one makes the pace of unpaid writes no quicker.
_LEAST_TIMEOUT_MS = const(500)


class Payer:
    """Runs the vehicle's end of a session. It owns no hardware.

    Args:
        config: the vehicle's configuration (config.py).
        wallet: the Wallet.
        random: returns that many random bytes.
        load_certificates: returns the certificates that there are by now.

    Attributes:
        session: the protocol's state; its outbox holds the payloads to send.
        visit: decides whether the vehicle greets.
        payments: the payments of the last session with an accepted OFFER, or None.
        last_stop: reason code of the last end, or None.
        receipt: figures of the pole's last RECEIPT, or None.
        packets: INVOICEs paid in this session.
    """

    def __init__(
        self,
        config: "VehicleConfig",
        wallet: "Wallet",
        random: "Callable[[int], bytes]",
        load_certificates: "Callable[[], list[Certificate]]",
    ) -> None:
        self._config = config
        self._wallet = wallet
        self._load_certificates = load_certificates
        self._owner = EnergyOwner(wallet, config)
        self.session = ProtocolSession(PAYER, config.retry_ms, config.link_timeout_ms)
        self.visit = Visit(config.reconnect_ms, config.energy_wanted_mwh, random)
        self.payments: Payments | None = None
        self.last_stop: int | None = None
        self.receipt: dict[str, Any] | None = None
        self.packets = 0
        self._channel_id = b""  # of the channel to greet with
        # The writes that hardly anybody pays for. It knows no time before the first step.
        self._budget = WriteBudget(0, config.link_timeout_ms)
        self._choice = CertificateChoice(wallet)
        self._certificate: Certificate | None = None  # of this session, since its OFFER
        self._shown: list[Certificate] = []  # with the RENEWs of this session
        # Every packet brings one INVOICE. The object is made once and reused.
        self._invoice = Invoice(sequence=0, energy_mwh=0, amount_due=0)
        self._invoice_waits = False
        self._audit_wait = Timer()
        self._own_meter: Any = None  # the Figures, from the first step on
        self._handlers: dict[int, Callable[[Any, int], None]] = {
            OFFER: self._on_offer,
            INVOICE: self._on_invoice,
            TARIFF: self._on_tariff,
            RENEW_REQUEST: self._on_renew_request,
            RENEWED: self._on_renewed,
            STOP: self._on_stop,
            RECEIPT: self._on_receipt,
        }

    @property
    def wallet(self) -> "Wallet":
        """The wallet that this payer pays from."""
        return self._wallet

    @property
    def record(self) -> "PayerRecord | None":
        """The channel's record as of the last OFFER that was accepted, or None."""
        return None if self.payments is None else self.payments.record

    @property
    def tariff(self) -> "Tariff | None":
        """The prices as of the last OFFER that was accepted, or None."""
        return None if self.payments is None else self.payments.tariff

    @property
    def packet_energy_mwh(self) -> int:
        """Energy of a packet as of the last OFFER that was accepted; 0 before one."""
        return 0 if self.payments is None else self.payments.packet_energy_mwh

    @property
    def energy_mwh(self) -> int:
        """Energy paid for in this session, in mWh."""
        payments = self.payments
        return 0 if payments is None else payments.energy_mwh - payments.start_energy_mwh

    @property
    def budget_left(self) -> int:
        """The claim units that the owner still allows to spend."""
        return self._wallet.budget_left

    def receive(self, payload: "Buffer", now_ms: int) -> None:
        """Take a payload from the link. Raises MalformedError for bytes that are no message."""
        try:
            message = self.session.receive(payload, now_ms)
            if message is not None:
                self._handlers[message.number](message, now_ms)
        except PeerError as error:
            self.stop(error.reason, now_ms)

    def step(self, own_meter: "Figures", plugged: bool, now_ms: int) -> None:
        """Move the session on.

        Args:
            own_meter: the vehicle's view of the energy that flowed.
            plugged: the vehicle is connected to a pole.
            now_ms: the present tick.
        """
        self._own_meter = own_meter
        session = self.session
        if not plugged:
            self._unplug(now_ms)
            return
        if session.state in QUIET_STATES:
            self._owner.step(own_meter, now_ms)
            may_greet = not own_meter.reason and self.visit.may_greet(now_ms)
            if may_greet and self._budget.allows(1, now_ms):
                self._begin_session(now_ms)
            return
        reason = session.poll(now_ms)
        if reason:
            self._note_stop(reason)
            self._end(now_ms)
            return
        if session.state == OPEN and own_meter.reason:
            self.stop(own_meter.reason, now_ms)
        if self._invoice_waits:
            self._audit_invoice(now_ms)

    def is_in_packet(self) -> bool:
        """Return whether an INVOICE waits to be paid."""
        return self._invoice_waits

    def can_store(self) -> bool:
        """Return whether a claim can be stored without an erase."""
        return self._wallet.can_store()

    def stop(self, reason: int, now_ms: int) -> None:
        """End the session for `reason` (errors.py)."""
        if self.session.state == STOPPING:
            return
        self.last_stop = reason
        self.session.stop(reason, now_ms)
        if self.session.state == CLOSED:
            self._end(now_ms)

    # Messages

    def _on_offer(self, offer: "messages.Offer", now_ms: int) -> None:
        wallet = self._wallet
        certificate = self._choice.for_offer(offer)
        if certificate is None:
            raise PeerError(errors.NO_CHANNEL)
        self._channel_id = certificate.channel_id
        if certificate.channel_id != self.session.channel_id:
            # The pole's key tells which channel pays it: greet anew with that one.
            self.visit.greet(self.session, self._channel_id, wallet.public_key, now_ms)
            return
        self.session.check_signature(offer, offer.payee_key)
        self._certificate = certificate
        timeout_ms = max(offer.link_timeout_ms, _LEAST_TIMEOUT_MS)
        self._budget.keep_pace(min(timeout_ms, self._config.link_timeout_ms))
        self._budget.owe(_SESSION_RECORDS, now_ms)
        self._owner.meet(self._channel_id, self._own_meter, now_ms)
        try:
            record = check_offer(
                offer, certificate, wallet, self._owner, self._config, self._own_meter
            )
            self.payments = Payments(offer, record, certificate, wallet, self._config)
            if self.payments.is_spent():
                raise PeerError(self.payments.limit_reason())
            self._shown.clear()
            self._owner.take(self._channel_id, record, offer)
        except OSError:
            raise PeerError(errors.WALLET_UNABLE)
        self._accept(certificate, self.payments.prepay, now_ms)

    def _on_invoice(self, invoice: "messages.Invoice", now_ms: int) -> None:
        payments = self.payments
        assert payments is not None
        reason = invoice_reason(invoice, payments.tariff, payments.energy_mwh)
        if reason:
            raise PeerError(reason)
        # The session reuses its own object, and this INVOICE may have to wait for the own meter.
        held = self._invoice
        held.sequence = invoice.sequence
        held.energy_mwh = invoice.energy_mwh
        held.amount_due = invoice.amount_due
        self._invoice_waits = True
        self._audit_wait.start(now_ms, self._config.audit_wait_ms)
        self._audit_invoice(now_ms)

    def _on_tariff(self, change: "messages.TariffChange", now_ms: int) -> None:
        self.session.check_signature(change, self.session.payee_key)
        payments = self.payments
        assert payments is not None
        reason = tariff_reason(change, payments, self._config, self._own_meter)
        if reason:
            raise PeerError(reason)
        price_per_kwh, from_energy_mwh = change.price_per_kwh, change.from_energy_mwh
        payments.change_price(price_per_kwh, from_energy_mwh)
        self._budget.owe(1, now_ms)
        try:
            self._wallet.store(self._channel_id, payments.record)
        except OSError:
            raise PeerError(errors.WALLET_UNABLE)
        self.session.send(
            TariffAccept(price_per_kwh=price_per_kwh, from_energy_mwh=from_energy_mwh), now_ms
        )

    def _on_renew_request(self, message: "messages.RenewRequest", now_ms: int) -> None:
        payments = self.payments
        assert payments is not None
        load_renewals(self._wallet, self._load_certificates)
        # The session repeats a RENEW that is lost, and the pole's answer to it stays the same.
        certificate = self._choice.for_renewal(
            payments.certificate,
            message.valid_until_s,
            [shown.signature for shown in self._shown],
        )
        if certificate is not None:
            self._shown.append(certificate)
            self.session.send(Renew(certificate=certificate.to_bytes()), now_ms)

    def _on_renewed(self, message: "messages.Renewed", now_ms: int) -> None:
        payments = self.payments
        assert payments is not None
        # The pole may go on under its own certificate. Its limit holds until it takes this one.
        if self._shown:
            shown = self._shown[-1]
            if (message.expires_at_s, message.capacity) == (shown.expires_at_s, shown.capacity):
                self._certificate = shown
                payments.use(shown)

    def _on_stop(self, message: "messages.Stop", now_ms: int) -> None:
        self._note_stop(message.reason)
        if self.session.state == CLOSED:
            self._end(now_ms)

    def _on_receipt(self, receipt: "messages.Receipt", now_ms: int) -> None:
        self.session.check_signature(receipt, self.session.payee_key)
        self.receipt = receipt.figures()
        self._note_stop(receipt.reason)
        self.session.send(ReceiptAck(), now_ms)
        self._end(now_ms)

    # Steps

    def _begin_session(self, now_ms: int) -> None:
        wallet = self._wallet
        load_renewals(wallet, self._load_certificates)
        self._channel_id = self._channel_id or wallet.certificates[0].channel_id
        self.last_stop = None
        self.receipt = None
        self.packets = 0
        self._certificate = None
        self.visit.greet(self.session, self._channel_id, wallet.public_key, now_ms)

    def _accept(self, certificate: "Certificate", prepay: int, now_ms: int) -> None:
        """Send ACCEPT with the certificate and the proof of the payer's key."""
        record = self.record
        assert record is not None  # the OFFER was accepted
        accept = Accept(
            certificate=certificate.to_bytes(),
            prepay=prepay,
            amount_due=record.amount_due - record.left_amount,
            remainder=record.remainder,
            link_timeout_ms=self._config.link_timeout_ms,
            signature=b"",
        )
        accept.signature = self._wallet.prove(self.session.signed_text(accept))
        self.session.send(accept, now_ms)

    def _audit_invoice(self, now_ms: int) -> None:
        """Pay the waiting INVOICE once the own meter justifies it; else refuse it after a while.

        The own meter may be read later than the pole's, so the INVOICE may wait `audit_wait_ms`.
        An INVOICE for little waits while too much was written unpaid.
        """
        if not self._wallet.can_store():
            return
        payments = self.payments
        assert payments is not None
        invoice = self._invoice
        own_meter = self._own_meter
        reason = payments.audit.energy_reason(
            invoice.energy_mwh, own_meter.total_mwh, own_meter.step_mwh
        )
        if reason:
            if self._audit_wait.is_over(now_ms):
                self._invoice_waits = False
                self.stop(reason, now_ms)
            return
        more_mwh = payments.more_mwh(invoice)
        is_little = more_mwh < WORTH_MWH
        if is_little and not self._budget.allows(1, now_ms):
            return
        self._invoice_waits = False
        if self.session.state == OPEN:
            self._pay(payments, more_mwh, payments.prepay, now_ms)
        elif self.last_stop in PAID_AFTER_STOP:
            self._pay(payments, more_mwh, 0, now_ms)

    def _pay(self, payments: Payments, more_mwh: int, prepay: int, now_ms: int) -> None:
        """Send the UPDATE for the waiting INVOICE; stop when the next packet is not wanted."""
        invoice = self._invoice
        if payments.amount_to_pay(invoice.amount_due) > payments.limit:
            self.stop(payments.limit_reason(), now_ms)
            return
        self.visit.energy_mwh += more_mwh
        number = payments.record.number
        try:
            update = payments.pay(invoice, prepay, self._own_meter)
        except OSError:
            self.stop(errors.WALLET_UNABLE, now_ms)
            return
        if more_mwh < WORTH_MWH and payments.record.number != number:
            self._budget.take(1, now_ms)
        self.packets += 1
        self.session.send(update, now_ms)
        if self.session.state != OPEN:
            return
        if self.visit.has_energy_wanted():
            self.stop(errors.ENERGY_REACHED, now_ms)
        elif payments.next_amount_to_pay() > payments.limit:
            self.stop(payments.limit_reason(), now_ms)

    def _unplug(self, now_ms: int) -> None:
        if not self.session.is_quiet():
            self.last_stop = errors.UNPLUGGED
            self._end(now_ms)
        self._owner.unplug(now_ms)
        self._owner.step(self._own_meter, now_ms)
        self._choice.begin()
        self.visit.begin()

    def _note_stop(self, reason: int) -> None:
        """Keep the first reason for which this session ends."""
        if self.last_stop is None:
            self.last_stop = reason

    def _end(self, now_ms: int) -> None:
        """Leave the session."""
        self.session.abort()
        self._invoice_waits = False
        self._owner.end(now_ms)
        used = self._certificate
        has_other = used is not None and self._choice.refuse(used, self.last_stop)
        self.visit.end_session(self.last_stop, has_other, now_ms)
