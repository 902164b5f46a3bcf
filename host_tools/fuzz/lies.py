"""Lies: messages with false fields, signed as far as the liar has the key.

The input's bytes choose the fields and the lies. A pole has its own key, and every claim that it
was ever given. A vehicle has its wallet's key, and both good and bad certificates.
"""

from typing import Any

from joulestream import messages
from joulestream.channel import (
    SIGNED_OFFER,
    SIGNED_RECEIPT,
    SIGNED_TARIFF,
    Claim,
    signed_bytes,
    time_bytes,
)
from joulestream.fields import UINT
from joulestream.host_tools.fuzz.choices import Choices
from joulestream.messages import (
    ACCEPT,
    HELLO,
    INVOICE,
    MESSAGES,
    OFFER,
    RECEIPT,
    RENEW,
    TARIFF,
    TIME,
    UPDATE,
    VERSION,
    Message,
    make,
    signed_body,
)
from joulestream.session_tag import name_session
from joulestream.signing import Signer
from joulestream.testkit.certificates import DAY_S, KEYS, NOW_S, certificate, terms

_SIGNED_BY_POLE = {TARIFF: SIGNED_TARIFF, RECEIPT: SIGNED_RECEIPT}
_FORGED = certificate()
_FORGED.capacity += 1
# The first certificate is the one of the wallet's channel.
CERTIFICATES = (
    certificate(),
    certificate(expires_at_s=NOW_S + 2 * DAY_S, capacity=2_000_000),
    certificate(expires_at_s=NOW_S - 1),
    certificate(terms(salt=b"x" * 16)),
    certificate(terms(salt=b"y" * 16), capacity=1),
    certificate(terms(payer_key=KEYS["stranger"].public_key)),
    certificate(terms(payee_key=KEYS["stranger"].public_key)),
    certificate(issuer="stranger"),
    _FORGED,
)
_ENCODED = tuple(each.to_bytes() for each in CERTIFICATES)
_SECRETS = ("payer", "stranger", "issuer")


def message(choices: Choices, payload: bytes | None, number: int, session: Any) -> Message:
    """Return a message with up to three changed fields.

    Args:
        choices: the decisions.
        payload: an earlier payload, whose fields are kept if it has the same number; or None.
        number: the number of the message.
        session: the session of the side that gets it. A message without an earlier payload names
            it before a field changes.
    """
    if payload is not None and payload[0] == number:
        lie: Any = messages.decode(payload)
    else:
        lie = make(number)
        for name, size, kind in MESSAGES[number][3].LAYOUT:
            setattr(lie, name, 0 if kind == UINT else bytes(size))
        if number in (HELLO, OFFER):
            lie.version = VERSION
        elif number in (INVOICE, UPDATE):
            lie.sequence = session.sequence
        name_session(lie, session.tag)
    layout = MESSAGES[number][3].LAYOUT
    for _ in range(choices.below(4) if layout else 0):
        name, size, kind = choices.one_of(layout)
        value = getattr(lie, name)
        if kind == UINT:
            setattr(lie, name, _integer(choices, value, size))
        elif size == len(_ENCODED[0]):
            lie.certificate = choices.one_of(_ENCODED)
        else:
            at = choices.below(size)
            changed = bytes((value[at] ^ (1 << choices.below(8)),))
            setattr(lie, name, value[:at] + changed + value[at + 1 :])
    return lie


def _integer(choices: Choices, value: int, size: int) -> int:
    """Return a changed integer: near its value, at a limit of its size, or any other."""
    highest = (1 << 8 * size) - 1
    how = choices.below(8)
    if how < 2:
        return max(value - 1 - choices.below(256), 0)
    if how < 4:
        return min(value + 1 + choices.below(256), highest)
    if how == 4:
        return choices.one_of((0, 1, highest - 1, highest))
    if how == 5:
        return min(value * 2, highest)
    if how == 6:
        return choices.below(65_536) & highest
    return choices.uint(size)


def sign_as_pole(
    choices: Choices, lie: Any, session: Any, claims: list[tuple[int, bytes]]
) -> None:
    """Sign a pole's message. `session` is the vehicle's, `claims` are (amount, signature)."""
    number = lie.number
    if number == OFFER:
        if claims and choices.below(2):
            lie.best_amount, lie.best_signature = choices.one_of(claims)
        body = signed_body(lie)
        keys = session.payer_key + lie.payee_key + session.channel_id
        covered = signed_bytes(SIGNED_OFFER, session.payer_nonce + lie.nonce + keys + body)
        lie.signature = KEYS["payee"].sign(covered)
    elif number in _SIGNED_BY_POLE:
        covered = session.signed(_SIGNED_BY_POLE[number], signed_body(lie))
        lie.signature = KEYS["payee"].sign(covered)


def sign_as_vehicle(choices: Choices, lie: Any, session: Any) -> None:
    """Sign a vehicle's message, now and then with a wrong key. `session` is the pole's."""
    number = lie.number
    key = KEYS[choices.one_of(_SECRETS) if choices.below(8) == 7 else "payer"]
    if number == HELLO:
        lie.channel_id = choices.one_of(CERTIFICATES).channel_id
        lie.payer_key = key.public_key
    elif number == UPDATE:
        if choices.below(2):
            lie.sequence = session.sequence
        lie.signature = key.sign(Claim(session.channel_id or bytes(32)).message(lie.amount))
    elif number == ACCEPT:
        if lie.certificate not in _ENCODED:
            lie.certificate = _ENCODED[0]
        sign_proof(lie, session, key)
    elif number == RENEW:
        lie.certificate = choices.one_of(_ENCODED)
    elif number == TIME:
        lie.issuer_key = KEYS["issuer"].public_key
        lie.time_s = NOW_S + choices.below(65_536)
        proof = time_bytes(session.payee_nonce, KEYS["payee"].public_key, lie.time_s)
        lie.signature = KEYS["issuer"].sign(proof)


def sign_proof(accept: Any, session: Any, key: Signer) -> None:
    """Sign an ACCEPT with `key`, over the offer that `session` knows."""
    accept.signature = key.sign(session.signed_text(accept))
