"""A real payee and a real payer in one process, and a wire that a test can bend.

Runs on CPython and on MicroPython. The clock is the test's own.
"""

from hashlib import sha256

from joulestream import messages
from joulestream.device import journal_keys
from joulestream.device.config import check_table
from joulestream.device.journal import Journal
from joulestream.pole import config as pole_config
from joulestream.pole.books import Books
from joulestream.pole.clock import TrustedClock
from joulestream.pole.limits import PowerLimits
from joulestream.pole.payee import Payee
from joulestream.pole.prices import open_prices
from joulestream.signing import TABLE_SIZE
from joulestream.testkit.certificates import DAY_S, KEYS, NOW_S, certificate, terms
from joulestream.testkit.flash import RamFlash
from joulestream.vehicle import config as vehicle_config
from joulestream.vehicle.payer import Payer
from joulestream.vehicle.wallet import Wallet

PRICE = 320_000
PACKET_MWH = 1_000
PACKET_PRICE = 320
STEP_MS = 20
METER = {"model": "sdm120"}
# For one pole after the other: a heap of many worlds has no such piece left.
TABLE = bytearray(TABLE_SIZE)


class Meter:
    """An ideal meter, as pole.payee and vehicle.payer see one."""

    def __init__(self, step_mwh=1_000):
        self.total_mwh = 0
        self.step_mwh = step_mwh
        self.reason = 0
        self.register_mwh = 0
        self.skipped_mwh = 0

    @property
    def register_total_mwh(self):
        return self.total_mwh

    def skip_counted(self, counted_mwh):
        self.skipped_mwh = counted_mwh


class Nonces:
    """A counter in place of a random generator, so that a run repeats."""

    def __init__(self, name):
        self._name = name
        self._count = 0

    def __call__(self, size):
        self._count += 1
        return sha256(b"%s %d" % (self._name, self._count)).digest()[:size]


def pole_values(**changes):
    """Return a pole's configuration as JSON would hold it, with fields changed."""
    channel = terms()
    values = {
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
        "prices": [{"from_s": 0, "price_per_kwh": PRICE}],
        "credit": 3 * PACKET_PRICE,
        "prepay": 0,
        "packet_energy_mwh": PACKET_MWH,
        "packet_ms": 1_500,
        "max_power_w": 11_500,
        "meter": METER,
    }
    values.update(changes)
    return values


def vehicle_values(**changes):
    """Return a vehicle's configuration as JSON would hold it, with fields changed."""
    values = {
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


class World:
    """Both ends, a wire, an ideal meter on either side, and energy that flows when it may.

    `bend(sender, payload)` may return other payloads in place of one (a list). While the contactor is
    closed, `step_energy_mwh` flows in a step; `pole_percent` and `own_percent` say what share of
    it the pole's and the vehicle's meter count.
    """

    def __init__(self, pole=None, vehicle=None, certificates=None, time_s=NOW_S, flash=None):
        self.now_ms = 1_000
        self.pole_flash, self.vehicle_flash = flash or (RamFlash(), RamFlash())
        self.bend = None
        self.pole_energy_mwh = 0
        self.own_energy_mwh = 0
        self.step_energy_mwh = 60
        self.pole_percent = 100
        self.own_percent = 100
        self.meter_reason = 0
        self.pole_meter = Meter()
        self.own_meter = Meter()
        self.plugged = True
        self.signer = KEYS["payer"]  # of the vehicle, from its next boot on
        self.certificates = certificates or [certificate()]
        self.renewals = []
        self.pole_config = pole_config.consistent(
            check_table(pole_config.TABLE, pole_values(**(pole or {})))
        )
        self.vehicle_config = vehicle_config.consistent(
            check_table(vehicle_config.TABLE, vehicle_values(**(vehicle or {})))
        )
        self.boot_pole(time_s)
        self.boot_vehicle()

    def pole_signer(self, name):
        """Return the pole's signer: the key `name` of certificates.KEYS."""
        return KEYS[name]

    def boot_pole(self, time_s, key="payee"):
        """Switch the pole on with its flash, a clock that says `time_s` and the key `key`."""
        config = self.pole_config
        self.pole_journal = journal = Journal(
            self.pole_flash, journal_keys.key_count(journal_keys.POLE, config.max_channels)
        )
        self._pole_start_mwh = self.pole_energy_mwh
        self.clock = TrustedClock(journal)
        if time_s is not None:
            self.clock.set(time_s, self.now_ms)
        self.books = Books(config, journal, self.clock)
        self.payee_records = self.books.records
        self.pole_random = Nonces(b"pole %d" % self.now_ms)
        self.payee = Payee(
            config,
            self.pole_signer(key),
            self.books,
            self.clock,
            open_prices(config, None),
            PowerLimits(config, None),
            lambda size: self.pole_random(size),
            TABLE,
        )

    def boot_vehicle(self):
        """Switch the vehicle on, with what its flash holds."""
        config = self.vehicle_config
        self.vehicle_journal = Journal(self.vehicle_flash)
        self.wallet = Wallet(
            self.signer,
            self.vehicle_journal,
            self.certificates,
            config.budget,
            config.budget_period,
        )
        nonces = Nonces(b"vehicle %d" % self.now_ms)
        self.payer = Payer(config, self.wallet, nonces, lambda: self.renewals)

    def step(self):
        """Let one step pass at both ends, the wire between."""
        self.now_ms += STEP_MS
        if self.payee.may_energise() and self.plugged and not self.meter_reason:
            self.pole_energy_mwh += self.step_energy_mwh * self.pole_percent // 100
            self.own_energy_mwh += self.step_energy_mwh * self.own_percent // 100
        # A pole counts from 0 since its own start, a vehicle on where its register stands.
        self.pole_meter.total_mwh = self.pole_energy_mwh - self._pole_start_mwh
        self.pole_meter.register_mwh = self.pole_energy_mwh
        self.pole_meter.reason = self.meter_reason
        self.own_meter.total_mwh = self.own_energy_mwh
        self.payee.step(self.pole_meter, self.plugged, self.now_ms)
        self._carry("pole", self.payee.session.outbox, self.payer)
        self.payer.step(self.own_meter, self.plugged, self.now_ms)
        self._carry("vehicle", self.payer.session.outbox, self.payee)
        self.erase_ahead()

    def erase_ahead(self):
        """Do what both firmwares do when nothing waits; what fails is tried again."""
        for journal in (self.pole_journal, self.vehicle_journal):
            if journal is self.vehicle_journal or not self.payee.is_in_packet():
                try:
                    journal.erase_ahead()
                except OSError:
                    pass

    def steps(self, count):
        """Let `count` steps pass."""
        for _ in range(count):
            self.step()

    def replug(self):
        """Pull the plug, wait for the pole to close the session, and plug in again."""
        self.plugged = False
        self.step()
        self.run(lambda: self.payee.charging is None)
        self.plugged = True

    def run(self, condition, limit_ms=60_000):
        """Step until `condition()` holds; fail at the limit."""
        stop_ms = self.now_ms + limit_ms
        while not condition():
            assert self.now_ms < stop_ms, (self.payee.last_stop, self.payer.last_stop)
            self.step()

    def charge(self, packets=3):
        """Run until that many packets are paid."""
        self.run(
            lambda: self.payee.charging is not None and self.payee.charging.packets >= packets
        )

    def run_to_stop(self):
        """Run until both ends have stopped; return the pole's and the vehicle's reason."""
        self.run(
            lambda: (
                self.payee.last_stop
                and self.payer.last_stop
                and self.payee.charging is None
                and self.payer.session.state in (0, 7)
            )
        )
        assert not self.payee.may_energise()
        return self.payee.last_stop, self.payer.last_stop

    def _carry(self, sender, outbox, receiver):
        payloads = list(outbox)
        outbox.clear()
        for payload in payloads:
            bent = [payload] if self.bend is None else self.bend(sender, payload)
            for data in bent:
                receiver.receive(data, self.now_ms)


def bending(number, change, times=1):
    """Return a bend that lets `change(message)` alter the next `times` messages `number`."""
    left = [times]

    def bend(sender, payload):
        if payload[0] != number or not left[0]:
            return [payload]
        left[0] -= 1
        message = messages.decode(payload)
        changed = change(message)
        return [messages.encode(message if changed is None else changed)]

    return bend


def lie(number, change, after_packets=3, times=1):
    """Tell a lie after some packets; return the world and both reasons."""
    there = World()
    if after_packets:
        there.charge(after_packets)
    there.bend = bending(number, change, times)
    return there, there.run_to_stop()


def both(reason):
    """Return what `run_to_stop` gives when both ends show `reason`."""
    return (reason, reason)
