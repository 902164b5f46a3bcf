"""The events of a plan: each begins at its time, disturbs a world, and ends."""

from collections import deque
from collections.abc import Iterable
from random import Random
from typing import TYPE_CHECKING

from joulestream.errors import OWNER_STOP
from joulestream.host_tools.simulation.plan import Event

if TYPE_CHECKING:
    from joulestream.host_tools.simulation.world import Side, World


class Events:
    """Begins and ends the events of a plan as time passes in `world`.

    A kind of event has a method `_begin_KIND`, and `_finish_KIND` where its end does something.
    """

    def __init__(self, world: "World", events: Iterable[Event]) -> None:
        self._world = world
        self._begins = deque(events)
        self._ends: list[tuple[int, Event]] = []
        self._active: list[Event] = []
        self._no_time_until_ms = 0

    @property
    def is_time_known(self) -> bool:
        """Whether the pole's real-time clock knows the time now."""
        return self._world.now_ms >= self._no_time_until_ms

    def apply(self) -> None:
        """End and begin the events that are due."""
        while self._ends and self._ends[0][0] <= self._world.now_ms:
            _, event = self._ends.pop(0)
            self._active.remove(event)
            self._end(event)
        while self._begins and self._begins[0].at_ms <= self._world.now_ms:
            event = self._begins.popleft()
            self._world.note("event", event)
            if event.for_ms:
                self._active.append(event)
                self._ends.append((event.at_ms + event.for_ms, event))
                self._ends.sort(key=lambda item: item[0])
            getattr(self, f"_begin_{event.kind}")(event)

    def forget(self) -> None:
        """End all events, and let none begin any more."""
        self._world.note("event", "calm")
        for event in list(self._active):
            self._active.remove(event)
            self._end(event)
        self._ends.clear()
        self._begins.clear()
        self._no_time_until_ms = 0

    def _is_active(self, kind: str) -> bool:
        return any(event.kind == kind for event in self._active)

    def _side(self, event: Event) -> "Side":
        """Return the side that an event disturbs; of the vehicles the one that is plugged in."""
        if event.values["who"] == "pole":
            return self._world.pole
        return self._world.vehicles[self._world.plugged or 0]

    def _end(self, event: Event) -> None:
        finish = getattr(self, f"_finish_{event.kind}", None)
        if finish is not None:
            finish(event)

    def _begin_frames(self, event: Event) -> None:
        odds = {name: float(value) for name, value in event.values.items()}
        self._world.wire.trouble.append((odds, Random(f"{self._world.plan.seed} {event.at_ms}")))

    def _finish_frames(self, event: Event) -> None:
        odds = {name: float(value) for name, value in event.values.items()}
        for item in self._world.wire.trouble:
            if item[0] == odds:
                self._world.wire.trouble.remove(item)
                break

    def _begin_cut(self, event: Event) -> None:
        self._world.wire.cut = True

    def _finish_cut(self, event: Event) -> None:
        self._world.wire.cut = self._is_active("cut")

    def _begin_replug(self, event: Event) -> None:
        self._world.unplug()

    def _finish_replug(self, event: Event) -> None:
        if not self._is_active("replug"):
            self._world.plug(event.values["next"])

    def _begin_power(self, event: Event) -> None:
        side = self._side(event)
        if side.supervisor is not None:
            self._world.cut_power(side, self._world.now_ms + event.for_ms)

    def _begin_flash_cut(self, event: Event) -> None:
        flash = self._side(event).board.flash
        flash.torn = event.values["torn"]
        flash.cut_in = event.values["operations"]

    def _begin_flash_error(self, event: Event) -> None:
        flash = self._side(event).board.flash
        flash.torn = event.values["torn"]
        flash.fail_in = event.values["operations"]

    def _begin_meter(self, event: Event) -> None:
        meter = self._side(event).board.meter
        meter.set_fault(event.values["fault"])
        self._world.watch.meter_fault(self, event)

    def _finish_meter(self, event: Event) -> None:
        for side in (self._world.pole, *self._world.vehicles):
            if not self._is_active("meter"):
                side.board.meter.set_fault("")

    def _begin_no_time(self, event: Event) -> None:
        self._no_time_until_ms = self._world.now_ms + event.for_ms + event.values["unknown_ms"]
        if self._world.pole.supervisor is not None:
            self._world.cut_power(self._world.pole, self._world.now_ms + event.for_ms)

    def _begin_crash(self, event: Event) -> None:
        self._side(event).board.crash = True

    def _begin_stop(self, event: Event) -> None:
        side = self._side(event)
        if side.loop is not None and not side.is_at_rest:
            side.loop.stop(OWNER_STOP)

    def _begin_stall(self, event: Event) -> None:
        self._side(event).stalled_until_ms = self._world.now_ms + event.for_ms
