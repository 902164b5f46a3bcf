"""Both firmwares against protocol.json: the messages of each side in a session on a new channel.

On CPython only: both firmwares and a whole session as JSON do not fit a board's heap together.
"""

from dual_runtime import load_section
from joulestream import messages
from joulestream.boards import contract
from joulestream.channel import Certificate, Claim
from joulestream.device.config import check_table
from joulestream.errors import UNPLUGGED
from joulestream.pole import config as pole_config
from joulestream.pole.books import Books
from joulestream.pole.clock import PoleClock
from joulestream.pole.limits import PowerLimits
from joulestream.pole.payee import Payee
from joulestream.pole.prices import open_prices
from joulestream.signing import TABLE_SIZE, Signer
from joulestream.testkit.flash import RamFlash, mount
from joulestream.testkit.pair import METER, Meter
from joulestream.units import ticks_add
from joulestream.vehicle import config as vehicle_config
from joulestream.vehicle.payer import Payer
from joulestream.vehicle.wallet import Wallet

STEP_MS = 20


class Vectors:
    """The session on a fresh channel, and the keys."""

    def __init__(self):
        sessions = load_section("protocol.json", "sessions")
        session = next(item for item in sessions if item["name"] == "fresh channel")
        self.steps = [(role, bytes.fromhex(text)) for role, _, text in session["steps"]]
        keys = load_section("protocol.json", "keys")
        self.signers = {role: Signer(bytes.fromhex(keys[role]["seed"])) for role in keys}
        self.messages = [messages.decode(payload) for _, payload in self.steps]

    def first(self, number):
        return next(message for message in self.messages if message.number == number)


def journal():
    return mount(RamFlash(8, 2048))


def make_pole(vectors):
    offer = vectors.first(messages.OFFER)
    certificate = Certificate.from_bytes(vectors.first(messages.ACCEPT).certificate)
    issuers = []
    for at in range(offer.issuer_count):
        issuers.append(
            {
                "key": offer.issuers[32 * at : 32 * at + 32].hex(),
                "limit": certificate.capacity,
                "kind": "evm",
                "chain_id": certificate.chain_id,
                "contract": certificate.contract.hex(),
                "asset": certificate.asset.hex(),
                "base_units_per_claim_unit": certificate.base_units_per_claim_unit,
            }
        )
    values = {
        "board": {},
        "seed_file": "-",
        "payout_account": certificate.payout_account.hex(),
        "issuers": issuers,
        "collect_within_s": 86_400,
        "prices": [{"from_s": 0, "price_per_kwh": offer.price_per_kwh}],
        "credit": offer.credit,
        "prepay": offer.prepay,
        "packet_energy_mwh": offer.packet_energy_mwh,
        "packet_ms": offer.packet_ms,
        "link_timeout_ms": offer.link_timeout_ms,
        "max_power_w": offer.max_power_mw // 1_000,
        "meter": METER,
    }
    config = pole_config.consistent(check_table(pole_config.TABLE, values))
    store = journal()
    issuer_keys = [issuer.key for issuer in config.issuers]
    clock = PoleClock(store, lambda: contract.NO_CLOCK, issuer_keys, 1_000)
    return Payee(
        config,
        vectors.signers["pole"],
        Books(config, store, clock, 1_000),
        clock,
        open_prices(config, None),
        PowerLimits(config, contract.Board()),
        lambda size: offer.nonce,
        bytearray(TABLE_SIZE),
    )


def test_the_pole_sends_what_the_vectors_say():
    vectors = Vectors()
    payee = make_pole(vectors)
    now_ms = 1_000
    plugged = True
    ended = vectors.first(messages.RECEIPT)
    meter = Meter()
    payee.step(meter, True, now_ms)
    for (role, payload), message in zip(vectors.steps, vectors.messages):
        now_ms += STEP_MS
        if role == "vehicle":
            payee.receive(memoryview(payload), now_ms)
            continue
        outbox = payee.session.outbox
        if message.number == messages.STOP:
            plugged = False
        elif message.number == messages.INVOICE:
            meter.total_mwh = meter.register_mwh = message.energy_mwh
        elif message.number == messages.RECEIPT:
            now_ms = ticks_add(1_000, 1_000 * (ended.ended_s - ended.started_s) + 500)
        if (
            payee.charging is not None
            and payee.session.sequence - payee.session.tag
            and not outbox
        ):
            payee.step(meter, plugged, now_ms)
        if message.number == messages.INVOICE and not outbox:
            now_ms += 1_000  # energy that still flowed shows only after some readings
            payee.step(meter, plugged, now_ms)
        assert bytes(outbox.pop(0)) == payload, messages.message_name(message.number)
        assert not outbox
        assert payee.may_energise() <= plugged
    assert payee.charging is None and payee.last_stop == UNPLUGGED


def test_the_vehicle_sends_what_the_vectors_say():
    vectors = Vectors()
    hello = vectors.first(messages.HELLO)
    accept = vectors.first(messages.ACCEPT)
    values = {
        "board": {},
        "seed_file": "-",
        "certificates": ["-"],
        "budget": 1_000_000,
        "max_price_per_kwh": 500_000,
        "energy_wanted_mwh": 1_000_000,
        "prepay": accept.prepay,
        "link_timeout_ms": accept.link_timeout_ms,
        "max_power_w": 11_500,
        "meter": METER,
    }
    config = vehicle_config.consistent(check_table(vehicle_config.TABLE, values))
    certificate = Certificate.from_bytes(accept.certificate)
    wallet = Wallet(vectors.signers["vehicle"], journal(), [certificate], config.budget, "always")
    payer = Payer(config, wallet, lambda size: hello.nonce, lambda: [])
    now_ms = 1_000
    meter = Meter()
    payer.step(meter, True, now_ms)
    for (role, payload), message in zip(vectors.steps, vectors.messages):
        now_ms += STEP_MS
        if message.number in (messages.TIME, messages.TIME_TAKEN):
            continue  # a vehicle that cannot fetch the time leaves it out
        if role == "vehicle":
            assert bytes(payer.session.outbox.pop(0)) == payload, message
            assert not payer.session.outbox
            continue
        if message.number == messages.INVOICE:
            meter.total_mwh = message.energy_mwh
        payer.step(meter, True, now_ms)
        assert not payer.session.outbox
        payer.receive(memoryview(payload), now_ms)
    receipt = vectors.first(messages.RECEIPT)
    assert payer.receipt["amount_paid"] == receipt.amount_paid == payer.record.signed
    assert payer.last_stop == UNPLUGGED
    assert wallet.budget_left == config.budget - receipt.amount_paid


def test_the_claims_of_the_session_are_the_vehicles():
    vectors = Vectors()
    claim = Claim(vectors.first(messages.HELLO).channel_id)
    for message in vectors.messages:
        if message.number == messages.UPDATE:
            signed = vectors.signers["vehicle"].sign(claim.message(message.amount))
            assert message.signature == signed
