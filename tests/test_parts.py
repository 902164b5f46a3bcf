"""The drivers of a board's parts, against models at the level of registers and lines."""

import os

from dual_runtime import raised
from joulestream.boards.board_clock import BoardClock
from joulestream.boards.contract import CLOCK_NETWORK, CLOCK_RTC, NO_CLOCK
from joulestream.framing import MAX_FRAME
from joulestream.parts.ds3231 import Ds3231
from joulestream.parts.flash import PageFlash
from joulestream.parts.fram import I2cFram, SpiFram
from joulestream.parts.network_time import plausible
from joulestream.parts.pilot import FULL_DUTY, Pilot, duty_of, state_of
from joulestream.parts.random_source import CountedRandom
from joulestream.parts.uart import LINK_TX, MachineUart
from joulestream.runtime import BUILT_S
from joulestream.runtime.fault import PartFault, describe
from joulestream.testkit.ds3231 import STATUS, STOPPED, Ds3231Registers
from joulestream.testkit.flash import RamFlash, mount
from joulestream.testkit.fram import BP0, BP1, RDID, SLEEP, WEL, WRITE, WRSR, Mb85rc, Mb85rs
from joulestream.testkit.i2c import I2c
from joulestream.units import TICKS_PERIOD


class Spi:
    """machine.SPI with one chip."""

    def __init__(self, chip):
        self._chip = chip

    def write(self, data):
        for byte in bytes(data):
            self._chip.exchange(byte)

    def readinto(self, buffer):
        for at in range(len(buffer)):
            buffer[at] = self._chip.exchange(0)


class Sparse:
    """A memory of which only the bytes that were written take room."""

    def __init__(self, size):
        self._size = size
        self._bytes = {}

    def __len__(self):
        return self._size

    def __getitem__(self, at):
        return self._bytes.get(at, 0)

    def __setitem__(self, at, byte):
        self._bytes[at] = byte


def spi_fram(chip, size=None):
    return SpiFram(Spi(chip), lambda level: chip.select(bool(level)), size or len(chip.data))


def i2c_fram(chip, size=None):
    return I2cFram(I2c(chip), size or len(chip.data))


def both_frams():
    return ((Mb85rs, spi_fram), (Mb85rc, i2c_fram))


# FRAM


def test_a_journal_on_fram_keeps_its_records_over_a_power_cut():
    for chip_class, driver in both_frams():
        chip = chip_class(32_768)
        journal = mount(driver(chip))
        journal.erase_ahead()
        journal.put(b"a", b"first")
        journal.put(b"a", b"second")
        if chip_class is Mb85rs:
            chip.power_cut()
        again = mount(driver(chip))
        assert again.get(b"a") == b"second" and not again.damaged


def test_fram_of_each_size_has_its_own_blocks():
    for chip_class, driver, sizes in (
        (Mb85rs, spi_fram, (8_192, 32_768)),
        (Mb85rc, i2c_fram, (8_192, 32_768)),
    ):
        for size in sizes:
            device = driver(chip_class(size))
            assert device.ioctl(4, 0) * device.ioctl(5, 0) == size
            assert device.ioctl(4, 0) >= 6 and device.ioctl(5, 0) >= 256


def test_the_highest_addresses_of_a_large_fram_are_its_own():
    """131,072 and 262,144 bytes need 17 and 18 bits of address."""
    for chip, driver in (
        (Mb85rs(262_144, Sparse(262_144)), spi_fram),
        (Mb85rc(131_072, Sparse(131_072)), i2c_fram),
    ):
        device = driver(chip)
        last = device.ioctl(4, 0) - 1
        device.writeblocks(last, b"last", 100)
        device.writeblocks(0, b"first", 100)
        read = bytearray(4)
        device.readblocks(last, read, 100)
        at = last * device.ioctl(5, 0) + 100
        assert read == b"last" == bytes([chip.data[at + index] for index in range(4)])


def test_fram_that_is_absent_or_of_another_size_is_one_sentence():
    for chip_class, driver in both_frams():
        chip = chip_class(8_192)
        assert "8192 bytes" in str(raised(driver, chip, 32_768))
        chip.powered = False
        assert "there is no FRAM" in str(raised(driver, chip))


def test_another_chip_is_no_fram():
    chip = Mb85rs()
    chip.identification = b"\xef\x40\x16\x00"  # a W25Q32
    assert "ef 40 16" in str(raised(spi_fram, chip))
    # A clock acknowledges no reserved address.
    assert "there is no FRAM" in str(raised(I2cFram, I2c(Ds3231Registers()), 32_768))


def test_fram_that_is_protected_is_refused():
    chip = Mb85rs()
    chip.status = BP0 | BP1
    assert "write-protected" in str(raised(spi_fram, chip))


def test_fram_that_is_worn_says_so():
    for chip_class, driver in both_frams():
        chip = chip_class()
        device = driver(chip)
        chip.stuck.add(4_096 + 10)
        device.writeblocks(1, b"good", 0)
        error = raised(device.writeblocks, 1, b"bad", 9)
        assert isinstance(error, PartFault) and "replace it" in describe(error)


def test_fram_that_loses_its_wires_says_so():
    for chip_class, driver in both_frams():
        chip = chip_class()
        device = driver(chip)
        chip.powered = False
        assert isinstance(raised(device.writeblocks, 0, b"lost", 0), PartFault)


def test_the_model_of_fram_writes_nothing_without_its_latch():
    chip = Mb85rs()
    for byte in (WRITE, 0, 0, 0x55):
        chip.select(False)
        chip.exchange(byte)
    chip.select(True)
    assert chip.data[0] == 0
    chip.select(False)
    for byte in (WRSR, BP1):
        chip.exchange(byte)
    chip.select(True)
    assert chip.status == 0
    device = spi_fram(chip)
    device.writeblocks(0, b"x", 0)
    assert chip.data[0] == 0x78 and not chip.status & WEL and chip.writes == 1
    chip.select(False)
    chip.exchange(SLEEP)
    chip.select(True)
    chip.select(False)
    assert chip.exchange(RDID) == 0xFF and chip.exchange(0) == 0x04


# The rp2 port's flash


class Pages(RamFlash):
    """Programs whole pages alone."""

    def __init__(self):
        super().__init__(6, 4_096)
        self.stuck = None

    def writeblocks(self, block, buffer, offset=0):
        assert offset % 256 == 0 and len(buffer) == 256
        super().writeblocks(block, buffer, offset)
        if self.stuck is not None:
            self.data[block][self.stuck] = 0xFF


def test_single_bytes_are_programmed_in_whole_pages():
    flash = Pages()
    device = PageFlash(flash)
    device.writeblocks(2, bytes(range(200)), 200)
    device.writeblocks(2, b"\x00", 399)
    assert flash.data[2][200:399] == bytes(range(199)) and flash.data[2][399] == 0
    assert flash.data[2][:200] == b"\xff" * 200
    assert flash.data[2][400:] == b"\xff" * 3_696
    journal = mount(device)
    journal.erase_ahead()
    journal.put(b"a", b"kept")
    assert mount(PageFlash(flash)).get(b"a") == b"kept"


def test_flash_that_takes_no_bit_says_so():
    flash = Pages()
    flash.stuck = 300
    error = raised(PageFlash(flash).writeblocks, 0, bytes(64), 256)
    assert isinstance(error, PartFault) and "replace the board" in str(error)


# UART


class Port:
    """machine.UART of either port, as far as a driver sees it."""

    def __init__(self):
        self.came = bytearray()
        self.sent = bytearray()
        self.takes = None
        self.is_done = True
        self.fails = False

    def txdone(self):
        return self.is_done

    def any(self):
        if self.fails:
            raise OSError(-1)
        return len(self.came)

    def write(self, data):
        if self.fails:
            raise OSError(-1)
        taken = len(data) if self.takes is None else self.takes.pop(0)
        self.sent += bytes(data)[: taken or 0]
        return taken

    def readinto(self, buffer, size):
        assert 0 < size <= len(self.came)
        buffer[:size] = self.came[:size]
        self.came = self.came[size:]
        return size


def test_a_uart_takes_two_frames_while_none_is_sent():
    port = Port()
    uart = MachineUart("link", port, LINK_TX)
    port.is_done = False
    frame = bytes(MAX_FRAME)
    assert uart.write(frame) == uart.write(frame) == MAX_FRAME
    assert uart.write(frame) < MAX_FRAME
    for _ in range(40):
        uart.write(b"x")
    assert uart.write(b"x") == 0 and len(port.sent) + 40 < LINK_TX
    port.is_done = True
    assert uart.write(frame) == MAX_FRAME


def test_a_port_that_takes_nothing_or_less_loses_nothing():
    port = Port()
    uart = MachineUart("link", port, LINK_TX)
    port.takes = [None, 0, 3]
    assert [uart.write(b"hello") for _ in range(3)] == [0, 0, 3]
    assert port.sent == b"hel"


def test_a_uart_reads_what_is_there_and_no_more():
    port = Port()
    uart = MachineUart("link", port, LINK_TX)
    buffer = bytearray(4)
    assert uart.readinto(buffer) == 0
    port.came += b"abcdef"
    assert uart.readinto(buffer) == 4 and buffer == b"abcd"
    assert uart.readinto(buffer) == 2 and buffer == b"efcd"


def test_a_uart_that_fails_names_itself():
    port = Port()
    uart = MachineUart("meter", port, LINK_TX)
    port.fails = True
    for error in (raised(uart.write, b"x"), raised(uart.readinto, bytearray(1))):
        assert describe(error) == "the UART 'meter' fails; reset the board"


# Clocks


def test_the_real_time_clock_keeps_each_time_that_it_is_set_to():
    chip = Ds3231Registers()
    clock = Ds3231(I2c(chip))
    for time_s in (
        BUILT_S,
        1_804_982_399,  # 2027-03-14 23:59:59
        1_835_395_199,  # 2028-02-28 23:59:59, of a leap year
        1_835_395_200,
        1_861_919_999,  # 2028-12-31 23:59:59
        4_102_444_800,  # 2100-01-01
        4_107_542_400,  # 2100-03-01: no leap year
    ):
        clock.set(time_s)
        assert clock.time_s() == time_s, time_s
    clock.set(1_835_395_200)
    assert bytes(chip.registers[:3]) == b"\x00\x00\x00"
    assert bytes(chip.registers[4:7]) == b"\x29\x02\x28"


def test_a_clock_that_stood_still_tells_no_time():
    chip = Ds3231Registers()
    clock = Ds3231(I2c(chip))
    assert clock.time_s() is None
    clock.set(BUILT_S)
    assert not chip.registers[STATUS] & STOPPED
    chip.registers[STATUS] |= STOPPED
    assert clock.time_s() is None
    chip.registers[STATUS] = 0
    for register, value in ((0, 0x7A), (1, 0x60), (2, 0x40), (4, 0x32), (5, 0x13), (6, 0xAA)):
        clock.set(BUILT_S)
        chip.registers[register] = value
        assert clock.time_s() is None, register
    chip.powered = False
    clock.set(BUILT_S)
    assert clock.time_s() is None


def test_an_answer_of_1970_or_2036_is_no_time():
    assert plausible(BUILT_S) and plausible(2_085_978_495) and plausible(2_086_064_896)
    for time_s in (0, BUILT_S - 1, 946_684_800, 2_085_978_496, 2_086_064_895, 1 << 32):
        assert not plausible(time_s), time_s


class Network:
    def __init__(self):
        self.told_s = None
        self.asked = 0

    def time_s(self):
        self.asked += 1
        return self.told_s


def test_a_network_that_tells_nothing_is_asked_ever_more_rarely():
    network = Network()
    clock = BoardClock(network, None, 0)
    now_ms = 0
    for _ in range(3_600):
        now_ms += 1_000
        if clock.is_due(now_ms):
            clock.ask(now_ms)
        assert clock.read(now_ms) == NO_CLOCK
    assert 8 <= network.asked <= 12
    network.told_s = BUILT_S + 5
    while not clock.is_known:
        now_ms += 1_000
        if clock.is_due(now_ms):
            clock.ask(now_ms)
    assert clock.read(now_ms + 10_999) == (BUILT_S + 15, CLOCK_NETWORK)
    assert not clock.is_due(now_ms + 6 * 3_599_000)


def test_the_ticks_carry_a_time_over_their_wrap():
    network = Network()
    network.told_s = BUILT_S
    clock = BoardClock(network, None, TICKS_PERIOD - 5_000)
    clock.ask(TICKS_PERIOD - 5_000)
    assert clock.read(5_500) == (BUILT_S + 10, CLOCK_NETWORK)
    assert clock.read(6_000) == (BUILT_S + 11, CLOCK_NETWORK)


def test_a_network_corrects_the_real_time_clock_and_never_the_other_way_round():
    chip = Ds3231Registers()
    rtc = Ds3231(I2c(chip))
    rtc.set(BUILT_S + 100)
    network = Network()
    clock = BoardClock(network, rtc, 0)
    assert clock.read(0) == (BUILT_S + 100, CLOCK_RTC)
    network.told_s = BUILT_S + 5_000
    clock.ask(0)
    assert clock.read(0) == (BUILT_S + 5_000, CLOCK_NETWORK)
    assert rtc.time_s() == BUILT_S + 5_000
    rtc.set(BUILT_S + 9)
    network.told_s = None
    clock.ask(1_000)
    assert clock.read(1_000) == (BUILT_S + 5_001, CLOCK_NETWORK)


# The pilot


def test_a_peak_between_two_bands_lets_no_current_flow():
    bands = ((13_001, 15_000, "E"), (11_000, 13_000, "A"), (8_000, 10_000, "B"))
    bands += ((5_000, 7_000, "C"), (2_000, 4_000, "D"), (0, 1_999, "E"))
    for low, high, state in bands:
        assert state_of(low) == state_of(high) == state, state
    assert state_of(10_500) == "A"
    for doubt in (7_001, 7_500, 4_001, 4_999):
        assert state_of(doubt) == "B"


def test_one_good_peak_closes_nothing_and_one_bad_peak_opens():
    peaks = []
    pilot = Pilot(lambda: peaks.pop(0), None, 6_000)

    def read(*three):
        peaks.extend(three)
        return pilot.read(0)

    good, bad = (6_000,) * 3, (9_000,) * 3
    assert [read(*good), read(*good), read(*good), read(*good)] == ["B", "B", "C", "C"]
    # One wild reading of three changes nothing.
    assert read(6_000, 12_000, 6_000) == "C"
    assert read(*bad) == "B" and read(*good) == "B"


def test_the_duty_never_allows_more_than_the_current():
    for limit_ma in range(6_000, 80_001, 250):
        duty = duty_of(limit_ma)
        allowed_ma = duty * 60_000 // FULL_DUTY
        if duty * 100 > 85 * FULL_DUTY:
            allowed_ma = duty * 250_000 // FULL_DUTY - 160_000
        assert allowed_ma <= limit_ma, limit_ma
        # Both formulas give 85 %, at 51 A and at 52.5 A.
        if not 51_000 < limit_ma <= 52_500:
            assert limit_ma - 5 <= allowed_ma, limit_ma
    assert duty_of(5_999) == duty_of(0) == FULL_DUTY


def test_a_pause_does_not_wait_and_another_current_does():
    duties = []
    peak_mv = 12_000
    pilot = Pilot(lambda: peak_mv, duties.append, 32_000)
    assert pilot.read(0) == "F" and duties == []  # not available before the first order
    pilot.pause(False, 0)
    assert duties == [FULL_DUTY] and pilot.read(50) == "A"
    pilot.read(9_000)
    assert duties == [FULL_DUTY]  # steady, since there is no vehicle
    duties.clear()
    peak_mv = 9_000
    assert pilot.read(9_000) == "B"
    pilot.follow(9_000)
    assert duties == [duty_of(32_000)]
    pilot.limit(16_000, 10_000)
    pilot.follow(13_900)
    assert len(duties) == 1
    pilot.follow(14_000)
    pilot.limit(20_000, 14_100)
    pilot.follow(18_900)
    assert len(duties) == 2
    pilot.follow(19_000)
    pilot.pause(True, 19_100)
    pilot.pause(False, 19_200)
    pilot.follow(24_000)
    assert duties[-1] == FULL_DUTY
    pilot.follow(24_100)
    pilot.limit(40_000, 30_000)
    peak_mv = 12_000
    pilot.read(30_000)
    pilot.follow(30_001)
    pilot.switch_off(30_002)
    pilot.follow(40_000)
    a32, a16, a20 = duty_of(32_000), duty_of(16_000), duty_of(20_000)
    assert duties == [a32, a16, a20, FULL_DUTY, a20, a32, FULL_DUTY, 0]


# Random numbers


PATH = "random-starts.test"


def remove():
    for path in (PATH, PATH + ".new"):
        try:
            os.remove(path)
        except OSError:
            pass


def test_no_two_starts_share_their_random_numbers():
    remove()
    try:
        series = []
        for _ in range(3):
            source = CountedRandom(b"s" * 32, PATH)
            series += [source.bytes(32), source.bytes(7), source.bytes(64)]
        assert len(set(series)) == len(series)
        assert [len(part) for part in series[:3]] == [32, 7, 64]
        with open(PATH, "rb") as file:
            assert int.from_bytes(file.read(), "big") == 3
    finally:
        remove()


def test_a_count_that_is_damaged_gives_no_random_number():
    remove()
    try:
        with open(PATH, "wb") as file:
            file.write(b"short")
        assert "no number is random" in str(raised(CountedRandom, b"s" * 32, PATH))
        assert "cannot be" in str(raised(CountedRandom, b"s" * 32, "no/such/place"))
    finally:
        remove()
