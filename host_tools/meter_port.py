"""A meter on a serial port of this computer: the line for a probe, the board for a driver."""

import time
from collections.abc import Callable
from typing import Any

from joulestream.boards.contract import Board
from joulestream.host_tools.errors import CommandError
from joulestream.host_tools.serial_port import SerialPort
from joulestream.meter.config import check_meter
from joulestream.meter.drivers import maker, open_driver
from joulestream.meter.reading import CURRENT, EXPORT, FREQUENCY, IMPORT, POWER, VOLTAGE
from joulestream.units import MWH_PER_KWH, TICKS_PERIOD

# An answer is over when no byte came for so long: a USB adapter delivers every 16 ms.
_GAP_S = 0.06
_POLL_S = 0.002
_MS_PER_S = 1_000
# Less power than this, and none at all, looks alike.
_NOISE_MW = 5_000
_FIGURES = (
    ("voltage", VOLTAGE, "V", 1_000, 2),
    ("current", CURRENT, "A", 1_000, 3),
    ("power", POWER, "W", 1_000, 1),
    ("frequency", FREQUENCY, "Hz", 1_000, 2),
    ("import", IMPORT, "kWh", MWH_PER_KWH, 3),
    ("export", EXPORT, "kWh", MWH_PER_KWH, 3),
)


class PortWire:
    """The line of a serial port, for meter_probe.Probe."""

    def __init__(self, port: SerialPort) -> None:
        self._port = port

    def configure(self, baud: int, line: str) -> None:
        """Set speed, parity and stop bits."""
        self._port.configure(baud, line)

    def exchange(self, request: bytes, size: int, most_ms: int) -> bytes:
        """Send a request; return the bytes that came until `size` came, a gap, or `most_ms`."""
        port = self._port
        try:
            port.read(0.0)  # answers to older requests
            port.write(request)
            came = port.read(most_ms / _MS_PER_S)
            # An echo comes first, and the answer has the same time as without one.
            wait_s = most_ms / _MS_PER_S if came and request.startswith(came) else _GAP_S
            while came and len(came) < size + len(request):
                more = port.read(wait_s)
                if not more:
                    break
                came += more
                wait_s = _GAP_S
        except OSError as error:
            raise _lost(port, error) from None
        return came

    def pause(self, ms: int) -> None:
        """Let time pass."""
        time.sleep(ms / _MS_PER_S)


class _PortBoard(Board):
    """A board that has nothing but the meter's UART."""

    def __init__(self, port: SerialPort) -> None:
        self._port = port

    def uart(self, name: str) -> Any:
        return self._port


def read_meter(
    values: dict[str, Any], path: str, now_ms: Callable[[], int] | None = None
) -> dict[str, Any]:
    """Read a meter once, with the firmware's own driver.

    Args:
        values: the section `meter` of a configuration.
        path: the port.
        now_ms: the time in ms. Default: the computer's.

    Returns:
        Its figures in the units of people, None for those that it has not; and under "why" a
        sentence if something is wrong with them, else None.

    Raises:
        CommandError: there is no such port, or no reading came.
        ConfigError: the section is wrong.
    """
    meter = check_meter(values)
    _, questions, _, _ = maker(meter.model).MODELS[meter.model]
    if not questions:
        raise CommandError(
            f"the meter {meter.model} has no Modbus line; wire it to a board, which reads it"
        )
    clock = now_ms or _clock
    port = SerialPort(path, meter.baud, meter.line)
    try:
        driver: Any = open_driver(meter, _PortBoard(port))
        begun_ms = clock()
        reading = None
        while reading is None:
            at_ms = clock()
            if at_ms - begun_ms > 2 * meter.timeout_ms:
                raise _no_reading(meter, path, driver)
            try:
                reading = driver.poll(at_ms % TICKS_PERIOD)
            except OSError as error:
                raise _lost(port, error) from None
            time.sleep(_POLL_S)
    finally:
        port.close()
    shown: dict[str, Any] = {"model": meter.model, "unit": meter.unit}
    for name, which, unit, scale, places in _FIGURES:
        value = driver.figure(which)
        shown[f"{name}_{unit}"] = None if value is None else round(value / scale, places)
    shown["why"] = None
    if reading.power_mw < -_NOISE_MW:
        shown["why"] = (
            f"the meter shows {reading.power_mw / 1_000:.0f} W flowing back: if a load is on, the"
            " meter is wired backwards; swap its line and load side, or turn the current"
            " transformer round"
        )
    return shown


def _no_reading(meter: Any, path: str, driver: Any) -> CommandError:
    """Return the sentence on a meter that gives no reading."""
    where = f"address {meter.unit} on {path} at {meter.baud} baud {meter.line}"
    if driver.senseless_ms is not None:
        return CommandError(
            f"the meter at {where} answers with figures that no {meter.model} has; name its model,"
            " or find it with --probe"
        )
    if driver.bad_answers:
        return CommandError(
            f"the meter at {where} answers with exceptions or damaged bytes; is it a"
            f" {meter.model}, and alone at this address? --probe tells"
        )
    if driver.heard_ms is not None:
        return CommandError(
            f"bytes come on {path}, but no answer of {where}; is another master on the line?"
        )
    return CommandError(
        f"no answer from {where}; check supply and wires, swap A and B, or find it with --probe"
    )


def _lost(port: SerialPort, error: OSError) -> CommandError:
    return CommandError(f"{port.path}: the port is lost: {error.strerror}; plug it in again")


def _clock() -> int:
    return int(time.monotonic() * _MS_PER_S)
