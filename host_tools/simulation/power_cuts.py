"""Cuts the power at every operation of every flash in a history.

    python -m joulestream.host_tools.simulation.power_cuts FIRST_SEED POINTS

A history is a simulated world with few faults of its own. Before each program and each erase the
process forks. In the child the power goes in the middle of that operation, with a part of its
bytes done. The firmware that lost its power boots again, all invariants must hold, and the next
session must work. One child in four loses its power once more while it starts. The parent goes on
without a cut. The program plays seed after seed until there were POINTS cuts, and prints the
counts and the failures as one JSON object.
"""

import gc
import json
import os
import sys
from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Any

from joulestream.host_tools.simulation.invariants import Invariants, Violation
from joulestream.host_tools.simulation.parts import FlashRandom
from joulestream.host_tools.simulation.plan import (
    VEHICLES,
    Event,
    MeterKind,
    Plan,
    cover_mwh,
    make_plan,
)
from joulestream.host_tools.simulation.world import Side, World
from joulestream.testkit.flash import FlashMisused, NorFlash
from joulestream.units import packet_amount

_LENGTH_MS = 14_000
_MAX_POWER_W = 22_000
# As little as a meter that is read every 200 ms at this power allows.
_PACKET_MWH = 1_300
# The next session must work within this time: the pole waits for its meter to recover, and the
# vehicle waits before it connects again.
_BACK_WITHIN_MS = 12_000
# The second packet shows that the first one was stored and acknowledged.
_PACKETS_AFTER = 2
# The part of an operation's bytes that are done when the power goes, in turn.
_TORN = (0.0, 0.3, 0.7, 0.999)
_UNLIMITED = 1 << 40


class CutFlash(NorFlash):
    """A flash that calls `before()` at the beginning of each program and erase."""

    before: Callable[[], None] | None = None

    def _outcome(self) -> Any:
        if self.before is not None:
            self.before()
        return super()._outcome()


def cut_plan(seed: int) -> Plan:
    """Return the plan of a short history with many writes to its flashes.

    It has small packets at high power, few blocks, tariff changes, renewals and reconnects.
    """
    plan = make_plan(seed)
    rng = Random(f"power cuts {seed}")
    price = max(row["price_per_kwh"] for row in plan.parameters.prices)
    packet = packet_amount(price, _PACKET_MWH)
    kind = MeterKind(1_000)
    section = kind.section(plan.parameters.meter_ms)
    parameters = replace(
        plan.parameters,
        packet_mwh=_PACKET_MWH,
        # A step or a refresh of a coarser meter would not fit into such a packet.
        meters=[kind] * (1 + VEHICLES),
        credit=2 * (packet + 1),
        pole_prepay=0,
        # A unit more, however coarse it is (docs/protocol.md, section 7.2).
        vehicle_prepay=packet_amount(price, cover_mwh(_PACKET_MWH, _MAX_POWER_W, section)) + 1,
        max_power_w=_MAX_POWER_W,
        budgets=[_UNLIMITED] * VEHICLES,
        capacities=[_UNLIMITED] * VEHICLES,
        expires_s=8,
        renewed_s=2,
        blocks=rng.choice((8, 9, 12)),
        max_channels=4,
        parked_days=0,
        max_price_per_kwh=_UNLIMITED,
    )
    events = [
        Event("replug", at_ms, 300, {"next": rng.randrange(VEHICLES)})
        for at_ms in rng.sample(range(2_000, _LENGTH_MS - 2_000), 2)
    ]
    events.append(Event("stop", rng.randrange(1_000, _LENGTH_MS), 0, {"side": "pole"}))
    events.append(Event("crash", rng.randrange(1_000, _LENGTH_MS), 0, {"side": "pole"}))
    events.sort(key=lambda event: event.at_ms)
    return replace(
        plan, length_ms=_LENGTH_MS, step_ms=25, parameters=parameters, events=tuple(events)
    )


class CutHistory:
    """One seed's history with a child process for every operation of its flashes.

    Args:
        seed: the seed.
        limit: the most cuts to make.

    Attributes:
        points: cuts that were made.
        failures: a sentence for each child that found a broken promise.
    """

    def __init__(self, seed: int, limit: int) -> None:
        self.seed = seed
        self.points = 0
        self.failures: list[str] = []
        self._limit = limit
        # In a child: the flash whose power goes. In the parent: None.
        self._cut_flash: CutFlash | None = None
        self._reading, self._writing = os.pipe()
        self._flashes: list[CutFlash] = []

    def run(self) -> None:
        """Play the history to its end, or until the limit of cuts is reached."""
        world = World(cut_plan(self.seed), Invariants(), make_flash=self._make_flash)
        while world.now_ms < _LENGTH_MS and self.points < self._limit:
            if self._cut_flash is not None:
                self._end_child(world)
            world.step()
        if self._cut_flash is not None:
            self._end_child(world)
        os.close(self._reading)
        os.close(self._writing)

    def _make_flash(self, blocks: int, size: int, random: FlashRandom) -> CutFlash:
        flash = CutFlash(blocks, size, random)
        flash.before = lambda: self._fork(flash)
        self._flashes.append(flash)
        return flash

    def _fork(self, flash: CutFlash) -> None:
        """Fork a child that loses its power in the operation that begins now; wait for its end."""
        if self.points >= self._limit:
            return
        self.points += 1
        child = os.fork()
        if child == 0:
            self._cut_flash = flash
            for other in self._flashes:
                other.before = None
            flash.cut_in = 0
            flash.torn = _TORN[self.points % len(_TORN)]
            return
        _, status = os.waitpid(child, 0)
        if status:
            text = os.read(self._reading, 4_096).decode() if os.WIFEXITED(status) else "crashed"
            self.failures.append(f"seed {self.seed}, operation {self.points}: {text}")

    def _end_child(self, world: World) -> None:
        """Check the restart in a child, report a failure to the parent, and exit."""
        try:
            self._check_restart(world)
        except (Violation, FlashMisused) as error:
            os.write(self._writing, str(error).encode())
            os._exit(1)
        except BaseException as error:
            os.write(self._writing, f"{type(error).__name__}: {error}".encode())
            os._exit(2)
        os._exit(0)

    def _check_restart(self, world: World) -> None:
        """Start the firmware that lost its power, and check that the next session works."""
        rng = Random(f"{self.seed} {self.points}")
        assert self._cut_flash is not None
        if rng.random() < 0.25:
            self._cut_flash.cut_in = rng.randrange(16)
            self._cut_flash.torn = rng.random()
        world.forget_events()
        if rng.random() < 0.5 or world.plugged is None:
            world.replug(world.plugged or 0)
        enough = world.packets + _PACKETS_AFTER
        stop_ms = world.now_ms + _BACK_WITHIN_MS
        while world.packets < enough:
            if world.now_ms >= stop_ms:
                raise Violation(f"the next session did not work: {world.reasons()}")
            world.step()
            plugged = world.plugged
            # A STOP that was on its way may have ended the session.
            if plugged is not None and _is_done(world.vehicles[plugged]):
                world.replug(plugged)
        world.watch.check_flash(world)


def _is_done(side: Side) -> bool:
    """Return whether a vehicle waits to be unplugged, and does not try again before."""
    return side.loop is not None and side.loop.payer.visit.is_over


def main() -> None:
    """Play histories until the number of cuts on the command line is reached."""
    seed, wanted = int(sys.argv[1]), int(sys.argv[2])
    points = histories = 0
    failures: list[str] = []
    # A collection in a child writes to every object, and so copies all shared memory.
    gc.disable()
    while points < wanted:
        history = CutHistory(seed, wanted - points)
        history.run()
        points += history.points
        failures += history.failures
        histories += 1
        seed += 1
        gc.collect()
    print(json.dumps({"points": points, "histories": histories, "failures": failures}))


if __name__ == "__main__":
    main()
