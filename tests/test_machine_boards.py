"""The boards with a `machine` module, on models of their ports that check every call."""

import ast
import importlib
import math
import sys
from itertools import pairwise

import pytest

from dual_runtime import raised
from joulestream import boards, errors
from joulestream.boards import open_board
from joulestream.boards.contract import CLOCK_NETWORK, CLOCK_RTC, NO_CLOCK
from joulestream.device.config import ConfigError
from joulestream.device.keystore import SOURCE_DEVICE, SOURCE_PASSPHRASE
from joulestream.device.ram_flash import RamFlash
from joulestream.framing import MAX_FRAME
from joulestream.host_tools.hardware.chips import CHIPS
from joulestream.host_tools.hardware.peripherals import Blocks, Misused, Pin, Reset
from joulestream.host_tools.hardware.port import PartitionRow, Port
from joulestream.host_tools.hardware.signatures import NotInPort, Stub, module_stub
from joulestream.host_tools.layout import ROOT
from joulestream.parts.gate_identity import (
    DIODE,
    EMERGENCY,
    GRID,
    PROXIMITY,
    RESIDUAL,
    TEMPERATURE,
    identity,
)
from joulestream.runtime import BUILT_S
from joulestream.runtime.fault import PartFault
from joulestream.runtime.supervisor import Supervisor
from joulestream.testkit.board_contract import check_board, check_writing
from joulestream.testkit.ds3231 import Ds3231Registers
from joulestream.testkit.flash import mount
from joulestream.testkit.fram import Mb85rc, Mb85rs
from joulestream.testkit.gate_eeprom import GateEeprom

CHIP_OF = {"esp32": "ESP32", "esp32c3": "ESP32C3", "esp32s3": "ESP32S3", "rp2040": "RP2040"}
RADIOS = ("esp32", "esp32c3", "esp32s3")
WIFI = {"ssid": "pole", "password": "secret"}
EVERY = pytest.mark.parametrize("kind", sorted(CHIP_OF))


def board_class(kind):
    return importlib.import_module(boards.KINDS[kind]).Board


@pytest.fixture
def secret(tmp_path):
    """The path of a device secret."""
    path = tmp_path / "device.secret"
    path.write_text("5e" * 32)
    return str(path)


@pytest.fixture
def enter():
    """A function that enters a new port; the test's end leaves it."""
    entered = []

    def enter_port(kind):
        port = Port(CHIP_OF[kind])
        port.__enter__()
        entered.append(port)
        return port

    yield enter_port
    for port in reversed(entered):
        port.__exit__()


def sentence(kind, config, call=None):
    """Return the one sentence that opening the board, or `call(board)`, refuses with."""
    error = raised(lambda: (call or (lambda board: board))(open_board({"kind": kind, **config})))
    assert isinstance(error, (ValueError, ConfigError)), repr(error)
    text = str(error)
    assert text and "\n" not in text and "Traceback" not in text
    return text


# The contract


def test_each_board_has_a_chip_and_a_test():
    assert set(CHIP_OF) == set(boards.KINDS)
    assert {board_class(kind).MCU for kind in CHIP_OF} == set(CHIPS)


@EVERY
@pytest.mark.parametrize("storage", ["flash", "fram_spi", "fram_i2c"])
def test_every_board_keeps_the_contract(enter, secret, kind, storage):
    port = enter(kind)
    board = board_class(kind)
    port.i2c_devices = [Mb85rc(), Ds3231Registers()]
    if storage == "fram_spi":
        if "fram" not in board.SELECTS:
            assert "no SPI" in sentence(kind, {"storage": storage}, lambda board: board.storage())
            return
        port.spi_devices[board.SELECTS["fram"][0]] = Mb85rs()
    opened = open_board(
        {"kind": kind, "storage": storage, "device_secret": secret, "clock": "ds3231"}
    )
    check_board(opened)
    # Two frames at once, and no more while none was sent; none of 400 calls waited.
    assert 2 * MAX_FRAME - 100 <= check_writing(opened) <= 2 * MAX_FRAME + 200
    assert port.watchdog_ms == board.WATCHDOG_MS


@EVERY
def test_a_call_that_the_port_does_not_take_fails(enter, kind):
    enter(kind)
    machine = sys.modules["machine"]
    for call in (
        lambda: machine.CANbus,
        lambda: machine.Pin.OUTPUT,
        lambda: machine.Pin(4, machine.Pin.OUT, level=0),
        lambda: machine.WDT(timeout=1_000).stop(),
        lambda: machine.UART(1, speed=9_600),
        lambda: machine.UART(),
        lambda: machine.Timer(0, hard=True),
        lambda: setattr(machine, "turbo", True),
    ):
        with pytest.raises(NotInPort):
            call()
    if kind in RADIOS:
        with pytest.raises(NotInPort, match="hard"):
            machine.Pin(4).irq(handler=None, hard=True)
        with pytest.raises(ValueError, match="does not exist"):
            machine.UART(9, tx=machine.Pin(4), rx=machine.Pin(5))
    else:
        with pytest.raises(ValueError, match="8388"):
            machine.WDT(timeout=9_000)


def test_the_models_notice_a_call_that_waits_or_damages(enter):
    port = enter("rp2040")
    board = open_board({"kind": "rp2040"})
    uart = board.uart("link").port
    with pytest.raises(Blocks):
        uart.readinto(bytearray(4), 4)
    with pytest.raises(Blocks):
        uart.write(bytes(4_000))
    flash = sys.modules["rp2"].Flash(start=0, len=8_192)
    for arguments in ((0, bytearray(255), 0), (0, bytearray(256), 1), (0, bytearray(256)), (2,)):
        with pytest.raises(Misused):
            flash.writeblocks(*arguments) if len(arguments) > 1 else flash.ioctl(6, 2)
    port = enter("esp32")
    uart = open_board({"kind": "esp32"}).uart("link").port
    with pytest.raises(Blocks):
        uart.write(bytes(2_700))
    port.watchdog_ms, port.fed_us = 100, port.now_us
    with pytest.raises(Reset):
        port.advance(100_001)


@pytest.mark.parametrize(
    ("port", "module"),
    [
        ("esp32", "machine"),
        ("rp2", "machine"),
        ("esp32", "esp32"),
        ("rp2", "rp2"),
        ("esp32", "network"),
        ("esp32", "ntptime"),
    ],
)
def test_a_stub_of_ours_names_only_names_of_the_port(port, module):
    ours = Stub(module, ast.parse((ROOT / "shared/stubs" / f"{module}.pyi").read_text()).body)
    published = module_stub(port, module)
    assert ours.functions.keys() <= published.functions.keys()
    assert ours.values <= published.values and (ours.classes or ours.functions)
    for name in ours.classes:
        part, whole = ours.child(name), published.child(name)
        inherited = {"readblocks", "writeblocks", "ioctl"}  # of AbstractBlockDev
        assert part.functions.keys() - inherited <= whole.functions.keys(), name
        # The esp32 port's attenuation; a board of the other port never asks for it.
        assert part.values - {"ATTN_11DB"} <= whole.values, name


# Pins at rest


def safe_levels(kind):
    """Return the level of each output at rest, by pin."""
    board = board_class(kind)
    levels = {select: True for select, _ in board.SELECTS.values()}
    outputs = (board.CONTACTOR, board.HEARTBEAT, board.PILOT_OUT, board.LED, board.RESIDUAL_TEST)
    for pin in outputs:
        if pin is not None:
            levels[pin] = False
    return levels


@EVERY
def test_the_first_act_drives_every_output_safe(enter, kind):
    port = enter(kind)
    # A soft reset leaves the pins as they were: outputs, at any level.
    for pin, level in safe_levels(kind).items():
        port.modes[pin] = Pin.OUT
        port.levels[pin] = not level
    open_board({"kind": kind})
    outputs = {pin for pin in port.modes if port.modes[pin] == Pin.OUT}
    assert outputs == set(safe_levels(kind))
    assert {pin: port.levels[pin] for pin in outputs} == safe_levels(kind)
    assert not port.pwm
    # No pin was an output at the other level before that.
    assert [(pin, level) for _, pin, level in port.edges if level != safe_levels(kind)[pin]] == []


@EVERY
def test_a_wrong_configuration_leaves_the_outputs_safe(enter, kind):
    port = enter(kind)
    for pin, level in safe_levels(kind).items():
        port.modes[pin] = Pin.OUT
        port.levels[pin] = not level
    assert "'colour'" in sentence(kind, {"colour": "green"})
    assert {pin: port.levels[pin] for pin in safe_levels(kind)} == safe_levels(kind)


@EVERY
def test_a_missing_pin_leaves_the_others_safe(enter, kind):
    port = enter(kind)
    board = board_class(kind)
    port.missing_pins = frozenset((board.CONTACTOR,))
    assert f"GPIO {board.CONTACTOR}" in sentence(kind, {})
    assert port.levels[board.HEARTBEAT] is False and port.modes[board.HEARTBEAT] == Pin.OUT


@EVERY
def test_the_end_of_the_firmware_leaves_the_outputs_safe(enter, kind):
    """In the REPL the contactor is open and the pilot tells no current."""
    port = enter(kind)
    board = open_board({"kind": kind})
    board.pause(False)
    board.contactor(True)
    for _ in range(5):
        port.advance(7_000)
        board.feed_watchdog()
    assert port.pwm and port.levels[board.CONTACTOR]
    board.make_safe()
    assert not port.pwm
    for pin in (board.CONTACTOR, board.HEARTBEAT, board.PILOT_OUT):
        assert port.levels[pin] is False and port.modes[pin] == Pin.OUT


# The heartbeat


def edges(port, pin):
    return [(at_us, level) for at_us, number, level in port.edges if number == pin]


@EVERY
def test_only_completed_steps_give_the_heartbeat(enter, kind):
    port = enter(kind)
    board = open_board({"kind": kind})
    at_rest = edges(port, board.HEARTBEAT)
    for _ in range(1_000):  # steps that complete with the contactor open
        port.advance(1_000)
        board.contactor(False)
        board.feed_watchdog()
    for _ in range(1_000):  # steps that close it and never complete
        port.advance(1_000)
        board.contactor(True)
        board.pilot_state()
        board.show(lambda: {"faults": 0, "board_fault": None})
        board.set_clock()
    assert edges(port, board.HEARTBEAT) == at_rest


@EVERY
@pytest.mark.parametrize("step_us", [500, 1_000, 3_300, 12_000])
def test_the_heartbeat_has_the_figures_of_the_board_file(enter, kind, step_us):
    """At most one edge in HEARTBEAT_MS, as often high as low, and at least one in GATE_MS."""
    port = enter(kind)
    board = open_board({"kind": kind})
    board.contactor(True)
    for _ in range(2_000):
        port.advance(step_us)
        board.feed_watchdog()
    times = edges(port, board.HEARTBEAT)[1:]
    gaps = [later[0] - earlier[0] for earlier, later in pairwise(times)]
    assert len(gaps) > 150
    # The ticks are whole ms, so a gap is up to one shorter.
    assert min(gaps) >= board.HEARTBEAT_MS * 1_000 - 1_000
    assert max(gaps) <= max(board.HEARTBEAT_MS * 1_000 + step_us, step_us)
    assert max(gaps) < board.GATE_MS * 1_000
    levels = [level for _, level in times]
    assert all(one != two for one, two in pairwise(levels))
    high_us = sum(later[0] - earlier[0] for earlier, later in pairwise(times) if earlier[1])
    assert 0.45 < high_us / (times[-1][0] - times[0][0]) < 0.55


@EVERY
def test_the_last_edge_is_that_of_the_last_completed_step(enter, kind):
    """The gate opens GATE_MS after it; an order to open lowers CONTACTOR at once."""
    port = enter(kind)
    board = open_board({"kind": kind})
    assert board.gate_ms() == board.GATE_MS
    board.contactor(True)
    for _ in range(100):
        port.advance(6_000)
        board.feed_watchdog()
    last_us = port.now_us
    for _ in range(1_000):  # the firmware hangs in a step
        port.advance(1_000)
        board.contactor(True)
    assert edges(port, board.HEARTBEAT)[-1][0] == last_us
    board.contactor(False)
    assert edges(port, board.CONTACTOR)[-1] == (port.now_us, False)
    assert port.levels[board.HEARTBEAT] is False


# Bad input


@EVERY
def test_a_machine_without_a_part_is_one_sentence(enter, kind):
    board = board_class(kind)
    port = enter(kind)
    port.missing = {"UART"}
    assert "UART 'link'" in sentence(kind, {}, lambda board: board.uart("link"))
    port.missing = {"ADC"}
    assert "pilot's input" in sentence(kind, {})
    port.missing = {"PWM"}
    assert "pilot's output" in sentence(kind, {}, lambda board: board.pause(False))
    port.missing = {"I2C"}
    assert "I2C" in sentence(kind, {"clock": "ds3231"})
    port.missing = {"WDT"}
    assert "watchdog" in sentence(kind, {}, lambda board: board.feed_watchdog())
    port.missing = {"Pin"}
    assert "no pin CONTACTOR" in sentence(kind, {})
    port.missing = set()
    port.missing_uarts = frozenset((board.UARTS["meter"][0],))
    assert "UART 'meter'" in sentence(kind, {}, lambda board: board.uart("meter"))
    assert "no UART 'modem'" in sentence(kind, {}, lambda board: board.uart("modem"))
    if board.SPI is not None:
        port.missing = {"SPI"}
        assert "SPI" in sentence(kind, {}, lambda board: board.spi("can"))


def test_a_step_that_cannot_start_the_watchdog_opens_the_contactor(enter):
    """Its sentence is in the status, and on the REPL."""
    port = enter("esp32s3")
    board = open_board({"kind": "esp32s3"})

    class Loop:
        def step(self, now_ms):
            board.contactor(True)
            board.uart("link").readinto(bytearray(4))

        def idle(self):
            pass

        def is_at_rest(self):
            return True

        def record_fault(self, why):
            pass

        def status(self):
            return {}

    supervisor = Supervisor(Loop, board)
    supervisor.step(board.now_ms())
    assert port.levels[board.CONTACTOR]
    port.uarts[1].fault = OSError(-1)
    port.advance(5_000)
    supervisor.step(board.now_ms())
    assert not port.levels[board.CONTACTOR]
    assert supervisor.status()["last_fault"] == "the UART 'link' fails; reset the board"


def test_a_new_fault_is_printed_once(enter, capsys):
    port = enter("rp2040")
    board = open_board({"kind": "rp2040"})
    status = {"faults": 0, "last_fault": None, "board_fault": None}
    for faults in (0, 1, 1, 1):
        status.update(faults=faults, last_fault="the UART 'link' fails")
        for _ in range(10):
            port.advance(1_000_000)
            board.show(lambda: status)
    printed = capsys.readouterr().out.splitlines()
    assert printed == ["a loop was given up: the UART 'link' fails; the contactor is open"]
    for fault in ("the FRAM is gone", "the FRAM is gone", None):
        status.update(board_fault=fault)
        port.advance(3_000_000)
        board.show(lambda: status)
    assert capsys.readouterr().out == "the FRAM is gone; the contactor is open\n"


@EVERY
def test_a_port_that_takes_less_or_none_loses_no_byte(enter, kind):
    port = enter(kind)
    board = open_board({"kind": kind})
    uart = board.uart("link")
    model = port.uarts[board.UARTS["link"][0]]
    model.takes = [None, 0, 5, 100]
    data = bytes(range(256)) * 2
    at = 0
    for _ in range(8):
        at += uart.write(data[at:])
        port.advance(100_000)
    assert at == len(data)
    model.txdone()
    assert model.sent == data


@EVERY
def test_bytes_that_come_during_an_erase_stay_where_the_port_keeps_them(enter, kind):
    """400 ms at 115,200 baud are 4,608 bytes. The Pico loses them: interrupts are off."""
    port = enter(kind)
    board = open_board({"kind": kind})
    uart = board.uart("link")
    model = port.uarts[board.UARTS["link"][0]]
    model.feed(bytes(4_608))
    if kind in RADIOS:
        assert model.lost == 0
    got = 0
    buffer = bytearray(MAX_FRAME)
    while count := uart.readinto(buffer):
        got += count
    assert got == 4_608 - model.lost


def test_flash_that_is_absent_or_of_another_size_is_one_sentence(enter):
    port = enter("esp32")
    opening = {"kind": "esp32", "call": lambda board: board.storage()}

    def refusal(**config):
        return sentence("esp32", config, opening["call"])

    assert "no partition 'log'" in refusal(flash_label="log")
    for label in ("vfs", "nvs"):
        assert "is not free" in refusal(flash_label=label)
    for row, word in (
        (PartitionRow(RamFlash(5, 4_096)), "fewer than 6"),
        (PartitionRow(RamFlash(64, 512)), "blocks of 512"),
        (PartitionRow(RamFlash(8, 4_096), type=0), "is not free"),
        (PartitionRow(RamFlash(8, 4_096), encrypted=True), "encrypted"),
    ):
        port.partitions["log"] = row
        assert word in refusal(flash_label="log")
    port.missing = set()
    port = enter("rp2040")
    for config, word in (
        ({"flash_start": 100}, "correct 'board.flash_start'"),
        ({"flash_bytes": 1 << 20}, "correct 'board.flash_start'"),
        ({"flash_bytes": 5 * 4_096}, "fewer than 6"),
        ({"flash_start": 1_179_648 - 4_096}, "file system"),
    ):
        assert word in sentence("rp2040", config, lambda board: board.storage())
    # The stock image's file system takes all of it.
    port.file_system_bytes = 352 * 4_096
    assert "an image with a smaller file system, or the FRAM" in sentence(
        "rp2040", {}, lambda board: board.storage()
    )


@EVERY
def test_fram_that_is_absent_or_of_another_size_is_one_sentence(enter, kind):
    port = enter(kind)
    select = board_class(kind).SELECTS.get("fram")
    for storage in ("fram_spi", "fram_i2c"):
        if select is None and storage == "fram_spi":
            continue
        refused = sentence(kind, {"storage": storage}, lambda board: board.storage())
        assert "there is no FRAM" in refused
        port.i2c_devices = [Mb85rc(8_192)]
        if select is not None:
            port.spi_devices[select[0]] = Mb85rs(8_192)
        refused = sentence(kind, {"storage": storage}, lambda board: board.storage())
        assert "8192 bytes, not the 32768" in refused
        opened = open_board({"kind": kind, "storage": storage, "fram_bytes": 8_192})
        assert opened.storage_shape() == (8, 1_024)
        port.i2c_devices = []
        port.spi_devices = {}


@EVERY
def test_a_worn_part_loses_no_record(enter, kind):
    """The journal is mounted again after the fault, and has all that was stored before it."""
    port = enter(kind)
    chip = Mb85rc()
    port.i2c_devices = [chip]
    board = open_board({"kind": kind, "storage": "fram_i2c"})
    journal = mount(board.storage())
    journal.erase_ahead()
    journal.put(b"a", b"kept")
    chip.stuck = set(range(32_768))
    assert isinstance(raised(journal.put, b"a", b"lost"), OSError)
    assert isinstance(raised(board.storage().writeblocks, 7, b"x", 0), PartFault)
    chip.stuck = set()
    assert mount(board.storage()).get(b"a") == b"kept"


@EVERY
def test_a_board_without_a_random_source_says_so(enter, secret, kind):
    enter(kind)
    board = open_board({"kind": kind})
    error = str(raised(board.random, 32))
    assert "'board.device_secret'" in error and ("wifi" in error) == (kind in RADIOS)
    first = open_board({"kind": kind, "device_secret": secret}).random(32)
    second = open_board({"kind": kind, "device_secret": secret}).random(32)
    assert first != second
    with open(secret + ".starts", "rb") as file:
        assert file.read() == (2).to_bytes(8, "big")


def test_a_radio_that_is_on_is_the_random_source(enter, monkeypatch):
    port = enter("esp32s3")
    monkeypatch.setattr("os.urandom", lambda size: b"\x17" * size)
    board = open_board({"kind": "esp32s3", "wifi": WIFI})
    assert port.radio
    assert board.random(4) == b"\x17" * 4


def test_a_board_without_a_radio_refuses_wifi(enter):
    enter("rp2040")
    assert "no Wi-Fi" in sentence("rp2040", {"wifi": WIFI})


def test_secrets_come_from_the_file_alone(enter, secret):
    enter("esp32c3")
    board = open_board({"kind": "esp32c3", "device_secret": secret})
    assert board.secret(SOURCE_DEVICE) == b"\x5e" * 32
    assert "keypad" in str(raised(board.secret, SOURCE_PASSPHRASE))
    assert "'board.device_secret'" in sentence(
        "esp32c3", {}, lambda board: board.secret(SOURCE_DEVICE)
    )


def test_the_file_of_another_chip_is_refused(enter):
    for kind, other in (
        ("esp32", "esp32s3"),
        ("esp32s3", "esp32"),
        ("esp32c3", "esp32"),
        ("rp2040", "esp32c3"),
    ):
        enter(kind)
        assert "correct 'board.kind'" in sentence(other, {})


# Time


@pytest.mark.parametrize("kind", RADIOS)
def test_the_network_tells_the_time_while_the_contactor_is_open(enter, kind):
    port = enter(kind)
    board = open_board({"kind": kind, "wifi": WIFI})
    assert port.joined == ("pole", "secret") and board.clock() == NO_CLOCK
    asked = []

    def answer():
        asked.append(port.now_us)
        return BUILT_S + 77

    port.ntp = answer
    board.set_clock()
    assert not asked and board.clock() == NO_CLOCK  # the network is not there yet
    port.wifi = True
    port.advance(6_000_000)
    board.contactor(True)
    board.set_clock()
    assert not asked
    board.contactor(False)
    board.set_clock()
    assert board.clock() == (BUILT_S + 77, CLOCK_NETWORK)
    port.advance(60_000_000)
    assert board.clock() == (BUILT_S + 137, CLOCK_NETWORK)


@pytest.mark.parametrize("kind", RADIOS)
def test_a_bad_answer_of_the_network_is_harmless(enter, kind):
    port = enter(kind)
    port.wifi = True
    board = open_board({"kind": kind, "wifi": WIFI})

    def fails(error):
        raise error

    for ntp in (
        lambda: fails(OSError(-202)),
        lambda: fails(OSError(116, "ETIMEDOUT")),
        lambda: fails(IndexError("list index out of range")),
        lambda: 0,
        lambda: 1 << 32,  # a server at 1970
        lambda: 2_085_978_496,  # a server that says 0
        lambda: BUILT_S - 1,
    ):
        port.ntp = ntp
        port.advance(3_600_000_000)
        board.set_clock()
        assert board.clock() == NO_CLOCK
    port.ntp = lambda: BUILT_S + 1
    port.advance(3_600_000_000)
    board.set_clock()
    assert board.clock() == (BUILT_S + 1, CLOCK_NETWORK)


def test_a_vehicle_does_not_wait_for_a_time_that_is_known(enter):
    port = enter("esp32s3")
    port.wifi = True
    board = open_board({"kind": "esp32s3", "wifi": WIFI})
    asked = []
    port.ntp = lambda: asked.append(1) or BUILT_S + 1
    port.adc_mv[board.PILOT_IN] = 9_000 // board.PILOT_DIVIDER
    board.pause(False)
    port.advance(50_000)
    assert board.pilot_state() == "B"
    board.set_clock()
    assert len(asked) == 1  # no time was known
    port.advance(7 * 3_600_000_000)
    board.set_clock()
    assert len(asked) == 1
    port.adc_mv[board.PILOT_IN] = 12_000 // board.PILOT_DIVIDER
    assert board.pilot_state() == "A"
    board.set_clock()
    assert len(asked) == 2


@EVERY
def test_the_real_time_clock_tells_the_time_from_the_start_on(enter, kind):
    port = enter(kind)
    chip = Ds3231Registers()
    port.i2c_devices = [chip]
    assert open_board({"kind": kind, "clock": "ds3231"}).clock() == NO_CLOCK
    chip.registers[:] = bytes((0x30, 0x15, 0x12, 1, 0x09, 0x11, 0x26)) + bytes(12)
    assert open_board({"kind": kind, "clock": "ds3231"}).clock() == (1_794_226_530, CLOCK_RTC)


# Pilot and feedback


@EVERY
def test_the_pilot_is_read_and_driven(enter, kind):
    port = enter(kind)
    board = open_board({"kind": kind, "current_ma": 16_000})
    assert board.pilot_state() == "F"
    board.pause(False)
    assert port.pwm_hz[board.PILOT_OUT] == 1_000
    assert port.pwm[board.PILOT_OUT] == 65_535
    assert board.pilot_state() == "F"  # until the peak detector has followed
    port.advance(50_000)
    for peak_mv, state in ((12_000, "A"), (9_000, "B"), (0, "E"), (-1_000, "E")):
        port.adc_mv[board.PILOT_IN] = peak_mv // board.PILOT_DIVIDER
        assert board.pilot_state() == state
    port.adc_mv[board.PILOT_IN] = 6_000 // board.PILOT_DIVIDER
    port.advance(5_000_000)
    assert [board.pilot_state() for _ in range(3)] == ["B", "B", "C"]
    assert port.pwm[board.PILOT_OUT] == 16_000 * 65_535 // 60_000
    board.current_limit_ma(6_000)
    assert port.pwm[board.PILOT_OUT] == 16_000 * 65_535 // 60_000
    port.advance(5_000_000)
    assert board.pilot_state() == "C"
    assert port.pwm[board.PILOT_OUT] == 6_553
    board.pilot_off()
    assert board.PILOT_OUT not in port.pwm and port.levels[board.PILOT_OUT] is False
    assert board.pilot_state() == "F"


@EVERY
def test_a_vehicle_only_reads_the_pilot(enter, kind):
    port = enter(kind)
    board = open_board({"kind": kind, "side": "vehicle"})
    port.adc_mv[board.PILOT_IN] = 6_000 // board.PILOT_DIVIDER
    board.pause(False)
    assert [board.pilot_state() for _ in range(3)] == ["B", "B", "C"]
    assert not port.pwm and port.levels[board.PILOT_OUT] is False


@EVERY
def test_the_auxiliary_contact_pulls_its_pin_to_ground(enter, kind):
    port = enter(kind)
    board = open_board({"kind": kind})
    if board.FEEDBACK is None:
        assert board.contactor_feedback() is None
        return
    port.inputs[board.FEEDBACK] = 1
    assert board.contactor_feedback() is False
    port.inputs[board.FEEDBACK] = 0
    assert board.contactor_feedback() is True
    assert open_board({"kind": kind, "feedback": 0}).contactor_feedback() is None


@EVERY
def test_the_led_tells_that_the_firmware_lives(enter, kind):
    port = enter(kind)
    board = open_board({"kind": kind})
    for closed in (False, True):
        board.contactor(closed)
        for _ in range(40):
            port.advance(100_000)
            board.show(lambda: {"faults": 0, "board_fault": None})
        if board.LED is not None:
            lit = [level for _, level in edges(port, board.LED)]
            assert lit[-1] is True if closed else 6 <= len(lit) <= 10


# The table of boards


def test_a_platform_with_several_boards_asks_for_one(monkeypatch):
    for platform in ("esp32", "rp2"):
        monkeypatch.setattr(sys, "platform", platform)
        with pytest.raises(ConfigError, match=r"'board\.kind' is missing.*esp32s3"):
            open_board({})
    for kind in (7, ""):
        with pytest.raises(ConfigError, match=r"'board\.kind' must be"):
            open_board({"kind": kind})


OWN_BOARD = """
from joulestream.boards.esp32s3 import Board as Recommended


class Board(Recommended):
    NAME = "our carrier board"
    CONTACTOR = 38
"""


def test_a_board_of_the_users_own_is_one_file_on_the_path(enter, tmp_path, monkeypatch):
    (tmp_path / "throw_away_carrier.py").write_text(OWN_BOARD)
    monkeypatch.syspath_prepend(tmp_path)
    port = enter("esp32s3")
    (tmp_path / "device.secret").write_text("5e" * 32)
    board = open_board(
        {"kind": "throw_away_carrier", "device_secret": str(tmp_path / "device.secret")}
    )
    board.contactor(True)
    assert port.levels[38] is True
    board.contactor(False)
    check_board(board)
    for wrong in ("throw_away_nothing", "throw away"):
        with pytest.raises(ConfigError, match=r"'board\.kind' names no board"):
            open_board({"kind": wrong})


# The gate's identity, and the parts that it names


EVERY_PART = DIODE | RESIDUAL | EMERGENCY | PROXIMITY | TEMPERATURE | GRID


def gate_board(enter, parts=EVERY_PART, kind="esp32s3", **config):
    """Return the port and the board behind a gate with these parts."""
    port = enter(kind)
    port.i2c_devices = [GateEeprom(identity("tester 1", parts))]
    return port, open_board({"kind": kind, **config})


@EVERY
def test_a_board_without_an_identified_gate_is_in_desk_mode(enter, kind):
    port = enter(kind)
    board = open_board({"kind": kind})
    assert board.gate() is None
    assert board.residual_tripped() is None and board.cable_ma() is None
    assert board.temperature_c() is None and board.grid_ma() is None and board.hazard() == 0
    port.i2c_devices = [GateEeprom(identity("tester 1", 0))]
    assert open_board({"kind": kind}).gate() == "tester 1"
    assert open_board({"kind": kind, "side": "vehicle"}).gate() is None


def test_an_identity_that_is_damaged_counts_for_nothing(enter):
    good = identity("tester 1", EVERY_PART)
    for at in range(len(good)):
        for bit in (1, 128):
            port = enter("esp32s3")
            data = bytearray(good)
            data[at] ^= bit
            port.i2c_devices = [GateEeprom(bytes(data))]
            assert open_board({"kind": "esp32s3"}).gate() is None, at
    port = enter("esp32s3")
    chip = GateEeprom(good)
    port.i2c_devices = [chip]
    chip.powered = False
    assert open_board({"kind": "esp32s3"}).gate() is None
    for name in ("", "a name of 16 byte"):
        with pytest.raises(ValueError, match="1 to 15 bytes"):
            identity(name, 0)


@pytest.mark.parametrize("kind", ["esp32s3", "rp2040"])
def test_an_open_wire_of_a_part_is_a_hazard(enter, kind):
    port, board = gate_board(enter, kind=kind, grid_ma=7_000)
    for pin in (board.RESIDUAL, board.EMERGENCY, board.GRID):
        port.inputs[pin] = 0
    assert (board.residual_tripped(), board.hazard(), board.grid_ma()) == (False, 0, None)
    port.inputs.clear()  # torn off: the pull-up lifts them
    assert (board.residual_tripped(), board.grid_ma()) == (True, 7_000)
    assert board.hazard() == errors.EMERGENCY_STOP
    board.test_residual(True)
    assert port.levels[board.RESIDUAL_TEST] is True
    board.make_safe()
    assert port.levels[board.RESIDUAL_TEST] is False


def test_a_part_that_the_gate_does_not_name_is_not_read(enter):
    port, board = gate_board(enter, EMERGENCY)
    port.inputs[board.EMERGENCY] = 0
    assert board.gate() == "tester 1" and board.hazard() == 0
    assert board.residual_tripped() is None and board.grid_ma() is None
    assert board.cable_ma() is None and board.temperature_c() is None


def test_cable_and_temperature_are_read(enter):
    port, board = gate_board(enter)
    # 330 Ohm to 3.3 V and the cable's resistor to ground.
    for ohm, current_ma in ((100, 63_000), (220, 32_000), (680, 20_000), (1_500, 13_000)):
        for percent in (95, 100, 105):
            port.adc_mv[board.PROXIMITY] = 3_300 * ohm * percent // (ohm * percent + 33_000)
            assert board.cable_ma() == current_ma, (ohm, percent)
    for mv in (0, 300, 3_100):
        port.adc_mv[board.PROXIMITY] = mv
        assert board.cable_ma() == 0
    for celsius in range(1, 120):
        ohm = 10_000 * math.exp(3_950 * (1 / (celsius + 273.15) - 1 / 298.15))
        port.adc_mv[board.TEMPERATURE] = round(3_300 * ohm / (ohm + 10_000))
        assert celsius - 1 <= board.temperature_c() <= celsius + 2, celsius
    for mv in (0, 3_100):
        port.adc_mv[board.TEMPERATURE] = mv
        assert board.temperature_c() >= 200


def test_without_a_diode_no_vehicle_wants_power(enter):
    port, board = gate_board(enter, DIODE)
    board.pause(False)
    port.advance(5_000_000)
    port.adc_mv[board.PILOT_IN] = 6_000 // board.PILOT_DIVIDER
    port.adc_mv[board.PILOT_LOW] = 6_000 // board.PILOT_DIVIDER
    for _ in range(4):
        board.pilot_state()
        port.advance(10_000)
    port.advance(50_000)
    assert board.pilot_state() == "B" and board.hazard() == errors.PILOT_FAULTY
    port.adc_mv[board.PILOT_LOW] = 12_000 // board.PILOT_DIVIDER
    assert board.pilot_state() == "C" and board.hazard() == 0
    port.adc_mv[board.PILOT_LOW] = 9_000 // board.PILOT_DIVIDER
    assert board.pilot_state() == "B" and board.hazard() == errors.PILOT_FAULTY


def test_an_input_that_shows_a_vehicle_at_minus_12_v_is_stuck(enter):
    port, board = gate_board(enter)
    port.inputs[board.EMERGENCY] = 0
    board.pause(False)
    port.adc_mv[board.PILOT_IN] = 6_000 // board.PILOT_DIVIDER
    port.advance(100_000)
    board.pilot_state()
    board.pilot_off()
    assert board.pilot_state() == "F" and board.hazard() == 0, "the detector has 50 ms to follow"
    port.advance(50_000)
    assert board.pilot_state() == "F" and board.hazard() == errors.PILOT_FAULTY
    port.adc_mv[board.PILOT_IN] = 0
    assert board.pilot_state() == "F" and board.hazard() == 0


def test_a_state_holds_until_its_peak_is_beyond_the_hysteresis(enter):
    port = enter("esp32s3")
    board = open_board({"kind": "esp32s3", "side": "vehicle"})

    def read(mv):
        port.adc_mv[board.PILOT_IN] = mv // board.PILOT_DIVIDER
        return [board.pilot_state() for _ in range(3)][-1]

    told = [read(mv) for mv in (7_200, 6_900, 7_200, 7_300, 7_200, 5_000, 4_800, 4_700)]
    assert told == ["B", "C", "C", "B", "B", "C", "C", "B"]


# The vehicle's side


@EVERY
def test_a_vehicle_asks_for_power_and_limits_its_charger(enter, kind):
    port = enter(kind)
    board = open_board({"kind": kind, "side": "vehicle", "current_ma": 20_000})
    board.pilot_switch(True)
    assert port.levels[board.PILOT_OUT] is True
    board.charger_limit_ma(16_000)
    assert port.pwm[board.CONTACTOR] == 16_000 * 65_535 // 60_000
    board.charger_limit_ma(32_000)
    assert port.pwm[board.CONTACTOR] == 20_000 * 65_535 // 60_000
    board.charger_limit_ma(5_999)
    assert board.CONTACTOR not in port.pwm and port.levels[board.CONTACTOR] is False
    board.charger_limit_ma(16_000)
    board.make_safe()
    assert board.CONTACTOR not in port.pwm
    assert port.levels[board.PILOT_OUT] is False and port.levels[board.CONTACTOR] is False


@EVERY
def test_a_vehicle_reads_the_current_that_the_pole_offers(enter, kind):
    port = enter(kind)
    board = open_board({"kind": kind, "side": "vehicle"})
    if board.FEEDBACK is None:
        assert board.offered_ma() is None
        return
    assert board.offered_ma() == 0  # no edge comes: a pause
    pulses = ((50, 0), (79, 0), (100, 6_000), (267, 16_020), (850, 51_000), (900, 65_000))
    for high_us, current_ma in (*pulses, (960, 80_000), (971, 0)):
        port.pulse_us[board.FEEDBACK] = high_us
        assert board.offered_ma() == current_ma
