"""The common base of boards with MicroPython's module `machine`: ESP32, Pico and their like.

A board file is a class with data alone; the names below say which. Everything that such a board
does is here or in joulestream.parts, and uses documented calls of MicroPython.

The contactor's coil has two lines, and static levels never close it:

    CONTACTOR   high while the firmware wants the contactor closed
    HEARTBEAT   an edge after each completed step while CONTACTOR is high, one in `HEARTBEAT_MS` at
                most. Nothing else makes an edge: no timer, no PWM, no peripheral

The gate outside closes the coil while CONTACTOR is high and edges come. It opens `GATE_MS` after
the last edge at the latest, and at once when CONTACTOR falls. It takes the heartbeat through a
capacitor, so that a level does nothing. docs/hardware.md shows the wiring.
"""

import select
import sys
import time

from joulestream.boards import contract
from joulestream.boards.board_clock import BoardClock
from joulestream.compat import const
from joulestream.device.config import REQUIRED, check_table, one_of, section, text, whole
from joulestream.device.keystore import SOURCE_DEVICE
from joulestream.parts.device_secret import read_device_secret
from joulestream.parts.pilot import FREQUENCY_HZ, LEAST_MA, MOST_MA, NO_DUTY, Pilot
from joulestream.runtime.pilot import is_connected
from joulestream.units import TICKS_PERIOD, Timer

TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


_MS_PER_S = const(1_000)
_FLASH = "flash"
_FRAM_SPI = "fram_spi"
_FRAM_I2C = "fram_i2c"
# A port raises these where a peripheral, a pin, a name or a keyword is missing.
_MISSING = (AttributeError, ImportError, OSError, TypeError, ValueError)

_LED_MS = const(500)
_REPORT_MS = const(2_000)

_PARITY = {"none": None, "even": 0, "odd": 1}


def _line(baud: int) -> "Any":
    """Return the fields of a UART with this usual speed."""
    return (
        ("baud", whole(1_200, 1_000_000), baud),
        ("parity", one_of("none", "even", "odd"), "none"),
        ("stop_bits", whole(1, 2), 1),
    )


TABLE = (
    ("side", one_of("pole", "vehicle"), "pole"),
    ("link", section(_line(115_200)), check_table(_line(115_200), {})),
    ("meter", section(_line(9_600)), check_table(_line(9_600), {})),
    ("storage", one_of(_FLASH, _FRAM_SPI, _FRAM_I2C), _FLASH),
    ("flash_label", text, None),
    ("flash_start", whole(0, 1 << 24), None),
    ("flash_bytes", whole(1, 1 << 24), None),
    ("fram_bytes", whole(8_192, 1 << 19), 32_768),
    ("device_secret", text, None),
    (
        "wifi",
        section(
            (
                ("ssid", text, REQUIRED),
                ("password", text, ""),
                ("ntp_host", text, "pool.ntp.org"),
            )
        ),
        None,
    ),
    ("clock", one_of("none", "ds3231"), "none"),
    ("current_ma", whole(LEAST_MA, MOST_MA), 6_000),
    ("feedback", whole(0, 1), 1),
    ("service", one_of("none", "repl"), "none"),
    ("watchdog", whole(0, 1), 1),
)


class MachineBoard(contract.Board):
    """Pins and peripherals by MicroPython's `machine`; see the module's docstring.

    The names in capitals are the data of a board file. A pin is a GPIO's number; None: not there.
    """

    # The board's name for people, and how MicroPython's banner names its chip.
    NAME = ""
    MCU = ""
    # "link" and "meter": peripheral, TX pin, RX pin, bytes of the receive buffer.
    UARTS: "dict[str, tuple[int, int, int, int]]" = {}
    # Peripheral, pins SCK, MOSI and MISO, bit/s; the devices on it: select pin, interrupt pin.
    SPI: "tuple[int, int, int, int, int] | None" = None
    SELECTS: "dict[str, tuple[int, int | None]]" = {}
    # Peripheral, pins SCL and SDA, bit/s.
    I2C: "tuple[int, int, int, int] | None" = None
    # To the gate of the contactor; from its auxiliary contact, which shorts the pin to ground.
    CONTACTOR: "int | None" = None
    HEARTBEAT: "int | None" = None
    FEEDBACK: "int | None" = None
    HAS_PULL_UP = True  # whether the pin FEEDBACK has a pull-up of its own
    # To the pilot's driver, where low is -12 V; from its peak detector, `PILOT_DIVIDER` times
    # less than the pilot.
    PILOT_OUT: "int | None" = None
    PILOT_IN: "int | None" = None
    PILOT_DIVIDER = 5
    # The voltage in mV of a full reading; None: the port calibrates the converter (`read_uv`).
    ADC_FULL_MV: "int | None" = None
    LED: "int | None" = None
    # A kind of parts.flash and the place: a partition's label, or a region's start and size.
    FLASH: "tuple[int, Any]" = (0, None)
    # The random generator is a true source while the radio is on.
    HAS_RADIO = False
    WATCHDOG_MS = 8_000
    # The gate opens so long after the last edge, at the latest; an edge comes so often at most.
    GATE_MS = 600
    HEARTBEAT_MS = 5

    def __init__(self, config: "dict[str, object]") -> None:
        self._closed = False
        self._level = 0
        self._next_edge = Timer()
        self._uarts: dict[str, Any] = {}
        self._spi: Any = None
        self._i2c: Any = None
        self._storage: Any = None
        self._watchdog: Any = None
        self._poller: Any = None
        self._pwm: Any = None
        self._adc: Any = None
        self._has_radio_on = False
        # First: a soft reset leaves the pins as they were. But no pin of another chip is driven.
        self._check_chip()
        self._make_pins_safe()
        self._config = check_table(TABLE, config)
        self._pilot = self._open_pilot()
        self._clock = self._open_clock()
        self._random = self._open_random()
        self._next_blink = Timer()
        self._next_report = Timer()
        self._reported: tuple[int, str | None] = (0, None)
        self._blink = False

    # Pins

    def _make_pins_safe(self) -> None:
        """Drive every output to its safe level, each one also if another is missing."""
        failed = ""
        self._pins: dict[str, Any] = {}
        outputs = [("CONTACTOR", 0), ("HEARTBEAT", 0), ("PILOT_OUT", 0), ("LED", 0)]
        for name, level in outputs:
            pin = getattr(self, name)
            if pin is not None and not self._output(name, pin, level):
                failed = failed or "%s, GPIO %d" % (name, pin)
        for name in self.SELECTS:
            if not self._output(name, self.SELECTS[name][0], 1):
                failed = failed or "select of %s, GPIO %d" % (name, self.SELECTS[name][0])
        if self.FEEDBACK is not None:
            try:
                from machine import Pin

                self._pins["FEEDBACK"] = Pin(self.FEEDBACK, Pin.IN, self._pull_up(Pin))
            except _MISSING:
                failed = failed or "FEEDBACK, GPIO %d" % self.FEEDBACK
        if failed:
            raise ValueError("the board %s has no pin %s; correct its file" % (self.NAME, failed))

    def _pull_up(self, pin_class: "Any") -> "int | None":
        return pin_class.PULL_UP if self.HAS_PULL_UP else None

    def _output(self, name: str, pin: int, level: int) -> bool:
        """Make the GPIO `pin` an output at `level`; return whether that worked."""
        try:
            from machine import Pin

            self._pins[name] = Pin(pin, Pin.OUT, value=level)
        except _MISSING:
            return False
        return True

    def _check_chip(self) -> None:
        """Raise ValueError if this is the board file of another chip."""
        machine: str = getattr(sys.implementation, "_machine", "")
        chip = machine.split(" with ")[-1]
        after = chip[len(self.MCU) : len(self.MCU) + 1]
        # ESP32, but not ESP32S3; ESP32C3FH4 is an ESP32C3.
        if chip[: len(self.MCU)] != self.MCU or (self.MCU == "ESP32" and after in tuple("CHPS")):
            raise ValueError(
                "the board file of %s is for the chip %s and this is %s; correct 'board.kind'"
                % (self.NAME, self.MCU, chip or "unknown")
            )

    def _open(self, part: str, make: "Callable[[], Any]") -> "Any":
        """Return the result of `make`. Raises ValueError, in one sentence, if that fails."""
        try:
            return make()
        except _MISSING as error:
            raise ValueError(
                "the board %s cannot open its %s: %s; correct its file" % (self.NAME, part, error)
            )

    # Buses and UARTs

    def uart(self, name: str) -> "Any":
        """Return the MachineUart of a line of the board file."""
        if name not in self.UARTS:
            if name == "service":
                return self._service_line()
            raise ValueError("the board %s has no UART '%s'" % (self.NAME, name))
        if name not in self._uarts:
            self._uarts[name] = self._open("UART '%s'" % name, lambda: self._open_uart(name))
        return self._uarts[name]

    def _service_line(self) -> "Any":
        """Return the REPL's line, if the configuration gives it to the service, or None."""
        if self._config.service == "none":
            return None
        if "service" not in self._uarts:
            from joulestream.parts.repl_line import ReplLine

            self._uarts["service"] = line = ReplLine()
            if self._poller is None:
                self._poller = select.poll()
            self._poller.register(line.port, select.POLLIN)
        return self._uarts["service"]

    def _open_uart(self, name: str) -> "Any":
        from machine import UART

        from joulestream.parts.uart import LINK_TX, METER_TX, MachineUart

        number, tx, rx, rx_size = self.UARTS[name]
        line = self._config.link if name == "link" else self._config.meter
        tx_size = LINK_TX if name == "link" else METER_TX
        port = UART(
            number,
            baudrate=line.baud,
            bits=8,
            parity=_PARITY[line.parity],
            stop=line.stop_bits,
            tx=self._pin(tx),
            rx=self._pin(rx),
            txbuf=tx_size,
            rxbuf=rx_size,
            timeout=0,
        )
        if self._poller is None:
            self._poller = select.poll()
        self._poller.register(port, select.POLLIN)
        return MachineUart(name, port, tx_size)

    def _pin(self, number: int) -> "Any":
        from machine import Pin

        return Pin(number)

    def spi(self, name: str) -> "tuple[Any, Any, Any]":
        """Return bus, chip select and interrupt pin of "can" or "fram"."""
        if self.SPI is None or name not in self.SELECTS:
            raise ValueError("the board %s has no SPI '%s'" % (self.NAME, name))
        if self._spi is None:
            self._spi = self._open("SPI", self._open_spi)
        number = self.SELECTS[name][1]
        if number is None:
            return self._spi, self._pins[name], _asks
        interrupt = self._open("interrupt of '%s'" % name, lambda: self._input(number))
        return self._spi, self._pins[name], interrupt

    def _input(self, number: int) -> "Any":
        from machine import Pin

        return Pin(number, Pin.IN)

    def _open_spi(self) -> "Any":
        from machine import SPI

        assert self.SPI is not None
        number, sck, mosi, miso, baud = self.SPI
        pins = self._pin(sck), self._pin(mosi), self._pin(miso)
        return SPI(
            number, baudrate=baud, polarity=0, phase=0, sck=pins[0], mosi=pins[1], miso=pins[2]
        )

    def i2c(self) -> "Any":
        """Return the I2C bus. Raises ValueError if the board has none."""
        if self.I2C is None:
            raise ValueError("the board %s has no I2C bus" % self.NAME)
        if self._i2c is None:
            self._i2c = self._open("I2C bus", self._open_i2c)
        return self._i2c

    def _open_i2c(self) -> "Any":
        from machine import I2C

        assert self.I2C is not None
        number, scl, sda, baud = self.I2C
        return I2C(number, scl=self._pin(scl), sda=self._pin(sda), freq=baud)

    # Storage, secrets, random numbers

    def storage(self) -> "Any":
        """Return the journal's flash or FRAM, as 'board.storage' says."""
        if self._storage is None:
            self._storage = self._open_storage()
        return self._storage

    @property
    def fault(self) -> "str | None":  # type: ignore[override]
        """The sentence of a storage that fails."""
        return None if self._storage is None else self._storage.fault

    def _open_storage(self) -> "Any":
        config = self._config
        if config.storage == _FLASH:
            from joulestream.parts.flash import open_flash

            kind, place = self.FLASH
            if isinstance(place, str):
                place = config.flash_label or place
            else:
                start = place[0] if config.flash_start is None else config.flash_start
                place = start, config.flash_bytes or place[1]
            return self._open("flash", lambda: open_flash(kind, place))
        from joulestream.parts.fram import I2cFram, SpiFram

        if config.storage == _FRAM_I2C:
            return I2cFram(self.i2c(), config.fram_bytes)
        bus, chosen, _ = self.spi("fram")
        return SpiFram(bus, chosen, config.fram_bytes)

    def secret(self, source: int) -> bytes:
        """Return the device secret in the file of the configuration; there is no keypad."""
        if source != SOURCE_DEVICE:
            raise ValueError("this board has no keypad; seal the key with a device secret")
        return read_device_secret(self._config.device_secret)

    def random(self, size: int) -> bytes:
        """Return random bytes of the chip while its radio is on, else parts.random_source's."""
        if self._random is None:
            raise ValueError(
                "the board has no true random source; name a 'board.device_secret'%s"
                % (" or switch 'board.wifi' on" if self.HAS_RADIO else "")
            )
        return self._random(size)

    def _open_random(self) -> "Callable[[int], bytes] | None":
        if self._has_radio_on:
            import os

            return os.urandom
        path = self._config.device_secret
        if path is None:
            return None
        from joulestream.parts.random_source import CountedRandom

        return CountedRandom(read_device_secret(path), path + ".starts").bytes

    # Contactor and pilot

    def contactor(self, closed: bool) -> None:
        """Raise or lower the line CONTACTOR. Only completed steps then give the heartbeat."""
        if closed == self._closed:
            return
        self._closed = closed
        self._drive("CONTACTOR", closed)
        if not closed:
            self._level = 0
            self._drive("HEARTBEAT", 0)

    def feed_watchdog(self) -> None:
        """Give an edge of the heartbeat, if one is due, and feed the watchdog."""
        if self._closed:
            now_ms = self.now_ms()
            if self._next_edge.is_over(now_ms):
                self._next_edge.start(now_ms, self.HEARTBEAT_MS)
                self._level ^= 1
                self._drive("HEARTBEAT", self._level)
        if self._watchdog is not None:
            self._watchdog.feed()
        elif self._config.watchdog:
            self._watchdog = self._open("watchdog", self._open_watchdog)

    def _open_watchdog(self) -> "Any":
        from machine import WDT

        return WDT(id=0, timeout=self.WATCHDOG_MS)

    def _drive(self, name: str, level: "int | bool") -> None:
        pin = self._pins.get(name)
        if pin is not None:
            pin(1 if level else 0)

    def make_safe(self) -> None:
        """Open the contactor and take the pilot to -12 V: the pole is not available."""
        self.contactor(False)
        self._pilot.switch_off()

    def gate_ms(self) -> "int | None":
        """Return the hold time that the board file asks of its gate."""
        return self.GATE_MS

    def contactor_feedback(self) -> "bool | None":
        """Return whether the auxiliary contact is closed."""
        pin = self._pins.get("FEEDBACK")
        if pin is None or not self._config.feedback:
            return None
        return not pin()

    def pause(self, paused: bool) -> None:
        """Give a duty of 100 %, or that of the current limit."""
        self._pilot.pause(paused, self.now_ms())

    def current_limit_ma(self, limit_ma: int) -> None:
        """Give the duty of this current, or of 'board.current_ma' if that is less."""
        self._pilot.limit(limit_ma, self.now_ms())

    def pilot_state(self) -> str:
        """Return the state by the pilot's peak."""
        return self._pilot.read(self.now_ms())

    def _open_pilot(self) -> Pilot:
        config = self._config
        peak_mv = set_duty = None
        if self.PILOT_IN is not None:
            self._adc = self._open("pilot's input", self._open_adc)
            peak_mv = self._peak_mv
        if self.PILOT_OUT is not None and config.side == "pole":
            set_duty = self._set_duty
        return Pilot(peak_mv, set_duty, config.current_ma)

    def _open_adc(self) -> "Any":
        from machine import ADC

        pin = self._pin(self.PILOT_IN or 0)
        return ADC(pin) if self.ADC_FULL_MV is not None else ADC(pin, atten=ADC.ATTN_11DB)

    def _peak_mv(self) -> int:
        """Return the pilot's peak in mV."""
        if self.ADC_FULL_MV is not None:
            pin_mv = int(self._adc.read_u16()) * self.ADC_FULL_MV >> 16
        else:
            pin_mv = int(self._adc.read_uv()) // 1_000
        return pin_mv * self.PILOT_DIVIDER

    def _set_duty(self, duty: int) -> None:
        if duty == NO_DUTY:
            if self._pwm is not None:
                self._pwm.deinit()
                self._pwm = None
            self._output("PILOT_OUT", self.PILOT_OUT or 0, 0)
        elif self._pwm is None:
            self._pwm = self._open("pilot's output", lambda: self._open_pwm(duty))
        else:
            self._pwm.duty_u16(duty)

    def _open_pwm(self, duty: int) -> "Any":
        from machine import PWM

        return PWM(self._pins["PILOT_OUT"], freq=FREQUENCY_HZ, duty_u16=duty)

    # Time

    def now_ms(self) -> int:
        """Return the port's tick."""
        ticks: Any = time
        return int(ticks.ticks_ms() & (TICKS_PERIOD - 1))

    def clock(self) -> "tuple[int, int]":
        """Return the time that a network or the real-time clock told."""
        return self._clock.read(self.now_ms())

    def set_clock(self) -> None:
        """Ask the network for the time, else the real-time clock, when that is due."""
        now_ms = self.now_ms()
        clock = self._clock
        clock.read(now_ms)
        if self._closed or not clock.is_due(now_ms):
            return
        # A vehicle that waits for its offer waits for the time only if none is known.
        if not (clock.is_known and is_connected(self._pilot.state)):
            clock.ask(now_ms)

    def _open_clock(self) -> BoardClock:
        config = self._config
        network = rtc = None
        if config.wifi is not None:
            if not self.HAS_RADIO:
                raise ValueError("the board %s has no Wi-Fi; remove 'board.wifi'" % self.NAME)
            from joulestream.parts.network_time import NetworkTime

            network = NetworkTime(config.wifi.ssid, config.wifi.password, config.wifi.ntp_host)
            network.join()
            self._has_radio_on = True
        if config.clock == "ds3231":
            from joulestream.parts.ds3231 import Ds3231

            rtc = Ds3231(self.i2c())
        return BoardClock(network, rtc, self.now_ms())

    # The run loop

    def wait(self, most_ms: int) -> bool:
        """Wait for bytes on the open UARTs."""
        if self._poller is not None:
            return not self._poller.poll(most_ms)
        time.sleep(most_ms / _MS_PER_S)
        return True

    def reset(self) -> None:
        """Start the board anew."""
        import machine

        machine.reset()

    def show(self, status: "Callable[[], dict[str, Any]]") -> None:
        """Light the LED while the contactor is closed, else let it blink; print a new fault."""
        now_ms = self.now_ms()
        if self._closed:
            self._drive("LED", 1)
            return
        if self._next_blink.is_over(now_ms):
            self._next_blink.start(now_ms, _LED_MS)
            self._blink = not self._blink
            self._drive("LED", self._blink)
        if self._next_report.is_over(now_ms):
            self._next_report.start(now_ms, _REPORT_MS)
            words = status()
            news = words["faults"], words["board_fault"]
            if news == self._reported:
                return
            if news[0] != self._reported[0]:
                print("a loop was given up: %s; the contactor is open" % words["last_fault"])
            if news[1] not in (None, self._reported[1]):
                print("%s; the contactor is open" % news[1])
            self._reported = news


def _asks() -> int:
    """Stand in for an interrupt pin that is not wired: the chip always asks to be read."""
    return 0
