"""Runs on the emulated board: counts the cost of one packet at the pole and at the vehicle.

Both firmwares' real loops on a cable and on flash in memory, with drivers in C as a board has
them, and with readings that their meters would have given. Each side steps twice a packet: the
pole when a packet is full and when the update comes, the vehicle when the invoice comes and when
the wire is quiet. Prints `name value` lines.
"""

import gc

import board

from joulestream.channel import Claim
from joulestream.compat import const
from joulestream.device import journal_keys
from joulestream.device.payee_records import PayeeRecord, PayeeRecords
from joulestream.link import open_link
from joulestream.meter.counter import open_meter
from joulestream.meter.reading import Reading
from joulestream.pole.loop import PoleLoop
from joulestream.testkit.board import MemoryBoard, Uart
from joulestream.testkit.certificates import KEYS, NOW_S, certificate, terms
from joulestream.testkit.flash import mount
from joulestream.testkit.pair import Pair, pole_values
from joulestream.vehicle.loop import VehicleLoop
from joulestream.vehicle.own_meter import OwnMeter

TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from collections.abc import Callable

# As in the field: past the small ints of a 32-bit board.
START_AMOUNT = (1 << 32) + 12_345
START_ENERGY_MWH = (1 << 30) + 678
CAPACITY = 1 << 50
WARM_UP = 4
PACKETS = 16
# Half a packet in a step at 11 kW.
STEP_MS = 165
STEP_MWH = 500
POWER_MW = 11_000_000
# Of each side's flash.
BLOCKS = 8
BLOCK_SIZE = 2_048


# CPython's gc, which a type checker knows, has no count of bytes.
mem_alloc = gc.mem_alloc  # type: ignore[attr-defined]


class Side:
    """Counts the instructions and the bytes of heap of every call that `run` makes."""

    def __init__(self) -> None:
        self.instructions = 0
        self.allocated = 0

    def run(self, function: "Callable[..., None]", *arguments: object) -> None:
        """Call `function` with `arguments`, and count."""
        bytes_before = mem_alloc()
        before = board.instructions()
        function(*arguments)
        self.instructions += (board.instructions() - before) & 0x3FFFFFFF
        self.allocated += mem_alloc() - bytes_before


def empty_flash() -> board.Flash:
    """Return an erased flash."""
    return board.Flash(bytearray(b"\xff" * (BLOCKS * BLOCK_SIZE)), BLOCK_SIZE)


def old_channel() -> tuple[board.Flash, board.Flash]:
    """Return the flash of a pole and of a vehicle, with a channel that was used a lot."""
    flash = empty_flash(), empty_flash()
    record = PayeeRecord(
        amount=START_AMOUNT,
        signature=KEYS["payer"].sign(Claim(terms().channel_id()).message(START_AMOUNT)),
        amount_due=START_AMOUNT,
        remainder=0,
        energy_mwh=START_ENERGY_MWH,
    )
    journal = mount(flash[0], journal_keys.key_count(journal_keys.POLE, 64))
    PayeeRecords(journal, 64).admit(certificate(capacity=CAPACITY), record)
    return flash


class Exchange:
    """A pole and a vehicle that charge, step by step."""

    def __init__(self) -> None:
        issuers = pole_values()["issuers"]
        issuers[0]["limit"] = CAPACITY
        world = Pair(
            pole={"issuers": issuers},
            flash=old_channel(),
            certificates=[certificate(capacity=CAPACITY)],
            vehicle={"budget": CAPACITY},
            time_s=NOW_S,
        )
        # The UARTs of the meters end nowhere: `pole_step` and `vehicle_step` hand readings in.
        boards = [MemoryBoard({"link": end, "meter": Uart()}) for end in board.cable()]
        configs = world.pole_config, world.vehicle_config
        meters, links = [], []
        for config, on in zip(configs, boards):
            meters.append(open_meter(config.meter, on, config.max_power_mw))
            links.append(open_link(config.link, on))
        self.counters = meters
        self.payee = world.payee
        self.pole = PoleLoop(
            configs[0], boards[0], meters[0], links[0], world.payee, world.pole_journal
        )
        self.vehicle = VehicleLoop(
            boards[1], OwnMeter(meters[1]), links[1], world.payer, world.vehicle_journal
        )
        self.meter_mwh = START_ENERGY_MWH
        self.now_ms = 1_000

    def reading(self) -> Reading:
        """Return a meter's answer at this moment."""
        power_mw = POWER_MW if self.payee.may_energise() else 0
        return Reading(self.now_ms, self.meter_mwh, 1, power_mw, 230_000)

    def pole_step(self, reading: Reading) -> None:
        """Step the pole with a meter's reading, then let it do the work between packets."""
        self.counters[0].follow(reading, True)
        self.pole.step(self.now_ms)
        self.pole.idle()

    def vehicle_step(self, reading: Reading) -> None:
        """Step the vehicle in the same way."""
        self.counters[1].follow(reading, True)
        self.vehicle.step(self.now_ms)
        self.vehicle.idle()


def main() -> None:
    """Measure and print."""
    exchange = Exchange()
    sides: dict[str, Side] = {}
    payee = exchange.payee

    def packets() -> int:
        return payee.charging.packets if payee.charging is not None else 0

    gc.collect()
    gc.disable()
    measured = 0
    for _ in range(400):
        exchange.now_ms += STEP_MS
        if payee.may_energise():
            exchange.meter_mwh += STEP_MWH
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
    assert payee.charging is not None
    print("amount", payee.charging.record.amount)
    for name in sides:
        print(name + "_packet", sides[name].instructions // measured)
        print(name + "_alloc", sides[name].allocated // measured)


main()
