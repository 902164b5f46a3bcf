"""The host's side of the service protocol, against a real pole and against devices that lie."""

import pytest

from joulestream.channel import Certificate
from joulestream.host_tools.collect import NotMarked
from joulestream.host_tools.service.client import (
    PAUSE,
    Client,
    NoAnswer,
    RequestRefused,
    ServiceError,
    is_answer,
)
from joulestream.host_tools.service.monitor import read_status
from joulestream.host_tools.service.poles import read_claims, send_marks
from joulestream.host_tools.service.wallets import read_wallet
from joulestream.service import (
    ANSWER_HEAD,
    BUSY,
    CERTIFICATE,
    CLAIM,
    COLLECTED,
    HELLO,
    REQUEST_HEAD,
    STALE,
    STATUS,
    TIME,
    Welcome,
)
from joulestream.signing import SIGNATURE_SIZE
from joulestream.testkit.certificates import KEYS, certificate, terms
from test_service import OPERATOR, STRANGER, Served, mark


class Line:
    """Drives a client's exchange with a pole. `bend(request, answer)` may change each answer."""

    def __init__(self, served, bend=lambda request, answer: answer):
        self.served = served
        self.bend = bend
        self.requests = []
        self.pauses = 0

    def run(self, exchange):
        try:
            request = next(exchange)
            while True:
                self.served.host.now_ms += 300
                if request == PAUSE:
                    self.pauses += 1
                    self.served.bench.step()
                    request = exchange.send(None)
                    continue
                self.requests.append(request[0])
                answer = self.bend(request, self.served.host.exchange(request))
                fits = answer is not None and is_answer(request, answer)
                request = exchange.send(answer if fits else None)
        except StopIteration as end:
            return end.value


@pytest.fixture(scope="module")
def served():
    return Served().charge()


def asked(served, question, bend=lambda request, answer: answer, **client):
    return Line(served, bend).run(question(Client(OPERATOR, **client)))


def only(number, change):
    """Return a bend that changes the answers to one request."""
    return lambda request, answer: change(answer) if request[0] == number else answer


def flipped(at):
    def change(answer):
        return answer[:at] + bytes((answer[at] ^ 1,)) + answer[at + 1 :]

    return change


def test_an_honest_pole_is_read(served):
    (claim,) = asked(served, read_claims)
    assert claim.channel_id == terms().channel_id() and claim.amount > 0
    assert claim.certificate.to_bytes() == certificate().to_bytes() and not claim.error
    assert asked(served, read_status)["role"] == "pole"


def test_marks_wait_until_no_invoice_does(served):
    line = Line(served)
    word = Certificate.from_bytes(mark(320))
    line.run(send_marks(Client(OPERATOR), [word]))
    assert line.requests.count(COLLECTED) == line.pauses + 1
    assert asked(served, read_claims)[0].collected == 320


def test_a_mark_that_the_pole_refuses_is_named(served):
    words = [certificate(terms(salt=b"?" * 16)), Certificate.from_bytes(mark(320))]
    with pytest.raises(NotMarked) as error:
        asked(served, lambda client: send_marks(client, words))
    assert error.value.channel_ids == {words[0].channel_id}
    assert "1 of 2 channels" in str(error.value) and "ABSENT" in str(error.value)


@pytest.mark.parametrize("number", [HELLO, CLAIM])
@pytest.mark.parametrize("at", [ANSWER_HEAD, -1, -SIGNATURE_SIZE])
def test_a_signed_answer_with_one_wrong_bit_is_refused(served, number, at):
    with pytest.raises(ServiceError, match="not signed by the device's key"):
        asked(served, read_claims, only(number, lambda answer: flipped(at % len(answer))(answer)))


def test_a_signed_answer_without_its_signature_is_refused(served):
    for cut in (1, SIGNATURE_SIZE, SIGNATURE_SIZE + 113):
        with pytest.raises(ServiceError, match="not signed"):
            asked(served, read_claims, only(CLAIM, lambda answer: answer[:-cut]))  # noqa: B023


def test_an_old_answer_of_the_device_is_no_answer_to_a_new_request(served):
    """It is signed over the nonce and carries its sequence, so neither way does it pass."""
    kept = []

    def keep(request, answer):
        if request[0] == CLAIM:
            kept.append(answer)
        return answer

    asked(served, read_claims, keep)

    def replay(request, answer):
        # With its own sequence it answers nothing; with the asked one its signature is wrong.
        return kept[0][:1] + request[1:REQUEST_HEAD] + kept[0][REQUEST_HEAD:]

    with pytest.raises(ServiceError, match="not signed"):
        asked(served, read_claims, lambda r, a: replay(r, a) if r[0] == CLAIM else a)
    with pytest.raises(NoAnswer):
        late = kept[0][:1] + b"\0\0\0\x63" + kept[0][REQUEST_HEAD:]
        asked(served, read_claims, only(CLAIM, lambda answer: late))


def test_another_device_is_refused(served):
    with pytest.raises(ServiceError, match="check the port"):
        asked(served, read_claims, device_key=STRANGER.public_key)
    asked(served, read_claims, device_key=KEYS["payee"].public_key)


def test_a_certificate_of_another_channel_or_pole_is_refused(served):
    for other in (certificate(terms(salt=b"x" * 16)), certificate(terms(payee_key=bytes(32)))):
        data = other.to_bytes()
        with pytest.raises(ServiceError, match="do not trust it"):
            asked(
                served,
                read_claims,
                only(CERTIFICATE, lambda answer: answer[:ANSWER_HEAD] + data),  # noqa: B023
            )
    with pytest.raises(ServiceError, match="update the pole"):
        asked(served, read_claims, only(CERTIFICATE, lambda answer: answer[:-1]))


def test_a_status_without_an_end_or_a_sense_ends_the_reading(served):
    def part(text, total=9, at=1):
        return lambda answer: answer[:ANSWER_HEAD] + bytes((total, at)) + text

    for change in (
        part(b'{"a":1}'),  # the same part for ever
        part(b"[]"),
        part(b"{"),
        part(b"\xff"),
        part(b"{}", at=0),
        lambda answer: answer[:ANSWER_HEAD],
        lambda answer: answer[: ANSWER_HEAD + 1],
    ):
        with pytest.raises(ServiceError, match="update the device"):
            asked(served, read_status, only(STATUS, change))


def test_a_device_that_started_anew_is_greeted_again(served):
    client = Client(OPERATOR)
    line = Line(served)
    line.run(client.ask(TIME))
    other = Client(OPERATOR)
    Line(served).run(other.ask(TIME))
    # The nonce is another one now. The device cannot tell that from a wrong signature, so its line
    # rests for a second, in which it does not hear the greeting.
    assert line.run(client.ask(TIME))
    assert line.requests.count(HELLO) > 2 and line.requests[-1] == TIME


def answer_of(request, result):
    return bytes((request[0] | 0x80,)) + request[1:REQUEST_HEAD] + bytes((result, 0))


@pytest.mark.parametrize("result", [BUSY, STALE])
def test_a_device_that_puts_the_host_off_for_ever_is_given_up(served, result):
    def bend(request, answer):
        return answer if request[0] == HELLO else answer_of(request, result)

    with pytest.raises(RequestRefused):
        asked(served, read_status, bend)


def test_silence_is_asked_again_and_then_told(served):
    line = Line(served, only(CLAIM, lambda answer: None))
    with pytest.raises(NoAnswer, match="no answer"):
        line.run(read_claims(Client(OPERATOR)))
    assert 3 <= line.requests.count(CLAIM) <= 10
    lost = [0]

    def lose_every_other(request, answer):
        lost[0] += 1
        return None if lost[0] % 2 else answer

    assert len(asked(served, read_claims, lose_every_other)) == 1


def test_a_pole_has_no_wallet_and_an_unknown_version_is_told(served):
    with pytest.raises(ServiceError, match="is a pole and no vehicle"):
        asked(served, read_wallet)

    def later(answer):
        body = Welcome.from_bytes(answer[ANSWER_HEAD:-SIGNATURE_SIZE])
        body.version = 2
        text = answer[:ANSWER_HEAD] + body.to_bytes()
        return text + answer[-SIGNATURE_SIZE:]

    # Its signature is wrong too: the test's pole has signed version 1.
    with pytest.raises(ServiceError):
        asked(served, read_claims, only(HELLO, later))
