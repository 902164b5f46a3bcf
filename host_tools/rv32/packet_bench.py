"""Runs on the emulated board: counts what one packet costs at the pole and at the vehicle.

The real payee and payer, their links and relay, on two wires in memory. Each side steps twice a
packet: the pole when a packet is full and when the update comes, the vehicle when the invoice
comes and when the wire is quiet. Prints `name value` lines.
"""

import gc

import board

from actors import KEYS, NOW_S, RamFlash, World, certificate, pole_values, terms
from joulestream.accounts import Account, Accounts
from joulestream.channel import Claim
from joulestream.journal import Journal
from joulestream.link import Link
from meter.eastron import Reading
from meter.estimate import EnergyEstimate
from pole.relay import Relay

# As in the field: past the small ints of a 32-bit board.
START_AMOUNT = (1 << 32) + 12_345
START_ENERGY_MWH = (1 << 30) + 678
CAPACITY = 1 << 50
WARM_UP = 4
PACKETS = 16
STEP_MS = 20


class Flash(RamFlash):
    """Flash that writes in one go, as a board's driver does, not byte by byte in Python."""

    def __init__(self):
        super().__init__()
        self.view = memoryview(self.data)

    def readblocks(self, block, buffer, offset=0):
        start = block * self.size + offset
        buffer[:] = self.view[start : start + len(buffer)]

    def writeblocks(self, block, buffer, offset=0):
        start = block * self.size + offset
        self.data[start : start + len(buffer)] = buffer


class Wire:
    """One end of a UART: `write` appends to what the other end reads."""

    def __init__(self):
        self.buffer = bytearray(1024)
        self.size = 0
        self.other = None

    def write(self, data):
        other = self.other
        other.buffer[other.size : other.size + len(data)] = data
        other.size += len(data)

    def readinto(self, buffer):
        size = self.size
        buffer[:size] = memoryview(self.buffer)[:size]
        self.size = 0
        return size


class Side:
    """Counts instructions and bytes of what `run` calls."""

    def __init__(self):
        self.instructions = 0
        self.allocated = 0

    def run(self, function, *arguments):
        bytes_before = gc.mem_alloc()
        before = board.instructions()
        function(*arguments)
        self.instructions += (board.instructions() - before) & 0x3FFFFFFF
        self.allocated += gc.mem_alloc() - bytes_before


def old_channel():
    """Return flash of a pole and a vehicle whose channel was used a lot."""
    flash = Flash(), Flash()
    channel_id = terms().channel_id()
    account = Account(
        amount=START_AMOUNT,
        signature=KEYS["payer"].sign(Claim(channel_id).message(START_AMOUNT)),
        amount_due=START_AMOUNT,
        remainder=0,
        energy_mwh=START_ENERGY_MWH,
        issuer_key=KEYS["issuer"].public_key,
    )
    Accounts(Journal(flash[0]), 64).store(channel_id, account)
    return flash


class Exchange:
    """Both sides of one session, step by step."""

    def __init__(self):
        issuers = pole_values()["issuers"]
        issuers[0]["limit"] = CAPACITY
        self.world = World(
            pole={"issuers": issuers},
            flash=old_channel(),
            certificates=[certificate(capacity=CAPACITY)],
            vehicle={"budget": CAPACITY},
            time_s=NOW_S,
        )
        wires = Wire(), Wire()
        wires[0].other, wires[1].other = wires[1], wires[0]
        self.pole_link = Link(wires[0], self._to_payee)
        self.vehicle_link = Link(wires[1], self._to_payer)
        self.relay = Relay(lambda closed: None, 1_000)
        self.estimates = EnergyEstimate(), EnergyEstimate()
        self.meter_mwh = START_ENERGY_MWH
        self.now_ms = 1_000

    def _to_payee(self, payload):
        self.world.payee.receive(payload, self.now_ms)

    def _to_payer(self, payload):
        self.world.payer.receive(payload, self.now_ms)

    def reading(self):
        """Return a meter's answer at this moment."""
        return Reading(self.now_ms, self.meter_mwh, 1, 3_600_000, 230_000)

    def pole_step(self, reading):
        """Do what PoleLoop.step does, from a reading to the relay and the wire."""
        payee = self.world.payee
        now_ms = self.now_ms
        estimate = self.estimates[0]
        estimate.take(reading)
        self.pole_link.poll()
        payee.step(estimate.advance(now_ms), 0, True, now_ms)
        if self.relay.expired(now_ms):
            self.relay.open()
        if payee.may_energise():
            self.relay.arm(now_ms)
        elif self.relay.closed:
            self.relay.open()
        send(self.pole_link, payee.session.outbox)

    def vehicle_step(self, reading):
        """Do what VehicleLoop.step does."""
        payer = self.world.payer
        now_ms = self.now_ms
        estimate = self.estimates[1]
        estimate.take(reading)
        self.vehicle_link.poll()
        payer.step(estimate.advance(now_ms), reading.step_mwh, 0, True, now_ms)
        send(self.vehicle_link, payer.session.outbox)


def send(link, outbox):
    for payload in outbox:
        link.send(payload)
    outbox.clear()


def main():
    exchange = Exchange()
    sides = {}
    payee = exchange.world.payee

    def packets():
        return payee.charge.packets if payee.charge is not None else 0

    gc.collect()
    gc.disable()
    measured = 0
    for _ in range(400):
        exchange.now_ms += STEP_MS
        if payee.may_energise():
            exchange.meter_mwh += 500
        if packets() == WARM_UP and not sides:
            sides = {"pole": Side(), "vehicle": Side()}
            start = packets()
        pole, vehicle = exchange.reading(), exchange.reading()
        if not sides:
            exchange.pole_step(pole)
            exchange.vehicle_step(vehicle)
            gc.collect()
            continue
        sides["pole"].run(exchange.pole_step, pole)
        sides["vehicle"].run(exchange.vehicle_step, vehicle)
        measured = packets() - start
        if measured == PACKETS:
            break
    gc.enable()
    print("packets", measured)
    print("amount", payee.charge.account.amount)
    for name in sides:
        print(name + "_packet", sides[name].instructions // measured)
        print(name + "_alloc", sides[name].allocated // measured)


main()
