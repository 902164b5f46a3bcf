"""A pole with its real loop, its supervisor and its pilot, on a model of everything around it.

The model has the pilot's voltages with and without a diode, a vehicle that follows the duty, the
gate with its heartbeat and its own comparator of the pilot, contacts that follow the coil late, a
residual-current device that tests itself, and sensors. A test breaks any of these parts, or lets
the processor stall.
"""

from collections.abc import Callable
from typing import Any

from joulestream import errors
from joulestream.parts.pilot import FULL_DUTY, Pilot
from joulestream.runtime.supervisor import Supervisor
from joulestream.testkit.board import MemoryBoard
from joulestream.testkit.pole_bench import PoleBench
from joulestream.units import Timer

STEP_MS = 5
# While nothing is measured.
LONG_STEP_MS = 20
GATE_MS = 600
HEARTBEAT_MS = 5
CONTACT_MS = 20
# The vehicle follows a duty so late.
VEHICLE_MS = 200
# The residual-current device trips so long after its test input, and is ready again so long after.
RESIDUAL_MS = 100
PEAKS_MV = {"A": 12_000, "B": 9_000, "C": 6_000, "D": 3_000}
MOST_MA = 32_000


class PlantBoard(MemoryBoard):
    """A board with inputs from the model. Attributes say which part is broken.

    Attributes:
        vehicle: the state that the vehicle's switches show: "A" to "D".
        stuck_mv: the pilot's input shows this in place of the pilot; None: it works.
        has_diode, shorted: of the pilot at the vehicle.
        follows_duty: whether the vehicle changes between B and C as the duty asks it to.
        feedback: the auxiliary contact shows this in place of the contacts; None: it works.
        welded, coil_broken: of the contactor.
        trip, residual_dead: whether the residual-current device has tripped, or never trips.
        emergency, celsius, cable, grid: inputs.
        gate_name: the gate's identity.
        raising: names of methods that raise OSError.
        line: the level of the line CONTACTOR.
        last_edge_ms: when the heartbeat gave its last edge; -1: none yet.
        contact: whether the main contacts are closed.
        stall_ms: the next reading of the pilot is followed by such a stall, as of a collection.
        let_pass: lets so many ms pass; the bench sets it.
    """

    def __init__(self) -> None:
        super().__init__()
        self.vehicle = "B"
        self.stuck_mv: int | None = None
        self.has_diode = True
        self.shorted = False
        self.follows_duty = True
        self.feedback: bool | None = None
        self.welded = self.coil_broken = False
        self.trip = self.residual_dead = False
        self.emergency = False
        self.celsius = 25
        self.cable: int | None = 32_000
        self.grid: int | None = None
        self.gate_name: str | None = "model"
        self.raising: set[str] = set()
        self.line = False
        self.last_edge_ms = -1
        self.contact = False
        self.stall_ms = 0
        self.let_pass: Callable[[int], None] = lambda ms: None
        self._coil_ms = 0
        self._coil = False
        self._next_edge = Timer()
        self._test = False
        self._test_ms = 0
        self._duty_ms = 0
        self.pilot_part = Pilot(self._peak_mv, self._set_duty, MOST_MA, self._low_mv)

    # The world

    def advance(self) -> None:
        """Let the world follow the board's tick."""
        now_ms = self.tick_ms
        fresh = 0 <= self.last_edge_ms and now_ms - self.last_edge_ms < GATE_MS
        coil = self.line and fresh and self._compares()
        if coil != self._coil:
            self._coil, self._coil_ms = coil, now_ms
        if now_ms - self._coil_ms >= CONTACT_MS and self.contact != self._coil:
            self.contact = (self._coil and not self.coil_broken) or (self.contact and self.welded)
        if self.coil_broken and not self.welded:
            self.contact = False
        if self.follows_duty and self.vehicle in "BC" and now_ms - self._duty_ms >= VEHICLE_MS:
            self.vehicle = "C" if 0 < self.pilot_part.duty < FULL_DUTY else "B"

    def _compares(self) -> bool:
        """Return whether the gate's own comparator sees state C or D."""
        return bool(self.pilot_part.duty) and not self.shorted and self.vehicle in "CD"

    def _set_duty(self, duty: int) -> None:
        self._duty_ms = self.tick_ms

    def _peak_mv(self) -> int:
        if self.stuck_mv is not None:
            return self.stuck_mv
        if self.shorted or not self.pilot_part.duty:
            return 0
        return PEAKS_MV[self.vehicle]

    def _low_mv(self) -> int:
        if self.shorted:
            return 0
        if self.has_diode or self.vehicle == "A":
            return 12_000
        return PEAKS_MV[self.vehicle]

    def _raise(self, name: str) -> None:
        if name in self.raising:
            raise OSError(5, f"{name} fails")

    # The board contract

    def gate(self) -> str | None:  # type: ignore[override]
        return self.gate_name

    def charging_times(self) -> tuple[int, int, int, int]:
        return 2_000, 5_000, 30_000, 30_000

    def contactor(self, closed: bool) -> None:
        if "contactor" in self.raising or (closed and "contactor(True)" in self.raising):
            raise OSError(5, "the contactor's line fails")
        self.line = closed

    def feed_watchdog(self) -> None:
        self._raise("feed_watchdog")
        if self.line and self._next_edge.is_over(self.tick_ms):
            self._next_edge.start(self.tick_ms, HEARTBEAT_MS)
            self.last_edge_ms = self.tick_ms

    def pilot_state(self) -> str:
        self._raise("pilot_state")
        state = self.pilot_part.read(self.tick_ms)
        if self.stall_ms:
            stall_ms, self.stall_ms = self.stall_ms, 0
            self.let_pass(stall_ms)
        return state

    def hazard(self) -> int:
        self._raise("hazard")
        return errors.EMERGENCY_STOP if self.emergency else self.pilot_part.fault

    def pause(self, paused: bool) -> None:
        self._raise("pause")
        self.pilot_part.pause(paused, self.tick_ms)

    def pilot_off(self) -> None:
        self._raise("pilot_off")
        self.pilot_part.switch_off(self.tick_ms)

    def current_limit_ma(self, limit_ma: int) -> None:
        self._raise("current_limit_ma")
        self.pilot_part.limit(limit_ma, self.tick_ms)

    def contactor_feedback(self) -> bool | None:
        self._raise("contactor_feedback")
        return self.contact if self.feedback is None else self.feedback

    def residual_tripped(self) -> bool | None:
        self._raise("residual_tripped")
        if self.trip:
            return True
        if self.residual_dead:
            return False
        late = self.tick_ms - self._test_ms < RESIDUAL_MS
        return self._test != late

    def test_residual(self, driven: bool) -> None:
        if driven != self._test:
            self._test, self._test_ms = driven, self.tick_ms

    def temperature_c(self) -> int | None:
        self._raise("temperature_c")
        return self.celsius

    def cable_ma(self) -> int | None:
        self._raise("cable_ma")
        return self.cable

    def grid_ma(self) -> int | None:
        self._raise("grid_ma")
        return self.grid

    def vehicle_ma(self) -> int | None:
        return 10_000 if self.pilot_part.is_simple else None


_PHASES = 3


class Bench(PoleBench):
    """The pole on the plant, step by step.

    Attributes:
        plant: the board and the world around it.
        supervisor: runs the loop, as on every board.
        is_cut: whether the link is cut.
        step_ms: how long a step is.
        hangs: whether the firmware has ended or does nothing any more.
        idle_stall_ms: the next slow work takes so long, as an erase does.
        reasons: the names of all reasons and states that were shown.
        transitions: every (state, next state) of the charger.
    """

    plant: PlantBoard

    def __init__(self, **pole: Any) -> None:
        self.plant = PlantBoard()
        self.plant.let_pass = self.let_pass
        self.step_ms = LONG_STEP_MS
        super().__init__(board=self.plant, **{"phases": _PHASES, **pole})
        self.meter.phases = _PHASES
        self.supervisor = Supervisor(self._make, self.plant)
        self.hangs = self.is_cut = False
        self.idle_stall_ms = 0
        self.reasons: set[str] = set()
        self.transitions: set[tuple[int, int]] = set()
        self._is_made = True
        self._state = self.loop.charger.state

    def _make(self) -> Any:
        if getattr(self, "_is_made", False):
            raise OSError(5, "the loop stays given up")
        return self.loop

    def let_pass(self, duration_ms: int) -> None:
        """Let time pass in the world, in which the firmware does nothing."""
        end_ms = self.at_ms + duration_ms
        while self.at_ms < end_ms:
            self.at_ms += self.step_ms
            self.plant.tick_ms = self.at_ms
            self.plant.advance()
            is_drawing = self.plant.contact and self.plant.vehicle in "CD"
            self.outlet.contact = self.plant.contact
            power_mw = self.outlet.power_mw if is_drawing else 0
            self.meter.advance(power_mw, self.step_ms)

    def step(self) -> None:
        """Let the firmware do a step, and `step_ms` pass."""
        if not self.hangs:
            try:
                self._firmware_step()
            except Exception:
                # The run loop ends, and with it the firmware: its last act makes the board safe.
                self.hangs = True
                if not self.plant.raising & {"contactor"}:
                    self.plant.make_safe()
        self.let_pass(self.step_ms)

    def _firmware_step(self) -> None:
        self.supervisor.step(self.at_ms)
        if self.idle_stall_ms:
            stall_ms, self.idle_stall_ms = self.idle_stall_ms, 0
            self.let_pass(stall_ms)
        self.supervisor.idle(True)
        if self.is_cut:
            self.link.readinto(bytearray(1_024))
        else:
            self._vehicle_link.poll()
        self._note()

    def _note(self) -> None:
        charger = self.loop.charger
        if charger.state != self._state:
            self.transitions.add((self._state, charger.state))
            self._state = charger.state
        if self.supervisor.last_fault:
            self.reasons.add("LOOP_GIVEN_UP")
        if self.supervisor.loop is not None:
            status = self.loop.status()
            for name in ("hazard", "last_stop", "why", "power_limit_reason"):
                if status[name]:
                    self.reasons.add(status[name])
