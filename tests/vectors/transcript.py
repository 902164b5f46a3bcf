"""Keys and sessions for make_protocol.py: every payload in order, and everything signed."""

import hashlib

from joulestream import channel, messages
from joulestream.channel import Claim
from joulestream.messages import make
from joulestream.session import ProtocolSession
from joulestream.session_tag import name_session
from joulestream.tariff import Tariff
from joulestream.testkit import edwards25519 as ed

NOW_S = 1_790_000_000
PRICE = 320_000
PACKET_MWH = 1_000
CREDIT = 960
PREPAY = 640
MAX_POWER_MW = 11_500_000


class Key:
    """A key from a fixed seed."""

    def __init__(self, role):
        self.role = role
        self.seed = hashlib.sha256(b"joulestream vector " + role.encode()).digest()
        self.public_key = ed.encode(ed.multiply(ed.secret_scalar(self.seed)[0], ed.BASE))

    def sign(self, message):
        """Return the signature of `message`."""
        return ed.sign(self.seed, bytes(message))


POLE = Key("pole")
VEHICLE = Key("vehicle")
ISSUER = Key("issuer")


def pattern(label, size):
    """Return `size` bytes that depend on the label alone."""
    return hashlib.shake_256(label.encode()).digest(size)


class Transcript:
    """A session between two ends: every payload in order, and everything that was signed."""

    def __init__(self, name):
        self.name = name
        self.ends = {
            POLE: ProtocolSession(messages.PAYEE, 250, 2_000),
            VEHICLE: ProtocolSession(messages.PAYER, 250, 2_000),
        }
        self.steps = []
        self.signed = []

    def send(self, key, number, **values):
        """Send one message from `key`'s end to the other."""
        end = self.ends[key]
        end.send(make(number, **values), 0)
        payload = bytes(end.outbox.pop())
        other = VEHICLE if key is POLE else POLE
        if self.ends[other].receive(payload, 0) is None:
            raise ValueError("a transcript has no late messages")
        self.steps.append([key.role, messages.message_name(number), payload.hex()])

    def sign(self, key, what, signed_type, body):
        """Return `key`'s signature over this session and `body`, a list of (name, bytes)."""
        session = self.ends[key]
        message = session.signed(signed_type, b"".join(part for _, part in body))
        parts = [
            ["prefix", b"JST1"],
            ["type", bytes([signed_type])],
            ["vehicle_nonce", session.payer_nonce],
            ["pole_nonce", session.payee_nonce],
            ["payer_key", session.payer_key],
            ["payee_key", session.payee_key],
            ["channel_id", session.channel_id],
            *body,
        ]
        return self.note(key, what, message, parts)

    def note(self, key, what, message, parts):
        """Return `key`'s signature of `message`, which is the sum of `parts`."""
        signature = key.sign(message)
        self.signed.append(
            {
                "what": what,
                "key": key.role,
                "parts": [[name, bytes(part).hex()] for name, part in parts],
                "message": bytes(message).hex(),
                "signature": signature.hex(),
            }
        )
        return signature

    def send_signed(self, number, signed_type, **values):
        """Send a message that the pole signs."""
        name = messages.message_name(number)
        body = [[f"{name} without number and signature", self.signed_fields(number, values)]]
        signature = self.sign(POLE, name, signed_type, body)
        self.send(POLE, number, **values, signature=signature)

    def signed_fields(self, number, values):
        """Return the fields of a message that its signature covers, with the session's tag."""
        message = make(number, **values)
        name_session(message, self.ends[POLE].tag)
        return messages.signed_body(message)

    def open(self, certificate, energy_mwh, amount_due, best_amount, prepay):
        """Send everything up to the ACCEPT."""
        self.claim = Claim(certificate.channel_id)
        # A channel used before has a fraction of a claim unit to carry over.
        remainder = 345_678 if best_amount else 0
        self.tariff = Tariff(energy_mwh, amount_due, PRICE, remainder)
        self.best_amount = best_amount
        best = VEHICLE.sign(self.claim.message(best_amount)) if best_amount else bytes(64)
        pole_nonce = pattern(f"{self.name} pole nonce", 16)
        end = self.ends[POLE]
        self.send(
            VEHICLE,
            messages.HELLO,
            version=messages.VERSION,
            nonce=pattern(f"{self.name} vehicle nonce", 16),
            channel_id=certificate.channel_id,
            payer_key=VEHICLE.public_key,
        )
        self.sequence = end.tag
        end.payee_nonce = pole_nonce
        end.payee_key = POLE.public_key
        self.send_signed(
            messages.OFFER,
            channel.SIGNED_OFFER,
            version=messages.VERSION,
            nonce=pole_nonce,
            payer_nonce=end.payer_nonce,
            payee_key=POLE.public_key,
            time_s=0,
            price_per_kwh=PRICE,
            credit=CREDIT,
            prepay=prepay,
            packet_energy_mwh=PACKET_MWH,
            packet_ms=1_000,
            link_timeout_ms=2_000,
            max_power_mw=MAX_POWER_MW,
            step_mwh=1_000,
            refresh_ms=200,
            stop_ms=300,
            energy_mwh=energy_mwh,
            amount_due=amount_due,
            remainder=remainder,
            best_amount=best_amount,
            best_signature=best,
            issuer_count=2,
            issuers=ISSUER.public_key + pattern("another issuer", 32) + bytes(64),
        )
        proof = channel.time_bytes(pole_nonce, POLE.public_key, NOW_S)
        parts = [
            ["prefix", b"JST1"],
            ["type", bytes([channel.SIGNED_TIME])],
            ["pole_nonce", pole_nonce],
            ["payee_key", POLE.public_key],
            ["time_s", NOW_S.to_bytes(8, "big")],
        ]
        signature = self.note(ISSUER, "time", proof, parts)
        self.send(
            VEHICLE,
            messages.TIME,
            issuer_key=ISSUER.public_key,
            time_s=NOW_S,
            signature=signature,
        )
        self.send(POLE, messages.TIME_TAKEN, time_s=NOW_S)
        accepted = {
            "certificate": certificate.to_bytes(),
            "prepay": prepay,
            "amount_due": amount_due,
            "remainder": remainder,
            "link_timeout_ms": 2_500,
        }
        fields = self.signed_fields(messages.ACCEPT, accepted)
        body = [
            ["SHA-256 of the offer's payload", end.offer_hash],
            ["accept without number and signature", fields],
        ]
        signature = self.sign(VEHICLE, "accept", channel.SIGNED_PROOF, body)
        self.send(VEHICLE, messages.ACCEPT, **accepted, signature=signature)

    def packet(self, energy_mwh, prepay):
        """Send an invoice and its update."""
        self.sequence += 1
        amount_due = self.tariff.amount_due(energy_mwh)
        self.send(
            POLE,
            messages.INVOICE,
            sequence=self.sequence,
            energy_mwh=energy_mwh,
            amount_due=amount_due,
        )
        amount = max(amount_due + prepay, self.best_amount)
        self.best_amount = amount
        self.tariff.advance(energy_mwh)
        signature = VEHICLE.sign(self.claim.message(amount))
        self.send(
            VEHICLE, messages.UPDATE, sequence=self.sequence, amount=amount, signature=signature
        )

    def stop(self, key, reason):
        """Send a STOP from `key`'s end."""
        nonce = self.ends[key].payer_nonce
        self.send(key, messages.STOP, reason=reason, payer_nonce=nonce)

    def receipt(self, reason, start_energy_mwh, energy_mwh):
        """Send the receipt and its answer."""
        self.send_signed(
            messages.RECEIPT,
            channel.SIGNED_RECEIPT,
            reason=reason,
            started_s=NOW_S,
            ended_s=NOW_S + 9,
            start_energy_mwh=start_energy_mwh,
            energy_mwh=energy_mwh,
            amount_due=self.tariff.amount_due(energy_mwh),
            amount_paid=self.best_amount,
        )
        self.send(VEHICLE, messages.RECEIPT_ACK)

    def document(self):
        """Return this transcript as the file holds it."""
        return {"name": self.name, "steps": self.steps, "signed": self.signed}
