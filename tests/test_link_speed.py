"""A link that the command takes charges; a slower one is refused in one sentence."""

import pytest

from joulestream.host_tools.errors import CommandError
from joulestream.host_tools.layout import ROOT
from joulestream.host_tools.link_speed import check_speed, greeting_ms, least_retry_ms
from joulestream.testkit import two_loops
from joulestream.testkit.meter import Meter
from joulestream.testkit.pair import METER
from joulestream.testkit.two_loops import STEP_MS, TwoLoops

DEFAULTS = {"link_timeout_ms": 2_000, "retry_ms": 250}
MINUTE_MS = 60_000


class PacedEnd:
    """One end of a serial line that carries `baud` bit/s and has a buffer of `room` bytes."""

    def __init__(self, baud, room):
        self.other = self
        self.waiting = bytearray()
        self.come = bytearray()
        self._baud = baud
        self._room = room
        self._bits = 0

    def pump(self):
        """Carry the bytes of one step."""
        self._bits += STEP_MS * self._baud // 1_000
        count = min(self._bits // 10, len(self.waiting))
        self._bits = self._bits - 10 * count if len(self.waiting) > count else 0
        self.other.come += self.waiting[:count]
        del self.waiting[:count]

    def write(self, data):
        taken = bytes(data)[: self._room - len(self.waiting)]
        self.waiting += taken
        return len(taken)

    def readinto(self, buffer):
        count = min(len(buffer), len(self.come))
        buffer[:count] = self.come[:count]
        del self.come[:count]
        return count


def charged_mwh(monkeypatch, baud, room, link_timeout_ms, retry_ms):
    """Return the energy that flows in a minute over such a line, with such timeouts."""
    ends = PacedEnd(baud, room), PacedEnd(baud, room)
    ends[0].other, ends[1].other = ends[1], ends[0]
    monkeypatch.setattr(two_loops, "cable", lambda: ends)
    timeouts = {"meter": METER, "link_timeout_ms": link_timeout_ms, "retry_ms": retry_ms}
    pole = {**timeouts, "packet_ms": 1_000, "credit": 6_400}
    vehicle = {**timeouts, "prepay": 12_800, "budget": 1 << 40}
    world = TwoLoops(pole, vehicle, Meter(5_000_000), Meter(7_000_400), 3_600_000)

    def pump():
        for end in ends:
            end.pump()

    world.run(MINUTE_MS, pump)
    return world.flowed_mwh


def times(baud):
    """Return the shortest times that `check_speed` takes at this speed, or the defaults."""
    return {
        "link_timeout_ms": max(greeting_ms(baud) + 1, DEFAULTS["link_timeout_ms"]),
        "retry_ms": max(least_retry_ms(baud), DEFAULTS["retry_ms"]),
    }


@pytest.mark.parametrize("baud", (1_200, 2_400, 4_800, 9_600, 19_200, 115_200))
def test_each_speed_that_is_taken_charges(monkeypatch, baud):
    check_speed(baud, times(baud))
    for room in (64, 256, 4_096):
        flowed_mwh = charged_mwh(monkeypatch, baud, room, **times(baud))
        # At 1,200 bit/s a packet takes about a second on the line.
        assert flowed_mwh > (30_000 if baud < 9_600 else 55_000), (room, flowed_mwh)


@pytest.mark.parametrize("baud", (1_200, 2_400, 4_800))
def test_a_speed_that_never_opens_a_session_is_refused(monkeypatch, baud):
    with pytest.raises(CommandError, match="use a faster link"):
        check_speed(baud, {})
    assert charged_mwh(monkeypatch, baud, 4_096, **DEFAULTS) == 0


def test_the_page_shows_these_times():
    text = (ROOT / "docs" / "configuration.md").read_text()
    for baud in (4_800, 2_400, 1_200):
        shown = times(baud)
        assert f"| {baud:,} | {shown['link_timeout_ms']} | {shown['retry_ms']} |" in text


def test_each_time_that_is_too_short_is_named():
    good = times(4_800)
    assert good == {"link_timeout_ms": 3_551, "retry_ms": 474}
    for name in good:
        with pytest.raises(CommandError, match=f"set '{name}' to at least {good[name]} on both"):
            check_speed(4_800, {**good, name: good[name] - 1})
    check_speed(9_600, {})
    check_speed(9_600, {"link_timeout_ms": "no number: the firmware says so"})
