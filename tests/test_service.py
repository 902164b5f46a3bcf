"""The service line: a host asks a pole that runs; lies on the line get and harm nothing."""

import json

from joulestream import errors
from joulestream.boards.told_clock import ToldClock
from joulestream.channel import Certificate, Claim
from joulestream.device.config import check_table
from joulestream.messages import VERSION
from joulestream.pole import service as pole_service
from joulestream.service import (
    ABSENT,
    ANSWER,
    ANSWER_HEAD,
    BAD_REQUEST,
    BUSY,
    CERTIFICATE,
    CLAIM,
    COLLECTED,
    FAILED,
    HELLO,
    NOT_ALLOWED,
    OK,
    POLE,
    PRICES,
    REFUSED,
    REQUEST_HEAD,
    REQUESTS,
    SET_PRICES,
    SET_TIME,
    STALE,
    STATUS,
    TAKE,
    TIME,
    UNKNOWN_REQUEST,
    VEHICLE,
    WALLET,
    ClaimRow,
    PriceRow,
    TimeNow,
)
from joulestream.signing import SIGNATURE_SIZE, verify
from joulestream.testkit.board import cable
from joulestream.testkit.certificates import DAY_S, KEYS, NOW_S, certificate, terms
from joulestream.testkit.pole_bench import PoleBench
from joulestream.testkit.service_host import ServiceHost

OPERATOR = KEYS["issuer"]
STRANGER = KEYS["stranger"]


class Served:
    """A PoleBench whose pole has a service line, and a host at its other end."""

    def __init__(self, keys=(OPERATOR,), signer=OPERATOR, **pole):
        pole["service_keys"] = [key.public_key.hex() for key in keys]
        self.bench = PoleBench(**pole)
        board = self.bench.board
        board.unix_s = NOW_S
        board.uarts["service"], far_end = cable()
        self.clock = ToldClock(board)
        self.service = pole_service.open_service(
            self.bench.world.pole_config, board, KEYS["payee"], self.clock
        )
        self.host = ServiceHost(far_end, self.service, self.bench.loop, board, signer)

    def charge(self, packets=3):
        self.bench.charge(packets)
        return self

    def status(self):
        """Return the whole status, part by part, and how many parts it took."""
        shown, at, total, parts = {}, 0, 1, 0
        self.host.now_ms += 1_000
        while at < total:
            result, body = self.host.ask(STATUS, bytes((at,)))
            assert result == OK
            total, at = body[0], body[1]
            shown.update(json.loads(body[2:].decode()))
            parts += 1
        return shown, parts


def test_a_hello_is_answered_with_the_devices_key_and_a_fresh_nonce():
    served = Served()
    nonces = []
    for _ in range(3):
        served.host.hello()
        welcome = served.host.welcome
        assert (welcome.role, welcome.is_allowed) == (POLE, 1)
        assert welcome.key == KEYS["payee"].public_key
        nonces.append(welcome.nonce)
    assert len(set(nonces)) == 3


def test_the_status_comes_in_parts_that_show_one_moment():
    served = Served().charge()
    served.host.hello()
    shown, parts = served.status()
    assert parts > 1
    expected = served.host.supervisor.status()
    assert json.loads(json.dumps(expected)) == shown
    # Parts that are read while the pole goes on are those of the first part's moment.
    served.host.now_ms += 1_000
    result, body = served.host.ask(STATUS, b"\0")
    first = json.loads(body[2:].decode())
    served.bench.run_ms(3_000)
    served.host.now_ms += 1_000
    at = body[1]
    rest = {}
    while at < body[0]:
        result, part = served.host.ask(STATUS, bytes((at,)))
        assert result == OK
        rest.update(json.loads(part[2:].decode()))
        at = part[1]
    first.update(rest)  # the two runtimes order fields differently
    assert first["packets"] == expected["packets"] and first["state"] == "open"
    assert served.status()[0]["packets"] > first["packets"]


def test_a_status_that_is_asked_too_often_waits():
    served = Served()
    served.host.hello()
    served.host.now_ms += 1_000
    assert served.host.ask(STATUS, b"\0")[0] == OK
    assert served.host.ask(STATUS, b"\0")[0] == BUSY
    assert served.host.ask(STATUS, b"\xff")[0] == STALE


def test_the_best_claim_and_its_certificate_are_read_from_a_pole_that_charges():
    served = Served().charge()
    served.host.hello()
    result, body = served.host.ask(CLAIM, bytes(32))
    assert result == OK
    row = ClaimRow.from_bytes(body)
    shown = certificate()
    record = served.bench.record
    assert (row.channel_id, row.amount) == (shown.channel_id, record.amount)
    assert row.amount > 0
    message = Claim(row.channel_id).message(row.amount)
    assert verify(KEYS["payer"].public_key, message, row.signature)
    assert served.host.ask(CERTIFICATE, row.channel_id) == (OK, shown.to_bytes())
    assert served.host.ask(CLAIM, row.channel_id) == (OK, b"")
    assert served.host.ask(CERTIFICATE, bytes(32))[0] == ABSENT


def mark(amount=100, **changes):
    """Return the ledger's word that so much was paid."""
    return certificate(claimed=amount, issued_at_s=NOW_S + 10, **changes).to_bytes()


def test_the_ledgers_word_is_stored_between_two_packets():
    served = Served().charge()
    served.host.hello()
    for _ in range(200):
        result, body = served.host.ask(COLLECTED, mark(320))
        if result == OK:
            break
        assert result == BUSY
        served.bench.step()
    assert (result, body) == (OK, b"")
    records = served.bench.payee.books.records
    assert records.standing(terms().channel_id()).collected == 320
    assert ClaimRow.from_bytes(served.host.ask(CLAIM, bytes(32))[1]).collected == 320
    packets = served.bench.payee.charging.packets
    served.bench.run(lambda: served.bench.payee.charging.packets >= packets + 5)
    assert not served.bench.stops and served.bench.outlet.contact


def test_while_an_invoice_waits_nothing_is_written():
    served = Served().charge()
    served.host.hello()
    served.bench.paying = False
    served.bench.run(lambda: served.bench.payee.is_in_packet())
    assert served.host.ask(COLLECTED, mark(320))[0] == BUSY
    records = served.bench.payee.books.records
    assert records.standing(terms().channel_id()).collected == 0


def test_a_false_word_of_a_ledger_is_refused():
    served = Served().charge()
    served.host.hello()
    cases = (
        (mark(after_signing={"signature": bytes(64)}), REFUSED),
        (mark(issuer="stranger"), REFUSED),
        (certificate(terms(salt=b"x" * 16), claimed=5).to_bytes(), ABSENT),
    )
    for word, expected in cases:
        assert served.host.ask(COLLECTED, word)[0] == expected
    answer = served.host.exchange(served.host.request(COLLECTED, cases[0][0]))
    assert answer[REQUEST_HEAD + 1] == errors.CERTIFICATE_FORGED
    records = served.bench.payee.books.records
    assert records.standing(terms().channel_id()).collected == 0


def rows(*prices):
    """Return rows of a schedule: pairs of unix time and price."""
    return b"".join([PriceRow(from_s=at, price_per_kwh=price).to_bytes() for at, price in prices])


def test_a_schedule_holds_at_once_for_the_session_that_is_open():
    served = Served(prices=[{"from_s": 0, "price_per_kwh": 320_000}])
    served.host.hello()
    assert served.host.ask(PRICES, b"\0") == (OK, b"\1\1" + rows((0, 320_000)))
    new = rows((0, 300_000), (NOW_S + DAY_S, 310_000))
    assert served.host.ask(SET_PRICES, b"\2\0" + new)[0] == OK
    assert served.host.ask(PRICES, b"\0") == (OK, b"\2\2" + new)
    assert served.bench.payee.prices.price_per_kwh(NOW_S) == 300_000
    assert served.bench.payee.prices.price_per_kwh(NOW_S + DAY_S) == 310_000


def test_a_long_schedule_comes_in_parts_and_holds_as_a_whole_or_not_at_all():
    served = Served()
    served.host.hello()
    before = served.host.ask(PRICES, b"\0")[1]
    prices = [(at * 60, 200_000 + at) for at in range(96)]
    for first in (0, 32):
        part = bytes((96, first)) + rows(*prices[first : first + 32])
        assert served.host.ask(SET_PRICES, part)[0] == OK
        assert served.host.ask(PRICES, b"\0")[1] == before
    assert served.host.ask(SET_PRICES, b"\x60\x20" + rows(*prices[32:64]))[0] == BAD_REQUEST
    assert served.host.ask(SET_PRICES, b"\x60\x40" + rows(*prices[64:]))[0] == OK
    got = b""
    for first in (0, 32, 64):
        result, body = served.host.ask(PRICES, bytes((first,)))
        assert (result, body[0], body[1]) == (OK, 96, first + 32)
        got += body[2:]
    assert got == rows(*prices)


def test_a_schedule_that_the_pole_cannot_follow_changes_nothing():
    served = Served()
    served.host.hello()
    before = served.host.ask(PRICES, b"\0")[1]
    for bad in (
        rows((1, 300_000)),  # no price at the beginning
        rows((0, 300_000), (5, 300_001), (5, 300_002)),
        rows((0, 320_001)),  # credit and prepayment do not cover it
        rows((0, 0)),
    ):
        answer = served.host.exchange(
            served.host.request(SET_PRICES, bytes((len(bad) // 12, 0)) + bad)
        )
        assert answer[REQUEST_HEAD] == REFUSED
        assert answer[REQUEST_HEAD + 1] == errors.BAD_FIELD
    for malformed in (b"", b"\1\0", b"\1\0" + bytes(11), b"\0\0" + bytes(12), b"\1\1" + bytes(12)):
        assert served.host.ask(SET_PRICES, malformed)[0] == BAD_REQUEST
    assert served.host.ask(PRICES, b"\0")[1] == before


def test_the_operators_time_counts_until_a_network_tells_it():
    served = Served()
    served.host.hello()
    board = served.bench.board
    board.unix_s = None
    assert served.host.ask(TIME) == (OK, TimeNow(time_s=0, quality=0).to_bytes())
    for wrong in (0, 1_700_000_000, 1 << 33, (1 << 64) - 1):
        answer = served.host.exchange(served.host.request(SET_TIME, wrong.to_bytes(8, "big")))
        assert answer[REQUEST_HEAD] == REFUSED
        assert answer[REQUEST_HEAD + 1] == errors.BAD_TIME
    assert served.host.ask(SET_TIME, NOW_S.to_bytes(8, "big"))[0] == OK
    served.host.now_ms += 3_000
    told = TimeNow.from_bytes(served.host.ask(TIME)[1])
    assert NOW_S + 3 <= told.time_s <= NOW_S + 4 and told.quality == 2
    # A real-time clock may be wrong, and the operator's word mends it. A network's is newer.
    board.unix_s = 5
    assert TimeNow.from_bytes(served.host.ask(TIME)[1]).time_s >= NOW_S
    board.unix_s, board.quality = NOW_S + DAY_S, 2
    assert TimeNow.from_bytes(served.host.ask(TIME)[1]).time_s == NOW_S + DAY_S


def test_a_key_that_is_not_in_the_list_gets_nothing():
    served = Served(signer=STRANGER).charge()
    served.host.hello()
    assert served.host.welcome.is_allowed == 0
    for number, (_, size, _) in REQUESTS.items():
        if number not in (HELLO, WALLET, TAKE):
            body = bytes(14 if size is None else size)
            assert served.host.ask(number, body) == (NOT_ALLOWED, b"")


def test_a_strangers_signature_under_an_allowed_key_gets_nothing_and_the_line_rests():
    served = Served()
    host = served.host
    host.hello()
    host.signer = STRANGER
    request = host.request(CLAIM, bytes(32))
    host.signer = OPERATOR
    assert host.exchange(request)[REQUEST_HEAD] == NOT_ALLOWED
    dropped = served.service.dropped
    assert host.exchange(host.request(CLAIM, bytes(32))) is None
    assert served.service.dropped == dropped + 1
    host.now_ms += 1_000
    assert host.ask(CLAIM, bytes(32))[0] == OK


def test_without_keys_everybody_gets_the_status_and_nothing_else():
    served = Served(keys=(), signer=STRANGER)
    served.host.hello()
    assert served.host.welcome.is_allowed == 0
    assert served.status()[0]["role"] == "pole"
    for number in (CLAIM, COLLECTED, PRICES, SET_PRICES, TIME, SET_TIME):
        size = REQUESTS[number][1]
        assert served.host.ask(number, bytes(size or 0)) == (NOT_ALLOWED, b"")


def test_a_request_that_was_heard_is_worth_nothing_a_second_time():
    served = Served()
    host = served.host
    host.hello()
    heard = host.request(SET_TIME, NOW_S.to_bytes(8, "big"))
    assert host.exchange(heard)[REQUEST_HEAD] == OK
    assert host.exchange(heard)[REQUEST_HEAD] == STALE
    host.ask(TIME)
    assert host.exchange(heard)[REQUEST_HEAD] == STALE
    # Over a later nonce it is not signed at all.
    host.hello()
    assert host.exchange(heard)[REQUEST_HEAD] == NOT_ALLOWED


def test_a_request_over_another_devices_nonce_or_key_gets_nothing():
    served = Served()
    for field, foreign in (("nonce", bytes(16)), ("key", STRANGER.public_key)):
        served.host.hello()
        assert getattr(served.host.welcome, field) != foreign
        setattr(served.host.welcome, field, foreign)
        request = served.host.request(CLAIM, bytes(32))
        assert served.host.exchange(request)[REQUEST_HEAD] == NOT_ALLOWED, field
        served.host.now_ms += 2_000


def test_requests_of_a_wrong_size_or_number_are_refused_before_any_signature_is_checked():
    served = Served()
    host = served.host
    host.hello()
    for number, (_, size, _) in REQUESTS.items():
        if size is None or number in (WALLET, TAKE):
            continue
        for wrong in (size + 1, size - 1):
            if wrong >= 0:
                payload = bytes((number, 0, 0, 0, 9)) + bytes(wrong)
                payload += b"" if number == HELLO else bytes(SIGNATURE_SIZE)
                assert host.exchange(payload)[REQUEST_HEAD] == BAD_REQUEST
    for number in (0, 0x10, 0x3F, 0x4B, WALLET, TAKE, 0x7F):
        payload = bytes((number, 0, 0, 0, 9)) + bytes(SIGNATURE_SIZE)
        answer = host.exchange(payload)
        assert answer[0] == number | ANSWER and answer[REQUEST_HEAD] == UNKNOWN_REQUEST
        assert len(answer) == ANSWER_HEAD
    # What is too short for a sequence, and what looks like an answer, is not answered.
    for payload in (b"\x41", b"\x41\0\0\0", bytes((STATUS | ANSWER, 0, 0, 0, 1)) + bytes(64)):
        assert host.exchange(payload) is None
    assert host.ask(CLAIM, bytes(32))[0] == OK


def test_a_hello_of_another_version_is_refused_and_the_session_before_it_goes_on():
    served = Served()
    host = served.host
    host.hello()
    assert host.ask(CLAIM, bytes(32))[0] == OK
    sequence = host.sequence
    assert host.hello(version=VERSION + 1)[REQUEST_HEAD] == BAD_REQUEST
    host.sequence = sequence
    assert host.ask(CLAIM, bytes(32))[0] == OK


def test_noise_oversized_frames_and_silence_in_the_middle_cost_the_frame_alone():
    served = Served()
    host = served.host
    host.hello()
    uart = served.bench.board.uarts["service"].other
    whole = host.request(CLAIM, bytes(32))
    for noise in (b"\0\0", b"\xff" * 600, b"\x05ab", b"\x41" * 40):
        uart.write(noise + b"\0")
        for _ in range(4):
            host.step()
    # Half a frame, a pause of a day, and the next frame.
    uart.write(b"\x20" + whole[:20])
    host.now_ms += 86_400_000
    host.step()
    uart.write(b"\0")
    assert host.exchange(whole)[REQUEST_HEAD] == OK
    assert served.service.faults == 0


def test_a_flood_is_dropped_and_one_request_at_a_time_is_answered():
    served = Served()
    host = served.host
    host.hello()
    first, second = host.request(CLAIM, bytes(32)), host.request(TIME)
    host.send(second)
    host.send(first)
    for _ in range(6):
        host.step()
    assert served.service.dropped == 1


def test_a_line_that_fails_ends_no_session():
    class Broken:
        def readinto(self, buffer):
            raise OSError(5)

        def write(self, data):
            raise OSError(5)

    served = Served()
    board = served.bench.board
    board.uarts["service"] = Broken()
    service = pole_service.open_service(
        served.bench.world.pole_config, board, KEYS["payee"], served.clock
    )
    for _ in range(3):
        service.step(served.host.supervisor, 1_000)
    assert service.faults == 3


def test_a_journal_that_cannot_be_read_is_told_and_ends_no_session():
    served = Served().charge()
    served.host.hello()
    records = served.bench.payee.books.records

    class Failing:
        def after(self, channel_id):
            raise OSError(5)

    served.bench.payee.books.records = Failing()
    assert served.host.ask(CLAIM, bytes(32)) == (FAILED, b"")
    assert served.service.faults == 1
    served.bench.payee.books.records = records
    assert served.host.ask(CLAIM, bytes(32))[0] == OK


def test_between_two_loops_the_status_says_so_and_the_rest_waits():
    served = Served()
    served.host.hello()

    class Restarting:
        loop = None

        def status(self):
            return {"state": "restarting", "charging": False, "last_fault": "OSError"}

    served.host.supervisor = Restarting()
    assert served.status()[0]["last_fault"] == "OSError"
    assert served.host.ask(CLAIM, bytes(32))[0] == BUSY
    assert served.host.ask(PRICES, b"\0")[0] == BUSY


def test_a_certificate_of_another_version_is_told_as_such():
    from joulestream.device import journal_keys

    served = Served().charge()
    served.host.hello()
    journal = served.bench.world.pole_journal
    key = journal_keys.CERTIFICATE + terms().channel_id()
    journal.put(key, journal.get(key) + b"\0")
    row = ClaimRow.from_bytes(served.host.ask(CLAIM, bytes(32))[1])
    assert row.state == 1 | 4 and row.amount > 0
    assert served.host.ask(CERTIFICATE, row.channel_id)[0] == ABSENT


def test_configured_keys_are_checked():
    from dual_runtime import raised
    from joulestream.device.config_error import ConfigError
    from joulestream.pole import config as pole_config
    from joulestream.testkit.pair import pole_values

    good = OPERATOR.public_key.hex()
    for wrong in (good, [good[:-1]], ["x" * 64], [5], [good] * 9, {"a": good}):
        error = raised(check_table, pole_config.TABLE, pole_values(service_keys=wrong))
        assert isinstance(error, ConfigError) and error.field == "service_keys"
    assert check_table(pole_config.TABLE, pole_values(service_keys=[good])).service_keys == [
        OPERATOR.public_key
    ]
    assert Certificate and VEHICLE == 1
