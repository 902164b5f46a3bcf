"""One session's state machine, by its table: every state, message and role; time; quiet ends."""

from hashlib import sha256

from dual_runtime import peer_reason, raised
from joulestream import messages
from joulestream.channel import CERTIFICATE_SIZE
from joulestream.errors import (
    BAD_FIELD,
    LINK_TIMEOUT,
    OWNER_STOP,
    PAYMENT_TIMEOUT,
    UNEXPECTED_MESSAGE,
    UNKNOWN_VERSION,
    LocalError,
    MalformedError,
)
from joulestream.fields import UINT
from joulestream.messages import (
    MESSAGES,
    PAYEE,
    PAYER,
    encode,
    make,
)
from joulestream.session import (
    CLOSED,
    GREETED,
    IDLE,
    OPEN,
    STATE_NAMES,
    STOPPING,
    TRANSITIONS,
    ProtocolSession,
)
from joulestream.session_tag import SEQUENCES_AHEAD, Greetings, session_tag
from joulestream.testkit.random import Random
from joulestream.units import TICKS_PERIOD, ticks_add

RETRY_MS = 250
TIMEOUT_MS = 2000
# The nonce of every sample of a HELLO, which answers repeat.
NONCE = b"\1" * 16
# docs/protocol.md, section 4.1: the nonce's first four bytes without the upper four bits.
TAG = 0x01010101
# Of the session's first INVOICE.
FIRST = TAG + 1

# docs/protocol.md, section "States", written out: state, message, next state.
TABLE = """
idle hello greeted
greeted hello greeted
greeted offer offered
greeted stop closed
offered hello greeted
offered time offered
offered time_taken offered
offered accept accepted
offered stop closed
accepted hello greeted
accepted invoice open
accepted stop closed
open hello greeted
open invoice open
open update open
open tariff open
open tariff_accept open
open renew_request open
open renew open
open renewed open
open stop stopping
open receipt receipted
stopping hello greeted
stopping invoice stopping
stopping update stopping
stopping tariff stopping
stopping tariff_accept stopping
stopping renew_request stopping
stopping renew stopping
stopping renewed stopping
stopping stop stopping
stopping receipt receipted
receipted hello greeted
receipted update receipted
receipted tariff_accept receipted
receipted renew receipted
receipted stop receipted
receipted receipt_ack closed
closed hello greeted
"""

NUMBERS = {row[0]: number for number, row in MESSAGES.items()}


def table():
    """Return {(state, message number): next state}."""
    rows = {}
    for line in TABLE.strip().split("\n"):
        state, name, target = line.split()
        rows[STATE_NAMES.index(state), NUMBERS[name]] = STATE_NAMES.index(target)
    return rows


def sample(number, **changes):
    values = {}
    for name, size, kind in MESSAGES[number][3].LAYOUT:
        values[name] = 1 if kind == UINT else bytes([number]) * size
        if name == "payer_nonce":
            values[name] = NONCE
        elif name == "session":
            values[name] = TAG
    if number in (messages.INVOICE, messages.UPDATE):
        values["sequence"] = FIRST
    values.update(changes)
    return make(number, **values)


def session_in(role, state, number=None):
    """Return a session of `role` in `state`, ready for an UPDATE if that is `number`."""
    session = ProtocolSession(role, RETRY_MS, TIMEOUT_MS)
    session.payer_nonce = NONCE
    session.tag = session.sequence = TAG
    if number == messages.UPDATE and role == PAYEE:
        session.state = OPEN
        session.send(sample(messages.INVOICE), 0)
        session.outbox.clear()
    elif number == messages.UPDATE:
        session.sequence = FIRST
    session.state = state
    return session


def test_the_table():
    rows = table()
    for state in range(len(STATE_NAMES)):
        for number in MESSAGES:
            assert TRANSITIONS[state].get(number) == rows.get((state, number)), (state, number)
        assert set(TRANSITIONS[state]) <= set(MESSAGES)


def test_sending_everything_everywhere():
    rows = table()
    for role in (PAYEE, PAYER):
        for state in range(len(STATE_NAMES)):
            for number in MESSAGES:
                session = session_in(role, state)
                target = rows.get((state, number))
                message = sample(number)
                if target is not None and MESSAGES[number][1] in (role, messages.EITHER):
                    session.send(message, 0)
                    assert session.state == target
                    assert session.outbox == [encode(message)]
                else:
                    error = raised(session.send, message, 0)
                    assert isinstance(error, LocalError), (role, state, number)
                    assert session.state == state and session.outbox == []


def test_receiving_everything_everywhere():
    rows = table()
    for role in (PAYEE, PAYER):
        for state in range(len(STATE_NAMES)):
            for number in MESSAGES:
                session = session_in(role, state, number)
                target = rows.get((state, number))
                payload = encode(sample(number))
                if target is not None and MESSAGES[number][1] in (1 - role, messages.EITHER):
                    assert session.receive(memoryview(payload), 0).number == number
                    assert session.state == target, (role, state, number)
                    continue
                reason = peer_reason(session.receive, payload, 0)
                quiet = state in (IDLE, GREETED, CLOSED)
                assert reason == (0 if quiet else UNEXPECTED_MESSAGE), (role, state, number)
                assert session.stale == (1 if quiet else 0)
                assert session.state == state and session.outbox == []


def test_bad_bytes_change_no_state():
    for role in (PAYEE, PAYER):
        for state in range(len(STATE_NAMES)):
            session = session_in(role, state)
            for data in (b"\x00", b"\xff" * 9, b"\x10", b"\x20", b"\x20\1\1", b"\x11" * 76):
                assert isinstance(raised(session.receive, data, 0), MalformedError)
            assert peer_reason(session.receive, b"\x02\x00\x00", 0) == UNKNOWN_VERSION
            assert session.state == state and session.outbox == []


def test_a_hello_of_another_version_is_refused_and_changes_nothing_else():
    for state in range(len(STATE_NAMES)):
        session = session_in(PAYEE, state)
        hello = b"\x01\x02" + b"m" * 16
        for more in (b"", b"?", bytes(64), bytes(500)):
            assert session.receive(hello + more, 0) is None
            assert session.outbox.pop() == b"\x20" + bytes([UNKNOWN_VERSION]) + b"m" * 16
        # Without a whole nonce there is nothing that the STOP could answer.
        assert isinstance(raised(session.receive, hello[:-1], 0), MalformedError)
        assert session.state == state and session.payer_nonce == NONCE and session.outbox == []


def of_another_session(number):
    """Return a message that names another session than NONCE, the nearest where it has a tag."""
    names = [name for name, _, _ in MESSAGES[number][3].LAYOUT]
    if "session" in names:
        return sample(number, session=TAG - 1)
    if "payer_nonce" in names:
        return sample(number, payer_nonce=b"\1" * 15 + b"\0")
    return sample(number, sequence=TAG)


def test_a_message_of_another_session_is_late_in_every_state():
    for number in MESSAGES:
        if number == messages.HELLO:
            continue
        for role in (PAYEE, PAYER):
            for state in range(len(STATE_NAMES)):
                session = session_in(role, state, number)
                assert session.receive(encode(of_another_session(number)), 0) is None
                assert (session.state, session.stale, session.outbox) == (state, 1, [])


def test_a_stop_of_a_side_without_a_session_is_late_in_every_state():
    for role in (PAYEE, PAYER):
        restarted = ProtocolSession(1 - role, RETRY_MS, TIMEOUT_MS)
        restarted.stop(OWNER_STOP, 0)
        stop = restarted.outbox.pop()
        assert stop == b"\x20" + bytes([OWNER_STOP]) + bytes(16)
        for state in range(len(STATE_NAMES)):
            session = session_in(role, state)
            assert session.receive(stop, 0) is None
            assert (session.state, session.stale, session.outbox) == (state, 1, [])


def test_every_message_is_sent_with_its_sessions_tag():
    for number in messages.TAGGED:
        for role in (PAYEE, PAYER):
            for state in range(len(STATE_NAMES)):
                if number in TRANSITIONS[state] and MESSAGES[number][1] == role:
                    session = session_in(role, state)
                    session.send(sample(number, session=0), 0)
                    assert session.outbox[0][1:5] == TAG.to_bytes(4, "big")


def test_the_tag_of_a_nonce():
    assert session_tag(b"\xf1\x02\x03\x04" + bytes(12)) == 0x01020304
    assert session_tag(bytes(16)) == 0
    assert session_tag(b"\xff" * 16) == (1 << 28) - 1


def test_a_late_hello_begins_nothing():
    for state in range(len(STATE_NAMES)):
        pole = ProtocolSession(PAYEE, RETRY_MS, TIMEOUT_MS)
        nonces = [bytes([number]) * 16 for number in range(1, 9)]
        for nonce in nonces:
            hello = sample(messages.HELLO, nonce=nonce)
            assert pole.receive(encode(hello), 0).nonce == nonce
        pole.state = state
        for count, nonce in enumerate(nonces[:-1], 1):
            # The channel may be another one, the nonce tells.
            for channel_id in (b"\1" * 32, b"c" * 32):
                hello = sample(messages.HELLO, nonce=nonce, channel_id=channel_id)
                assert pole.receive(encode(hello), 0) is None
            assert (pole.state, pole.stale, pole.outbox) == (state, 2 * count, [])
        assert pole.payer_nonce == nonces[-1]
        assert pole.receive(encode(sample(messages.HELLO, nonce=b"n" * 16)), 0).nonce == b"n" * 16


def test_a_pole_remembers_the_last_greetings():
    greetings = Greetings()
    assert greetings.has(bytes(16)) and not greetings.has(b"\1" * 16)
    for number in range(1, 100):
        greetings.add(bytes([number]) * 16)
        for known in range(1, 100):
            is_known = number - 8 < known <= number
            assert greetings.has(bytes([known]) * 16) == is_known
            assert greetings.has(memoryview(bytes([known]) * 16)) == is_known


def test_every_reason_ends_a_session():
    for reason in (0, 1, 200, 255):
        session = session_in(PAYER, GREETED)
        session.receive(encode(sample(messages.STOP, reason=reason)), 0)
        assert session.state == CLOSED


def test_requests_for_a_renewal_are_no_repetitions():
    vehicle = session_in(PAYER, OPEN)
    for sequence in (1, 2, 3):
        request = encode(sample(messages.RENEW_REQUEST, sequence=sequence))
        assert vehicle.receive(request, 0).sequence == sequence
        assert vehicle.receive(request, 0) is None


def test_a_field_that_does_not_fit_changes_no_state():
    session = session_in(PAYEE, OPEN)
    assert isinstance(raised(session.send, sample(messages.INVOICE, sequence=-1), 0), LocalError)
    assert session.state == OPEN and session.outbox == [] and session.sequence - session.tag == 0
    assert session.poll(RETRY_MS) == 0 and session.outbox == []


def vehicle_with_invoice(number):
    """Return a vehicle's session whose newest INVOICE is the one with this number."""
    session = session_in(PAYER, OPEN)
    session.sequence = TAG + number - 1
    session.receive(encode(sample(messages.INVOICE, sequence=TAG + number)), 0)
    assert session.sequence - session.tag == number
    return session


def test_invoices_come_in_sequence():
    for number, outcome in (
        (-TAG, "late"),
        (0, "late"),
        (1, "late"),
        (4, "late"),
        (5, "bad"),
        (6, "next"),
        (7, "bad"),
        (5 + SEQUENCES_AHEAD, "bad"),
        (5 + SEQUENCES_AHEAD + 1, "late"),
        ((1 << 32) - 1 - TAG, "late"),
    ):
        session = vehicle_with_invoice(5)
        payload = encode(sample(messages.INVOICE, sequence=TAG + number, amount_due=99))
        if outcome == "bad":
            assert peer_reason(session.receive, payload, 0) == BAD_FIELD, number
            assert session.sequence - session.tag == 5
        elif outcome == "late":
            assert session.receive(payload, 0) is None
            assert (session.stale, session.sequence - session.tag) == (1, 5)
        else:
            assert session.receive(payload, 0).sequence == TAG + 6
            assert session.sequence - session.tag == 6


def test_updates_answer_the_invoice_that_is_out():
    for number, outcome in (
        (0, "late"),
        (4, "late"),
        (5, "this"),
        (6, "bad"),
        (5 + SEQUENCES_AHEAD, "bad"),
        (5 + SEQUENCES_AHEAD + 1, "late"),
    ):
        session = session_in(PAYEE, OPEN)
        session.send(sample(messages.INVOICE, sequence=TAG + 5), 0)
        payload = encode(sample(messages.UPDATE, sequence=TAG + number))
        if outcome == "bad":
            assert peer_reason(session.receive, payload, 0) == BAD_FIELD
        elif outcome == "late":
            assert session.receive(payload, 0) is None and session.stale == 1
        else:
            assert session.is_waiting_for(messages.UPDATE)
            assert session.receive(payload, 0).sequence == TAG + 5
            assert not session.is_waiting_for(messages.UPDATE)
            # Another one for the same invoice is late, even with another amount.
            other = encode(sample(messages.UPDATE, sequence=TAG + 5, amount=77))
            assert session.receive(other, 0) is None and session.stale == 1


def test_a_request_is_sent_again_until_it_is_answered():
    for start_ms in (0, TICKS_PERIOD - 600):
        session = ProtocolSession(PAYER, RETRY_MS, TIMEOUT_MS)
        session.send(sample(messages.HELLO), start_ms)
        hello = session.outbox.pop()
        for turn in range(1, 5):
            before = ticks_add(start_ms, turn * RETRY_MS - 1)
            assert session.poll(before) == 0 and session.outbox == []
            assert session.poll(ticks_add(before, 1)) == 0
            assert session.outbox.pop() == hello and session.outbox == []
        assert session.retransmissions == 4
        session.receive(encode(sample(messages.OFFER)), ticks_add(start_ms, 1100))
        assert session.poll(ticks_add(start_ms, 1500)) == 0 and session.outbox == []


def test_what_is_asked_again_is_answered_again():
    """Every request and its answer: the repetition gets the same bytes and is not delivered."""
    for request in MESSAGES:
        answer = MESSAGES[request][2]
        if answer is None:
            continue
        role = MESSAGES[answer][1]
        state = STOPPING
        for candidate in range(len(STATE_NAMES)):
            following = TRANSITIONS[candidate].get(request)
            if following is not None and answer in TRANSITIONS[following]:
                state = candidate
        session = session_in(role, state)
        payload = encode(sample(request))
        assert session.receive(payload, 0).number == request
        # Before the answer there is nothing to repeat.
        assert session.receive(payload, 0) is None and session.outbox == []
        session.send(sample(answer), 0)
        given = session.outbox.pop()
        state = session.state
        for turn in range(3):
            now_ms = turn * RETRY_MS
            assert session.receive(memoryview(payload), now_ms) is None
            assert session.outbox.pop() == given and session.outbox == []
            # A flood of repetitions draws one answer in `retry_ms`.
            for later_ms in (now_ms, now_ms + RETRY_MS - 1):
                assert session.receive(memoryview(payload), later_ms) is None
                assert session.outbox == []
        assert session.state == state


def test_a_new_request_is_not_answered_with_an_old_answer():
    session = session_in(PAYER, OPEN)
    for sequence in (FIRST, FIRST + 1):
        payload = encode(sample(messages.INVOICE, sequence=sequence))
        assert session.receive(payload, 0).sequence == sequence
        assert session.receive(payload, 0) is None and session.outbox == []
        session.send(sample(messages.UPDATE, sequence=sequence), 0)
        assert session.receive(payload, 0) is None
        assert session.outbox.pop() == session.outbox.pop()


def test_a_new_hello_forgets_the_session_before_it():
    for state in range(len(STATE_NAMES)):
        session = session_in(PAYEE, state)
        session.sequence = TAG + 9
        session.outbox.append(b"of before")
        hello = sample(messages.HELLO, nonce=b"n" * 16)
        assert session.receive(encode(hello), 0).number == messages.HELLO
        assert session.outbox == [] and session.sequence - session.tag == 0
        assert session.state == GREETED
        assert session.payer_nonce == b"n" * 16
        assert session.payee_nonce == b""
        # An answer of the session before must not come for a question of this one.
        assert session.receive(encode(hello), 0) is None and session.outbox == []


def test_offer_hash_covers_the_whole_payload():
    payload = encode(sample(messages.OFFER, nonce=b"\2" * 16))
    vehicle = session_in(PAYER, GREETED)
    vehicle.receive(payload, 0)
    pole = session_in(PAYEE, GREETED)
    pole.send(sample(messages.OFFER, nonce=b"\2" * 16), 0)
    assert vehicle.offer_hash == pole.offer_hash == sha256(payload).digest()
    assert vehicle.payee_nonce == pole.payee_nonce == b"\2" * 16
    assert vehicle.payee_key == pole.payee_key == b"\2" * 32


def test_silence_ends_a_session_but_no_quiet_state():
    for start_ms in (0, TICKS_PERIOD - 1000):
        for state in range(len(STATE_NAMES)):
            session = ProtocolSession(PAYEE, RETRY_MS, TIMEOUT_MS)
            session.receive(encode(sample(messages.HELLO)), start_ms)
            session.state = state
            assert session.poll(ticks_add(start_ms, TIMEOUT_MS)) == 0
            expected = 0 if state in (IDLE, CLOSED) else LINK_TIMEOUT
            assert session.poll(ticks_add(start_ms, TIMEOUT_MS + 1)) == expected


def test_only_what_is_new_breaks_the_silence():
    session = vehicle_with_invoice(1)
    session.receive(encode(sample(messages.INVOICE, sequence=FIRST)), TIMEOUT_MS)
    assert session.poll(TIMEOUT_MS + 1) == LINK_TIMEOUT
    session.receive(encode(sample(messages.INVOICE, sequence=FIRST + 1)), TIMEOUT_MS + 1)
    assert session.poll(2 * TIMEOUT_MS + 1) == 0


def test_an_unpaid_invoice_ends_a_session_even_on_a_lively_link():
    for start_ms in (0, TICKS_PERIOD - 1000):
        session = session_in(PAYEE, OPEN)
        session.send(sample(messages.INVOICE), start_ms)
        for turn in range(9):
            later = ticks_add(start_ms, turn * 250)
            renew = encode(sample(messages.RENEW, certificate=bytes([turn]) * CERTIFICATE_SIZE))
            session.receive(renew, later)
            assert session.poll(later) == 0
        assert session.poll(ticks_add(start_ms, TIMEOUT_MS + 1)) == PAYMENT_TIMEOUT


def test_after_the_end_nothing_is_sent_again():
    vehicle = session_in(PAYER, OPEN)
    vehicle.stop(OWNER_STOP, 0)
    vehicle.outbox.clear()
    vehicle.abort()
    assert vehicle.state == CLOSED
    pole = session_in(PAYEE, STOPPING)
    pole.send(sample(messages.INVOICE), 0)
    pole.send(sample(messages.RECEIPT), 0)
    pole.receive(encode(sample(messages.RECEIPT_ACK)), 0)
    pole.outbox.clear()
    for session in (vehicle, pole):
        for now_ms in range(0, 10 * TIMEOUT_MS, 100):
            assert session.poll(now_ms) == 0
        assert session.outbox == []


def test_a_receipt_ends_the_wait_for_payment():
    pole = session_in(PAYEE, OPEN)
    pole.send(sample(messages.INVOICE), 0)
    pole.send(sample(messages.RECEIPT), 0)
    pole.outbox.clear()
    pole.poll(RETRY_MS)
    assert pole.outbox == [encode(sample(messages.RECEIPT))]
    assert pole.receive(encode(sample(messages.UPDATE)), RETRY_MS) is None


def test_stop_in_any_state():
    for role in (PAYEE, PAYER):
        for state in range(len(STATE_NAMES)):
            session = session_in(role, state)
            session.stop(OWNER_STOP, 0)
            assert session.outbox == [b"\x20" + bytes([OWNER_STOP]) + NONCE]
            assert session.state == table().get((state, messages.STOP), state)


def test_a_refused_hello_is_refused_again():
    pole = ProtocolSession(PAYEE, RETRY_MS, TIMEOUT_MS)
    hello = encode(sample(messages.HELLO))
    pole.receive(hello, 0)
    pole.stop(OWNER_STOP, 0)
    assert pole.state == CLOSED
    stop = pole.outbox.pop()
    assert pole.receive(hello, 0) is None
    assert pole.outbox == [stop]


def test_quiet_ends_answer_nothing_unasked():
    random = Random(1)
    for role in (PAYEE, PAYER):
        for state in (IDLE, CLOSED):
            session = session_in(role, state)
            for _ in range(200):
                number = sorted(MESSAGES)[random.below(len(MESSAGES))]
                if number == messages.HELLO:
                    continue
                changes = {}
                if number == messages.STOP:
                    changes["reason"] = random.below(256)
                assert session.receive(encode(sample(number, **changes)), 0) is None
            assert session.outbox == [] and session.state == state


def frames_until_rest(ends):
    """Let two ends talk; return how many frames they send, the last before two timeouts passed."""
    frames = 0
    for now_ms in range(0, 3 * TIMEOUT_MS, 50):
        for end, other in (ends, (ends[1], ends[0])):
            if end.poll(now_ms):
                end.abort()
            sent = list(end.outbox)
            end.outbox.clear()
            frames += len(sent)
            for payload in sent:
                reason = peer_reason(other.receive, payload, now_ms)
                if reason and other.state != STOPPING:
                    other.stop(reason, now_ms)
        if now_ms >= 2 * TIMEOUT_MS:
            assert not ends[0].outbox and not ends[1].outbox
    return frames


def test_two_ends_come_to_rest_after_a_stop():
    """From every pair of states: the answers of both ends to a STOP come to an end."""
    for pole_state in range(len(STATE_NAMES)):
        for vehicle_state in range(len(STATE_NAMES)):
            ends = (session_in(PAYEE, pole_state), session_in(PAYER, vehicle_state))
            ends[0].stop(OWNER_STOP, 0)
            ends[1].stop(UNEXPECTED_MESSAGE, 0)
            assert frames_until_rest(ends) < 40, (pole_state, vehicle_state)


def test_a_receipt_refused_with_the_stop_that_asked_for_it_dies_out():
    """The same STOP before a RECEIPT and against it: neither end takes the other's for news."""
    ends = (session_in(PAYEE, OPEN), session_in(PAYER, OPEN))
    for end in ends:
        end.outbox.clear()
    ends[1].stop(OWNER_STOP, 0)
    ends[0].receive(ends[1].outbox.pop(), 0)
    ends[0].send(sample(messages.RECEIPT), 0)
    ends[1].receive(ends[0].outbox.pop(), 0)
    ends[1].stop(OWNER_STOP, 0)
    assert frames_until_rest(ends) < 40
