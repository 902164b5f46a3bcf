"""The ledger: every request conserves money, and each wrong request is refused."""

import random

import pytest

from joulestream.channel import (
    KIND_EVM,
    MAX_AMOUNT,
    Claim,
    expiry_reason,
    genuine_reason,
    window_reason,
)
from joulestream.host_tools.ledger import Ledger, LedgerError, book, requests
from joulestream.host_tools.ledger.channels import IS_CLOSED, IS_CLOSING, IS_OPEN
from joulestream.testkit import edwards25519 as curve
from ledger_scenario import (
    EUR,
    LEDGER,
    NOW_S,
    PAYEE,
    PAYER,
    STRANGER,
    WINDOW_S,
    balances,
    claim,
    close,
    opened,
    refused,
    terms_of,
)


@pytest.fixture
def ledger(tmp_path):
    with Ledger.create(tmp_path / "ledger.db", 7, LEDGER) as opened:
        yield opened


def test_a_channel_opens_pays_closes_and_refunds(ledger):
    channel = opened(ledger, 1000)
    assert channel.id == channel.terms.channel_id() and channel.state == IS_OPEN
    assert balances(ledger) == (999_000, 0)
    assert claim(ledger, channel, 300).paid_now == 300
    assert claim(ledger, channel, 700).paid_now == 400
    assert balances(ledger) == (999_000, 700)
    assert close(ledger, channel, requests.CLOSE_BY_PAYER).state == IS_CLOSING
    assert claim(ledger, channel, 800, NOW_S + 10).paid_now == 100
    closed = ledger.finalise(channel.id, NOW_S + WINDOW_S + 1)
    assert (closed.state, closed.refunded) == (IS_CLOSED, 200)
    assert balances(ledger) == (999_200, 800)
    check = ledger.check()
    assert check.faults == [] and check.issued_base_units == {EUR: 1_000_000}


def test_claims_are_cumulative_and_harmless_to_repeat(ledger):
    channel = opened(ledger)
    assert claim(ledger, channel, 500).paid_now == 500
    for amount in (500, 499, 1, 0):
        payment = claim(ledger, channel, amount)
        assert (payment.paid_now, payment.paid_now_base_units, payment.channel.paid) == (0, 0, 500)
    assert claim(ledger, channel, 1000).paid_now == 500
    close(ledger, channel, requests.CLOSE_BY_PAYEE)
    assert claim(ledger, channel, 1000).paid_now == 0


def test_wrong_claims_are_refused(ledger):
    channel = opened(ledger)
    refused(ledger, "above the deposit", claim, ledger, channel, 1001)
    refused(ledger, "did not sign", claim, ledger, channel, 10, signer=STRANGER)
    refused(ledger, "did not sign", claim, ledger, channel, 0, signer=PAYEE)
    other = opened(ledger, salt=b"another channel.")
    signature = PAYER.sign(Claim(other.id).message(10))
    refused(ledger, "did not sign", ledger.claim, channel.id, 10, signature, NOW_S)
    refused(ledger, "did not sign", ledger.claim, other.id, 11, signature, NOW_S)
    refused(ledger, "64", ledger.claim, other.id, 10, signature[:63], NOW_S)
    refused(ledger, "not on this ledger", ledger.claim, bytes(32), 10, signature, NOW_S)
    for amount in (-1, MAX_AMOUNT + 1):
        refused(ledger, "must be from", ledger.claim, other.id, amount, signature, NOW_S)
    claim(ledger, channel, 10)
    close(ledger, channel, requests.CLOSE_BY_PAYEE)
    refused(ledger, "is closed", claim, ledger, channel, 11)


def test_wrong_terms_open_no_channel(ledger):
    terms = terms_of(ledger)
    pole = book.account_id(ledger.key, "pole")
    gold = ledger.create_account("gold", book.asset_id("XAU"), 5, NOW_S)
    issuer = book.account_id(ledger.key, "issuance:uEUR")
    order_two = curve.add(curve.decode(PAYER.public_key), (0, curve.P - 1))
    bad_keys = (bytes(32), b"\1" + bytes(31), b"\xff" * 32, curve.encode(order_two))
    cases = [("subgroup", {name: key}) for name in ("payer_key", "payee_key") for key in bad_keys]
    cases += [
        ("no account", {"refund_account": bytes(32)}),
        ("no account", {"payout_account": b"x" * 32}),
        ("ledger itself", {"refund_account": issuer}),
        ("XAU", {"refund_account": gold.id}),
        ("uEUR", {"asset": book.asset_id("XAU")}),
        ("0 base units", {"refund_account": pole}),
        ("dispute window", {"dispute_window_s": 0}),
        ("base units", {"base_units_per_claim_unit": 0}),
        ("base units", {"base_units_per_claim_unit": 1001}),
        ("does not fit", {"dispute_window_s": 1 << 32}),
        ("not 16 bytes", {"salt": b"short"}),
        ("not 32 bytes", {"payer_key": PAYER.public_key[:31]}),
    ]
    for part, changes in cases:
        changed = terms_of(ledger, **changes)
        refused(ledger, part, ledger.open_channel, changed, 1000, NOW_S)
    for deposit in (0, -5, MAX_AMOUNT + 1, 1_000_001):
        refused(ledger, "", ledger.open_channel, terms, deposit, NOW_S)
    for name, value in (("kind", KIND_EVM), ("chain_id", 8), ("contract", STRANGER.public_key)):
        foreign = terms_of(ledger)
        setattr(foreign, name, value)
        refused(ledger, "another ledger", ledger.open_channel, foreign, 1000, NOW_S)


def test_an_id_never_opens_again(ledger):
    terms = terms_of(ledger)
    channel = ledger.open_channel(terms, 100, NOW_S)
    refused(ledger, "never opens again", ledger.open_channel, terms, 100, NOW_S)
    close(ledger, channel, requests.CLOSE_BY_PAYEE)
    refused(ledger, "never opens again", ledger.open_channel, terms, 200, NOW_S + 9)
    assert ledger.open_channel(terms_of(ledger, salt=bytes(15) + b"1"), 1, NOW_S).state == IS_OPEN


def test_the_dispute_window_includes_its_last_second(ledger):
    channel = opened(ledger)
    refused(ledger, "nobody asked", ledger.finalise, channel.id, NOW_S + 10 * WINDOW_S)
    asked = close(ledger, channel, requests.CLOSE_BY_PAYER, NOW_S + 5)
    end_s = NOW_S + 5 + WINDOW_S
    assert asked.closes_at_s == end_s
    # Asking again does not move the window.
    assert close(ledger, channel, requests.CLOSE_BY_PAYER, NOW_S + 60).closes_at_s == end_s
    refused(ledger, "for another 1 s", ledger.finalise, channel.id, end_s)
    assert claim(ledger, channel, 400, end_s).paid_now == 400
    assert ledger.finalise(channel.id, end_s + 1).refunded == 600
    refused(ledger, "closed already", ledger.finalise, channel.id, end_s + 2)
    for action in requests.ACTIONS:
        refused(ledger, "closed already", close, ledger, channel, action, end_s + 2)


def test_a_late_claim_counts_until_the_refund(ledger):
    channel = opened(ledger)
    end_s = close(ledger, channel, requests.CLOSE_BY_PAYER).closes_at_s
    assert claim(ledger, channel, 1000, end_s + 99).paid_now == 1000
    assert ledger.finalise(channel.id, end_s + 100).refunded == 0
    assert ledger.check().faults == []


def test_the_payee_closes_at_once_even_in_the_window(ledger):
    channel = opened(ledger)
    close(ledger, channel, requests.CLOSE_BY_PAYER)
    claim(ledger, channel, 1)
    assert close(ledger, channel, requests.CLOSE_BY_PAYEE).state == IS_CLOSED
    assert balances(ledger) == (999_999, 1)


def test_wrong_requests_close_no_channel(ledger):
    channel = opened(ledger)
    payer, payee = requests.CLOSE_BY_PAYER, requests.CLOSE_BY_PAYEE
    refused(ledger, "payer of", close, ledger, channel, payer, signer=PAYEE)
    refused(ledger, "payee of", close, ledger, channel, payee, signer=PAYER)
    late = NOW_S + requests.REQUEST_VALID_S + 1
    refused(ledger, "request's time", close, ledger, channel, payer, late, time_s=NOW_S)
    refused(ledger, "request's time", close, ledger, channel, payer, NOW_S, time_s=late)
    request = requests.close_request(channel.terms, payer, NOW_S)
    signature = PAYER.sign(request.signed_bytes())
    arguments = (channel.id, payer, NOW_S + 1, signature, NOW_S)
    refused(ledger, "did not sign", ledger.close_channel, *arguments)
    refused(ledger, "no closing action", ledger.close_channel, channel.id, 3, 0, signature, NOW_S)
    for name, value in (
        ("ledger_number", 8),
        ("ledger_key", bytes(32)),
        ("channel_id", bytes(32)),
    ):
        other = requests.close_request(channel.terms, payer, NOW_S)
        setattr(other, name, value)
        arguments = (channel.id, payer, NOW_S, PAYER.sign(other.signed_bytes()), NOW_S)
        refused(ledger, "did not sign", ledger.close_channel, *arguments)
    assert len(request.signed_bytes()) == 86 and request.signed_bytes()[:5] == b"JST1\7"


def test_an_open_channel_gets_certificates_a_poles_rules_accept(ledger):
    channel = opened(ledger)
    certificate = ledger.issue_certificate(channel.id, NOW_S, WINDOW_S // 2)
    assert genuine_reason(certificate) == 0
    assert expiry_reason(certificate, NOW_S) == 0
    assert window_reason(certificate, WINDOW_S // 2) == 0
    assert certificate.terms().to_bytes() == channel.terms.to_bytes()
    assert (certificate.capacity, certificate.issuer_key) == (1000, ledger.key)
    renewed = ledger.issue_certificate(channel.id, NOW_S + 60, WINDOW_S)
    assert renewed.expires_at_s == NOW_S + 60 + WINDOW_S
    for validity_s in (0, WINDOW_S + 1):
        refused(ledger, "validity", ledger.issue_certificate, channel.id, NOW_S, validity_s)
    close(ledger, channel, requests.CLOSE_BY_PAYER)
    refused(ledger, "is closing", ledger.issue_certificate, channel.id, NOW_S, 60)
    close(ledger, channel, requests.CLOSE_BY_PAYEE)
    refused(ledger, "is closed", ledger.issue_certificate, channel.id, NOW_S, 60)


def test_the_window_outlasts_every_certificate(ledger):
    """A clock that is set back shortens no window that a certificate promised to the pole."""
    channel = opened(ledger)
    ledger.issue_certificate(channel.id, NOW_S + 500, 60)
    ledger.issue_certificate(channel.id, NOW_S + 400, 60)
    asked = close(ledger, channel, requests.CLOSE_BY_PAYER, NOW_S)
    assert asked.closes_at_s == NOW_S + 500 + WINDOW_S


def test_amounts_are_exact_to_the_last_unit(ledger):
    terms_of(ledger)
    rich = ledger.create_account("rich", EUR, MAX_AMOUNT * MAX_AMOUNT, NOW_S)
    channel = opened(
        ledger, MAX_AMOUNT, refund_account=rich.id, base_units_per_claim_unit=MAX_AMOUNT
    )
    assert ledger.account("rich").balance_base_units == 0
    payment = claim(ledger, channel, MAX_AMOUNT - 1)
    assert payment.paid_now_base_units == (MAX_AMOUNT - 1) * MAX_AMOUNT
    assert claim(ledger, channel, MAX_AMOUNT).paid_now_base_units == MAX_AMOUNT
    assert ledger.account("pole").balance_base_units == MAX_AMOUNT * MAX_AMOUNT
    assert ledger.channel(channel.id).deposit == MAX_AMOUNT
    assert ledger.check().faults == []
    refused(ledger, "2^128", ledger.create_account, "more", EUR, (1 << 128) - 1, NOW_S)


def test_accounts_need_a_new_name_and_a_possible_balance(ledger):
    assert ledger.create_account("a-1", EUR, 3, NOW_S).balance_base_units == 3
    refused(ledger, "exists already", ledger.create_account, "a-1", EUR, 3, NOW_S)
    for name in ("", " a", "a b", "issuance:uEUR", "ab" * 32, "-a", "x" * 49, "a\n"):
        refused(ledger, "account name", ledger.create_account, name, EUR, 3, NOW_S)
    refused(ledger, "balance", ledger.create_account, "b", EUR, -1, NOW_S)
    refused(ledger, "asset", ledger.create_account, "b", b"EUR", 1, NOW_S)
    refused(ledger, "time", ledger.create_account, "b", EUR, 1, -1)
    refused(ledger, "no account", ledger.account, "b")
    for name in ("", "a b", "x" * 33, "\u20ac"):
        refused(ledger, "asset name", book.asset_id, name)


class Model:
    """The expected ledger in plain integers. It checks every answer of the real ledger."""

    def __init__(self, ledger, rng):
        terms_of(ledger)
        self.ledger, self.rng = ledger, rng
        self.car, self.pole, self.now_s = 1_000_000, 0, NOW_S
        self.live = []  # [channel, paid, closes_at_s or None]
        self.opened = 0

    def step(self):
        """Do one random thing; return its name and whether the ledger did it."""
        rng = self.rng
        self.now_s += rng.randrange(WINDOW_S // 4)
        name = rng.choice(("open", "claim", "claim", "claim", "payer", "payee", "finalise"))
        if not self.live:
            name = "open"
        honest = rng.random() < 0.8
        allowed, call, effect = getattr(self, name)(honest)
        try:
            call()
            done = True
        except LedgerError:
            done = False
        assert done == allowed, name
        if done:
            effect()
        assert balances(self.ledger) == (self.car, self.pole), name
        return name, done

    def open(self, honest):
        unit, deposit = self.rng.randint(1, 9), self.rng.randint(1, 5000)
        if not honest:
            deposit = self.rng.choice((0, self.car // unit + 1, MAX_AMOUNT))
        salt = self.opened.to_bytes(16, "big")
        terms = terms_of(self.ledger, base_units_per_claim_unit=unit, salt=salt)

        def call():
            self.live.append([self.ledger.open_channel(terms, deposit, self.now_s), 0, None])

        def effect():
            self.opened += 1
            self.car -= deposit * unit

        return 0 < deposit * unit <= self.car, call, effect

    def claim(self, honest):
        entry = self.rng.choice(self.live)
        channel, paid, _ = entry
        amount = self.rng.randint(0, channel.deposit + channel.deposit // 4)
        signer = PAYER if honest else STRANGER

        def effect():
            entry[1] = max(amount, paid)
            self.pole += (entry[1] - paid) * channel.terms.base_units_per_claim_unit

        allowed = honest and amount <= channel.deposit
        return allowed, lambda: claim(self.ledger, channel, amount, self.now_s, signer), effect

    def payer(self, honest):
        entry = self.rng.choice(self.live)

        def effect():
            entry[2] = entry[2] or self.now_s + WINDOW_S

        action, signer = requests.CLOSE_BY_PAYER, PAYER if honest else STRANGER
        return honest, lambda: close(self.ledger, entry[0], action, self.now_s, signer), effect

    def payee(self, honest):
        entry = self.rng.choice(self.live)
        action, signer = requests.CLOSE_BY_PAYEE, PAYEE if honest else STRANGER
        return (
            honest,
            lambda: close(self.ledger, entry[0], action, self.now_s, signer),
            lambda: self.refund(entry),
        )

    def finalise(self, _):
        entry = self.rng.choice(self.live)
        allowed = entry[2] is not None and self.now_s > entry[2]
        return (
            allowed,
            lambda: self.ledger.finalise(entry[0].id, self.now_s),
            lambda: self.refund(entry),
        )

    def refund(self, entry):
        channel, paid, _ = entry
        self.car += (channel.deposit - paid) * channel.terms.base_units_per_claim_unit
        self.live.remove(entry)


@pytest.mark.parametrize("seed", range(4))
def test_random_operations_conserve_money(ledger, seed):
    model = Model(ledger, random.Random(seed))
    seen = set()
    for step in range(200):
        seen.add(model.step())
        if step % 20 == 0:
            assert ledger.check().faults == []
    assert ledger.check().faults == []
    assert len(seen) == 10, "every operation must succeed and be refused"
