"""A pole on each board with a chip charges a vehicle, in virtual time, behind a model of its gate.

The vehicle's board is in memory. The UARTs have their real speed.
"""

import pytest

from joulestream.boards import KINDS, open_board
from joulestream.device import journal_keys
from joulestream.device.config import check_table
from joulestream.device.open_journal import open_pole_journal
from joulestream.device.payee_records import PayeeRecord
from joulestream.host_tools.hardware.peripherals import Reset
from joulestream.host_tools.hardware.port import PartitionRow, Port
from joulestream.parts.ds3231 import Ds3231
from joulestream.parts.gate_identity import identity
from joulestream.pole import config as pole_config
from joulestream.pole import main as pole_main
from joulestream.runtime.supervisor import Supervisor
from joulestream.signing import TABLE_SIZE
from joulestream.testkit.board import MemoryBoard, Uart
from joulestream.testkit.certificates import KEYS, NOW_S, certificate
from joulestream.testkit.ds3231 import Ds3231Registers
from joulestream.testkit.flash import NorFlash, RamFlash
from joulestream.testkit.fram import Mb85rc
from joulestream.testkit.gate_eeprom import GateEeprom
from joulestream.testkit.meter import Meter
from joulestream.testkit.pair import PACKET_PRICE, Nonces, pole_values, vehicle_values
from joulestream.vehicle import config as vehicle_config
from joulestream.vehicle import main as vehicle_main
from test_machine_boards import CHIP_OF

STEP_MS = 4
REQUEST_SIZE = 8  # of Modbus
POWER_MW = 7_000_000
# Paid ahead: what flows until a packet is paid, and an orderly stop.
AHEAD = {"prepay": 40 * PACKET_PRICE}
# More than any call of a step takes.
MANY_MS = 60_000


class Gate:
    """The hardware gate of docs/hardware.md: CONTACTOR, and edges of HEARTBEAT."""

    def __init__(self, port, board):
        self._port = port
        self._board = board
        self._seen = 0
        self._edge_us = None

    @property
    def closed(self):
        """Whether the coil has current now."""
        port, board = self._port, self._board
        for at_us, pin, _ in port.edges[self._seen :]:
            if pin == board.HEARTBEAT and port.levels[board.CONTACTOR]:
                self._edge_us = at_us
        self._seen = len(port.edges)
        if not port.levels[board.CONTACTOR] or self._edge_us is None:
            self._edge_us = None
            return False
        return port.now_us - self._edge_us <= board.GATE_MS * 1_000


class Cable:
    """The vehicle's bytes on their way to a model of machine.UART."""

    def __init__(self, model):
        self._model = model

    def put(self, data):
        self._model.feed(bytes(data))


class Site:
    """A pole on a board with a chip, a vehicle, and the mains between them."""

    def __init__(self, port, kind, storage, secret):
        self.port = port
        self.fram = Mb85rc()
        # A flash that notices each wrong program.
        self.flash = NorFlash(64, 4_096)
        port.partitions["journal"] = PartitionRow(self.flash)
        clock = Ds3231Registers()
        port.i2c_devices = [self.fram, clock, GateEeprom(identity("model", 0))]
        self.kind, self.storage, self.secret = kind, storage, secret
        self._boot()
        Ds3231(self.board.i2c()).set(NOW_S)
        self.board.set_clock()
        self.meters = (Meter(), Meter())
        self.vehicle_uart = Uart()
        board = self.vehicle_board = MemoryBoard(
            {"meter": self.meters[1], "link": self.vehicle_uart}, RamFlash()
        )
        board.unix_s = NOW_S
        board.random = Nonces(b"vehicle")
        values = vehicle_values(**AHEAD)
        values["reconnect_ms"] = 1_000
        self.vehicle = vehicle_main.assemble(
            vehicle_config.consistent(check_table(vehicle_config.TABLE, values)),
            board,
            KEYS["payer"],
            lambda: [certificate()],
        )
        self.contact = False
        self.flowed = 0
        self.acknowledged = 0
        self.start()

    def _boot(self):
        self.board = open_board(
            {
                "kind": self.kind,
                "storage": self.storage,
                "device_secret": self.secret,
                "clock": "ds3231",
                "current_ma": 32_000,
            }
        )

    def start(self):
        """Start the pole's firmware on its board."""
        board = self.board
        config = pole_config.consistent(check_table(pole_config.TABLE, pole_values(**AHEAD)))
        pole_main.check_gate(config, board)
        table = bytearray(TABLE_SIZE)
        self.supervisor = Supervisor(
            lambda: pole_main.assemble(config, board, KEYS["payee"], table), board
        )
        self.gate = Gate(self.port, board)
        self.link = self.port.uarts[board.UARTS["link"][0]]
        self.line = self.port.uarts[board.UARTS["meter"][0]]
        self.vehicle_uart.other = Cable(self.link)

    def reboot(self):
        """Lose the supply, and start again with the storage as it is."""
        self.port.soft_reset()
        self.port.levels.clear()
        self.port.modes.clear()
        self.port.watchdog_ms = None
        self.contact = False
        self._boot()
        self.start()

    def world(self):
        """Let the mains, the meters, the cable and the vehicle follow by one step."""
        port = self.port
        board = self.board
        # At -12 V there is no positive peak.
        peak_mv = 6_000 if board.PILOT_OUT in port.pwm else 0
        port.adc_mv[board.PILOT_IN] = peak_mv // board.PILOT_DIVIDER
        if board.FEEDBACK is not None:
            port.inputs[board.FEEDBACK] = 0 if self.contact else 1
        power_mw = POWER_MW if self.contact else 0
        self.flowed += power_mw * STEP_MS
        for meter in self.meters:
            meter.advance(power_mw, STEP_MS)
        self.contact = self.gate.closed
        for model in (self.link, self.line):
            if model.fault is None:
                model.txdone()
        self.vehicle_uart.put(bytes(self.link.sent))
        self.link.sent.clear()
        if len(self.line.sent) >= REQUEST_SIZE:
            self.meters[0].write(bytes(self.line.sent))
            self.line.sent.clear()
        answer = bytearray(256)
        self.line.feed(bytes(answer[: self.meters[0].readinto(answer)]))
        self.vehicle_board.tick_ms = port.now_us // 1_000
        self.vehicle.step(self.vehicle_board.tick_ms)
        self.vehicle.idle()
        port.advance(STEP_MS * 1_000)

    def run(self, ms, until=lambda: False):
        """Let both sides run; return whether `until` held in the end."""
        for _ in range(0, ms, STEP_MS):
            self.supervisor.step(self.board.now_ms())
            self.board.show(self.supervisor.status)
            self.supervisor.idle(True)
            self.acknowledged = max(self.acknowledged, self.paid)
            self.world()
            if until():
                return True
        return False

    @property
    def paid(self):
        """The amount of the best claim in the open session, which is stored."""
        loop = self.supervisor.loop
        charging = loop and loop.payee.charging
        return charging.record.amount if charging else 0

    def stored(self):
        """The amount in the journal, read by another start."""
        self.port.soft_reset()
        board = open_board(
            {"kind": self.kind, "storage": self.storage, "device_secret": self.secret}
        )
        journal = open_pole_journal(board, 8)
        assert not journal.damaged
        records = [
            PayeeRecord.from_bytes(journal.get(key))
            for key in journal.keys()
            if key[:1] == journal_keys.PAYEE_RECORD
        ]
        return max(record.amount for record in records)


@pytest.fixture
def site(request, tmp_path):
    kind, storage = request.param
    secret = tmp_path / "device.secret"
    secret.write_text("5e" * 32)
    with Port(CHIP_OF[kind]) as port:
        yield Site(port, kind, storage, str(secret))


EVERY = pytest.mark.parametrize(
    "site",
    [(kind, "flash") for kind in sorted(KINDS)] + [("esp32s3", "fram_i2c")],
    indirect=True,
    ids="-".join,
)


@EVERY
def test_a_session_charges_and_pays(site):
    """Every call of the firmware is one that the port takes; none waits for a line."""
    charge(site)
    assert site.supervisor.status()["frames_dropped"] == site.link.lost == 0
    assert site.stored() >= site.acknowledged > 0


def charge(site):
    """Let the session run until energy flows that is paid for."""
    before = site.acknowledged
    assert site.run(MANY_MS, lambda: site.contact)
    assert site.run(MANY_MS, lambda: site.acknowledged > before + 3 * PACKET_PRICE)
    assert site.contact


def opened_within_ms(site):
    """Let the world alone go on until the coil has no current; return the time."""
    begun_us = site.port.now_us
    while site.gate.closed:
        site.world()
    return (site.port.now_us - begun_us) // 1_000


@EVERY
def test_a_firmware_that_hangs_loses_its_contactor_then_its_board(site):
    charge(site)
    gate_ms = site.board.GATE_MS
    assert gate_ms - STEP_MS <= opened_within_ms(site) <= gate_ms + STEP_MS
    with pytest.raises(Reset, match="watchdog"):
        for _ in range(0, site.board.WATCHDOG_MS + STEP_MS, STEP_MS):
            site.world()
    site.reboot()
    assert not site.gate.closed
    charge(site)
    assert site.stored() >= site.acknowledged


@EVERY
def test_a_firmware_that_ends_opens_the_contactor_at_once(site):
    charge(site)
    site.board.make_safe()
    assert not site.gate.closed and not site.port.pwm


@EVERY
def test_a_power_cut_loses_nothing_that_was_acknowledged(site):
    for _ in range(3):
        charge(site)
        site.run(130)
        site.reboot()
        assert not site.gate.closed
    assert site.stored() >= site.acknowledged


@EVERY
@pytest.mark.parametrize("line", ["link", "meter"])
def test_a_uart_that_fails_opens_the_contactor_and_loses_nothing(site, line):
    charge(site)
    model = site.link if line == "link" else site.line
    model.fault = OSError(-1)
    site.run(STEP_MS)
    assert not site.gate.closed
    site.run(1_000)
    status = site.supervisor.status()
    assert status["last_fault"] == f"the UART '{line}' fails; reset the board"
    assert not status["charging"] and not site.contact
    model.fault = None
    charge(site)
    assert site.stored() >= site.acknowledged


@EVERY
def test_a_port_that_takes_little_for_a_while_only_delays(site):
    charge(site)
    for _ in range(40):
        site.link.takes = [None, 0, 7, 1, None, 30]
        site.run(50)
    site.link.takes = []
    assert site.supervisor.faults == 0
    charge(site)
    assert site.stored() >= site.acknowledged


@pytest.mark.parametrize("site", [("esp32s3", "fram_i2c"), ("esp32c3", "fram_i2c")], indirect=True)
def test_fram_that_goes_away_opens_the_contactor_and_loses_nothing(site, capsys):
    charge(site)
    before = site.acknowledged
    site.fram.powered = False
    site.run(3_000)
    assert not site.gate.closed and not site.contact
    status = site.supervisor.status()
    assert status["why"] == "STORE_FAILED"
    sentence = "the FRAM does not answer on the I2C bus; check its wires"
    assert status["board_fault"] == sentence
    assert capsys.readouterr().out == sentence + "; the contactor is open\n"
    site.fram.powered = True
    charge(site)
    assert site.stored() >= site.acknowledged > before


@pytest.mark.parametrize("site", [("esp32", "flash"), ("esp32s3", "flash")], indirect=True)
def test_flash_that_fails_loses_nothing(site):
    charge(site)
    for operations in (0, 1, 3, 7):
        site.flash.fail_in = operations
        charge(site)
    assert site.stored() >= site.acknowledged
