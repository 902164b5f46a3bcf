"""A world: one pole, some vehicles, a plant and a cable, in virtual time.

The firmwares are the boards' own: assembled by their main.py, run by their supervisor.
"""

from collections import deque
from collections.abc import Callable
from hashlib import sha256
from random import Random
from typing import Any

from joulestream import messages
from joulestream.channel import Certificate, Terms
from joulestream.device.config import check_table
from joulestream.device.journal import Journal
from joulestream.device.payee_records import PayeeRecords
from joulestream.errors import OWNER_STOP, reason_name
from joulestream.framing import Decoder
from joulestream.host_tools.simulation.parts import (
    HOLD_MS,
    Board,
    FlashRandom,
    LinkUart,
    Wire,
    damaging,
)
from joulestream.host_tools.simulation.plan import CALM_MS, DAY_S, START_S, VEHICLES, Event, Plan
from joulestream.pole import config as pole_config
from joulestream.pole import main as pole_main
from joulestream.runtime.supervisor import Supervisor
from joulestream.signing import TABLE_SIZE, Signer
from joulestream.testkit import certificates
from joulestream.testkit.flash import NorFlash, PowerCut
from joulestream.testkit.meter import Meter
from joulestream.vehicle import config as vehicle_config
from joulestream.vehicle import main as vehicle_main

LEDGER_NUMBER = 1
PAYOUT_NAME = "operator"
ASSET = b"uEUR".ljust(32, b"\0")
VEHICLE_NAMES = tuple(f"vehicle-{number}" for number in range(VEHICLES))
WINDOW_S = 7 * DAY_S
HISTORY_LINES = 60
_BLOCK_SIZE = 2_048
_MOST_CHANNELS = 4
_METER = {
    "model": "sdm120",
    "answer_ms": 90,
    "timeout_ms": 600,
    "frozen_ms": 1_500,
    "recover_ms": 1_000,
}
SIGNERS = {
    name: Signer(sha256(b"simulation " + name.encode()).digest())
    for name in ("pole", "issuer", *VEHICLE_NAMES)
}


def account_id(name: str) -> bytes:
    """Return the id of an account, as host_tools.ledger does, which would bring a database."""
    return sha256(SIGNERS["issuer"].public_key + name.encode()).digest()


def terms(seed: int, name: str) -> Terms:
    """Return the terms of the channel from the vehicle `name` to the pole in a seed's world."""
    return certificates.terms(
        chain_id=LEDGER_NUMBER,
        contract=SIGNERS["issuer"].public_key,
        asset=ASSET,
        payer_key=SIGNERS[name].public_key,
        refund_account=account_id(name),
        payee_key=SIGNERS["pole"].public_key,
        payout_account=account_id(PAYOUT_NAME),
        dispute_window_s=WINDOW_S,
        salt=sha256(b"%d" % seed).digest()[:16],
    )


def certify(channel: Terms, capacity: int, expires_s: int) -> Certificate:
    """Return a certificate of a channel that ends `expires_s` after the start."""
    return certificates.certificate(
        channel,
        SIGNERS["issuer"],
        capacity=capacity,
        issued_at_s=START_S - 60,
        expires_at_s=START_S + expires_s,
    )


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
        """Return what the firmware does and why, in a word or two."""
        if self.supervisor is None:
            return "OFF"
        status = self.supervisor.status()
        return status.get("last_stop") or status.get("why") or status["last_fault"]

    @property
    def is_at_rest(self) -> bool:
        """Whether it runs, and no session is open."""
        return self.loop is not None and self.loop.is_at_rest()


class World:
    """Everything that a plan decides, and what became of it up to `now_ms`.

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
        self.history: deque[tuple[int, str, Any]] = deque(maxlen=HISTORY_LINES)
        self.wire = Wire()
        self.packets = 0
        self.sessions = 0
        self.plugged: int | None = 0
        self.contact_closed = False
        self._contact_wanted = False
        self._contact_at_ms = 0
        self._begins = deque(
            event for number, event in enumerate(plan.events) if keep is None or number in keep
        )
        self._ends: list[tuple[int, Event]] = []
        self._active: list[Event] = []
        self._rng = Random(plan.seed ^ 0x5EED)
        self._no_time_until_ms = 0
        self._decoders = {name: Decoder(self._reader(name)) for name in ("pole", *VEHICLE_NAMES)}
        self._power = self._power_profile()
        self.pole_config = self._pole_config()
        self.certificates = [self._certificates(number) for number in range(VEHICLES)]
        self.watch = watch
        self._flash = flash
        self.pole = self._pole()
        self.vehicles = [self._vehicle(number) for number in range(VEHICLES)]
        watch.begin(self)
        self._boot(self.pole)
        for side in self.vehicles:
            self._boot(side)

    # What it is made of

    def _power_profile(self) -> list[int]:
        """Return what a vehicle draws in each second, in mW."""
        most_mw = self.figures["max_power_w"] * 1_000
        seconds = (self.plan.length_ms + CALM_MS) // 1_000 + 2
        shares = (0, 30, 60, 90, 97, 97, 97)
        return [
            most_mw * self._rng.choice(shares) // 100 + self._rng.randrange(7_000)
            for _ in range(seconds)
        ]

    def _meter_values(self) -> dict[str, Any]:
        return {**_METER, "interval_ms": self.figures["meter_ms"]}

    def _pole_config(self) -> Any:
        figures = self.figures
        issuer = {
            "key": SIGNERS["issuer"].public_key.hex(),
            "limit": 1 << 50,
            "kind": "sql",
            "chain_id": LEDGER_NUMBER,
            "contract": SIGNERS["issuer"].public_key.hex(),
            "asset": ASSET.hex(),
            "base_units_per_claim_unit": 1,
        }
        values = {
            "board": {},
            "seed_file": "-",
            "payout_account": account_id(PAYOUT_NAME).hex(),
            "issuers": [issuer],
            "collect_within_s": 2 * DAY_S,
            "renew_before_s": 4,
            "prices": figures["prices"],
            "credit": figures["credit"],
            "prepay": figures["pole_prepay"],
            "packet_energy_mwh": figures["packet_mwh"],
            "packet_ms": figures["packet_ms"],
            "max_power_w": figures["max_power_w"],
            "meter": self._meter_values(),
            "link_timeout_ms": figures["link_timeout_ms"],
            "retry_ms": figures["retry_ms"],
            "max_channels": _MOST_CHANNELS,
            "contactor_hold_ms": HOLD_MS,
        }
        return pole_config.consistent(check_table(pole_config.TABLE, values))

    def _vehicle_config(self, number: int) -> Any:
        figures = self.figures
        values = {
            "board": {},
            "seed_file": "-",
            "certificates": ["-"],
            "budget": figures["budgets"][number],
            "max_price_per_kwh": 1 << 40,
            "energy_wanted_mwh": 1 << 40,
            "prepay": figures["vehicle_prepay"],
            "audit_percent": 3,
            "audit_wait_ms": 700,
            "max_power_w": figures["max_power_w"],
            "meter": self._meter_values(),
            "link_timeout_ms": figures["link_timeout_ms"],
            "retry_ms": figures["retry_ms"],
            "reconnect_ms": 300,
        }
        return vehicle_config.consistent(check_table(vehicle_config.TABLE, values))

    def _certificates(self, number: int) -> list[Certificate]:
        """Return the vehicle's first certificate, and the one it is renewed with."""
        channel = terms(self.plan.seed, VEHICLE_NAMES[number])
        capacity = self.figures["capacities"][number]
        return [
            certify(channel, capacity, self.figures["expires_s"]),
            certify(channel, capacity, DAY_S + 60),
        ]

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
        config = self._vehicle_config(number)

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
        self._apply_events()
        self._flow()
        self._deliver()
        self._run(self.pole)
        self._follow_contactor()
        for number, side in enumerate(self.vehicles):
            # A parked vehicle need not be looked at, once it knows that it is unplugged.
            if number == self.plugged or side.board.is_plugged or not side.is_at_rest:
                self._run(side)
        self.watch.after_step(self)

    def note(self, who: str, what: Any) -> None:
        """Write a line of history."""
        self.history.append((self.now_ms, who, what))

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
            self._cut_power(side, self.now_ms + 700)

    def _boot(self, side: Side) -> None:
        side.boots += 1
        board = side.board
        self._tell_time(side)
        self.note(side.name, "boots")
        try:
            side.supervisor = Supervisor(side.make, board)
        except PowerCut:
            self._cut_power(side, self.now_ms + 700)
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
            known = self.now_ms >= self._no_time_until_ms
            side.board.unix_s = START_S + self.now_ms // 1_000 if known else None
        return side.board.set_time(self.now_ms)

    def _cut_power(self, side: Side, until_ms: int) -> None:
        self.note(side.name, "loses power")
        side.supervisor = None
        side.off_until_ms = until_ms
        side.board.contactor_closed = False
        side.board.link = side.board.link.restarted()
        side.board.flash.power_up()
        side.board.crash = False
        if side is self.pole:
            self._follow_contactor()

    # Events

    def _apply_events(self) -> None:
        while self._ends and self._ends[0][0] <= self.now_ms:
            _, event = self._ends.pop(0)
            self._active.remove(event)
            self._end(event)
        while self._begins and self._begins[0].at_ms <= self.now_ms:
            event = self._begins.popleft()
            self.note("event", event)
            if event.for_ms:
                self._active.append(event)
                self._ends.append((event.at_ms + event.for_ms, event))
                self._ends.sort(key=lambda item: item[0])
            getattr(self, f"_begin_{event.kind}")(event)

    def _is_active(self, kind: str) -> bool:
        return any(event.kind == kind for event in self._active)

    def _side(self, event: Event) -> Side:
        """Return whom an event is about; a vehicle is the one that is plugged in."""
        if event.values["who"] == "pole":
            return self.pole
        return self.vehicles[self.plugged or 0]

    def _end(self, event: Event) -> None:
        finish = getattr(self, f"_finish_{event.kind}", None)
        if finish is not None:
            finish(event)

    def _begin_frames(self, event: Event) -> None:
        odds = {name: float(value) for name, value in event.values.items()}
        self.wire.trouble.append((odds, Random(f"{self.plan.seed} {event.at_ms}")))

    def _finish_frames(self, event: Event) -> None:
        odds = {name: float(value) for name, value in event.values.items()}
        for item in self.wire.trouble:
            if item[0] == odds:
                self.wire.trouble.remove(item)
                break

    def _begin_cut(self, event: Event) -> None:
        self.wire.cut = True

    def _finish_cut(self, event: Event) -> None:
        self.wire.cut = self._is_active("cut")

    def _begin_replug(self, event: Event) -> None:
        self._unplug()

    def _finish_replug(self, event: Event) -> None:
        if not self._is_active("replug"):
            self._plug(event.values["next"])

    def _unplug(self) -> None:
        self.plugged = None
        self.wire.flying.clear()

    def _plug(self, number: int) -> None:
        self.plugged = number
        self.note("plug", VEHICLE_NAMES[number])

    def _begin_power(self, event: Event) -> None:
        side = self._side(event)
        if side.supervisor is not None:
            self._cut_power(side, self.now_ms + event.for_ms)

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
        self.watch.meter_fault(self, event)

    def _finish_meter(self, event: Event) -> None:
        for side in (self.pole, *self.vehicles):
            if not self._is_active("meter"):
                side.board.meter.set_fault("")

    def _begin_no_time(self, event: Event) -> None:
        self._no_time_until_ms = self.now_ms + event.for_ms + event.values["unknown_ms"]
        if self.pole.supervisor is not None:
            self._cut_power(self.pole, self.now_ms + event.for_ms)

    def _begin_crash(self, event: Event) -> None:
        self._side(event).board.crash = True

    def _begin_stop(self, event: Event) -> None:
        side = self._side(event)
        if side.loop is not None and not side.is_at_rest:
            side.loop.stop(OWNER_STOP)

    def _begin_stall(self, event: Event) -> None:
        self._side(event).stalled_until_ms = self.now_ms + event.for_ms

    def forget_events(self) -> None:
        """End what goes on, and let nothing more happen."""
        self.note("event", "calm")
        for event in list(self._active):
            self._active.remove(event)
            self._end(event)
        self._ends.clear()
        self._begins.clear()
        self._no_time_until_ms = 0

    def replug(self, number: int) -> None:
        """Pull the plug, let both sides see it, and plug in the vehicle with that number."""
        self._unplug()
        for _ in range(1_000 // self.plan.step_ms):
            self.step()
        self._plug(number)

    def _calm(self) -> None:
        """End all that goes wrong, and plug a vehicle in anew."""
        self.forget_events()
        for side in (self.pole, *self.vehicles):
            side.board.flash.cut_in = side.board.flash.fail_in = None
            side.board.meter.set_fault("")
            side.off_until_ms = side.stalled_until_ms = self.now_ms
            side.board.crash = False
        self.replug(self.plugged or 0)

    # What came of it

    def why(self) -> str:
        """Return what both sides say they do, and why."""
        sides = [self.pole]
        if self.plugged is not None:
            sides.append(self.vehicles[self.plugged])
        return ", ".join(f"{side.name} {side.why()}" for side in sides)

    def payee_records(self) -> PayeeRecords:
        """Return what the pole's flash holds, read by the host's code from a copy."""
        return PayeeRecords(Journal(self.pole.board.flash.image()), 1 << 10)

    def tell(self) -> list[str]:
        """Return the history's last lines, to be read by people."""
        return [_line(at_ms, who, what) for at_ms, who, what in self.history]


def _line(at_ms: int, who: str, what: Any) -> str:
    if isinstance(what, messages.Message):
        fields = []
        for name, size, _ in messages.MESSAGES[what.number][3].LAYOUT:
            value = getattr(what, name)
            if isinstance(value, int):
                shown = reason_name(value) if name == "reason" else str(value)
                fields.append(f"{name}={shown}")
            elif size <= 32:
                fields.append(f"{name}={value.hex()[:8]}")
        what = f"{messages.message_name(what.number).upper()} {' '.join(fields)}"
    return f"{at_ms / 1000:9.3f} s  {who:<10} {what}"
