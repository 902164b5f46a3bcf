"""The board's side of a safety controller: its frames, its answers, its silence."""

from joulestream.framing import MAX_FRAME, Decoder, encode
from joulestream.parts.safety_controller import SILENT, SafetyController
from joulestream.testkit.board import cable

IDENTITY = b"\x82\x01\x00\x00\x3e\x80\x01\x02\x08\x03SERIAL01"


def status(counter, state=1, reason=0, flags=7, test=2, age=90, ddeg=253, current_ma=15_500):
    """Return a STATUS by the table in docs/gate.md."""
    message = b"\x81" + counter.to_bytes(2, "big") + bytes((state, reason, 6, flags, test))
    message += age.to_bytes(2, "big") + (ddeg & 0xFFFF).to_bytes(2, "big")
    return message + current_ma.to_bytes(4, "big") + (16_000).to_bytes(4, "big")


class Peer:
    """The other end of the UART: it keeps the bytes of the board, and sends those of a test."""

    def __init__(self):
        self.board_end, self._end = cable()
        self.came = []
        self._decoder = Decoder(lambda message: self.came.append(bytes(message)))

    def listen(self):
        """Return the messages since the last look."""
        buffer = bytearray(1024)
        self._decoder.feed(buffer, self._end.readinto(buffer))
        came, self.came[:] = list(self.came), []
        return came

    def say(self, message):
        frame = bytearray(MAX_FRAME)
        self._end.write(bytes(frame[: encode(message, frame)]))

    def say_raw(self, data):
        self._end.write(data)


def started():
    """Return a peer and a controller that has just been heard, at the tick 10."""
    peer = Peer()
    gate = SafetyController(peer.board_end)
    gate.step(0, 0)
    peer.listen()
    peer.say(status(1))
    peer.say(IDENTITY)
    gate.step(10, 0)
    peer.listen()
    return peer, gate


def test_it_asks_who_is_there_until_it_is_told():
    peer = Peer()
    gate = SafetyController(peer.board_end)
    for now_ms in range(0, 2_000, 10):
        gate.step(now_ms, 0)
    came = peer.listen()
    assert came.count(b"\x02") == 4
    assert gate.identification is None and gate.hold_ms is None and gate.rated_ma == 0
    assert gate.reason == SILENT
    peer.say(IDENTITY)
    gate.step(2_000, 0)
    assert gate.identification == "safety controller, 16 A, 1 phase, SERIAL01"
    assert gate.hold_ms == 520 and gate.rated_ma == 16_000
    assert b"\x02" not in peer.listen()


def test_a_status_becomes_words_and_figures():
    _, gate = started()
    assert (gate.state, gate.reason, gate.opened_by) == ("closed", "ok", "pilot")
    assert gate.coil and gate.contacts
    assert (gate.test, gate.test_age_min) == ("passed", 90)
    assert (gate.temperature_ddeg, gate.current_ma) == (253, 15_500)


def test_figures_that_a_gate_lacks_are_none_and_later_words_are_numbers():
    peer, gate = started()
    gate.step(250, 0)
    peer.listen()
    peer.say(status(2, 9, 77, 0, 1, 0xFFFF, -0x8000, 0xFFFFFFFF))
    gate.step(260, 0)
    assert (gate.state, gate.reason, gate.test) == ("reason_9", "reason_77", "running")
    assert gate.test_age_min is gate.temperature_ddeg is gate.current_ma is None
    assert not gate.coil and not gate.contacts
    gate.step(450, 0)
    peer.say(status(3, ddeg=-105))
    gate.step(460, 0)
    assert gate.temperature_ddeg == -105


def test_a_permission_is_sent_in_time_and_a_lower_limit_at_once():
    peer, gate = started()
    gate.step(20, 16_000)
    (first,) = peer.listen()
    assert first == b"\x01\x00\x02\x00\x00\x3e\x80\x01\xf4"
    for now_ms in range(30, 60, 10):
        gate.step(now_ms, 16_000)
    assert peer.listen() == []
    gate.step(60, 16_000)
    (second,) = peer.listen()
    assert second[1:3] == b"\x00\x03"
    gate.step(61, 6_000)
    (lower,) = peer.listen()
    assert lower[3:7] == (6_000).to_bytes(4, "big")
    gate.step(62, 10_000)
    assert peer.listen() == [], "a higher limit waits for its turn"
    gate.step(63, 0)
    (none,) = peer.listen()
    assert none == b"\x01\x00\x05" + bytes(6)
    gate.step(64, 0)
    assert peer.listen() == []
    gate.step(65, 16_000)
    assert len(peer.listen()) == 1, "the first permission does not wait"


def test_a_gate_that_falls_silent_is_no_gate():
    peer, gate = started()
    for now_ms in range(20, 500, 10):
        gate.step(now_ms, 16_000)
    assert gate.identification is not None
    for now_ms in range(500, 540, 10):
        gate.step(now_ms, 16_000)
    assert gate.identification is None and gate.state == gate.reason == SILENT
    assert not gate.coil
    assert b"\x02" in peer.listen()


def test_an_answer_to_an_older_permission_is_no_sign_of_life():
    peer, gate = started()
    for now_ms in range(20, 600, 10):
        gate.step(now_ms, 16_000)
        peer.say(status(2))
    assert gate.identification is None


def test_noise_and_other_messages_change_nothing():
    peer, gate = started()
    seen = gate.state, gate.reason, gate.identification
    peer.say(status(1)[:-1])
    peer.say(IDENTITY + b"x")
    peer.say(b"\x82\x02" + IDENTITY[2:])
    peer.say(b"\x83" + IDENTITY[1:])
    peer.say_raw(bytes(range(1, 256)) + b"\x00\x05abc\x00")
    gate.step(20, 0)
    assert (gate.state, gate.reason, gate.identification) == seen
    assert gate.bad_frames == 2


def test_a_gate_of_another_version_has_no_identification():
    peer = Peer()
    gate = SafetyController(peer.board_end)
    gate.step(0, 0)
    peer.say(b"\x82\x02" + IDENTITY[2:])
    peer.say(status(1))
    gate.step(10, 0)
    assert gate.identification is None and gate.state == "closed"


def test_the_counter_wraps():
    peer, gate = started()
    now_ms = 20
    for _ in range(0x10000):
        now_ms += 40
        gate.step(now_ms, 16_000)
        last = peer.listen()[-1]
    assert last[1:3] == b"\x00\x01"
    peer.say(status(1))
    gate.step(now_ms + 1, 16_000)
    assert gate.state == "closed"


def test_bytes_of_a_serial_number_that_are_no_letters_are_marked():
    peer = Peer()
    gate = SafetyController(peer.board_end)
    peer.say(IDENTITY[:10] + b"A\x00\xff\x1b\x20B12")
    gate.step(0, 0)
    assert gate.identification == "safety controller, 16 A, 1 phase, A????B12"
