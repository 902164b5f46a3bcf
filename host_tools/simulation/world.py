"""A simulated world: one pole, three vehicles, a cable and the energy through it.

The firmwares are the real ones: their main.py assembles them, their supervisor runs them. Time is
virtual and moves in steps. In each step the due faults begin or end, energy flows, frames arrive,
the firmwares run, the contact follows the contactor output, and the watch checks everything.
"""

from collections.abc import Callable
from random import Random
from typing import TYPE_CHECKING, Any

from joulestream import messages
from joulestream.channel import Certificate
from joulestream.device.journal import Journal
from joulestream.device.journal_keys import POLE, VEHICLE, key_count
from joulestream.device.payee_records import PayeeRecords
from joulestream.framing import Decoder
from joulestream.host_tools import wallet
from joulestream.host_tools.simulation.events import CLOCK_OFF_S, Events
from joulestream.host_tools.simulation.history import History
from joulestream.host_tools.simulation.parts import (
    HOLD_MS,
    Board,
    FlashRandom,
    LinkUart,
    Wire,
    damaging,
    meter_line,
)
from joulestream.host_tools.simulation.plan import CALM_MS, DAY_S, START_S, VEHICLES, Plan
from joulestream.host_tools.simulation.setup import (
    POLE_KEYS,
    SIGNERS,
    VEHICLE_NAMES,
    certificate_after_loss,
    certificate_pair,
    pole_configuration,
    power_profile,
    vehicle_configuration,
)
from joulestream.pole import main as pole_main
from joulestream.pole.restored import mark_restored
from joulestream.runtime.supervisor import Supervisor
from joulestream.signing import TABLE_SIZE
from joulestream.testkit.flash import NorFlash, PowerCut, mount
from joulestream.testkit.meter import Meter
from joulestream.vehicle import main as vehicle_main

if TYPE_CHECKING:
    from joulestream.host_tools.simulation.invariants import Invariants
    from joulestream.vehicle.config import VehicleConfig

POLE_NAME = "pole"
_BLOCK_SIZE = 2_048
# Keys that the copy of a pole's journal has room for: far more than four channels need.
_JOURNAL_KEYS = 1 << 10
# A board is off for so long after a power cut inside an operation of its flash.
_OFF_MS = 700
# A board tries again after so long when its firmware does not start.
_START_AGAIN_MS = 1_000
# What a peer that chatters sends: a short frame that no decoder takes.
_NOISE = b"\x03\x01\x00"
# Long enough for both firmwares to see that the plug is out.
_UNPLUGGED_MS = 1_000
# A vehicle is at home, or parked, so long after it was unplugged, with a socket of so much power.
_AT_HOME_AFTER_MS = 1_500
_HOME_MW = 7_000_000
# The longest pause of a vehicle that stays plugged in (vehicle/visit.py).
_LONGEST_PAUSE_MS = 600_000
# Steps in days without a vehicle.
_PARKED_STEP_MS = 900_000


class Side:
    """One firmware on its board.

    Attributes:
        name: the name of the board in the history.
        board: the board.
        number: the vehicle's number; None for the pole.
        supervisor: the running supervisor; None while the board has no power.
        off_until_ms: the time at which the power comes back.
        stalled_until_ms: the time until which the firmware does not run.
        starts: how often it was started.
        saved, saved_key: the copy of its flash that a person made, or None, and its key.
        restored: how often its flash was restored from a copy, or lost.
        home_mwh: the part of its meter's count that flowed at home.
        decided: the amount of the debts that its owner took on the pole's word.
    """

    def __init__(self, board: Board, number: int | None, assemble: Callable[[], Any]) -> None:
        self.name = board.name
        self.board = board
        self.number = number
        self.supervisor: Supervisor | None = None
        self.off_until_ms = 0
        self.stalled_until_ms = 0
        self.starts = 0
        self.saved: NorFlash | None = None
        self.saved_key = ""
        self.restored = 0
        self.home_mwh = 0
        self.decided = 0
        self._assemble = assemble

    def start(self) -> None:
        """Start the firmware. Raises PowerCut or OSError if its flash fails."""
        self.starts += 1
        self.supervisor = Supervisor(self._assemble, self.board)

    def copy_flash(self, key: str = "") -> None:
        """Keep a copy of the flash; `key` names the key that it belongs to."""
        self.saved = self.board.flash.image()
        self.saved_key = key

    @property
    def loop(self) -> Any:
        """The running PoleLoop or VehicleLoop; None without power or between two of them."""
        return self.supervisor.loop if self.supervisor else None

    def reason(self) -> str:
        """Return the reason for the firmware's state: a code, "OFF", or its last fault."""
        if self.supervisor is None:
            return "OFF"
        status = self.supervisor.status()
        return str(status.get("last_stop") or status.get("why") or status["last_fault"])

    @property
    def is_at_rest(self) -> bool:
        """Whether the firmware runs and has no open session."""
        loop = self.loop
        return loop is not None and loop.is_at_rest()


class World:
    """The state of a world, and one step of its time.

    Args:
        plan: the plan.
        watch: the checks; the world tells it each frame, start and step (invariants.py).
        keep: numbers of the plan's events that happen; None: all of them.
        make_flash: makes the flash of each board.

    Attributes:
        now_ms: virtual time since the start.
        pole, vehicles: the sides.
        vehicle_configs: the vehicles' configurations.
        meter_configs: the meters' sections: the pole's, then each vehicle's.
        wire: the cable between the pole and the plugged vehicle.
        plugged: the number of the vehicle that is plugged in; None while there is none.
        contact_closed: whether current can flow.
        contact_sticks: whether closed contacts do not open.
        sessions, packets: sessions that were opened and packets that were paid, counted by the
            watch.
    """

    def __init__(
        self,
        plan: Plan,
        watch: "Invariants",
        keep: frozenset[int] | None = None,
        make_flash: Callable[..., NorFlash] = NorFlash,
    ) -> None:
        self.plan = plan
        self.watch = watch
        self.now_ms = 0
        self.wire = Wire()
        self.packets = 0
        self.sessions = 0
        self.plugged: int | None = 0
        self.contact_closed = False
        self.contact_sticks = False
        self._contact_wanted = False
        self._contact_at_ms = 0
        self._history = History()
        self._events = Events(
            self,
            [event for number, event in enumerate(plan.events) if keep is None or number in keep],
        )
        self._decoders = {
            name: Decoder(self._observer(name)) for name in (POLE_NAME, *VEHICLE_NAMES)
        }
        # A generator of its own: the power does not depend on the number of events.
        self._power_mw = power_profile(plan, Random(plan.seed ^ 0x5EED))
        self.pole_config = pole_configuration(plan.parameters)
        self.vehicle_configs = [
            vehicle_configuration(plan.parameters, number) for number in range(VEHICLES)
        ]
        self.meter_configs = [self.pole_config.meter]
        for config in self.vehicle_configs:
            assert config.meter is not None
            self.meter_configs.append(config.meter)
        self.pole_key = POLE_KEYS[0]
        # Of each vehicle, for each key of the pole: the first certificate, and its renewal.
        self.certificates = [
            [certificate_pair(plan, number, key) for key in POLE_KEYS]
            for number in range(VEHICLES)
        ]
        self._make_flash = make_flash
        # The flash of the pole's key that is not in use.
        self._other_flash: NorFlash | None = None
        # Since when each vehicle is unplugged, and when it charged at home last; at the beginning
        # a long time before the start.
        self._unplugged_ms = [-_AT_HOME_AFTER_MS] * VEHICLES
        self._awake_ms = [-_AT_HOME_AFTER_MS] * VEHICLES
        self.pole = self._make_pole()
        self.vehicles = [
            self._make_vehicle(number, config)
            for number, config in enumerate(self.vehicle_configs)
        ]
        watch.begin(self)
        for side in self.sides():
            self._boot(side)

    @property
    def unix_s(self) -> int:
        """The true time, in s of unix time."""
        return START_S + self.now_ms // 1_000

    def sides(self) -> list[Side]:
        """Return the pole and all vehicles."""
        return [self.pole, *self.vehicles]

    # The sides

    def _make_board(self, name: str, number: int) -> Board:
        parameters = self.plan.parameters
        kind = parameters.meters[number]
        rng = Random(f"{self.plan.seed} {name}")

        def send(frame: bytes) -> None:
            self._send_frame(name, frame)

        return Board(
            name,
            LinkUart(send),
            Meter(
                parameters.registers_mwh[number],
                kind.step_mwh,
                parameters.gains_ppm[number],
                damage=damaging(rng),
                refresh_ms=kind.refresh_ms,
                line=meter_line(kind),
                smooth_ms=kind.smooth_ms,
                lag_ms=kind.lag_ms,
            ),
            self._make_flash(parameters.blocks, _BLOCK_SIZE, FlashRandom(rng)),
            parameters.starts_ms[number],
            parameters.drifts_ppm[number],
            rng,
        )

    def _make_pole(self) -> Side:
        board = self._make_board(POLE_NAME, 0)
        table = bytearray(TABLE_SIZE)

        def assemble() -> Any:
            return pole_main.assemble(self.pole_config, board, SIGNERS[self.pole_key], table)

        return self._watched_side(board, None, assemble)

    def _make_vehicle(self, number: int, config: "VehicleConfig") -> Side:
        name = VEHICLE_NAMES[number]
        board = self._make_board(name, number + 1)

        def load() -> list[Certificate]:
            after_s = self.plan.parameters.renewed_s
            is_renewed = after_s and self.now_ms >= 1_000 * after_s
            return [
                certificate
                for pair in self.certificates[number]
                for certificate in (pair if is_renewed else pair[:1])
            ]

        def assemble() -> Any:
            return vehicle_main.assemble(config, board, SIGNERS[name], load)

        return self._watched_side(board, number, assemble)

    def _watched_side(self, board: Board, number: int | None, assemble: Callable[[], Any]) -> Side:
        side = Side(board, number, assemble)
        self._fit(side, board.flash)
        return side

    def _fit(self, side: Side, flash: NorFlash) -> None:
        """Give a side its flash."""
        side.board.flash = flash
        flash.may_erase = lambda: self.watch.may_erase(self, side)

    def _new_flash(self, name: str) -> NorFlash:
        rng = FlashRandom(Random(f"{self.plan.seed} {name} {self.now_ms}"))
        return self._make_flash(self.plan.parameters.blocks, _BLOCK_SIZE, rng)

    # Time

    def run(self) -> None:
        """Play the plan to its end, then the calm, in which charging must work."""
        # Both keys of the pole are as old as the world.
        for _ in POLE_KEYS:
            self.rekey()
            self._run(self.pole)
            self._run(self.pole)
        while self.now_ms < self.plan.length_ms:
            self.step()
        if self.plan.parameters.parked_days:
            self._park()
        calm_from_ms = self._begin_calm()
        packets = self.packets
        while self.now_ms < calm_from_ms + CALM_MS:
            self.step()
        self.watch.end(self, self.packets - packets)

    def _park(self) -> None:
        """Let days pass, in long steps, while no vehicle is plugged in."""
        self.forget_events()
        self._unplug_and_wait()
        for _ in range(self.plan.parameters.parked_days * DAY_S * 1_000 // _PARKED_STEP_MS):
            self.now_ms += _PARKED_STEP_MS
            for side in self.sides():
                side.board.meter.advance(0, _PARKED_STEP_MS)
                self._run(side)
            self._follow_contactor()

    def step(self) -> None:
        """Let one step of time pass."""
        self.now_ms += self.plan.step_ms
        self._events.apply()
        self._advance_meters()
        self._deliver_frames()
        self._run(self.pole)
        self._follow_contactor()
        for number, side in enumerate(self.vehicles):
            # A vehicle that is parked and knows it does nothing: its steps are left out.
            is_parked = number != self.plugged and not side.board.is_plugged
            if not is_parked or not side.is_at_rest or self._is_awake(number):
                self._run(side)
        self.watch.after_step(self)

    def _is_awake(self, number: int) -> bool:
        """Return whether a parked vehicle has something to do: it was unplugged, or charged."""
        if self._events.is_at_home(number):
            self._awake_ms[number] = self.now_ms
        since_ms = max(self._awake_ms[number], self._unplugged_ms[number])
        return self.now_ms - since_ms < 2 * _AT_HOME_AFTER_MS

    def note(self, speaker: str, said: object) -> None:
        """Add a line to the history: a message or a text."""
        self._history.add(self.now_ms, speaker, said)

    def _advance_meters(self) -> None:
        """Let energy flow through the contact as it was, then move the contact if it is time."""
        elapsed_ms = self.plan.step_ms
        vehicle = None if self.plugged is None else self.vehicles[self.plugged]
        power_mw = 0
        board = self.pole.board
        since_ms = board.paused_ms
        pause_ms = self.plan.parameters.pause_ms
        board.is_paused = since_ms is not None and self.now_ms - since_ms >= pause_ms
        if self.contact_closed and vehicle is not None and not board.is_paused:
            power_mw = self._power_mw[self.now_ms // 1_000 % len(self._power_mw)]
        self.pole.board.meter.advance(power_mw, elapsed_ms)
        if vehicle is not None:
            vehicle.board.meter.advance(power_mw, elapsed_ms)
        if self.contact_sticks and power_mw and not self._contact_wanted:
            self.watch.flowed_welded(power_mw * elapsed_ms, self.pole.loop is not None)
        for number, side in enumerate(self.vehicles):
            if number != self.plugged:
                self._charge_at_home(number, side, elapsed_ms)
        if self._contact_wanted != self.contact_closed and self.now_ms >= self._contact_at_ms:
            self.contact_closed = self._contact_wanted or self.contact_sticks

    def _charge_at_home(self, number: int, side: Side, elapsed_ms: int) -> None:
        meter = side.board.meter
        before_mwh = meter.energy_mwh
        is_there = self.now_ms - self._unplugged_ms[number] >= _AT_HOME_AFTER_MS
        is_charging = is_there and self._events.is_at_home(number)
        meter.advance(_HOME_MW if is_charging else 0, elapsed_ms)
        side.home_mwh += meter.energy_mwh - before_mwh

    def _follow_contactor(self) -> None:
        """Open the one-shot driver in time; let the contact follow the output after its delay."""
        board = self.pole.board
        if board.contactor_closed and self.now_ms - board.contactor_told_ms > HOLD_MS:
            board.contactor_closed = False
        closed = board.contactor_closed
        if closed != self._contact_wanted:
            self._contact_wanted = closed
            self._contact_at_ms = self.now_ms + self.plan.parameters.contactor_delay_ms
            self.note("contactor", "closes" if closed else "opens")
            if not closed and self.contact_closed:
                self.watch.opened(self)

    # Frames

    def _deliver_frames(self) -> None:
        for sender, data in self.wire.take_arrived(self.now_ms):
            if sender != POLE_NAME:
                self._receive(self.pole, data)
            elif self.plugged is not None:
                self._receive(self.vehicles[self.plugged], data)

    def _receive(self, side: Side, data: bytes) -> None:
        if side.supervisor is not None:
            side.board.link.put(data)

    def _send_frame(self, sender: str, frame: bytes) -> None:
        """Check a frame of a firmware, then put it on the wire if its sender is plugged in."""
        self._decoders[sender].feed(bytearray(frame), len(frame))
        if self.plugged is not None and sender in (POLE_NAME, VEHICLE_NAMES[self.plugged]):
            self.wire.send(sender, frame, self.now_ms)

    def _observer(self, sender: str) -> Callable[[memoryview], None]:
        """Return a function that notes each payload of `sender` and shows it to the watch."""

        def observe(payload: memoryview) -> None:
            message = messages.decode(bytes(payload))
            self.note(sender, message)
            self.watch.sent(self, sender, message)

        return observe

    # Firmwares

    def _run(self, side: Side) -> None:
        """Run one step of a firmware, or start it if its power is back."""
        if side.supervisor is None:
            if self.now_ms >= side.off_until_ms:
                self._boot(side)
            return
        if self.now_ms < side.stalled_until_ms:
            return
        board = side.board
        board.is_plugged = self.plugged is not None and side.number in (None, self.plugged)
        board.hears_chatter = self.wire.chatters and board.is_plugged
        if board.hears_chatter:
            board.link.put(_NOISE)
        ticks = self._set_clocks(side)
        try:
            faults = side.supervisor.faults
            side.supervisor.step(ticks)
            side.supervisor.idle(board.wait(0))
            if side.supervisor.faults != faults:
                self.note(side.name, f"gave up: {side.supervisor.last_fault}")
                self.watch.gave_up(side, str(side.supervisor.last_fault))
        except PowerCut:
            self.cut_power(side, self.now_ms + _OFF_MS)

    def _boot(self, side: Side) -> None:
        self._set_clocks(side)
        self.note(side.name, "boots")
        try:
            side.start()
        except PowerCut:
            self.cut_power(side, self.now_ms + _OFF_MS)
            return
        except OSError as error:
            # On a board main.py prints the reason and ends, and the board starts it again.
            self.note(side.name, f"does not start: {error}")
            side.off_until_ms = self.now_ms + _START_AGAIN_MS
            return
        if side.loop is not None:  # None: its first start is tried again
            self.watch.booted(self, side)

    def _set_clocks(self, side: Side) -> int:
        """Set the board's clocks; return its tick."""
        if side is self.pole:
            side.board.unix_s, side.board.quality = self._events.pole_clock()
        return side.board.set_time(self.now_ms)

    def cut_power(self, side: Side, until_ms: int) -> None:
        """Take a board's power away until the time `until_ms`."""
        self.note(side.name, "loses power")
        side.supervisor = None
        side.off_until_ms = until_ms
        side.board.contactor_closed = False
        side.board.paused_ms = None
        side.board.link = side.board.link.restarted()
        # Half a frame that the UART took before is no part of the next one.
        self._decoders[side.name].feed(bytearray(1), 1)
        side.board.flash.power_up()
        side.board.crash = False
        if side is self.pole:
            self._follow_contactor()

    # The cable

    def unplug(self) -> None:
        """Pull the plug; frames on the wire are lost."""
        if self.plugged is not None:
            self._unplugged_ms[self.plugged] = self.now_ms
        self.plugged = None
        self.wire.flying.clear()

    def plug(self, number: int) -> None:
        """Plug in the vehicle with that number."""
        if self.plugged is not None:
            self.unplug()
        self.plugged = number
        self.note("plug", VEHICLE_NAMES[number])

    def replug(self, number: int) -> None:
        """Pull the plug, let both sides see it, and plug in the vehicle with that number."""
        self._unplug_and_wait()
        self.plug(number)

    def _unplug_and_wait(self) -> None:
        self.unplug()
        for _ in range(_UNPLUGGED_MS // self.plan.step_ms):
            self.step()

    # The contactor

    def repair_contactor(self) -> None:
        """Let the contacts open again. A person names the alarm and starts the pole anew."""
        self.contact_sticks = False
        alarm = self.pole.loop.status()["contactor_alarm"] if self.pole.loop else None
        if alarm:
            self.pole_config.contactor_checked = alarm
            self.cut_power(self.pole, self.now_ms + _OFF_MS)

    # Keys and copies

    def rekey(self) -> None:
        """Start the pole with its other key, if it has no open session."""
        side = self.pole
        if not side.is_at_rest or self.contact_closed or side.loop.status()["contactor_alarm"]:
            return
        self.cut_power(side, self.now_ms)
        self.pole_key = POLE_KEYS[1 - POLE_KEYS.index(self.pole_key)]
        flash, self._other_flash = self._other_flash, side.board.flash
        self._fit(side, flash or self._new_flash(self.pole_key))
        self.note(side.name, f"has the key '{self.pole_key}'")

    def restore(self, side: Side) -> None:
        """Start a vehicle with the copy of its flash; without a copy, with an empty flash."""
        self.cut_power(side, self.now_ms)
        side.restored += 1
        self._fit(side, self._saved_flash(side))

    def _saved_flash(self, side: Side) -> NorFlash:
        """Return a new flash with the content of the side's copy, if there is one."""
        flash = self._new_flash(side.name)
        if side.saved is not None:
            for block, content in enumerate(side.saved.data):
                flash.data[block][:] = content
        self.note(side.name, "has an old flash" if side.saved else "has an empty flash")
        return flash

    def restore_pole(self, collects: bool) -> None:
        """Start the pole with the copy of its flash, or with an empty one, if nobody charges.

        Its operator marks the copy, and the vehicles get new certificates.

        Args:
            collects: whether the ledger pays all claims before. The certificates say so.
        """
        side = self.pole
        if not side.is_at_rest or self.contact_closed or side.loop.status()["contactor_alarm"]:
            return
        if side.saved is not None and side.saved_key != self.pole_key:
            return  # the copy is that of the other key
        paid = self.payee_records(self.pole_key)
        self.cut_power(side, self.now_ms)
        flash = self._saved_flash(side)
        if side.saved is not None:
            journal = mount(flash, key_count(POLE, self.pole_config.max_channels))
            journal.erase_ahead()
            mark_restored(journal, self.unix_s)
        self._fit(side, flash)
        index = POLE_KEYS.index(self.pole_key)
        # The ledger's next block comes after the pole's start, also by a clock that is fast then.
        issued_s = self.unix_s - START_S + CLOCK_OFF_S + 2
        for number, pairs in enumerate(self.certificates):
            channel_id = pairs[index][0].channel_id
            claimed = paid.load(channel_id).amount if collects else 0
            new = certificate_after_loss(self.plan, number, self.pole_key, issued_s, claimed)
            pairs[index] = (new, new)
        self.watch.pole_forgot(self)

    # The calm

    def forget_events(self) -> None:
        """End all events, and let no other event begin."""
        self._events.forget()

    def _begin_calm(self) -> int:
        """Repair everything, and plug the vehicle in again if it was, or will be, pulled.

        Return the time from which on the vehicle has no reason to wait.
        """
        self.forget_events()
        self.repair_contactor()
        for side in self.sides():
            side.board.flash.cut_in = side.board.flash.fail_in = None
            side.board.meter.set_fault("")
            side.off_until_ms = side.stalled_until_ms = self.now_ms
            side.board.crash = False
        for side in self.vehicles:
            self._decide_on_debts(side)
        plugged = self.plugged
        if plugged is not None and self.plan.stays_plugged:
            for _ in range(_UNPLUGGED_MS // self.plan.step_ms):
                self.step()
            self.repair_contactor()
            self._wait_for_greeting(self.vehicles[plugged])
            return self.now_ms
        calm_from_ms = self.now_ms
        self._unplug_and_wait()
        # The pole runs by now, and tells an alarm that nobody has named.
        self.repair_contactor()
        self.plugged = plugged
        self.replug(self.plugged or 0)
        return calm_from_ms

    def _wait_for_greeting(self, side: Side) -> None:
        """Let a vehicle that stays plugged in wait until its pause is over."""
        until_ms = self.now_ms + _LONGEST_PAUSE_MS
        while self.now_ms < until_ms and side.is_at_rest:
            visit = side.loop.payer.visit
            if visit.is_over or visit.may_greet(side.board.now_ms()):
                return
            self.step()

    def _decide_on_debts(self, side: Side) -> None:
        """Let the owner of a vehicle pay the debts that it refused, or took on trust."""
        if side.reason() not in ("CARRIED_DEBT", "PREPAY_TOO_SMALL"):
            return
        self.cut_power(side, self.now_ms)
        journal = Journal(side.board.flash, side.board.random, key_count(VEHICLE))
        journal.erase_ahead()
        for channel in list(wallet.channels(journal)):
            if channel.record.refused_amount or channel.record.unproven_amount:
                amount = wallet.pay_refused(journal, channel.channel_id)
                side.decided += amount
                self.note(side.name, f"its owner pays a debt of {amount}")

    # Results

    def reasons(self) -> str:
        """Return the pole and the plugged vehicle, each with the reason for its state."""
        sides = [self.pole]
        if self.plugged is not None:
            sides.append(self.vehicles[self.plugged])
        return ", ".join(f"{side.name} {side.reason()}" for side in sides)

    def payee_records(self, key: str) -> PayeeRecords:
        """Return the pole's records under one of its keys, read by the host's code from a copy."""
        flash = self.pole.board.flash if key == self.pole_key else self._other_flash
        image = self._new_flash(key) if flash is None else flash.image()
        return PayeeRecords(mount(image), _JOURNAL_KEYS)

    def history_lines(self) -> list[str]:
        """Return the newest lines of the history as text."""
        return self._history.lines()
