"""The faults of a simulated world: how each kind begins and ends.

Each kind of event is one row of a table: a function that begins it, and one that ends it where
its end changes the world. `Events` keeps the time: in every step it ends the events that are over
and begins the ones that are due.
"""

from collections import deque
from collections.abc import Callable, Iterable
from random import Random
from typing import TYPE_CHECKING

from joulestream.boards.contract import CLOCK_NETWORK, CLOCK_NONE, CLOCK_RTC, NO_CLOCK
from joulestream.errors import OWNER_STOP
from joulestream.host_tools.simulation.plan import START_S, Event
from joulestream.runtime import BUILT_S

if TYPE_CHECKING:
    from joulestream.host_tools.simulation.world import Side, World

# 2036-02-07, to which NTP's first era wraps.
_ERA_S = 2_085_978_496
# A clock that nobody sets is wrong by some seconds.
CLOCK_OFF_S = 40


class Events:
    """Begins and ends the events of a plan as time passes in `world`."""

    def __init__(self, world: "World", events: Iterable[Event]) -> None:
        self.world = world
        self.clock_shows = ""
        self._waiting = deque(events)
        self._ends: list[tuple[int, Event]] = []
        self._active: list[Event] = []

    def pole_clock(self) -> tuple[int, int]:
        """Return the time of the clock of the pole's board, and its quality."""
        true_s = self.world.unix_s
        return {
            "": (true_s, CLOCK_NETWORK),
            "nothing": NO_CLOCK,
            "build date": (BUILT_S, CLOCK_NONE),
            "1970": (true_s - START_S, CLOCK_RTC),
            "2036": (true_s - START_S + _ERA_S, CLOCK_NETWORK),
            "slow": (true_s - CLOCK_OFF_S, CLOCK_NETWORK),
            "fast": (true_s + CLOCK_OFF_S, CLOCK_NETWORK),
        }[self.clock_shows]

    def apply(self) -> None:
        """End the events that are over, then begin the ones that are due."""
        while self._ends and self._ends[0][0] <= self.world.now_ms:
            _, event = self._ends.pop(0)
            self._active.remove(event)
            self._end(event)
        while self._waiting and self._waiting[0].at_ms <= self.world.now_ms:
            event = self._waiting.popleft()
            self.world.note("event", event)
            if event.for_ms:
                self._active.append(event)
                self._ends.append((event.at_ms + event.for_ms, event))
                self._ends.sort(key=lambda item: item[0])
            begin, _ = _HANDLERS[event.kind]
            begin(self, event)

    def forget(self) -> None:
        """End all events that are active, and drop the ones that wait."""
        self.world.note("event", "calm")
        for event in list(self._active):
            self._active.remove(event)
            self._end(event)
        self._ends.clear()
        self._waiting.clear()
        self.clock_shows = ""

    def is_active(self, kind: str) -> bool:
        """Return whether an event of this kind has begun and not ended."""
        return any(event.kind == kind for event in self._active)

    def is_at_home(self, number: int) -> bool:
        """Return whether the vehicle with that number charges at home if it is parked there."""
        return any(
            event.kind == "home" and event.values["vehicle"] == number for event in self._active
        )

    def side(self, event: Event) -> "Side":
        """Return the side that an event disturbs: the pole, or the vehicle on the cable.

        While no vehicle is plugged in, it is the first one.
        """
        if event.values["side"] == "pole":
            return self.world.pole
        return self.world.vehicles[self.world.plugged or 0]

    def _end(self, event: Event) -> None:
        _, end = _HANDLERS[event.kind]
        if end is not None:
            end(self, event)


_Handler = Callable[[Events, Event], None]


def _odds(event: Event) -> dict[str, float]:
    return {name: float(value) for name, value in event.values.items()}


def _begin_frames(events: Events, event: Event) -> None:
    rng = Random(f"{events.world.plan.seed} {event.at_ms}")
    events.world.wire.trouble.append((_odds(event), rng))


def _end_frames(events: Events, event: Event) -> None:
    trouble = events.world.wire.trouble
    for item in trouble:
        if item[0] == _odds(event):
            trouble.remove(item)
            break


def _begin_cut(events: Events, event: Event) -> None:
    events.world.wire.cut = True


def _end_cut(events: Events, event: Event) -> None:
    events.world.wire.cut = events.is_active("cut")


def _begin_chatter(events: Events, event: Event) -> None:
    events.world.wire.chatters = True


def _end_chatter(events: Events, event: Event) -> None:
    events.world.wire.chatters = events.is_active("chatter")


def _begin_replug(events: Events, event: Event) -> None:
    events.world.unplug()


def _end_replug(events: Events, event: Event) -> None:
    if not events.is_active("replug") and not events.is_active("rekey"):
        events.world.plug(event.values["next"])


def _begin_power(events: Events, event: Event) -> None:
    side = events.side(event)
    if side.supervisor is not None:
        events.world.cut_power(side, events.world.now_ms + event.for_ms)


def _begin_flash_cut(events: Events, event: Event) -> None:
    flash = events.side(event).board.flash
    flash.torn = event.values["torn"]
    flash.cut_in = event.values["operations"]


def _begin_flash_error(events: Events, event: Event) -> None:
    flash = events.side(event).board.flash
    flash.torn = event.values["torn"]
    flash.fail_in = event.values["operations"]


def _begin_meter(events: Events, event: Event) -> None:
    events.side(event).board.meter.set_fault(event.values["fault"])
    events.world.watch.meter_failed()


def _end_meter(events: Events, event: Event) -> None:
    for side in events.world.sides():
        if not events.is_active("meter"):
            side.board.meter.set_fault("")


def _begin_clock(events: Events, event: Event) -> None:
    world = events.world
    events.clock_shows = event.values["shows"]
    if events.clock_shows == "slow":
        world.watch.clock_was_slow(CLOCK_OFF_S)
    if event.values["off_ms"] and world.pole.supervisor is not None:
        world.cut_power(world.pole, world.now_ms + event.values["off_ms"])


def _end_clock(events: Events, event: Event) -> None:
    if not events.is_active("clock"):
        events.clock_shows = ""


def _begin_crash(events: Events, event: Event) -> None:
    events.side(event).board.crash = True


def _begin_stop(events: Events, event: Event) -> None:
    side = events.side(event)
    if side.loop is not None and not side.is_at_rest:
        side.loop.stop(OWNER_STOP)


def _begin_weld(events: Events, event: Event) -> None:
    events.world.contact_sticks = True
    events.world.watch.contactor_failed()


def _end_weld(events: Events, event: Event) -> None:
    if not events.is_active("weld"):
        events.world.repair_contactor()


def _begin_stall(events: Events, event: Event) -> None:
    events.side(event).stalled_until_ms = events.world.now_ms + event.for_ms


def _begin_deaf(events: Events, event: Event) -> None:
    events.side(event).board.link.room = event.values["room"]


def _end_deaf(events: Events, event: Event) -> None:
    for side in events.world.sides():
        side.board.link.room = None


def _begin_pilot(events: Events, event: Event) -> None:
    events.world.pole.board.misread_pilot = event.values["state"]


def _end_pilot(events: Events, event: Event) -> None:
    if not events.is_active("pilot"):
        events.world.pole.board.misread_pilot = ""


def _begin_nothing(events: Events, event: Event) -> None:
    """Charging at home lasts as long as the event is active."""


def _end_rekey(events: Events, event: Event) -> None:
    events.world.rekey()
    _end_replug(events, event)


def _begin_restore(events: Events, event: Event) -> None:
    events.world.vehicles[event.values["vehicle"]].copy_flash()


def _end_restore(events: Events, event: Event) -> None:
    world = events.world
    world.restore(world.vehicles[event.values["vehicle"]])


def _begin_wipe(events: Events, event: Event) -> None:
    world = events.world
    side = world.vehicles[event.values["vehicle"]]
    side.saved = None
    world.restore(side)


def _begin_pole_copy(events: Events, event: Event) -> None:
    events.world.pole.copy_flash(events.world.pole_key)


def _end_pole_copy(events: Events, event: Event) -> None:
    events.world.restore_pole(event.values["collects"])


def _begin_pole_wipe(events: Events, event: Event) -> None:
    events.world.pole.saved = None
    events.world.restore_pole(event.values["collects"])


# kind of event: (begin, end); None: its end changes nothing
_HANDLERS: dict[str, tuple[_Handler, _Handler | None]] = {
    "frames": (_begin_frames, _end_frames),
    "cut": (_begin_cut, _end_cut),
    "chatter": (_begin_chatter, _end_chatter),
    "replug": (_begin_replug, _end_replug),
    "power": (_begin_power, None),
    "flash_cut": (_begin_flash_cut, None),
    "flash_error": (_begin_flash_error, None),
    "meter": (_begin_meter, _end_meter),
    "clock": (_begin_clock, _end_clock),
    "crash": (_begin_crash, None),
    "stop": (_begin_stop, None),
    "stall": (_begin_stall, None),
    "deaf": (_begin_deaf, _end_deaf),
    "weld": (_begin_weld, _end_weld),
    "pilot": (_begin_pilot, _end_pilot),
    "home": (_begin_nothing, None),
    "rekey": (_begin_replug, _end_rekey),
    "restore": (_begin_restore, _end_restore),
    "wipe": (_begin_wipe, None),
    "pole_copy": (_begin_pole_copy, _end_pole_copy),
    "pole_wipe": (_begin_pole_wipe, None),
}
