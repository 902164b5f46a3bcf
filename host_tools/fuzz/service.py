"""Fuzz target: a pole's service line, with liars on it, beside a session that goes on.

An input is acts: bytes and payloads of any kind, requests of hosts with and without an allowed
key, old requests again, and time. No liar's request may be done; the pole's service never fails;
nobody's act ends the session or opens the contactor. Afterwards an honest host gets its answer.
"""

from joulestream.boards.told_clock import ToldClock
from joulestream.host_tools.fuzz.choices import Choices, fail_unless
from joulestream.pole import service as pole_service
from joulestream.service import (
    ANSWER,
    ANSWER_HEAD,
    CLAIM,
    COLLECTED,
    HELLO,
    OK,
    REQUEST_HEAD,
    REQUESTS,
    SET_PRICES,
    SET_TIME,
    STATUS,
)
from joulestream.signing import SIGNATURE_SIZE
from joulestream.testkit.board import cable
from joulestream.testkit.certificates import KEYS, NOW_S, certificate
from joulestream.testkit.pole_bench import PoleBench
from joulestream.testkit.service_host import ServiceHost

_NUMBERS = tuple(REQUESTS)
_SIGNERS = ("issuer", "stranger")
_MARK = certificate(claimed=320, issued_at_s=NOW_S + 10).to_bytes()
_CHARGED_PACKETS = 1


class _Play:
    """A pole that charges, its service, and a host. The host's key is in the list or not."""

    def __init__(self, choices: Choices) -> None:
        self._choices = choices
        has_keys = choices.below(4) > 0
        keys = [KEYS["issuer"].public_key.hex()] if has_keys else []
        self.has_keys = has_keys
        self.bench = bench = PoleBench(service_keys=keys)
        bench.board.unix_s = NOW_S
        bench.board.uarts["service"], self.far_end = cable()
        self.clock = ToldClock(bench.board)
        self.service = pole_service.open_service(
            bench.world.pole_config, bench.board, KEYS["payee"], self.clock
        )
        self.host = ServiceHost(
            self.far_end, self.service, bench.loop, bench.board, KEYS["issuer"]
        )
        self.host.hello()
        self.is_honest = True  # whether the key of the last HELLO is in the list
        self.heard: list[bytes] = []  # requests that were done, or refused
        bench.charge(_CHARGED_PACKETS)

    def act(self) -> None:
        (
            self._noise,
            self._payload,
            self._hello,
            self._request,
            self._request,
            self._repeat,
            self._bend,
            self._wait,
        )[self._choices.below(8)]()
        fail_unless(self.service.faults == 0, "the service failed")

    def _noise(self) -> None:
        self.far_end.write(self._choices.bytes(self._choices.below(64)))
        self.host.step()

    def _payload(self) -> None:
        payload = bytes((self._choices.one_of(_NUMBERS),))
        self._exchange(payload + self._choices.bytes(self._choices.below(120)), False)

    def _hello(self) -> None:
        self.host.signer = KEYS[self._choices.one_of(_SIGNERS)]
        self.is_honest = self.host.signer is KEYS["issuer"]
        # The line may rest after a bad signature, and noise may have begun a frame.
        self.host.now_ms += 1_000
        self._end_noise()
        self.host.hello()

    def _body(self, number: int) -> bytes:
        choices = self._choices
        if number == COLLECTED and choices.below(2):
            return _MARK
        if number == SET_TIME and choices.below(2):
            return (NOW_S + choices.uint(2)).to_bytes(8, "big")
        if number == SET_PRICES:
            return choices.bytes(2 + 12 * choices.below(4) + choices.below(2))
        return choices.bytes(REQUESTS[number][1] or 0)

    def _request(self) -> None:
        number = self._choices.one_of(_NUMBERS)
        if number == HELLO:
            self._hello()
            return
        request = self.host.request(number, self._body(number))
        self._exchange(request, self.is_honest)
        self.heard.append(request)

    def _repeat(self) -> None:
        if self.heard:
            self._exchange(self._choices.one_of(self.heard), False)

    def _bend(self) -> None:
        """Change one bit of a request before it was heard."""
        number = self._choices.one_of(_NUMBERS)
        if number == HELLO:
            return
        request = bytearray(self.host.request(number, self._body(number)))
        at = self._choices.below(len(request))
        request[at] ^= 1 << self._choices.below(8)
        self._exchange(bytes(request), False)

    def _wait(self) -> None:
        self.host.now_ms += 10 * self._choices.below(256)
        for _ in range(self._choices.below(8)):
            self.bench.step()

    def _exchange(self, payload: bytes, may_be_done: bool) -> None:
        """Send a payload; check that its answer fits, and is OK only if it may be done."""
        self._end_noise()
        before = self._money()
        answer = self.host.exchange(payload)
        if answer is None:
            return
        fail_unless(len(answer) >= ANSWER_HEAD, "an answer is too short")
        fail_unless(answer[0] == payload[0] | ANSWER, "an answer is to another request")
        fail_unless(
            answer[1:REQUEST_HEAD] == payload[1:REQUEST_HEAD], "an answer has another sequence"
        )
        is_open = payload[0] == HELLO or (payload[0] == STATUS and not self.has_keys)
        is_done = answer[REQUEST_HEAD] == OK
        allowed = may_be_done and self.has_keys
        fail_unless(not is_done or is_open or allowed, "a liar's request was done")
        if payload[0] == HELLO and is_done:
            self.is_honest = False  # of a key that is noise
        fail_unless(allowed or self._money() == before, "a liar changed the pole")

    def _end_noise(self) -> None:
        """Send a zero byte, as every host does before a request."""
        self.far_end.write(b"\0")
        self.host.step()

    def _money(self) -> tuple[object, ...]:
        """Return all that a request can change."""
        payee = self.bench.payee
        records = payee.books.records
        return (
            [records.standing(each).to_bytes() for each in records],
            [(row.from_s, row.price_per_kwh) for row in payee.prices.rows],
            self.clock.read()[1],
        )

    def finish(self) -> None:
        """Check that the session goes on, and that an honest host gets an answer."""
        bench = self.bench
        fail_unless(bench.payee.charging is not None and not bench.stops, "the session ended")
        self.host.signer = KEYS["issuer"]
        self.host.now_ms += 2_000
        self._end_noise()
        answer = self.host.hello()
        fail_unless(answer[REQUEST_HEAD] == OK, "an honest host is not welcomed")
        if self.has_keys:
            result, _ = self.host.ask(CLAIM, bytes(32))
            fail_unless(result == OK, "an honest host gets no claim")
        bench.run(lambda: bench.outlet.contact)
        fail_unless(len(answer) > SIGNATURE_SIZE, "the welcome has no signature")


def check(data: bytes) -> None:
    """Check one input."""
    choices = Choices(data)
    play = _Play(choices)
    while choices:
        play.act()
    play.finish()
