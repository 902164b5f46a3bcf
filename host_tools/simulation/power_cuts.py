"""The power goes at every program and every erase of a history, in one child process each.

    python -m joulestream.host_tools.simulation.power_cuts FIRST_SEED POINTS

A history is a simulated world in which little goes wrong by itself. Before each operation of any
flash the process forks: in the child the power goes in the middle of that operation, some of its
bytes being done, and the firmware that lost it boots again; there every invariant must hold, and
the next session must work. One child in four loses its power once more while it starts. Goes from
seed to seed until there were POINTS cuts; prints one JSON object.
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
from joulestream.host_tools.simulation.plan import Event, Plan, make_plan
from joulestream.host_tools.simulation.world import Side, World
from joulestream.testkit.flash import FlashMisused, NorFlash

_LENGTH_MS = 14_000
# A vehicle waits for its reconnection, a pole for its meter.
_BACK_WITHIN_MS = 12_000
_PACKETS_AFTER = 2
_TORN = (0.0, 0.3, 0.7, 0.999)


class CutFlash(NorFlash):
    """Tells `before()` of each operation that is about to begin."""

    before: Callable[[], None] | None = None

    def _outcome(self) -> Any:
        if self.before is not None:
            self.before()
        return super()._outcome()


def cut_plan(seed: int) -> Plan:
    """Return a short history with small packets, tariff changes, renewals and reconnects."""
    plan = make_plan(seed)
    rng = Random(f"power cuts {seed}")
    price = max(row["price_per_kwh"] for row in plan.figures["prices"])
    figures = {
        **plan.figures,
        "packet_mwh": 300,
        "credit": price // 1_000 + 1,
        "pole_prepay": 0,
        "vehicle_prepay": 2 * price // 1_000 + 2,
        "max_power_w": 22_000,
        "budgets": [1 << 40] * 3,
        "capacities": [1 << 40] * 3,
        "expires_s": 8,
        "renewed_s": 2,
        "blocks": rng.choice((8, 9, 12)),
    }
    events = [
        Event("replug", at_ms, 300, {"next": rng.randrange(3)})
        for at_ms in rng.sample(range(2_000, _LENGTH_MS - 2_000), 2)
    ]
    events.append(Event("stop", rng.randrange(1_000, _LENGTH_MS), 0, {"who": "pole"}))
    events.append(Event("crash", rng.randrange(1_000, _LENGTH_MS), 0, {"who": "pole"}))
    events.sort(key=lambda event: event.at_ms)
    return replace(plan, length_ms=_LENGTH_MS, step_ms=25, figures=figures, events=tuple(events))


class History:
    """One seed's history, and a child for every operation of its flashes."""

    def __init__(self, seed: int, most: int) -> None:
        self.seed = seed
        self.points = 0
        self.failures: list[str] = []
        self._most = most
        self._lost: CutFlash | None = None
        self._reading, self._writing = os.pipe()
        self._flashes: list[CutFlash] = []

    def run(self) -> None:
        """Play the history to its end, or until there were enough cuts."""
        world = World(cut_plan(self.seed), Invariants(), flash=self._flash)
        while world.now_ms < _LENGTH_MS and self.points < self._most:
            if self._lost is not None:
                self._end_child(world)
            world.step()
        if self._lost is not None:
            self._end_child(world)
        os.close(self._reading)
        os.close(self._writing)

    def _flash(self, blocks: int, size: int, random: FlashRandom) -> CutFlash:
        flash = CutFlash(blocks, size, random)
        flash.before = lambda: self._fork(flash)
        self._flashes.append(flash)
        return flash

    def _fork(self, flash: CutFlash) -> None:
        """Let a child lose its power in the operation that is about to begin."""
        if self.points >= self._most:
            return
        self.points += 1
        child = os.fork()
        if child == 0:
            self._lost = flash
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
        try:
            self._come_back(world)
        except (Violation, FlashMisused) as error:
            os.write(self._writing, str(error).encode())
            os._exit(1)
        except BaseException as error:
            os.write(self._writing, f"{type(error).__name__}: {error}".encode())
            os._exit(2)
        os._exit(0)

    def _come_back(self, world: World) -> None:
        """See the firmware that lost its power start, and the next session work."""
        rng = Random(f"{self.seed} {self.points}")
        assert self._lost is not None
        if rng.random() < 0.25:
            self._lost.cut_in = rng.randrange(16)
            self._lost.torn = rng.random()
        world.forget_events()
        if rng.random() < 0.5 or world.plugged is None:
            world.replug(world.plugged or 0)
        enough = world.packets + _PACKETS_AFTER
        stop_ms = world.now_ms + _BACK_WITHIN_MS
        while world.packets < enough:
            if world.now_ms >= stop_ms:
                raise Violation(f"the next session did not work: {world.why()}")
            world.step()
            plugged = world.plugged
            # A STOP that was on its way may end the session.
            if plugged is not None and _is_done(world.vehicles[plugged]):
                world.replug(plugged)
        world.watch.check_flash(world)


def _is_done(side: Side) -> bool:
    """Return whether a vehicle does not try again before it is unplugged."""
    return side.loop is not None and side.loop.payer.visit.is_over


def main() -> None:
    """Run histories until there were as many cuts as asked for."""
    seed, wanted = int(sys.argv[1]), int(sys.argv[2])
    points = histories = 0
    failures: list[str] = []
    # A collection in a child would copy all that it shares with its parent.
    gc.disable()
    while points < wanted:
        history = History(seed, wanted - points)
        history.run()
        points += history.points
        failures += history.failures
        histories += 1
        seed += 1
        gc.collect()
    print(json.dumps({"points": points, "histories": histories, "failures": failures}))


if __name__ == "__main__":
    main()
