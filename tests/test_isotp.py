"""Messages in CAN frames (ISO 15765-2): both directions, flow control, timeouts, bad peers."""

from joulestream.link.isotp import MOST_WAITS, PAUSE_MS, TIMEOUT_MS, IsoTp, gap_ms
from joulestream.testkit.random import Random
from joulestream.units import TICKS_PERIOD, ticks_add


def pattern(size):
    """Return a message in which byte n has the value n * 7 + n // 256, modulo 256."""
    return bytes((at * 7 + at // 256) & 0xFF for at in range(size))


class End:
    """An end with a wire for `room` frames; `frames` holds those that nobody took yet."""

    def __init__(self, room=8, wire_room=3, now_ms=1_000):
        self.frames = []
        self.wire_room = wire_room
        self.aborts = 0
        self.came = []
        self.now_ms = now_ms
        self.isotp = IsoTp(
            self.transmit, self.abort, lambda data: self.came.append(bytes(data)), room
        )

    def transmit(self, frame, size):
        if len(self.frames) >= self.wire_room:
            return False
        self.frames.append(bytes(frame[:size]))
        return True

    def abort(self):
        self.aborts += 1
        self.frames = []

    def take(self):
        """Return the frames that this end sent, and forget them."""
        frames, self.frames = self.frames, []
        return frames

    def hear(self, *frames):
        for frame in frames:
            data = bytes(frame) if not isinstance(frame, str) else bytes.fromhex(frame)
            self.isotp.receive(data, len(data), self.now_ms)

    def step(self, ms=1):
        self.now_ms = ticks_add(self.now_ms, ms)
        self.isotp.step(self.now_ms)


def join(first, second, ms):
    """Let both ends talk for so long."""
    for _ in range(ms):
        to_second, to_first = first.take(), second.take()
        second.hear(*to_second)
        first.hear(*to_first)
        first.step()
        second.step()


def sent_by(end, ms=1):
    """Return the frames of an end after so many ms, as hexadecimal digits."""
    frames = []
    for _ in range(ms):
        end.step()
        frames += [frame.hex() for frame in end.take()]
    return frames


def test_every_length_arrives_whole_in_both_directions_at_once():
    for sizes in ((1, 7), (8, 9), (13, 62), (6, 564), (564, 564), (100, 101)):
        for rooms in ((2, 2), (8, 2), (2, 8), (8, 8)):
            first, second = End(rooms[0]), End(rooms[1])
            first.isotp.send(pattern(sizes[0]))
            second.isotp.send(pattern(sizes[1]))
            join(first, second, 700)
            assert second.came == [pattern(sizes[0])], (sizes, rooms)
            assert first.came == [pattern(sizes[1])], (sizes, rooms)
            assert first.isotp.is_quiet and second.isotp.is_quiet
            for end in (first, second):
                counts = (end.isotp.unsent, end.isotp.broken, end.isotp.refused)
                assert counts == (0, 0, 0)


def test_frames_are_those_of_the_standard():
    end = End()
    end.isotp.send(b"\x01\x02")
    assert sent_by(end) == ["020102"]
    end.isotp.send(pattern(15))
    assert sent_by(end, PAUSE_MS + 1) == ["100f00070e151c23"]
    end.hear("300000")
    assert sent_by(end) == ["212a31383f464d54", "225b62"]


def test_a_flow_control_names_the_frames_that_this_side_has_room_for():
    for room in (2, 8):
        end = End(room)
        end.hear("1020000102030405")
        assert [frame.hex() for frame in end.take()] == ["30%02x00" % room]


def test_a_side_that_waits_for_a_flow_control_itself_grants_one_frame_less():
    end = End(2)
    end.isotp.send(pattern(20))
    end.step()
    end.take()
    end.hear("1020000102030405")
    assert [frame.hex() for frame in end.take()] == ["300100"]


def test_no_more_frames_wait_than_a_controller_with_two_buffers_holds():
    """Both sides send at random and read at random, but at least once in a pause.

    A link also steps without reading, at the end of a loop's round. So first frames cross.
    """
    for seed in range(6):
        random = Random(seed)
        ends = [End(2, 100), End(2, 100)]
        sent = [0, 0]
        waited = [0, 0]
        for _ in range(1_000):
            for number, end in enumerate(ends):
                end.now_ms += 1
                waited[number] += 1
                message = bytes((sent[number],)) + pattern(8 + random.below(60))
                if random.below(20) == 0 and end.isotp.send(message):
                    sent[number] += 1
                if random.below(6) == 0:
                    end.isotp.step(end.now_ms)
                    assert len(end.frames) <= 2, (seed, end.frames)
                if random.below(6) == 0 or waited[number] == PAUSE_MS:
                    waited[number] = 0
                    end.hear(*ends[1 - number].take())
                    end.isotp.step(end.now_ms)
                    assert len(end.frames) <= 2, (seed, end.frames)
        join(ends[0], ends[1], 500)
        assert min(sent) > 10
        assert [len(end.came) for end in reversed(ends)] == sent


def test_a_block_ends_with_the_next_flow_control():
    end = End(wire_room=100)
    end.isotp.send(pattern(60))
    sent_by(end)
    end.hear("300300")
    assert [frame[:2] for frame in sent_by(end, 3)] == ["21", "22", "23"]
    end.hear("300200")
    assert [frame[:2] for frame in sent_by(end, 3)] == ["24", "25"]
    end.hear("300000")
    assert [frame[:2] for frame in sent_by(end, 3)] == ["26", "27", "28"]


def test_the_separation_time_of_the_other_side_is_kept():
    end = End(wire_room=100)
    end.isotp.send(pattern(40))
    sent_by(end)
    end.hear("300005")
    times = []
    for ms in range(60):
        end.step()
        times += [ms] * len(end.take())
    assert len(times) == 5
    assert all(times[at + 1] - times[at] > 5 for at in range(4))


def test_a_reserved_separation_time_means_the_longest_one():
    assert [gap_ms(value) for value in (0, 1, 127, 0xF1, 0xF9)] == [0, 2, 128, 2, 2]
    assert [gap_ms(value) for value in (0x80, 0xF0, 0xFA, 0xFF)] == [128] * 4


def test_a_sequence_number_wraps_after_15():
    first, second = End(), End()
    first.isotp.send(pattern(6 + 7 * 17))
    numbers = []
    for _ in range(40):
        frames = first.take()
        numbers += [frame[0] for frame in frames if frame[0] >> 4 == 2]
        second.hear(*frames)
        first.hear(*second.take())
        first.step()
        second.step()
    assert numbers == [0x20 | (number & 15) for number in range(1, 18)]
    assert second.came


def test_a_wrong_sequence_number_drops_the_message():
    for second_frame in ("2206070809101112", "2006070809101112"):
        end = End()
        end.hear("1020000102030405", second_frame)
        assert end.isotp.broken == 1
        end.hear("2106070809101112", "22", "0155")
        assert end.came == [b"\x55"], "the rest is ignored, the next message comes"
        assert end.isotp.is_quiet or end.take()


def test_a_frame_that_is_too_short_for_its_message_drops_the_message():
    end = End()
    end.hear("1020000102030405", "21060708091011")
    assert end.isotp.broken == 1 and not end.came


def test_a_last_frame_may_be_padded():
    end = End()
    end.hear("1009000102030405", "21060708cccccccc")
    assert end.came == [bytes(range(9))]
    end.hear("02aabbcccccccccc")
    assert end.came[1:] == [b"\xaa\xbb"]


def test_a_message_that_is_too_long_is_refused_at_once():
    for first_frame in ("1235000000000000", "1fff000000000000", "1000000011110000"):
        end = End()
        end.hear(first_frame)
        assert [frame.hex()[:2] for frame in end.take()] == ["32"]
        assert end.isotp.refused == 1
        end.hear("2100000000000000")
        assert not end.came and not end.isotp.broken
    end = End()
    end.hear("1234000000000000")
    assert [frame.hex()[:2] for frame in end.take()] == ["30"]


def test_nonsense_frames_change_nothing():
    end = End()
    for frame in (
        "",
        "00",
        "08" + "00" * 7,
        "0500",
        "1007000000000000",
        "10",
        "2100",
        "3000",
        "300000",
        "310000",
        "320000",
        "3f0000",
        "4000",
        "ff" * 8,
    ):
        end.hear(frame)
        end.step()
    assert not end.came and not end.take() and end.isotp.is_quiet
    assert (end.isotp.broken, end.isotp.refused, end.isotp.unsent) == (0, 0, 0)


def test_a_peer_that_sends_a_first_frame_and_stops_costs_one_timeout():
    end = End(2)
    end.hear("1020000102030405")
    end.take()
    end.isotp.send(pattern(9))
    assert sent_by(end, TIMEOUT_MS - 1) == [], "the answer to a first frame would have no room"
    assert not end.isotp.broken
    assert [frame[:4] for frame in sent_by(end, 2)] == ["1009"]
    assert end.isotp.broken == 1


def test_a_peer_that_greets_with_first_frames_without_end_costs_a_buffer_and_nothing_else():
    end = End()
    for _ in range(500):
        end.hear("1020000102030405")
        end.take()
        end.step()
    assert end.isotp.broken == 499
    end.hear("0155")
    assert end.came == [b"\x55"] and end.isotp.broken == 500


def test_a_new_message_replaces_one_that_came_in_part():
    end = End()
    end.hear("1020000102030405", "1009101112131415", "21161718")
    assert end.came == [b"\x10\x11\x12\x13\x14\x15\x16\x17\x18"]
    assert end.isotp.broken == 1


def test_without_a_flow_control_a_message_is_given_up_and_its_frames_are_aborted():
    end = End()
    end.isotp.send(pattern(20))
    end.isotp.send(pattern(3))
    sent_by(end)
    assert sent_by(end, TIMEOUT_MS - 1) == [] and end.aborts == 0
    assert sent_by(end, PAUSE_MS + 2) == ["0300070e"], "the next message has its turn"
    assert (end.isotp.unsent, end.aborts) == (1, 1)


def test_a_wire_that_takes_nothing_gives_messages_up():
    end = End(wire_room=0)
    for size in (5, 50):
        assert end.isotp.send(pattern(size))
    sent_by(end, 2 * (TIMEOUT_MS + PAUSE_MS) + 2)
    assert end.isotp.unsent == 2 and end.isotp.is_quiet


def test_a_queue_without_room_drops_and_counts():
    end = End()
    took = [end.isotp.send(pattern(20 + at)) for at in range(5)]
    assert took == [True, True, False, False, False]
    assert end.isotp.unsent == 3


def test_a_copy_of_a_message_that_is_on_its_way_is_not_queued():
    first, second = End(), End()
    for _ in range(5):
        assert first.isotp.send(pattern(50), b"tail")
        join(first, second, 1)
    join(first, second, 100)
    assert second.came == [pattern(50) + b"tail"] and first.isotp.unsent == 0
    assert first.isotp.send(pattern(50), b"tail")
    join(first, second, 100)
    assert len(second.came) == 2, "a copy of one that has arrived is a new message"


def test_a_message_that_was_given_up_begins_anew_once_for_its_copy():
    end = End()
    end.isotp.send(pattern(20))
    assert len(sent_by(end)) == 1
    assert end.isotp.send(pattern(20))
    assert [frame[:4] for frame in sent_by(end, TIMEOUT_MS + PAUSE_MS + 2)] == ["1014"]
    assert sent_by(end, 2 * TIMEOUT_MS) == [] and end.isotp.is_quiet
    assert end.isotp.unsent == 2


def test_the_waiting_of_the_other_side_is_limited():
    end = End()
    end.isotp.send(pattern(20))
    sent_by(end)
    for _ in range(MOST_WAITS):
        sent_by(end, TIMEOUT_MS - 1)
        end.hear("310000")
    assert end.isotp.unsent == 0
    end.hear("310000")
    assert end.isotp.unsent == 1
    end.hear("300000")
    assert sent_by(end, 5) == []


def test_an_overflow_or_an_unknown_status_ends_the_message():
    for status in ("320000", "330000", "3f0000"):
        end = End()
        end.isotp.send(pattern(20))
        sent_by(end)
        end.hear(status)
        assert end.isotp.unsent == 1
        assert sent_by(end, TIMEOUT_MS) == []


def test_a_late_flow_control_is_ignored():
    end = End()
    end.isotp.send(pattern(20))
    sent_by(end, TIMEOUT_MS + 2)
    end.hear("300000")
    assert sent_by(end, 5) == []


def test_a_flow_control_without_room_on_the_wire_goes_out_later():
    end = End(wire_room=0)
    end.hear("1020000102030405")
    end.step()
    end.wire_room = 1
    assert sent_by(end) == ["300800"]


def test_it_works_where_the_ticks_wrap():
    first, second = (End(now_ms=TICKS_PERIOD - 30) for _ in range(2))
    first.isotp.send(pattern(400))
    join(first, second, 100)
    assert second.came == [pattern(400)]
    second.hear("1020000102030405")
    sent_by(second, TIMEOUT_MS + 1)
    assert second.isotp.broken == 1


def test_random_loss_never_delivers_a_message_that_was_not_sent():
    """Without the CRC of the link, only a loss of exactly 16 frames in a row could do that."""
    random = Random(7)
    first, second = End(4), End(4)
    sent = []
    for _ in range(300):
        message = pattern(1 + random.below(90))
        if first.isotp.send(message):
            sent.append(message)
        for _ in range(12):
            for sender, receiver in ((first, second), (second, first)):
                for frame in sender.take():
                    if random.below(12):
                        receiver.hear(frame)
            first.step()
            second.step()
    assert second.came and all(message in sent for message in second.came)
    assert second.isotp.broken or first.isotp.unsent
