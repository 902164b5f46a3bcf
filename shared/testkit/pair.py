"""A real payee and a real payer in one process, joined by a wire that a test can bend.

Runs on CPython and on MicroPython. Time passes only when the test calls `step`.
"""

from hashlib import sha256

from joulestream import messages
from joulestream.boards import contract
from joulestream.compat import const
from joulestream.device import journal_keys
from joulestream.device.config import check_table
from joulestream.pole import config as pole_config
from joulestream.pole.books import Books
from joulestream.pole.clock import PoleClock
from joulestream.pole.limits import PowerLimits
from joulestream.pole.payee import Payee
from joulestream.pole.prices import open_prices
from joulestream.signing import TABLE_SIZE
from joulestream.testkit.certificates import DAY_S, KEYS, NOW_S, certificate, terms
from joulestream.testkit.flash import RamFlash, mount
from joulestream.units import ticks_diff
from joulestream.vehicle import config as vehicle_config
from joulestream.vehicle.payer import Payer
from joulestream.vehicle.wallet import Wallet

TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from joulestream.channel import Certificate
    from joulestream.messages import Message

PRICE = 320_000
PACKET_MWH = 1_000
PACKET_PRICE = 320
STEP_MS = 20
# A quick meter: a reading comes every 200 ms, and counts as lost after 1 s.
METER = {"model": "sdm120", "baud": 9_600, "turnaround_ms": 30}
# One table for one pole after the other: a small heap has no second piece of this size.
TABLE = bytearray(TABLE_SIZE)


class Meter:
    """An ideal meter, with the attributes of an EnergyCounter that payee and payer read.

    `skipped_mwh` keeps the argument of the last `skip_counted`.
    """

    unsure_mwh = 0

    def __init__(self, step_mwh: int = 1_000) -> None:
        self.total_mwh = 0
        self.step_mwh = step_mwh
        self.refresh_ms = 200
        self.settle_ms = 600
        self.reading_ms = 30
        self.reason = 0
        self.alarm = 0
        self.register_mwh = 0
        self.skipped_mwh = 0

    @property
    def doubt(self) -> int:
        """Why it cannot be trusted; it raises no alarm."""
        return self.reason

    @property
    def register_total_mwh(self) -> int:
        """The total that the register stands for: an ideal meter never runs ahead of it."""
        return self.total_mwh

    def skip_counted(self, counted_mwh: int) -> None:
        """Note that the payee wants energy skipped that it has billed already."""
        self.skipped_mwh = counted_mwh


class Nonces:
    """A counter in place of a random generator, so that a run repeats."""

    def __init__(self, name: bytes) -> None:
        self._name = name
        self._count = 0

    def __call__(self, size: int) -> bytes:
        self._count += 1
        return sha256(b"%s %d" % (self._name, self._count)).digest()[:size]


def pole_values(**changes: "Any") -> "dict[str, Any]":
    """Return a pole's configuration as JSON holds it, with these fields changed."""
    channel = terms()
    values: dict[str, Any] = {
        "board": {},
        "seed_file": "-",
        "payout_account": channel.payout_account.hex(),
        "issuers": [
            {
                "key": KEYS["issuer"].public_key.hex(),
                "limit": 2_000_000,
                "kind": "sql",
                "chain_id": 1,
                "contract": channel.contract.hex(),
                "asset": channel.asset.hex(),
                "base_units_per_claim_unit": 1,
            }
        ],
        "collect_within_s": 2 * DAY_S,
        "min_capacity": 1,
        "prices": [{"from_s": 0, "price_per_kwh": PRICE}],
        "credit": 3 * PACKET_PRICE,
        "prepay": 0,
        "packet_energy_mwh": PACKET_MWH,
        "packet_ms": 1_300,
        "max_power_w": 11_500,
        "phases": 1,
        "meter": METER,
    }
    values.update(changes)
    return values


def vehicle_values(**changes: "Any") -> "dict[str, Any]":
    """Return a vehicle's configuration as JSON holds it, with these fields changed."""
    values: dict[str, Any] = {
        "board": {},
        "seed_file": "-",
        "certificates": ["-"],
        "budget": 500_000,
        "max_price_per_kwh": 400_000,
        "energy_wanted_mwh": 1 << 40,
        "prepay": 2 * PACKET_PRICE,
        "max_power_w": 11_500,
        "meter": METER,
        "reconnect_ms": 0,
    }
    values.update(changes)
    return values


class Pair:
    """Payee and payer, the wire between them, an ideal meter on each side, and flowing energy.

    Args:
        pole, vehicle: changes of their configurations.
        certificates: the vehicle's certificates; without them, one of the standard channel.
        time_s: the pole's clock at its start, unix time in s; None: its board has no clock.
        flash: the flash of the pole and of the vehicle.
        pole_board: the board that tells the pole's limits. Default: one without any.

    Attributes:
        bend: called as `bend(sender, payload)` with "pole" or "vehicle"; it returns the list of
            payloads that arrive in place of this one. None changes nothing.
        step_energy_mwh: energy that flows in a step while the contactor may be closed.
        pole_percent, own_percent: the share of it that the pole's and the vehicle's meter count.
        pole_random: the pole's random bytes; a test may replace it at any time.
        signer: the vehicle's signer, from its next boot on.
        renewals: certificates that the vehicle finds later.
        quality: the quality of the clock of the pole's board.
    """

    def __init__(
        self,
        pole: "dict[str, Any] | None" = None,
        vehicle: "dict[str, Any] | None" = None,
        certificates: "list[Certificate] | None" = None,
        time_s: "int | None" = NOW_S,
        flash: "tuple[Any, Any] | None" = None,
        pole_board: "contract.Board | None" = None,
    ) -> None:
        self.now_ms = 1_000
        self._pole_board = pole_board or contract.Board()
        flashes: tuple[Any, Any] = flash or (RamFlash(), RamFlash())
        self.pole_flash, self.vehicle_flash = flashes
        self.bend: Callable[[str, bytes], list[bytes]] | None = None
        self.pole_energy_mwh = 0
        self.own_energy_mwh = 0
        self.step_energy_mwh = 60
        self.pole_percent = 100
        self.own_percent = 100
        self.meter_reason = 0
        self.pole_meter: Any = Meter()
        self.own_meter: Any = Meter()
        self.plugged = True
        self.signer: Any = KEYS["payer"]
        self.certificates = certificates or [certificate()]
        self.renewals: list[Certificate] = []
        self.quality = contract.CLOCK_RTC
        self._unix_s: int | None = None
        self._unix_ms = 0
        self.pole_config = pole_config.consistent(
            check_table(pole_config.TABLE, pole_values(**(pole or {})))
        )
        self.vehicle_config = vehicle_config.consistent(
            check_table(vehicle_config.TABLE, vehicle_values(**(vehicle or {})))
        )
        self.boot_pole(time_s)
        self.boot_vehicle()

    def pole_signer(self, name: str) -> "Any":
        """Return the pole's signer: the key `name` of certificates.KEYS."""
        return KEYS[name]

    def boot_pole(self, time_s: "int | None", key: str = "payee") -> None:
        """Switch the pole on with its flash, a clock that says `time_s` and the key `key`."""
        self.set_clock(time_s)
        config = self.pole_config
        self.pole_journal = journal = mount(
            self.pole_flash, journal_keys.key_count(journal_keys.POLE, config.max_channels)
        )
        self._pole_start_mwh = self.pole_energy_mwh
        issuer_keys = [issuer.key for issuer in config.issuers]
        self.clock = PoleClock(journal, self.board_clock, issuer_keys, self.now_ms)
        self.books = Books(config, journal, self.clock, self.now_ms)
        self.payee_records = self.books.records
        board = self._pole_board
        self.pole_random: Callable[[int], bytes] = Nonces(b"pole %d" % self.now_ms)
        self.payee = Payee(
            config,
            self.pole_signer(key),
            self.books,
            self.clock,
            open_prices(config, board),
            PowerLimits(config, board),
            lambda size: self.pole_random(size),
            TABLE,
        )

    def set_clock(self, time_s: "int | None") -> None:
        """Set the clock of the pole's board to a unix time in s; None: it has no clock."""
        self._unix_s, self._unix_ms = time_s, self.now_ms

    def board_clock(self) -> "tuple[int, int]":
        """Return what the clock of the pole's board says, as boards.contract.Board.clock does."""
        if self._unix_s is None:
            return contract.NO_CLOCK
        return self._unix_s + ticks_diff(self.now_ms, self._unix_ms) // 1_000, self.quality

    def boot_vehicle(self) -> None:
        """Switch the vehicle on with its flash."""
        config = self.vehicle_config
        self.vehicle_journal = mount(
            self.vehicle_flash, journal_keys.key_count(journal_keys.VEHICLE)
        )
        self.wallet = Wallet(
            self.signer,
            self.vehicle_journal,
            self.certificates,
            config.budget,
            config.budget_period,
        )
        nonces = Nonces(b"vehicle %d" % self.now_ms)
        self.payer = Payer(config, self.wallet, nonces, lambda: self.renewals)

    def step(self) -> None:
        """Let one step of STEP_MS pass at both ends; payloads arrive in the same step."""
        self.now_ms += STEP_MS
        if self.payee.may_energise() and self.plugged and not self.meter_reason:
            self.pole_energy_mwh += self.step_energy_mwh * self.pole_percent // 100
            # Rounded up, so that 98 percent of a small step do not become 96.
            self.own_energy_mwh -= -self.step_energy_mwh * self.own_percent // 100
        # The pole's total starts at 0 with each boot. The vehicle's goes on with its register.
        self.pole_meter.total_mwh = self.pole_energy_mwh - self._pole_start_mwh
        self.pole_meter.register_mwh = self.pole_energy_mwh
        self.pole_meter.reason = self.meter_reason
        self.own_meter.total_mwh = self.own_energy_mwh
        self.payee.step(self.pole_meter, self.plugged, self.now_ms)
        self._carry("pole", self.payee.session.outbox, self.payer)
        self.payer.step(self.own_meter, self.plugged, self.now_ms)
        self._carry("vehicle", self.payer.session.outbox, self.payee)
        self.erase_ahead()

    def erase_ahead(self) -> None:
        """Do the idle work of both firmwares. A failure is tried again in the next step."""
        for journal in (self.pole_journal, self.vehicle_journal):
            if journal is self.vehicle_journal or not self.payee.is_in_packet():
                try:
                    journal.erase_ahead()
                except OSError:
                    pass

    def steps(self, count: int) -> None:
        """Let `count` steps pass."""
        for _ in range(count):
            self.step()

    def replug(self) -> None:
        """Pull the plug, wait for the pole to close the session, and plug in again."""
        self.plugged = False
        self.step()
        self.run(lambda: self.payee.charging is None)
        self.plugged = True

    def run(self, condition: "Callable[[], object]", limit_ms: int = 60_000) -> None:
        """Step until `condition()` holds; fail after `limit_ms` of the test's time."""
        stop_ms = self.now_ms + limit_ms
        while not condition():
            assert self.now_ms < stop_ms, (self.payee.last_stop, self.payer.last_stop)
            self.step()

    def charge(self, packets: int = 3) -> None:
        """Run until so many packets of a session are paid."""
        self.run(
            lambda: self.payee.charging is not None and self.payee.charging.packets >= packets
        )

    def run_to_stop(self) -> "tuple[int | None, int | None]":
        """Run until both ends have stopped; return the pole's and the vehicle's reason."""
        self.run(
            lambda: (
                self.payee.last_stop
                and self.payer.last_stop
                and self.payee.charging is None
                and self.payer.session.is_quiet()
            )
        )
        assert not self.payee.may_energise()
        return self.payee.last_stop, self.payer.last_stop

    def _carry(self, sender: str, outbox: "list[Any]", receiver: "Any") -> None:
        payloads = list(outbox)
        outbox.clear()
        for payload in payloads:
            bent = [payload] if self.bend is None else self.bend(sender, payload)
            for data in bent:
                receiver.receive(data, self.now_ms)


def bending(
    number: int, change: "Callable[[Any], Message | None]", times: int = 1
) -> "Callable[[str, bytes], list[bytes]]":
    """Return a bend for Pair.bend that changes the next `times` messages of one number.

    `change(message)` changes the message in place, or returns another one to send instead.
    """
    left = [times]

    def bend(sender: str, payload: bytes) -> "list[Any]":
        if payload[0] != number or not left[0]:
            return [payload]
        left[0] -= 1
        message = messages.decode(payload)
        changed = change(message)
        return [messages.encode(message if changed is None else changed)]

    return bend


def lie(
    number: int,
    change: "Callable[[Any], Message | None]",
    after_packets: int = 3,
    times: int = 1,
) -> "tuple[Pair, tuple[int | None, int | None]]":
    """Change messages of one number after some packets; return the pair and both stop reasons."""
    pair = Pair()
    if after_packets:
        pair.charge(after_packets)
    pair.bend = bending(number, change, times)
    return pair, pair.run_to_stop()


def both(reason: int) -> "tuple[int | None, int | None]":
    """Return the result of `run_to_stop` if both ends stop for `reason`."""
    return (reason, reason)
