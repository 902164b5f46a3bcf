"""One firmware run by hand on this computer's serial ports: the work behind `joulestream run`."""

import selectors
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from joulestream.device.config import ConfigError
from joulestream.host_tools.bench.bench import UNKNOWN_TIME_S
from joulestream.host_tools.bench.firmware import Firmware
from joulestream.host_tools.errors import CommandError
from joulestream.host_tools.files import read_json
from joulestream.host_tools.link_speed import check_speed
from joulestream.host_tools.serial_port import SerialPort
from joulestream.host_tools.service.line import BAUD
from joulestream.host_tools.waiting import describe
from joulestream.meter.config import check_meter

# How often the firmware is told pilot and time.
_PINS_S = 0.5
# Ports of a meter that the configuration does not describe.
_DEFAULT_BAUD = 9_600
# A figure that moves by itself tells nothing about the session.
_RESTLESS = "heap_free_bytes"


def system_clock() -> int:
    """Return the computer's unix time in s."""
    return int(time.time())


def unknown_clock() -> int:
    """Return that the time is not known."""
    return UNKNOWN_TIME_S


def clock_from(start_s: int) -> Callable[[], int]:
    """Return a clock that shows the unix time `start_s` now and runs on from there."""
    begun_s = time.monotonic()
    return lambda: start_s + int(time.monotonic() - begun_s)


def load_config(path: Path) -> dict[str, Any]:
    """Return the firmware's configuration at `path`, unchecked: the firmware itself checks it.

    Raises:
        CommandError: there is no JSON object.
    """
    config = read_json(path)
    if not isinstance(config, dict) or not isinstance(config.get("board", {}), dict):
        raise CommandError(f"{path} must hold an object, and 'board' in it must be one too")
    return config


def port_paths(config: dict[str, Any], given: dict[str, str | None]) -> dict[str, str]:
    """Return the path of each port: as given, else as the configuration's 'board.uarts' names it.

    Raises:
        CommandError: the firmware needs a port that nothing names, or 'board.uarts' is malformed.
    """
    named = config.get("board", {}).get("uarts", {})
    if not isinstance(named, dict) or not all(isinstance(path, str) for path in named.values()):
        raise CommandError(
            "configuration field 'board.uarts' must be an object of ports by name, such as"
            ' {"link": "/dev/ttyUSB0"}'
        )
    paths = {name: path or named.get(name) for name, path in given.items()}
    needed = ["link"] + ["meter"] * ("meter" in config)
    for name in needed:
        if not paths[name]:
            raise CommandError(f"the firmware needs a port for its {name}; name it with --{name}")
    return {name: path for name, path in paths.items() if path}


def meter_baud(config: dict[str, Any]) -> int:
    """Return the speed of the meter that `config` describes, in bit/s.

    Where the section is missing, or the firmware will refuse it, any speed does.
    """
    try:
        return check_meter(config.get("meter")).baud
    except (ConfigError, ValueError):
        return _DEFAULT_BAUD


class HandRun:
    """A firmware on real ports, with its pilot state and clock from the caller."""

    def __init__(
        self,
        role: str,
        config_path: Path,
        ports: dict[str, str | None],
        link_baud: int,
        pilot: str,
        clock: Callable[[], int],
    ) -> None:
        """Prepare a run.

        Args:
            role: "pole" or "vehicle".
            config_path: the firmware's configuration; the section 'board' may be left out.
            ports: the paths of "link", "meter" and "service"; None takes the configuration's.
            link_baud: the speed of the link in bit/s.
            pilot: the state of the control pilot, "A" to "F".
            clock: returns the unix time in s, or UNKNOWN_TIME_S.

        Raises:
            CommandError: the configuration cannot be read or names too few ports.
        """
        self._role = role
        self._config_path = config_path
        self._config = load_config(config_path)
        self._paths = port_paths(self._config, ports)
        self._bauds = {"link": link_baud, "meter": meter_baud(self._config), "service": BAUD}
        self._pilot = pilot
        self._clock = clock

    def run(self, tell: Callable[[str, dict[str, Any]], None]) -> None:
        """Run until Ctrl-C, then end the firmware in order, which opens the contactor.

        Args:
            tell: called with the sentence on what the firmware waits for and its status, whenever
                one of them changed.

        Raises:
            CommandError: a port cannot be used, or the link is too slow for the configuration.
            FirmwareError: the firmware ended by itself.
        """
        opened: list[SerialPort] = []
        try:
            for name, path in self._paths.items():
                opened.append(SerialPort(path, self._bauds[name]))
            check_speed(self._bauds["link"], self._config)
            with tempfile.TemporaryDirectory(prefix="joulestream-") as directory:
                self._run(Path(directory), tell)
        finally:
            for port in opened:
                port.close()

    def _run(self, directory: Path, tell: Callable[[str, dict[str, Any]], None]) -> None:
        config = {**self._config, "board": self._board_section()}
        firmware = Firmware(self._role, config, directory, working_directory=Path.cwd())
        try:
            self._follow(firmware, tell)
        except KeyboardInterrupt:
            firmware.shut_down()
            tell("ended; the contactor is " + ("closed" if firmware.contactor else "open"), {})
        finally:
            firmware.kill()

    def _follow(self, firmware: Firmware, tell: Callable[[str, dict[str, Any]], None]) -> None:
        shown: tuple[str, dict[str, Any]] | None = None
        told_s = -_PINS_S
        with selectors.DefaultSelector() as selector:
            selector.register(firmware, selectors.EVENT_READ)
            while True:
                if time.monotonic() - told_s >= _PINS_S:
                    told_s = time.monotonic()
                    firmware.set_pins(0, self._clock(), self._pilot, True, {})
                if selector.select(_PINS_S):
                    firmware.poll_reports()
                sentence = describe(self._role, firmware.status, self._paths, self._pilot)
                steady = {k: v for k, v in firmware.status.items() if k != _RESTLESS}
                if (sentence, steady) != shown:
                    shown = (sentence, steady)
                    tell(sentence, steady)

    def _board_section(self) -> dict[str, Any]:
        return {
            "storage": str(self._config_path.with_suffix(".flash").resolve()),
            **self._config.get("board", {}),
            "clock": "wall",
            "uarts": self._paths,
        }
