"""The emulated Raspberry Pi Pico itself: its boot ROM, wires, flash and power.

The other tests on it are in test_on_pico.py.
"""

import json
import math
import select
import struct

import pytest

from joulestream.host_tools.build import pico as pico_build
from joulestream.host_tools.build.shell import ToolchainError
from joulestream.host_tools.pico_emulator import HIGH, LOW, NO_OUTPUT, EmulatedPico
from pico_boards import built  # noqa: F401 - a fixture

# One pytest worker runs them all: they share the build.
pytestmark = pytest.mark.xdist_group("emulated Pico")

SECTOR = 4096


@pytest.fixture(scope="module")
def pico(built, tmp_path_factory):  # noqa: F811
    flash = tmp_path_factory.mktemp("pico") / "flash.bin"
    with EmulatedPico(*built, flash) as board:
        yield board


def test_the_real_mpremote_talks_to_it(pico):
    assert pico.mpremote("exec", "print(6 * 7)").strip() == "42"
    with pytest.raises(ToolchainError, match="AssertionError"):
        pico.mpremote("exec", "assert 1 == 2")


def test_the_boot_rom_computes_as_the_chips_does(pico):
    """MicroPython's float arithmetic, its memory moves and its bit counts are the boot ROM's."""
    text = """
import struct
a, b = 3.7e5, -1.25e-3
print(struct.pack("<8f", a + b, a - b, a * b, a / b, 0.1 + 0.2, -7 / 3, 2.0 ** 0.5, 1e38 * 10))
print(int(a), int(-2.75), round(2.5), 7 // -2, a < b, a == a, 123456789 * 1.0, 1 << 70)
big = bytearray(bytes(range(256)) * 8)
big[7:1500] = big[100:1593]
print(sum(big), hash(bytes(big)) == hash(bytes(big)))
"""
    packed, numbers, moved = pico.mpremote("exec", text).splitlines()

    def single(value):
        return struct.unpack("<f", struct.pack("<f", value))[0]

    a, b = single(3.7e5), single(-1.25e-3)
    wanted = (a + b, a - b, a * b, a / b, single(0.1) + single(0.2), single(-7 / 3), 2**0.5)
    # MicroPython's floats have 30 bits: the two lowest of the mantissa are lost.
    for got, value in zip(struct.unpack("<8f", eval(packed))[:7], wanted):
        assert math.isclose(got, value, rel_tol=2**-20), (got, value)
    assert struct.unpack("<8f", eval(packed))[7] == math.inf
    assert numbers.split()[:6] == ["370000", "-2", "2", "-4", "False", "True"]
    assert numbers.split()[7] == str(1 << 70)
    big = bytearray(bytes(range(256)) * 8)
    big[7:1500] = big[100:1593]
    assert moved == f"{sum(big)} True"


MIXED = b"""
import gc, hashlib, math, time
begun = time.ticks_us()
words = {str(n): n * n for n in range(150)}
text = ",".join(sorted(words))
digest = hashlib.sha256(text.encode()).digest()
big = 1
for n in range(1, 60): big = big * n + (big >> 3) - n
floats = [math.sin(n) * n / 7 - n ** 0.5 for n in range(40)]
gc.collect()
print(digest, big, floats, text[5:30], -7 // 2, gc.mem_free(), time.ticks_us() - begun)
"""


def test_the_fast_runner_does_as_rp2040js_does(built, tmp_path):  # noqa: F811
    """The program computes the same in the same time, to the nanosecond."""

    def run(runner):
        with EmulatedPico(*built, tmp_path / runner, runner=runner) as board:
            board.write_usb(b"\r")
            board.run_until(lambda: b">>> " in board.usb)
            board.write_usb(b"\x01" + MIXED + b"\x04")
            board.run_until(lambda: board.usb.count(b"\x04") == 2)
            return bytes(board.usb), board.now_ns

    fast = run("fast")
    assert b"Traceback" not in fast[0] and b"-4" in fast[0]
    assert fast == run("plain")


def test_time_passes_only_when_the_test_lets_it(pico):
    pico.mpremote("exec", "import time")
    begun = pico.now_ns
    pico.run(250)
    assert pico.now_ns - begun == pytest.approx(250e6, rel=1e-3)
    before = pico.now_ns
    pico.mpremote("exec", "time.sleep_ms(700)")
    assert pico.now_ns - before >= 700e6


def test_output_pins_are_seen_and_input_pins_driven(pico):
    text = "from machine import Pin; Pin(6, Pin.OUT, value=%d); print(Pin(7, Pin.IN).value())"
    for level, other in ((HIGH, True), (LOW, False), (HIGH, False)):
        pico.set_level(7, other)
        assert pico.mpremote("exec", text % level).split() == [str(int(other))]
        assert pico.levels[6] == level
    pico.mpremote("exec", "from machine import Pin; Pin(6, Pin.IN)")
    assert pico.levels[6] == NO_OUTPUT


def test_the_analogue_inputs_and_the_pwm(pico):
    pico.set_reading(0, 3000)
    printed = pico.mpremote("exec", "from machine import ADC; print(ADC(26).read_u16())")
    assert int(printed) >> 4 == 3000
    pico.mpremote("exec", "from machine import PWM; p = PWM(Pin(14), freq=1000, duty_u16=13107)")
    assert pico.duty(14) == pytest.approx(0.2, abs=1e-3)
    pico.mpremote("exec", "p.deinit()")
    assert pico.duty(14) is None


def test_a_uart_carries_bytes_at_its_speed(pico):
    pico.mpremote("exec", "from machine import UART; u = UART(0, 9600, rxbuf=512)")
    begun = pico.now_ns
    pico.write_uart(0, bytes(range(96)))
    printed = pico.mpremote(
        "exec",
        "while u.any() < 96: pass\nd = u.read(96); print(d == bytes(range(96)))\nu.write(d)",
    )
    assert printed.split()[0] == "True"
    assert pico.now_ns - begun >= 96 * 10 / 9600 * 1e9
    pico.run(96 * 10 / 9600 * 1000)
    assert pico.take_uart(0) == bytes(range(96))
    assert pico.lost == (0, 0)


def test_a_uart_whose_fifo_is_full_loses_bytes(pico):
    """With interrupts off for 20 ms, 32 bytes of those that come at 115,200 baud stay."""
    pico.mpremote(
        "exec",
        "from machine import Pin, UART\n"
        "u, p = UART(1, 115200, rxbuf=1024), Pin(6, Pin.OUT, value=0)",
    )
    sent = bytes(range(200))
    pico.on_level = lambda pin, level: (pin, level) == (6, 1) and pico.write_uart(1, sent)
    text = """
import machine, time
state = machine.disable_irq()
p(1)
begun = time.ticks_us()
while time.ticks_diff(time.ticks_us(), begun) < 20_000: pass
machine.enable_irq(state)
time.sleep_ms(5)
print(list(u.read()))
"""
    kept = eval(pico.mpremote("exec", text))
    pico.on_level = None
    assert kept == list(sent[:32]) + list(sent[200 - len(kept) + 32 :])
    assert pico.lost[1] == 200 - len(kept) > 100


class Echo:
    """A chip that answers each byte with the complement of the one before."""

    def __init__(self):
        self.taken = []
        self.edges = []

    def select(self, level):
        self.edges.append(level)

    def exchange(self, byte):
        self.taken.append(byte)
        return ~self.taken[-2] & 0xFF if len(self.taken) > 1 else 0x55


@pytest.mark.parametrize("size", [4, 64])  # the port moves more than 32 bytes by DMA
def test_a_chip_on_the_spi_bus_is_a_python_object(pico, size):
    chip = Echo()
    pico.attach_spi(0, 17, chip)
    pico.attach_interrupt(20, lambda: len(chip.taken) < size)
    text = f"""
from machine import Pin, SPI
select = Pin(17, Pin.OUT, value=1)
spi = SPI(0, 10_000_000, sck=Pin(18), mosi=Pin(19), miso=Pin(16))
interrupt = Pin(20, Pin.IN)
data = bytearray(range(1, {size + 1}))
before = interrupt.value()
select(0); spi.write_readinto(data, data); select(1)
print(list(data), before, interrupt.value())
"""
    printed = pico.mpremote("exec", text)
    sent = list(range(1, size + 1))
    assert chip.taken == sent
    assert chip.edges[-2:] == [False, True]
    assert printed.strip() == f"{[0x55] + [~b & 0xFF for b in sent[:-1]]} 1 0"


def test_the_flash_stays_through_a_power_cycle_and_in_its_file(built, tmp_path):  # noqa: F811
    flash = tmp_path / "flash.bin"
    with EmulatedPico(*built, flash) as board:
        board.mpremote("exec", "with open('kept', 'w') as f: f.write('by the flash')\nx = 1")
        board.restart()
        printed = board.mpremote("exec", "print(open('kept').read(), 'x' in globals())")
        assert printed.strip() == "by the flash False"
    with EmulatedPico(*built, flash) as board:
        assert board.mpremote("fs", "cat", ":kept") == "by the flash"


PROGRAM = """
import rp2
flash = rp2.Flash()
blocks = flash.ioctl(4, 0)
flash.ioctl(6, blocks - 1)
flash.writeblocks(blocks - 1, bytes([0x0f] * 256), 0)
flash.writeblocks(blocks - 1, bytes([0xf3] * 256), 0)
"""


def test_programming_only_clears_bits(built, tmp_path):  # noqa: F811
    flash = tmp_path / "flash.bin"
    with EmulatedPico(*built, flash) as board:
        board.mpremote("exec", PROGRAM)
    last = flash.read_bytes()[-SECTOR:]
    assert last == bytes([0x03] * 256) + b"\xff" * (SECTOR - 256)


@pytest.mark.parametrize("count", [0, 1, 1 + 0, 1 + 100, 1 + 256 + 30])
def test_the_power_goes_at_the_byte_that_is_asked_for(built, tmp_path, count):  # noqa: F811
    flash = tmp_path / "flash.bin"
    with EmulatedPico(*built, flash) as board:
        board.mpremote("exec", PROGRAM)
        board.cut_power_at(count)
        board.write_usb(b"\x03\x01" + PROGRAM.encode() + b"\x04")
        with pytest.raises(ToolchainError, match="no power"):
            board.run_until(lambda: False)
        last = flash.read_bytes()[-SECTOR:]
        if count == 0:  # in the erase
            assert last == b"\xff" * (SECTOR // 2) + bytes([0xFF] * (SECTOR // 2))
        else:
            first, second = min(count - 1, 256), max(count - 1 - 256, 0)
            wanted = bytearray(b"\xff" * SECTOR)
            wanted[:first] = b"\x0f" * first
            wanted[:second] = b"\x03" * second
            assert last == wanted
        board.restart()
        assert board.mpremote("exec", "print('here again')").strip() == "here again"


def test_a_power_cut_ends_mpremote(built, tmp_path):  # noqa: F811
    with EmulatedPico(*built, tmp_path / "flash.bin") as board:
        board.mpremote("exec", "pass")
        board.cut_power_at(0)
        with pytest.raises(ToolchainError, match="no power"):
            board.mpremote("exec", PROGRAM)


def test_a_power_cut_stands_before_the_error_of_a_peer_that_it_hung_up(built, tmp_path):  # noqa: F811
    with EmulatedPico(*built, tmp_path / "flash.bin") as board:
        board.mpremote("exec", "pass")
        board.cut_power_at(0)
        with pytest.raises(ToolchainError, match="no power"), board.serving() as port:
            with open(port, "r+b", buffering=0) as line:
                line.write(b"\x03\x01" + PROGRAM.encode() + b"\x04")
                ends = select.poll()
                ends.register(line, select.POLLHUP)
                ends.poll()
                raise OSError("the line was hung up")


def test_a_reset_of_the_program_and_of_the_watchdog(pico):
    for text in ("machine.reset()", "machine.WDT(timeout=200)\nwhile True: pass"):
        before = pico.resets
        pico.mpremote("exec", "import machine; machine.Pin(6, machine.Pin.OUT, value=1)")
        assert pico.levels[6] == HIGH
        pico.write_usb(b"\x03\x01" + f"import machine\n{text}".encode() + b"\x04")
        pico.run_until(lambda: pico.resets > before)  # noqa: B023
        assert pico.levels[6] == NO_OUTPUT
        cause = pico.mpremote("exec", "import machine; print(machine.reset_cause())")
        assert cause.strip() == "3"  # machine.WDT_RESET, for both


def test_a_board_that_waits_for_nothing_is_no_hang(built, tmp_path):  # noqa: F811
    with EmulatedPico(*built, tmp_path / "flash.bin") as board:
        with pytest.raises(ToolchainError, match="waits for nothing; it said"):
            board.run_until(lambda: False)


def test_the_lock_file_has_hashes_and_no_address():
    text = (pico_build.SOURCE / "package-lock.json").read_text()
    packages = {name: row for name, row in json.loads(text)["packages"].items() if name}
    assert packages and all(row["integrity"].startswith("sha512-") for row in packages.values())
    assert "resolved" not in text and "://" not in text


@pytest.mark.parametrize(
    "version, said", [("v16.20.0\n", "Node.js 18 or newer; this is v16.20.0"), (None, "missing")]
)
def test_a_tool_that_cannot_be_had_is_one_sentence(monkeypatch, version, said):
    if version is None:
        monkeypatch.setattr("shutil.which", lambda name: None)
        monkeypatch.setattr("os.geteuid", lambda: 1000)
    else:
        monkeypatch.setattr(pico_build, "run", lambda *words, **more: version)
    with pytest.raises(ToolchainError, match=said) as caught:
        pico_build.emulator_modules()
    assert "\n" not in str(caught.value)
