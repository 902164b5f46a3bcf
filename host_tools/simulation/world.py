"""A world: one pole, some vehicles, a plant and a cable, in virtual time.

The firmwares are the boards' own: assembled by their main.py, run by their supervisor.
"""

from collections.abc import Callable
from random import Random
from typing import Any

from joulestream import messages
from joulestream.channel import Certificate
from joulestream.device.journal import Journal
from joulestream.device.payee_records import PayeeRecords
from joulestream.framing import Decoder
from joulestream.host_tools.simulation.events import Events
from joulestream.host_tools.simulation.history import History
from joulestream.host_tools.simulation.parts import (
    HOLD_MS,
    Board,
    FlashRandom,
    LinkUart,
    Wire,
    damaging,
)
from joulestream.host_tools.simulation.plan import CALM_MS, START_S, VEHICLES, Plan
from joulestream.host_tools.simulation.setup import (
    SIGNERS,
    VEHICLE_NAMES,
    certificate_pair,
    pole_configuration,
    power_profile,
    vehicle_configuration,
)
from joulestream.pole import main as pole_main
from joulestream.runtime.supervisor import Supervisor
from joulestream.signing import TABLE_SIZE
from joulestream.testkit.flash import NorFlash, PowerCut
from joulestream.testkit.meter import Meter
from joulestream.vehicle import main as vehicle_main

_BLOCK_SIZE = 2_048


class Side:
    """A firmware on its board, which may be without power. The pole's `number` is None."""

    def __init__(self, board: Board, number: int | None, make: Callable[[], Any]) -> None:
        self.name = board.name
        self.board = board
        self.number = number
        self.make = make
        self.supervisor: Supervisor | None = None
        self.off_until_ms = 0
        self.stalled_until_ms = 0
        self.boots = 0

    @property
    def loop(self) -> Any:
        """The running PoleLoop or VehicleLoop; None without power or between two of them."""
        return self.supervisor.loop if self.supervisor else None

    def why(self) -> str:
        """Return the state of the firmware and its reason, in a word or two."""
        if self.supervisor is None:
            return "OFF"
        status = self.supervisor.status()
        return status.get("last_stop") or status.get("why") or status["last_fault"]

    @property
    def is_at_rest(self) -> bool:
        """Whether it runs, and no session is open."""
        return self.loop is not None and self.loop.is_at_rest()


class World:
    """One pole, some vehicles, a plant and a cable, as a plan decides, up to the time `now_ms`.

    `keep` are the numbers of the plan's events that happen, all of them by default; `watch` is
    told of every frame and called after every step (see invariants.py). `flash` makes a board's
    flash.
    """

    def __init__(
        self,
        plan: Plan,
        watch: Any,
        keep: frozenset[int] | None = None,
        flash: Callable[..., NorFlash] = NorFlash,
    ) -> None:
        self.plan = plan
        self.figures = plan.figures
        self.now_ms = 0
        self._history = History()
        self.wire = Wire()
        self.packets = 0
        self.sessions = 0
        self.plugged: int | None = 0
        self.contact_closed = False
        self._contact_wanted = False
        self._contact_at_ms = 0
        kept = [
            event for number, event in enumerate(plan.events) if keep is None or number in keep
        ]
        self._events = Events(self, kept)
        self._decoders = {name: Decoder(self._reader(name)) for name in ("pole", *VEHICLE_NAMES)}
        self._power = power_profile(plan, Random(plan.seed ^ 0x5EED))
        self.pole_config = pole_configuration(plan.figures)
        self.certificates = [certificate_pair(plan, number) for number in range(VEHICLES)]
        self.watch = watch
        self._flash = flash
        self.pole = self._pole()
        self.vehicles = [self._vehicle(number) for number in range(VEHICLES)]
        watch.begin(self)
        self._boot(self.pole)
        for side in self.vehicles:
            self._boot(side)

    # Its parts

    def _board(self, name: str, number: int) -> Board:
        figures = self.figures
        rng = Random(f"{self.plan.seed} {name}")

        def send(frame: bytes) -> None:
            self._sent(name, frame)

        return Board(
            name,
            LinkUart(send),
            Meter(
                figures["registers_mwh"][number],
                figures["register_step_mwh"],
                figures["gains_ppm"][number],
                damage=damaging(rng),
            ),
            self._flash(figures["blocks"], _BLOCK_SIZE, FlashRandom(rng)),
            figures["starts_ms"][number],
            figures["drifts_ppm"][number],
            rng,
        )

    def _pole(self) -> Side:
        board = self._board("pole", 0)
        table = bytearray(TABLE_SIZE)

        def make() -> Any:
            return pole_main.assemble(self.pole_config, board, SIGNERS["pole"], table)

        return self._side_of(board, None, make)

    def _vehicle(self, number: int) -> Side:
        name = VEHICLE_NAMES[number]
        board = self._board(name, number + 1)
        config = vehicle_configuration(self.figures, number)

        def load() -> list[Certificate]:
            first, renewed = self.certificates[number]
            after_s = self.figures["renewed_s"]
            is_renewed = after_s and self.now_ms >= 1_000 * after_s
            return [first, renewed] if is_renewed else [first]

        def make() -> Any:
            return vehicle_main.assemble(config, board, SIGNERS[name], load)

        return self._side_of(board, number, make)

    def _side_of(self, board: Board, number: int | None, make: Callable[[], Any]) -> Side:
        side = Side(board, number, make)
        board.flash.may_erase = lambda: self.watch.may_erase(self, side)
        return side

    # Time

    def run(self) -> None:
        """Let it all happen, and then the calm at the end."""
        while self.now_ms < self.plan.length_ms:
            self.step()
        self._calm()
        paid = self.packets
        while self.now_ms < self.plan.length_ms + CALM_MS:
            self.step()
        self.watch.end(self, self.packets - paid)

    def step(self) -> None:
        """Let one step of time pass."""
        self.now_ms += self.plan.step_ms
        self._events.apply()
        self._flow()
        self._deliver()
        self._run(self.pole)
        self._follow_contactor()
        for number, side in enumerate(self.vehicles):
            # A parked vehicle need not be looked at, once it knows that it is unplugged.
            if number == self.plugged or side.board.is_plugged or not side.is_at_rest:
                self._run(side)
        self.watch.after_step(self)

    def note(self, speaker: str, said: Any) -> None:
        """Write a line of history."""
        self._history.add(self.now_ms, speaker, said)

    def _flow(self) -> None:
        elapsed_ms = self.plan.step_ms
        vehicle = None if self.plugged is None else self.vehicles[self.plugged]
        power_mw = 0
        if self.contact_closed and vehicle is not None:
            power_mw = self._power[self.now_ms // 1_000]
        self.pole.board.meter.advance(power_mw, elapsed_ms)
        if vehicle is not None:
            vehicle.board.meter.advance(power_mw, elapsed_ms)
        if self._contact_wanted != self.contact_closed and self.now_ms >= self._contact_at_ms:
            self.contact_closed = self._contact_wanted

    def _follow_contactor(self) -> None:
        board = self.pole.board
        if board.contactor_closed and self.now_ms - board.contactor_told_ms > HOLD_MS:
            board.contactor_closed = False
        closed = board.contactor_closed
        if closed != self._contact_wanted:
            self._contact_wanted = closed
            self._contact_at_ms = self.now_ms + self.figures["contactor_delay_ms"]
            self.note("contactor", "closes" if closed else "opens")

    def _deliver(self) -> None:
        for sender, data in self.wire.arrived(self.now_ms):
            if sender != "pole":
                self._put(self.pole, data)
            elif self.plugged is not None:
                self._put(self.vehicles[self.plugged], data)

    def _put(self, side: Side, data: bytes) -> None:
        if side.supervisor is not None:
            side.board.link.put(data)

    def _sent(self, sender: str, frame: bytes) -> None:
        """A firmware writes a frame: it must be in order, then it goes on the wire."""
        self._decoders[sender].feed(bytearray(frame), len(frame))
        if self.plugged is not None and sender in ("pole", VEHICLE_NAMES[self.plugged]):
            self.wire.send(sender, frame, self.now_ms)

    def _reader(self, sender: str) -> Callable[[memoryview], None]:
        def read(payload: memoryview) -> None:
            message = messages.decode(bytes(payload))
            self.note(sender, message)
            self.watch.sent(self, sender, message)

        return read

    def _run(self, side: Side) -> None:
        if side.supervisor is None:
            if self.now_ms >= side.off_until_ms:
                self._boot(side)
            return
        if self.now_ms < side.stalled_until_ms:
            return
        board = side.board
        board.is_plugged = self.plugged is not None and side.number in (None, self.plugged)
        ticks = self._tell_time(side)
        try:
            faults = side.supervisor.faults
            side.supervisor.step(ticks)
            side.supervisor.idle()
            if side.supervisor.faults != faults:
                self.note(side.name, f"gave up: {side.supervisor.last_fault}")
                self.watch.gave_up(side, side.supervisor.last_fault)
        except PowerCut:
            self.cut_power(side, self.now_ms + 700)

    def _boot(self, side: Side) -> None:
        side.boots += 1
        board = side.board
        self._tell_time(side)
        self.note(side.name, "boots")
        try:
            side.supervisor = Supervisor(side.make, board)
        except PowerCut:
            self.cut_power(side, self.now_ms + 700)
            return
        except OSError as error:
            # main.py says why and ends; a board then starts it anew.
            self.note(side.name, f"does not start: {error}")
            side.off_until_ms = self.now_ms + 1_000
            return
        self.watch.booted(self, side)

    def _tell_time(self, side: Side) -> int:
        """Set the board's clocks; return its tick."""
        if side is self.pole:
            known = self._events.is_time_known
            side.board.unix_s = START_S + self.now_ms // 1_000 if known else None
        return side.board.set_time(self.now_ms)

    def cut_power(self, side: Side, until_ms: int) -> None:
        """Take a board's power away until the time `until_ms`."""
        self.note(side.name, "loses power")
        side.supervisor = None
        side.off_until_ms = until_ms
        side.board.contactor_closed = False
        side.board.link = side.board.link.restarted()
        side.board.flash.power_up()
        side.board.crash = False
        if side is self.pole:
            self._follow_contactor()

    # Disturbances

    def forget_events(self) -> None:
        """End all events, and let none begin any more."""
        self._events.forget()

    def unplug(self) -> None:
        """Pull the plug; frames on the wire are lost."""
        self.plugged = None
        self.wire.flying.clear()

    def plug(self, number: int) -> None:
        """Plug in the vehicle with that number."""
        self.plugged = number
        self.note("plug", VEHICLE_NAMES[number])

    def replug(self, number: int) -> None:
        """Pull the plug, let both sides see it, and plug in the vehicle with that number."""
        self.unplug()
        for _ in range(1_000 // self.plan.step_ms):
            self.step()
        self.plug(number)

    def _calm(self) -> None:
        """End all that goes wrong, and plug a vehicle in anew."""
        self.forget_events()
        for side in (self.pole, *self.vehicles):
            side.board.flash.cut_in = side.board.flash.fail_in = None
            side.board.meter.set_fault("")
            side.off_until_ms = side.stalled_until_ms = self.now_ms
            side.board.crash = False
        self.replug(self.plugged or 0)

    # Its results

    def why(self) -> str:
        """Return the states of both sides with their reasons."""
        sides = [self.pole]
        if self.plugged is not None:
            sides.append(self.vehicles[self.plugged])
        return ", ".join(f"{side.name} {side.why()}" for side in sides)

    def payee_records(self) -> PayeeRecords:
        """Return the records in the pole's flash, read by the host's code from a copy."""
        return PayeeRecords(Journal(self.pole.board.flash.image()), 1 << 10)

    def tell(self) -> list[str]:
        """Return the history's last lines, to be read by people."""
        return self._history.tell()
