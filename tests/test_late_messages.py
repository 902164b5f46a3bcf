"""Late messages of an older session, in every place of a new one, change nothing.

The first session holds every message of the protocol. In a later one each of its payloads comes
once more before every payload, on the way that it took. The later session must go on as if
nothing had come, to its receipt, and nothing may be paid twice.
"""

from joulestream import errors, messages
from joulestream.channel import SIGNATURE_SIZE
from joulestream.messages import MESSAGES, Stop, TimeProof, TimeTaken
from joulestream.testkit.certificates import DAY_S, KEYS, NOW_S, certificate, terms
from joulestream.testkit.flash import RamFlash
from joulestream.testkit.pair import PRICE, Pair

DEARER = PRICE * 9 // 8
PRICES = [
    {"from_s": 0, "price_per_kwh": PRICE},
    {"from_s": NOW_S + 4, "price_per_kwh": DEARER},
    {"from_s": NOW_S + 20, "price_per_kwh": PRICE},
]
PACKETS = 12


def first_session():
    """Return a pair after a session with every message, and its payloads by receiver."""
    world = Pair(
        pole={"prices": PRICES, "renew_before_s": 500, "credit": 6_400},
        vehicle={"prepay": 2_000},
        certificates=[certificate(expires_at_s=NOW_S + 400)],
    )
    # (sender, number): the first and the last payload
    seen = {}

    def bend(sender, payload):
        seen.setdefault((sender, payload[0]), [bytes(payload)] * 2)[1] = bytes(payload)
        return [payload]

    world.bend = bend
    world.charge()
    world.renewals = [certificate(issued_at_s=NOW_S + 1, expires_at_s=NOW_S + DAY_S)]
    world.charge(30)
    session = world.payer.session
    tag, nonce = session.tag, session.payer_nonce
    end_session(world)
    # These honest sides had no need for a proof of time, nor for a STOP of the pole.
    proof = TimeProof(
        session=tag,
        issuer_key=KEYS["issuer"].public_key,
        time_s=NOW_S,
        signature=bytes(SIGNATURE_SIZE),
    )
    for sender, message in (
        ("vehicle", proof),
        ("pole", TimeTaken(session=tag, time_s=NOW_S)),
        ("pole", Stop(reason=errors.OWNER_STOP, payer_nonce=nonce)),
    ):
        seen[sender, message.number] = [bytes(messages.encode(message))] * 2
    assert {number for _, number in seen} == set(MESSAGES)
    late = {"pole": set(), "vehicle": set()}
    for sender, number in seen:
        late[sender].update(seen[sender, number])
    return world, late


def end_session(world):
    """Let the vehicle's owner stop; return the receipt."""
    world.payer.stop(errors.OWNER_STOP, world.now_ms)
    assert world.run_to_stop() == (errors.OWNER_STOP, errors.OWNER_STOP)
    receipt = world.payer.receipt
    assert receipt is not None
    assert world.payer.record.signed == receipt["amount_paid"] >= receipt["amount_due"]
    return receipt


def play_with_late_messages(world, late):
    """Play one more session in which every late message comes before every payload."""
    places = [0]
    paid = []

    def bend(sender, payload):
        places[0] += 1
        receiver = world.payer if sender == "pole" else world.payee
        session = receiver.session
        for old in late[sender]:
            before, stale = state_of(receiver), session.stale
            receiver.receive(memoryview(old), world.now_ms)
            what = messages.message_name(old[0]), messages.message_name(payload[0])
            assert state_of(receiver) == before, what
            assert session.stale == stale + 1, what
        if payload[0] == messages.UPDATE:
            paid.append(messages.decode(payload).sequence)
        return [payload]

    def state_of(receiver):
        session = receiver.session
        # Until the HELLO comes the pole answers a repetition of the session before it.
        waiting = 0 if places[0] == 1 else len(session.outbox)
        return session.state, session.sequence, session.payer_nonce, receiver.last_stop, waiting

    world.bend = bend
    greeted_ms = world.now_ms
    world.replug()
    budget_left = world.payer.budget_left
    paid_before = 0 if world.payer.record is None else world.payer.record.signed
    world.run(lambda: world.payer.packets >= PACKETS and world.payee.charging is not None)
    assert world.now_ms - greeted_ms < 20_000
    receipt = end_session(world)
    assert len(paid) == len(set(paid)) == world.payer.packets >= PACKETS
    assert places[0] > 2 * PACKETS + 5
    assert budget_left - world.payer.budget_left == receipt["amount_paid"] - paid_before


def test_late_messages_of_the_same_channel():
    world, late = first_session()
    # The tags of three sessions lie on both sides of the first one's.
    for _ in range(3):
        play_with_late_messages(world, late)


def test_late_messages_of_another_channel():
    world, late = first_session()
    world.replug()
    world.certificates = [certificate(terms(salt=b"another channel!"))]
    world.renewals = []
    world.vehicle_flash = RamFlash()
    world.boot_vehicle()
    play_with_late_messages(world, late)


def test_a_late_stop_without_a_session_ends_nothing():
    world = Pair()
    world.charge(3)
    for side in (world.payee, world.payer):
        late = Stop(reason=errors.MEMORY_LOW, payer_nonce=bytes(messages.NONCE_SIZE))
        side.receive(messages.encode(late), world.now_ms)
    world.charge(6)
    assert world.payee.last_stop is None and world.payer.last_stop is None
