"""A vehicle and a pole as scripts that speak the protocol honestly.

They use the firmwares' code for messages, frames and signatures, but none of their rules: they
send every message that a liar wants to send. Each step of the protocol is a method, so a liar
replaces the one method in which it lies.
"""

from hashlib import sha256
from typing import Any

from joulestream import messages
from joulestream.channel import (
    SIGNED_OFFER,
    SIGNED_PROOF,
    SIGNED_RECEIPT,
    SIGNED_TARIFF,
    Certificate,
    Claim,
    signed_bytes,
)
from joulestream.framing import MAX_FRAME, encode
from joulestream.host_tools.adversaries.bank import SIGNERS
from joulestream.host_tools.adversaries.stage import (
    CREDIT,
    LINK_TIMEOUT_MS,
    MAX_POWER_W,
    MOST_PREPAID,
    PACKET,
    PACKET_MS,
    PACKET_MWH,
    PREPAY,
    PRICE,
    PoleStage,
    VehicleStage,
)
from joulestream.messages import (
    MAX_ISSUERS,
    MESSAGES,
    NONCE_SIZE,
    OFFER,
    RECEIPT,
    TARIFF,
    VERSION,
    Accept,
    Hello,
    Invoice,
    Message,
    ReceiptAck,
    Stop,
    TariffAccept,
    Update,
    make,
    signed_body,
)
from joulestream.session_tag import name_session, session_tag
from joulestream.tariff import Tariff


class Peer:
    """One end of the cable. A message that comes in goes to the method `on_<name>`.

    Attributes:
        hello: the HELLO of this session.
    """

    hello: Any

    def __init__(self, stage: Any, key: str) -> None:
        self.stage = stage
        self.signer = SIGNERS[key]
        self.stop_reason = 0
        stage.peer = self

    def send(self, message: Message) -> None:
        """Send a message of this session, even one that the protocol does not allow now."""
        name_session(message, session_tag(self.hello.nonce))
        self.send_payload(bytes(messages.encode(message)))

    def send_payload(self, payload: bytes) -> None:
        """Send a payload in a good frame."""
        frame = bytearray(MAX_FRAME)
        self.stage.put(bytes(frame[: encode(payload, frame)]))

    def receive(self, payload: bytes) -> None:
        """Handle a payload from the honest side."""
        message = messages.decode(payload)
        handler = getattr(self, f"on_{MESSAGES[message.number][0]}", None)
        if message.number == OFFER:
            self.offer_payload = payload
        if handler is not None:
            handler(message)

    def step(self) -> None:
        """Act at the beginning of a step of time."""

    def nonce(self) -> bytes:
        """Return a fresh nonce."""
        self.stage.nonces += 1
        text = f"{type(self).__name__} {self.stage.board.name} {self.stage.nonces}"
        return sha256(text.encode()).digest()[:NONCE_SIZE]

    def on_stop(self, stop: Any) -> None:
        self.stop_reason = stop.reason


class VehiclePeer(Peer):
    """A vehicle as a script.

    Attributes:
        packets: invoices of this session that it has answered.
        paid: the highest amount that it signed, in claim units.
        due: the highest amount due that it was asked for, in claim units.
        lying: whether a liar lies by now.
    """

    stage: PoleStage

    def __init__(self, stage: PoleStage, certificate: Certificate, key: str = "vehicle") -> None:
        super().__init__(stage, key)
        self.lying = False
        self.use(certificate)

    def use(self, certificate: Certificate) -> None:
        """Pay with the channel of this certificate from now on."""
        self.certificate = certificate
        self.claim = Claim(certificate.channel_id)
        self.paid = self.due = 0
        self.packets = 0
        self.offer: Any = None

    def greet(self) -> None:
        """Begin a session."""
        self.offer = None
        self.packets = 0
        self.stop_reason = 0
        self.hello = self.make_hello()
        # A delimiter ends any unfinished frame on the line.
        self.stage.put(b"\0")
        self.send(self.hello)

    def make_hello(self) -> Any:
        return Hello(
            version=VERSION,
            nonce=self.nonce(),
            channel_id=self.certificate.channel_id,
            payer_key=self.signer.public_key,
        )

    def on_offer(self, offer: Any) -> None:
        self.offer = offer
        self.stage.price_per_kwh = offer.price_per_kwh
        self.paid = max(self.paid, offer.best_amount)
        self.prepay = min(offer.prepay, MOST_PREPAID)
        self.send(self.make_accept())

    def make_accept(self) -> Message:
        accept = Accept(
            certificate=self.certificate.to_bytes(),
            prepay=self.prepay,
            amount_due=self.stated_due(),
            remainder=0,
            link_timeout_ms=LINK_TIMEOUT_MS,
            signature=b"",
        )
        accept.signature = self.make_proof(accept)
        return accept

    def stated_due(self) -> int:
        """Return the amount due that it knows of."""
        return max(self.due, self.offer.amount_due)

    def make_proof(self, accept: Accept) -> bytes:
        hello, offer = self.hello, self.offer
        name_session(accept, session_tag(hello.nonce))
        session = hello.nonce + offer.nonce + hello.payer_key + offer.payee_key + hello.channel_id
        body = sha256(self.offer_payload).digest() + messages.signed_body(accept)
        return self.signer.sign(signed_bytes(SIGNED_PROOF, session + body))

    def on_invoice(self, invoice: Any) -> None:
        update = self.make_update(invoice)
        if update is not None:
            self.packets += 1
            self.due = max(self.due, invoice.amount_due)
            self.send(update)

    def make_update(self, invoice: Any) -> Any:
        amount = self.amount(invoice)
        signature = self.sign(amount)
        return Update(sequence=invoice.sequence, amount=amount, signature=signature)

    def amount(self, invoice: Any) -> int:
        self.paid = max(self.paid, invoice.amount_due + self.prepay)
        return self.paid

    def sign(self, amount: int) -> bytes:
        return self.signer.sign(self.claim.message(amount))

    def on_tariff(self, tariff: Any) -> None:
        self.send(
            TariffAccept(
                price_per_kwh=tariff.price_per_kwh,
                from_energy_mwh=tariff.from_energy_mwh,
            )
        )

    def on_receipt(self, receipt: Any) -> None:
        self.send(ReceiptAck())

    def stop(self, reason: int) -> None:
        """End the session."""
        self.send(Stop(reason=reason, payer_nonce=self.hello.nonce))

    def charge(self, packets: int) -> None:
        """Greet, and pay until `packets` invoices of the session are answered."""
        self.greet()
        self.stage.run(lambda: self.packets >= packets and self.stage.contact_closed)


class PolePeer(Peer):
    """A pole as a script. It counts the energy that really flowed, and keeps the best claim.

    Attributes:
        channel_id: the channel of the vehicle that is plugged in.
        energy_mwh, amount_due, remainder: the channel's figures, as its next offer states them.
        best_amount, best_signature: the best claim.
        invoiced_mwh: the channel energy of the last invoice of this session.
        start_mwh: the channel energy at the start of this session.
        is_open: whether the session is open.
        waiting: whether an invoice is not answered yet.
        delivers: whether it closes the contact while the vehicle pays.
        generous: whether it closes the contact without any payment.
        withholds: whether its invoices, sent as a sign of life, ask for no more energy.
        silent: whether it does not answer at all.
        greetings: HELLOs that came.
        packets: updates that came since the last HELLO.
    """

    stage: VehicleStage

    def __init__(self, stage: VehicleStage, price_per_kwh: int = PRICE, key: str = "pole") -> None:
        super().__init__(stage, key)
        self.price_per_kwh = price_per_kwh
        stage.price_per_kwh = price_per_kwh
        self.channel_id = b""
        self.energy_mwh = self.amount_due = self.remainder = 0
        self.best_amount, self.best_signature = 0, bytes(64)
        self.is_open = False
        self.waiting = False
        self.silent = False
        self.delivers = True
        self.generous = False
        self.withholds = False
        self.greetings = 0
        self.packets = 0
        self.invoiced_mwh = 0
        self._flowed_mwh = 0
        self.start_mwh = 0

    # The session

    def on_hello(self, hello: Any) -> None:
        self.end()
        if self.silent:
            return
        self.greetings += 1
        self.packets = 0
        self.hello = hello
        self.channel_id = hello.channel_id
        self.stop_reason = 0
        self.send_offer()

    def send_offer(self) -> None:
        fields = self.offer_fields()
        self.offer = self.signed(OFFER, SIGNED_OFFER, fields)
        self.send(self.offer)

    def offer_fields(self) -> dict[str, Any]:
        issuers = SIGNERS["issuer"].public_key
        self.payee_nonce = self.nonce()
        return {
            "version": VERSION,
            "nonce": self.payee_nonce,
            "payer_nonce": self.hello.nonce,
            "payee_key": self.signer.public_key,
            "time_s": self.stage.now_s,
            "price_per_kwh": self.price_per_kwh,
            "credit": CREDIT,
            "prepay": max(PREPAY, PACKET - min(CREDIT, self.best_amount)),
            "packet_energy_mwh": PACKET_MWH,
            "packet_ms": PACKET_MS,
            "link_timeout_ms": LINK_TIMEOUT_MS,
            "max_power_mw": MAX_POWER_W * 1_000,
            "step_mwh": 1_000,
            "refresh_ms": 200,
            "stop_ms": 300,
            "energy_mwh": self.energy_mwh,
            "amount_due": self.amount_due,
            "remainder": self.remainder,
            "best_amount": self.best_amount,
            "best_signature": self.best_signature,
            "issuer_count": 1,
            "issuers": issuers + bytes(32 * (MAX_ISSUERS - 1)),
        }

    def signed(self, number: int, signed_type: int, fields: dict[str, Any]) -> Message:
        """Return a message with this pole's signature over the session."""
        hello = self.hello
        session = hello.nonce + self.payee_nonce + hello.payer_key
        session += fields.get("payee_key", self.signer.public_key) + hello.channel_id
        message: Any = make(number, **fields)
        name_session(message, session_tag(hello.nonce))
        data = signed_bytes(signed_type, session + signed_body(message))
        message.signature = self.signer.sign(data)
        return message

    def on_accept(self, accept: Any) -> None:
        if self.is_open:
            return  # a repetition, since the answer was lost
        offer: Any = self.offer
        self.is_open = True
        self.sequence = session_tag(self.hello.nonce)
        self.tariff = Tariff(
            offer.energy_mwh, offer.amount_due, offer.price_per_kwh, offer.remainder
        )
        self._flowed_mwh = self.stage.flowed_mwh
        self.start_mwh = offer.energy_mwh
        self.invoice(offer.energy_mwh)

    def end(self) -> None:
        """Leave the session; the contact opens."""
        self.is_open = self.waiting = False

    def on_stop(self, stop: Any) -> None:
        super().on_stop(stop)
        was_open = self.is_open
        self.end()
        if was_open:
            self.send_receipt()

    def send_receipt(self) -> None:
        self.send(self.signed(RECEIPT, SIGNED_RECEIPT, self.receipt_fields()))

    def receipt_fields(self) -> dict[str, Any]:
        return {
            "reason": self.stop_reason,
            "started_s": self.stage.now_s - 1,
            "ended_s": self.stage.now_s,
            "start_energy_mwh": self.start_mwh,
            "energy_mwh": self.energy_mwh,
            "amount_due": self.amount_due,
            "amount_paid": self.best_amount,
        }

    # Packets

    def step(self) -> None:
        if not self.is_open or self.waiting or self.silent:
            return
        energy_mwh = self.invoiced_mwh if self.withholds else self.counted_mwh()
        since_ms = self.stage.now_ms - self._invoice_ms
        if energy_mwh - self.invoiced_mwh >= PACKET_MWH or since_ms >= PACKET_MS:
            self.invoice(energy_mwh)

    def counted_mwh(self) -> int:
        """Return the channel energy by now, as this pole counts it."""
        return self.start_mwh + self.stage.flowed_mwh - self._flowed_mwh

    def invoice(self, energy_mwh: int) -> None:
        """Send an invoice for the channel energy `energy_mwh`."""
        self.sequence += 1
        self.waiting = True
        self.invoiced_mwh = energy_mwh
        self._invoice_ms = self.stage.now_ms
        self.send(
            Invoice(
                sequence=self.sequence,
                energy_mwh=energy_mwh,
                amount_due=self.due(energy_mwh),
            )
        )

    def due(self, energy_mwh: int) -> int:
        return self.tariff.amount_due(energy_mwh)

    def on_update(self, update: Any) -> None:
        self.waiting = False
        self.packets += 1
        self.best_amount, self.best_signature = update.amount, bytes(update.signature)
        self.energy_mwh = self.invoiced_mwh
        self.amount_due = self.tariff.amount_due(self.invoiced_mwh)
        self.remainder = self.tariff.remainder(self.invoiced_mwh)
        self.tariff.advance(self.invoiced_mwh)

    def energises(self) -> bool:
        """Return whether the contact is to be closed: while an honest pole would close it."""
        if not self.is_open or not self.delivers or self.silent:
            return False
        if self.generous:
            return True
        if not self.packets:
            return False
        energy_mwh = self.start_mwh + self.stage.flowed_mwh - self._flowed_mwh
        unpaid = self.tariff.amount_due(max(energy_mwh, self.energy_mwh)) - self.best_amount
        return unpaid < min(CREDIT, self.best_amount)

    def owes(self) -> bool:
        """Return whether it was paid for more energy than it delivered in this session."""
        return self.tariff.amount_due(self.counted_mwh()) < self.best_amount

    def change_tariff(self, price_per_kwh: int, from_energy_mwh: int) -> None:
        """Ask for a new price."""
        fields = {"price_per_kwh": price_per_kwh, "from_energy_mwh": from_energy_mwh}
        self.send(self.signed(TARIFF, SIGNED_TARIFF, fields))

    def on_tariff_accept(self, message: Any) -> None:
        self.tariff.change(message.from_energy_mwh, message.price_per_kwh)

    # For scripts

    def vanish(self) -> None:
        """Open the contact and stay silent until the vehicle leaves the session."""
        self.silent = True
        self.stage.run(lambda: self.stage.last_stop() == "LINK_TIMEOUT")
        self.end()
        self.silent = False

    def charge(self, packets: int) -> None:
        """Wait until `packets` updates came in one session."""
        self.stage.run(lambda: self.is_open and self.packets >= packets)

    def meet(self) -> None:
        """Wait for a new greeting, and then for its first update or a STOP."""
        greetings = self.greetings
        self.stage.run(lambda: self.greetings > greetings and (self.packets or self.stop_reason))
