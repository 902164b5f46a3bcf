"""The promises of every meter of the product, whatever its maker: one check a function.

A check drives the product's own counter and driver against a meter on its line, in virtual time.
`Bench` makes meters in memory; host_tools/benchmarks/meters.py puts pymodbus behind them.
"""

from joulestream.boards.contract import Board
from joulestream.compat import const
from joulestream.errors import (
    METER_BACKWARD,
    METER_OUT_OF_RANGE,
    METER_SILENT,
    METER_STALE,
    reason_name,
)
from joulestream.meter.config import check_meter
from joulestream.meter.counter import open_meter
from joulestream.meter.reading import CURRENT, EXPORT, FREQUENCY, IMPORT, POWER, VOLTAGE
from joulestream.testkit.ina228 import Ina228
from joulestream.testkit.meter import Line, Meter
from joulestream.testkit.meter_maps import MAPS
from joulestream.testkit.random import Random
from joulestream.units import MS_PER_HOUR, TICKS_PERIOD, energy_from_power, ticks_add

TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

STEP_MS = 20
# Ticks wrap in every check.
START_MS = TICKS_PERIOD - 20_000
TURNAROUND_MS = 40
_SETTLE_MS = 4_000
# Desk meters carry less than the others.
_DESK_W = {"pzem-003": 2_000, "pzem-014": 2_000, "ina228": 100}
_POWER_W = 7_000
_MODBUS_BUSY = 6


class ChipMeter:
    """An INA228 with the parts of a testkit.meter.Meter that a check uses."""

    def __init__(self) -> None:
        self.chip = Ina228()
        self.start_mwh = 0
        self.step_mwh = 1
        self._reversed = False

    def advance(self, power_mw: int, elapsed_ms: int) -> None:
        """Let power flow through the shunt."""
        current_ma = power_mw // 12
        self.chip.current_ma = -current_ma if self._reversed else current_ma
        self.chip.advance(elapsed_ms)

    def set_fault(self, fault: str) -> None:
        """Begin "silent" or "reversed", or end it with ""."""
        self.chip.powered = fault != "silent"
        self._reversed = fault == "reversed"


class PulseMeter:
    """A meter with a pulse output of 1,000 pulses for each kWh; it is the counter of them too."""

    def __init__(self) -> None:
        self.start_mwh = 0
        self.step_mwh = 1_000
        self._flowed = 0

    def advance(self, power_mw: int, elapsed_ms: int) -> None:
        """Let power flow."""
        self._flowed += power_mw * elapsed_ms

    def count(self) -> int:
        """Return the number of pulses."""
        return self._flowed // (self.step_mwh * MS_PER_HOUR)


class MeterBoard(Board):
    """A board that has the meter alone."""

    def __init__(self, meter: "Any") -> None:
        self._meter = meter

    def uart(self, name: str) -> "Any":
        """Return the meter, which is its own UART."""
        return self._meter

    def i2c(self) -> "Any":
        """Return the bus with the chip."""
        return self._meter.chip

    def pulses(self, name: str) -> "Any":
        """Return the counter of pulses."""
        return self._meter


class SharedLine(Line):
    """A line that a second master uses without regard: it repeats earlier questions.

    While one of both talks, the other one's bytes and its own are noise, and nobody understands a
    request. The first master hears everything that the second one says alone, and its answers.
    """

    def __init__(self, baud: int, turnaround_ms: int, random: Random, mean_ms: int) -> None:
        super().__init__(baud, turnaround_ms)
        self.meter: Any = None
        self._random = random
        self._mean_ms = mean_ms
        self._next_ms = 0
        self._busy_ms = 0
        self._requests: list[bytes] = []
        self.collisions = 0

    def carry(self, request: bytes, answer: bytes, now_ms: int) -> None:
        """Carry a request of the first master, unless the second one talks."""
        if request not in self._requests:
            self._requests.append(request)
        if now_ms < self._busy_ms:
            self._collide(request, now_ms)
            return
        super().carry(request, answer, now_ms)
        self._take_line(request, answer, now_ms)

    def take(self, most: int, now_ms: int) -> bytes:
        """Return the bytes that have arrived; the second master talks now and then."""
        if now_ms >= self._next_ms and self._requests:
            self._next_ms = now_ms + self._mean_ms // 2 + self._random.below(self._mean_ms)
            request = self._requests[self._random.below(len(self._requests))]
            if now_ms < self._busy_ms:
                self._collide(request, now_ms)
            else:
                answer = self.meter.answer(request)
                self._put(now_ms, request)
                super().carry(request, answer, now_ms)
                self._take_line(request, answer, now_ms)
        return super().take(most, now_ms)

    def _take_line(self, request: bytes, answer: bytes, now_ms: int) -> None:
        size = len(request) + len(answer)
        self._busy_ms = now_ms + self.duration_ms(size) + self.turnaround_ms

    def _collide(self, request: bytes, now_ms: int) -> None:
        self.collisions += 1
        noise = bytes([byte & self._random.below(256) for byte in request])
        self._flying = [(at, bytes([byte & 0x5A for byte in data])) for at, data in self._flying]
        self._put(now_ms, noise)
        self._busy_ms = max(self._busy_ms, now_ms + self.duration_ms(len(request)))


class World:
    """A meter on its line, the counter that reads it, and the energy that truly flows.

    The contactor opens 100 ms after a doubt, as a pole's would, if `obeys`.
    """

    def __init__(self, meter: "Any", config: "dict[str, Any]", max_power_mw: int) -> None:
        self.meter = meter
        self.config = check_meter(config)
        self.counter = open_meter(self.config, MeterBoard(meter), max_power_mw)
        self.now_ms = START_MS
        self.power_mw = 0
        self.flowed = 0  # mW ms
        self.obeys = False
        self.reasons: set[int] = set()
        self._doubted_ms = 0

    def run(self, ms: int, until: "Callable[[], Any] | None" = None) -> "int | None":
        """Let time pass; return the time until `until()` was true, or None."""
        for past_ms in range(0, ms, STEP_MS):
            power_mw = self.power_mw
            if self.obeys and self.counter.reason:
                self._doubted_ms += STEP_MS
                if self._doubted_ms > 100:
                    power_mw = 0
            else:
                self._doubted_ms = 0
            self.meter.advance(power_mw, STEP_MS)
            self.flowed += power_mw * STEP_MS
            self.now_ms = ticks_add(self.now_ms, STEP_MS)
            closed = not self.obeys or not self.counter.reason
            self.counter.advance(closed, self.now_ms)
            self.reasons.add(self.counter.reason)
            if until is not None and until():
                return past_ms
        return None

    def start(self) -> None:
        """Run without power until the meter is trusted."""
        assert self.run(30_000, lambda: not self.counter.reason) is not None, "is never trusted"
        self.run(_SETTLE_MS)
        self.reasons.clear()

    def figure(self, which: int) -> "int | None":
        """Return a figure of the newest reading."""
        return self.counter.driver.figure(which)

    def error_mwh(self) -> int:
        """Return by how much the counter's energy exceeds the true one."""
        return self.counter.total_mwh - self.flowed // MS_PER_HOUR

    def late_mwh(self) -> int:
        """Return how far the total may be off: the figures are old, and a step may be open."""
        late_ms = 3 * self.counter.refresh_ms + 2 * self.counter.reading_ms + 600
        return energy_from_power(abs(self.power_mw), late_ms) + 2 * self.counter.step_mwh


class Bench:
    """Makes meters of one model for the checks.

    Args:
        model: a name of the table of drivers.
        make_meter: makes a Modbus meter; called as testkit.meter.Meter.
    """

    def __init__(self, model: str, make_meter: "Callable[..., Any]" = Meter) -> None:
        self.model = model
        self.is_modbus = model in MAPS
        self.power_mw = _DESK_W.get(model, _POWER_W) * 1_000
        self.max_power_mw = self.power_mw * 3 // 2
        self.traits = check_meter({"model": model})
        names = [figure[0] for figure in MAPS[model][5]] if self.is_modbus else []
        self.has_sign = model == "ina228" or "export" in names
        self.names = names
        self._make_meter = make_meter

    def line(self) -> Line:
        """Return a line at the speed that the maker sets."""
        return Line(self.traits.baud, TURNAROUND_MS)

    def world(self, line: "Line | None" = None, **meter: "Any") -> World:
        """Return a world with a new meter; `meter` are arguments of the Modbus meter."""
        if self.model == "ina228":
            made: Any = ChipMeter()
        elif self.model == "s0":
            made = PulseMeter()
        else:
            made = self._make_meter(
                model=self.model,
                start_mwh=5_000_000,
                step_mwh=self.traits.step_mwh,
                refresh_ms=self.traits.refresh_ms,
                line=line or self.line(),
                **meter,
            )
        return World(made, {"model": self.model}, self.max_power_mw)


def check_figures(bench: Bench) -> None:
    """Every figure of the maker's list arrives in its unit, the signs included."""
    world = bench.world()
    world.start()
    world.power_mw = bench.power_mw
    world.run(20_000)
    assert not world.counter.reason, reason_name(world.counter.reason)
    if bench.model == "s0":
        assert abs((world.figure(POWER) or 0) - bench.power_mw) < bench.power_mw // 20
        assert world.figure(VOLTAGE) is None and world.figure(EXPORT) is None
        return
    voltage_mv = world.figure(VOLTAGE) or 0
    expected = {"V": (VOLTAGE, 230_500, 600), "Hz": (FREQUENCY, 50_000, 0)}
    if bench.model == "ina228":
        expected = {"V": (VOLTAGE, 12_000, 1)}
    names = bench.names or ["V", "A", "W", "import", "export"]
    expected["A"] = (CURRENT, bench.power_mw * 1_000 // (voltage_mv or 1), 200)
    expected["W"] = (POWER, bench.power_mw, bench.power_mw // 1_000)
    expected["import"] = (
        IMPORT,
        world.meter.start_mwh + world.flowed // MS_PER_HOUR,
        world.late_mwh(),
    )
    expected["export"] = (EXPORT, 0, 0)
    for name, (which, value, tolerance) in expected.items():
        found = world.figure(which)
        if name in names:
            assert found is not None and abs(found - value) <= tolerance, (name, found, value)
        else:
            assert found is None, (name, found)
    if "export" in names:
        world.power_mw = -bench.power_mw
        world.run(200_000)
        back_mwh = energy_from_power(bench.power_mw, 200_000)
        found = world.figure(EXPORT) or 0
        assert abs(found - back_mwh) <= world.late_mwh(), (found, back_mwh)
        power_mw = world.figure(POWER) or 0
        assert abs(power_mw + bench.power_mw) <= bench.power_mw // 1_000, power_mw


def check_charging(bench: Bench) -> None:
    """A charge is counted to the step and the age of the figures, and no answer is lost."""
    for turnaround_ms in (5, TURNAROUND_MS, max(bench.traits.turnaround_ms - 20, 5)):
        world = bench.world(Line(bench.traits.baud, turnaround_ms))
        world.start()
        for part in (1, 3, 0, 1):
            world.power_mw = bench.power_mw // part if part else 0
            world.run(15_000)
        world.power_mw = bench.power_mw
        assert world.reasons == {0}, [reason_name(code) for code in world.reasons]
        assert abs(world.error_mwh()) <= world.late_mwh(), world.error_mwh()
        driver = world.counter.driver
        assert (driver.bad_answers, driver.skipped_bytes) == (0, 0)


def check_wired_backwards(bench: Bench) -> None:
    """A meter that is wired backwards is noticed, if it knows a direction at all."""
    if not bench.has_sign:
        return
    world = bench.world()
    world.meter.set_fault("reversed")
    world.start()
    world.power_mw = bench.power_mw
    found_ms = world.run(20_000, lambda: world.counter.reason)
    assert found_ms is not None and world.counter.reason == METER_BACKWARD
    # A second of the maximum power, and the age of the figures.
    most_ms = 1_500 + 2 * world.config.refresh_ms + 2 * world.config.reading_ms + 600
    assert found_ms <= most_ms, found_ms


def check_silent_line(bench: Bench) -> None:
    """Silence is noticed within the timeout, and a meter that comes back is trusted again."""
    if bench.model == "s0":
        return
    world = bench.world()
    world.start()
    world.power_mw = bench.power_mw
    world.run(5_000)
    assert world.reasons == {0}
    world.meter.set_fault("silent")
    world.obeys = True
    found_ms = world.run(60_000, lambda: world.counter.reason)
    assert found_ms is not None and found_ms <= world.config.timeout_ms + STEP_MS, found_ms
    # Bytes of a reading that was under way count as a bad line, but not for long.
    world.run(world.config.timeout_ms)
    assert world.counter.reason == METER_SILENT, reason_name(world.counter.reason)
    world.meter.set_fault("")
    assert world.run(40_000, lambda: not world.counter.reason) is not None, "is lost for ever"


def check_garbled_line(bench: Bench) -> None:
    """Damaged answers are no readings; a few of them cost nothing."""
    if not bench.is_modbus:
        return
    random = Random(11)

    def damage(frame: bytes) -> bytes:
        at = random.below(8 * len(frame))
        copy = bytearray(frame)
        copy[at >> 3] ^= 1 << (at & 7)
        return bytes(copy)

    world = bench.world(damage=damage)
    world.start()
    world.power_mw = bench.power_mw
    world.meter.set_fault("damaged")
    world.obeys = True
    found_ms = world.run(30_000, lambda: world.counter.reason)
    assert found_ms is not None and world.counter.reason == METER_STALE
    assert world.counter.driver.bad_answers > 0
    world.meter.set_fault("")
    assert world.run(40_000, lambda: not world.counter.reason) is not None
    assert abs(world.error_mwh()) <= world.late_mwh() + world.counter.before_mwh


def check_echoes(bench: Bench) -> None:
    """Echoes and stray bytes around answers cost nothing."""
    if not bench.is_modbus:
        return
    baud = bench.traits.baud
    for line in (
        Line(baud, TURNAROUND_MS, echoes=True),
        Line(baud, TURNAROUND_MS, echoes=True, before=b"\xff\0", behind=b"\0"),
    ):
        world = bench.world(line)
        world.start()
        world.power_mw = bench.power_mw
        world.run(10_000)
        assert world.reasons == {0}, [reason_name(code) for code in world.reasons]
        assert world.counter.driver.bad_answers == 0
        assert abs(world.error_mwh()) <= world.late_mwh()


def check_exceptions(bench: Bench) -> None:
    """A meter that refuses requests gives no reading, and is trusted again when it answers."""
    if not bench.is_modbus:
        return
    world = bench.world()
    world.start()
    world.power_mw = bench.power_mw
    world.obeys = True
    world.meter.exception = _MODBUS_BUSY
    assert world.run(30_000, lambda: world.counter.reason) is not None
    assert world.counter.reason == METER_STALE and world.counter.driver.bad_answers > 0
    world.meter.exception = 0
    assert world.run(40_000, lambda: not world.counter.reason) is not None
    assert world.run(5_000, lambda: world.counter.reason) is None


def check_wrong_unit(bench: Bench) -> None:
    """A meter at another address never answers for this one."""
    if not bench.is_modbus:
        return
    world = bench.world(unit=7)
    world.run(30_000)
    assert world.reasons == {METER_SILENT}
    assert world.counter.driver.heard_ms is None and world.counter.total_mwh == 0


def check_senseless_figures(bench: Bench) -> None:
    """Figures that no installation has are no reading, and have a reason of their own."""
    if not bench.is_modbus:
        return
    world = bench.world()
    world.start()
    world.meter.set_fault("absurd")
    if not bench.has_sign:
        # The largest value of its registers: 4 GW.
        world.meter.set_fault("nan")
    assert world.run(30_000, lambda: world.counter.reason) is not None
    assert world.counter.reason == METER_OUT_OF_RANGE, reason_name(world.counter.reason)
    world.meter.set_fault("")
    assert world.run(40_000, lambda: not world.counter.reason) is not None


def check_asked_too_soon(bench: Bench) -> None:
    """The driver never asks sooner than its row says, so that no meter starts anew."""
    if not bench.is_modbus:
        return
    world = bench.world(least_gap_ms=bench.traits.pause_ms)
    world.start()
    world.power_mw = bench.power_mw
    world.run(30_000)
    assert world.meter.restarts == 0 and world.reasons == {0}


def check_restart(bench: Bench) -> None:
    """A meter that starts anew, and shows 0 at first, is doubted and goes on, with all energy."""
    if not bench.is_modbus:
        return
    # It wants more time than its row says.
    world = bench.world()
    world.start()
    world.power_mw = bench.power_mw
    world.obeys = True
    world.run(5_000)
    world.meter.least_gap_ms = 60_000
    world.run(world.config.reading_ms + world.config.interval_ms + 200)
    world.meter.least_gap_ms = 0
    assert world.meter.restarts > 0
    assert world.run(10_000, lambda: world.counter.reason) is not None
    assert world.run(60_000, lambda: not world.counter.reason) is not None
    world.run(10_000)
    assert abs(world.error_mwh()) <= 2 * world.late_mwh() + world.counter.before_mwh


def check_two_masters(bench: Bench) -> None:
    """A second master on the line costs readings and trust, and never a wrong watt-hour."""
    if not bench.is_modbus:
        return
    for seed, mean_ms in ((1, 1_000), (2, 300), (3, 5_000)):
        line = SharedLine(bench.traits.baud, TURNAROUND_MS, Random(seed), mean_ms)
        world = bench.world(line)
        line.meter = world.meter
        world.obeys = True
        world.power_mw = bench.power_mw
        world.run(90_000)
        assert line.collisions > 0
        driver = world.counter.driver
        assert driver.bad_answers + driver.skipped_bytes > 0
        assert abs(world.error_mwh()) <= 2 * world.late_mwh() + world.counter.before_mwh, (
            world.error_mwh(),
            world.late_mwh(),
        )
        wrong = {reason_name(code) for code in world.reasons} & {
            "METER_JUMP",
            "METER_BACKWARD",
            "METER_OUT_OF_RANGE",
        }
        assert not wrong, wrong


CHECKS = (
    check_figures,
    check_charging,
    check_wired_backwards,
    check_silent_line,
    check_garbled_line,
    check_echoes,
    check_exceptions,
    check_wrong_unit,
    check_senseless_figures,
    check_asked_too_soon,
    check_restart,
    check_two_masters,
)


def check_model(model: str, make_meter: "Callable[..., Any]" = Meter) -> None:
    """Run all checks of a model. Raises AssertionError, which names the check."""
    for check in CHECKS:
        try:
            check(Bench(model, make_meter))
        except AssertionError as error:
            raise AssertionError("%s %s: %s" % (model, check.__name__, error))
