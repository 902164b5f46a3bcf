"""Channel terms and id, certificates, claims, and that nothing else signed looks like a claim."""

from hashlib import sha256

from dual_runtime import raised
from joulestream import errors, messages
from joulestream.channel import (
    CLAIM_PREFIX,
    CLAIM_SIZE,
    KIND_EVM,
    KIND_EVM_DUPLEX,
    KIND_SQL,
    KIND_SQL_DUPLEX,
    KIND_X402,
    KIND_XRPL,
    MAX_AMOUNT,
    SIGNATURE_SIZE,
    SIGNED_OFFER,
    SIGNED_PREFIX,
    SIGNED_PROOF,
    SIGNED_RECEIPT,
    SIGNED_TARIFF,
    Certificate,
    Claim,
    Terms,
    claim_reason,
    expiry_reason,
    genuine_reason,
    signed_bytes,
    time_bytes,
    window_reason,
)
from joulestream.errors import LocalError, MalformedError
from joulestream.fields import UINT, size_of
from joulestream.messages import Offer, Receipt, TariffChange, signed_body
from joulestream.session import ProtocolSession
from joulestream.signing import verify
from joulestream.testkit.certificates import DAY_S, KEYS, NOW_S, certificate, terms
from joulestream.testkit.random import Random

ISSUER, PAYER, PAYEE = (KEYS[name] for name in ("issuer", "payer", "payee"))


def certify(channel=None, **changes):
    """Return a certificate issued 60 s ago; `changes` are made before it is signed."""
    return certificate(channel, issued_at_s=NOW_S - 60, **changes)


def test_channel_id_is_the_hash_of_229_bytes():
    data = terms().to_bytes()
    assert len(data) == 229
    assert terms().channel_id() == sha256(data).digest()
    assert Terms.from_bytes(data).to_bytes() == data


def test_every_changed_byte_changes_the_id():
    data = terms().to_bytes()
    channel_id = terms().channel_id()
    for at in range(len(data)):
        copy = bytearray(data)
        copy[at] ^= 1 << at % 8
        assert Terms.from_bytes(copy).channel_id() != channel_id, at


def test_terms_of_a_wrong_size():
    data = terms().to_bytes()
    for wrong in (data[:-1], data + b"\0", b""):
        assert isinstance(raised(Terms.from_bytes, wrong), MalformedError)
    for name, size, kind in Terms.LAYOUT:
        for value in (-1, 1 << 8 * size) if kind == UINT else (bytes(size - 1), bytes(size + 1)):
            assert isinstance(raised(terms(**{name: value}).to_bytes), LocalError), name


def test_certificate_round_trip():
    data = certify().to_bytes()
    assert len(data) == 437
    again = Certificate.from_bytes(data)
    assert again.to_bytes() == data
    assert again.terms().to_bytes() == terms().to_bytes() == data[:229]
    assert again.signed_bytes() == b"JST1\5" + data[:-64]
    assert genuine_reason(again) == 0
    assert isinstance(raised(Certificate.from_bytes, data[:-1]), MalformedError)
    assert isinstance(raised(Certificate.from_bytes, data + b"\0"), MalformedError)


# Where these fields stand: behind the terms, the channel id and (for the last) six numbers.
CLAIMED = range(229 + 32 + 8, 229 + 32 + 16)
RETURN_FIELDS = range(229 + 32 + 40, 229 + 32 + 80)
CAPACITY = 1_000_000


def test_a_certificate_that_contradicts_itself_is_of_no_channel():
    assert genuine_reason(certify(claimed=CAPACITY)) == 0
    assert genuine_reason(certify(claimed=CAPACITY + 1)) == errors.WRONG_CHANNEL
    assert genuine_reason(certify(capacity=MAX_AMOUNT)) == 0
    assert genuine_reason(certify(capacity=MAX_AMOUNT + 1)) == errors.WRONG_CHANNEL
    assert genuine_reason(certify(return_capacity=1)) == errors.WRONG_CHANNEL
    one_way = certify(return_channel_id=bytes(31) + b"\1")
    assert genuine_reason(one_way) == errors.WRONG_CHANNEL


def test_every_changed_byte_makes_a_certificate_not_genuine():
    data = certify().to_bytes()
    for at in range(len(data)):
        copy = bytearray(data)
        copy[at] ^= 1 << at % 8
        reason = genuine_reason(Certificate.from_bytes(copy))
        if at == 0:
            assert reason == errors.WRONG_LEDGER or reason == errors.WRONG_CHANNEL
        elif at < 229 + 32 or at in RETURN_FIELDS:
            assert reason == errors.WRONG_CHANNEL, at
        elif at in CLAIMED and reason == errors.WRONG_CHANNEL:
            assert Certificate.from_bytes(copy).claimed > CAPACITY
        else:
            assert reason == errors.CERTIFICATE_FORGED, at


def test_the_issuer_must_have_signed_this():
    certificate = certify()
    certificate.signature = PAYER.sign(certificate.signed_bytes())
    assert genuine_reason(certificate) == errors.CERTIFICATE_FORGED
    certificate.signature = ISSUER.sign(certificate.to_bytes()[:-SIGNATURE_SIZE])
    assert genuine_reason(certificate) == errors.CERTIFICATE_FORGED
    certificate.issuer_key = bytes(32)
    assert genuine_reason(certificate) == errors.CERTIFICATE_FORGED


def test_only_xrpl_gives_its_own_channel_ids():
    other = b"\xab" * 32
    assert genuine_reason(certify(terms(kind=KIND_XRPL), channel_id=other)) == 0
    for kind in (KIND_SQL, KIND_EVM):
        assert genuine_reason(certify(terms(kind=kind))) == 0
        forged = certify(terms(kind=kind), channel_id=other)
        assert genuine_reason(forged) == errors.WRONG_CHANNEL
    for kind in (0, KIND_X402, KIND_SQL_DUPLEX, KIND_EVM_DUPLEX, 7, 255):
        assert genuine_reason(certify(terms(kind=kind))) == errors.WRONG_LEDGER


def test_validity_in_time():
    certificate = certify()
    begin, end = certificate.issued_at_s, certificate.expires_at_s
    for now_s, reason in (
        (begin - 1, 0),
        (begin, 0),
        (end - 1, 0),
        (end, errors.CERTIFICATE_EXPIRED),
        (0, 0),
        (MAX_AMOUNT, errors.CERTIFICATE_EXPIRED),
    ):
        assert expiry_reason(certificate, now_s) == reason, now_s


def test_the_pole_must_be_able_to_collect_inside_the_dispute_window():
    certificate = certify()
    slack_s = certificate.issued_at_s + 7 * DAY_S - certificate.expires_at_s
    assert window_reason(certificate, slack_s) == 0
    assert window_reason(certificate, slack_s + 1) == errors.CERTIFICATE_WINDOW
    # The issuer knows when its ledger stops to pay; the terms alone do not tell it.
    sooner = certify(claimable_until_s=certificate.claimable_until_s - 1)
    assert window_reason(sooner, slack_s) == errors.CERTIFICATE_WINDOW
    edge = certify(expires_at_s=NOW_S - 60 + 7 * DAY_S)
    assert window_reason(edge, 0) == 0
    assert window_reason(edge, 1) == errors.CERTIFICATE_WINDOW
    never = certify(terms(dispute_window_s=0))
    assert window_reason(never, 0) == errors.CERTIFICATE_WINDOW
    # Sums beyond 64 bits are no way round the rule.
    far = certify(expires_at_s=MAX_AMOUNT)
    assert window_reason(far, 1) == errors.CERTIFICATE_WINDOW


def test_claim_bytes():
    channel_id = terms().channel_id()
    claim = Claim(channel_id)
    for amount in (0, 1, 1 << 32, (1 << 53) + 1, MAX_AMOUNT):
        message = claim.message(amount)
        assert len(message) == CLAIM_SIZE == 44
        assert message == b"CLM\0" + channel_id + amount.to_bytes(8, "big")
    signature = PAYER.sign(claim.message(5))
    assert verify(PAYER.public_key, claim.message(5), signature)
    assert not verify(PAYER.public_key, claim.message(6), signature)
    assert not verify(PAYER.public_key, Claim(bytes(32)).message(5), signature)


def test_claim_rules():
    for amount, best, due, capacity, reason in (
        (100, 100, 100, 100, 0),
        (101, 100, 100, 200, 0),
        (99, 100, 50, 200, errors.AMOUNT_SHRINKS),
        (0, 1, 0, 200, errors.AMOUNT_SHRINKS),
        (201, 100, 150, 200, errors.OVER_CAPACITY),
        (MAX_AMOUNT, 0, 0, MAX_AMOUNT - 1, errors.OVER_CAPACITY),
        (MAX_AMOUNT, 0, MAX_AMOUNT, MAX_AMOUNT, 0),
        (149, 100, 150, 200, errors.UNDERPAID),
        (150, 100, 150, 200, 0),
        (0, 0, 0, 0, 0),
        # Several faults: the first of shrinking, capacity, coverage is told.
        (99, 100, 150, 50, errors.AMOUNT_SHRINKS),
        (120, 100, 150, 110, errors.OVER_CAPACITY),
    ):
        assert claim_reason(amount, best, due, capacity) == reason, (amount, best, due, capacity)


def started_session(random):
    session = ProtocolSession(messages.PAYEE, 250, 2000)
    session.payer_nonce = random.bytes(16)
    session.payee_nonce = random.bytes(16)
    session.payer_key = PAYER.public_key
    session.payee_key = PAYEE.public_key
    session.channel_id = terms().channel_id()
    return session


def statements(session):
    """Yield everything that is signed and is no claim, with the greatest and least values."""
    for fill in (0, 0xFF):
        for signed_type, signed_class in (
            (SIGNED_OFFER, Offer),
            (SIGNED_TARIFF, TariffChange),
            (SIGNED_RECEIPT, Receipt),
        ):
            extreme = signed_class.from_bytes(bytes([fill]) * size_of(signed_class.LAYOUT))
            yield session.signed(signed_type, signed_body(extreme))
        proof = bytes([fill]) * (32 + 4 + 437 + 8 + 8 + 4 + 4)
        yield session.signed(SIGNED_PROOF, proof)
        yield time_bytes(bytes([fill]) * 16, PAYEE.public_key, MAX_AMOUNT if fill else 0)
    yield certify().signed_bytes()


def test_nothing_but_a_claim_looks_like_one():
    assert SIGNED_PREFIX == b"JST1" and CLAIM_PREFIX == b"CLM\0"
    kinds = set()
    for message in statements(started_session(Random(1))):
        assert message[:4] == b"JST1"
        assert len(message) != CLAIM_SIZE
        kinds.add((message[4], len(message)))
    assert kinds == {(1, 630), (2, 481), (3, 151), (4, 182), (5, 378), (6, 61)}


def test_a_claim_as_nonce_is_not_signed_raw():
    """A peer chooses its nonce and its key; it never chooses how signed bytes begin."""
    session = started_session(Random(2))
    session.payee_nonce = (b"CLM\0" + terms().channel_id())[:16]
    for message in statements(session):
        assert message[:4] == b"JST1"
    assert signed_bytes(9, b"CLM\0")[:5] == b"JST1\x09"


def test_session_signatures_are_bound_to_nonces_keys_and_channel():
    session = started_session(Random(3))
    message = session.signed(SIGNED_TARIFF, b"body")
    bound = (
        session.payer_nonce
        + session.payee_nonce
        + session.payer_key
        + session.payee_key
        + session.channel_id
    )
    assert message == b"JST1\3" + bound + b"body"
    for name in ("payer_nonce", "payee_nonce", "payer_key", "payee_key", "channel_id"):
        other = started_session(Random(3))
        setattr(other, name, bytes(len(getattr(other, name))))
        assert other.signed(SIGNED_TARIFF, b"body") != message, name
    assert session.signed(SIGNED_RECEIPT, b"body") != message


def test_time_bytes():
    message = time_bytes(b"n" * 16, PAYEE.public_key, NOW_S)
    assert message == b"JST1\6" + b"n" * 16 + PAYEE.public_key + NOW_S.to_bytes(8, "big")
