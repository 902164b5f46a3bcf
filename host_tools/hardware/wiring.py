"""The wiring of a board file: its table for docs/hardware.md, and its faults.

python -m joulestream.host_tools.hardware.wiring           writes the tables of all boards
python -m joulestream.host_tools.hardware.wiring --check   exit status 1 if one is out of date
python -m joulestream.host_tools.hardware.wiring FILE.py   table and faults of your own board
"""

import importlib
import importlib.util
import sys
from pathlib import Path
from typing import Any, NamedTuple

from joulestream.boards import KINDS
from joulestream.host_tools.documents import keep_written, write_between_marks
from joulestream.host_tools.hardware.chips import CHIPS, Chip, rp2040_function
from joulestream.host_tools.layout import ROOT
from joulestream.parts.flash import PARTITION

DOCUMENT = ROOT / "docs" / "hardware.md"
# The pole's least `contactor_hold_ms` (firmware/pole/config.py): its gate has to be slower.
_LEAST_HOLD_MS = 450
_RP2_LONGEST_WATCHDOG_MS = 8_388
_PULL_DOWN = "pull-down of 10 kΩ"
_PULL_UP = "pull-up of 10 kΩ"


class Line(NamedTuple):
    """One wire.

    Attributes:
        pin: the GPIO.
        name: the wire's other end.
        direction: "out", "in" or "both".
        rest: the level that the firmware gives it at rest.
        needs: the parts that keep it safe while no firmware drives it.
    """

    pin: int
    name: str
    direction: str
    rest: str
    needs: str


def lines(board: Any) -> list[Line]:
    """Return the wires of a board file, by their pins."""
    found: list[Line] = []

    def add(pin: int | None, name: str, direction: str, rest: str, needs: str) -> None:
        if pin is not None:
            found.append(Line(pin, name, direction, rest, needs))

    add(board.CONTACTOR, "`CONTACTOR`, to the gate", "out", "low", _PULL_DOWN)
    coupled = f"{_PULL_DOWN}; coupled by 100 nF"
    add(board.HEARTBEAT, "`HEARTBEAT`, to the gate", "out", "low", coupled)
    add(
        board.FEEDBACK,
        "`FEEDBACK`, auxiliary contact to ground",
        "in",
        "-",
        "-" if board.HAS_PULL_UP else _PULL_UP,
    )
    add(
        board.PILOT_OUT,
        "`PILOT_OUT`, to the pilot's driver, low is -12 V",
        "out",
        "low",
        _PULL_DOWN,
    )
    add(
        board.PILOT_IN,
        f"`PILOT_IN`, from the pilot's peak detector, divided by {board.PILOT_DIVIDER}",
        "in",
        "-",
        "clamp to 0 V and 3.3 V",
    )
    for pin, name in (
        (board.PILOT_LOW, "`PILOT_LOW`, negative peak, turned round, divided alike"),
        (board.PROXIMITY, "`PROXIMITY`, 330 Ω to 3.3 V and the cable's resistor to ground"),
        (board.TEMPERATURE, "`TEMPERATURE`, 10 kΩ to 3.3 V and an NTC of 10 kΩ to ground"),
    ):
        add(pin, name, "in", "-", "clamp to 0 V and 3.3 V")
    for pin, name in (
        (board.RESIDUAL, "`RESIDUAL`, low until the residual-current device trips"),
        (board.EMERGENCY, "`EMERGENCY`, low until the emergency stop is pressed"),
        (board.GRID, "`GRID`, low while the grid operator sets no limit"),
    ):
        add(pin, name, "in", "-", "-" if board.HAS_PULL_UP else _PULL_UP)
    add(board.RESIDUAL_TEST, "`RESIDUAL_TEST`, tests the device", "out", "low", _PULL_DOWN)
    for name, (number, tx, rx, _) in board.UARTS.items():
        add(tx, f"UART {number}, `{name}`, TX", "out", "high", _PULL_UP)
        add(rx, f"UART {number}, `{name}`, RX", "in", "-", _PULL_UP)
    if board.SPI is not None:
        number, sck, mosi, miso, _ = board.SPI
        add(sck, f"SPI {number}, SCK", "out", "low", "-")
        add(mosi, f"SPI {number}, MOSI", "out", "low", "-")
        add(miso, f"SPI {number}, MISO", "in", "-", "-")
    for name, (select, interrupt) in board.SELECTS.items():
        add(select, f"chip select of `{name}`", "out", "high", _PULL_UP)
        add(interrupt, f"interrupt of `{name}`", "in", "-", _PULL_UP)
    if board.I2C is not None:
        number, scl, sda, _ = board.I2C
        for pin, line in ((scl, "SCL"), (sda, "SDA")):
            add(pin, f"I2C {number}, {line}", "both", "high", "pull-up of 4.7 kΩ")
    add(board.LED, "status LED", "out", "low", "-")
    return sorted(found)


def faults(board: Any) -> list[str]:
    """Return the faults of a board file, one sentence each; none if it is good."""
    chip = CHIPS.get(board.MCU)
    if chip is None:
        return [f"MCU names {board.MCU!r}, and there are {', '.join(CHIPS)}"]
    found = []
    used: dict[int, str] = {}
    for line in lines(board):
        if line.pin in used:
            found.append(f"GPIO {line.pin} is both {used[line.pin]} and {line.name}")
        used[line.pin] = line.name
        found += [f"GPIO {line.pin}, {line.name}, {fault}" for fault in _pin_faults(line, chip)]
    for name in ("PILOT_IN", "PILOT_LOW", "PROXIMITY", "TEMPERATURE"):
        pin = getattr(board, name)
        if pin is not None and pin not in chip.adc:
            found.append(f"GPIO {pin} has no converter that works beside the radio")
    for name in ("CONTACTOR", "HEARTBEAT", "PILOT_OUT", "RESIDUAL_TEST"):
        if getattr(board, name) in chip.pulse:
            found.append(f"{name} is on a pin that is high for a moment while the chip starts")
    if board.HAS_PULL_UP and board.FEEDBACK in chip.input_only:
        found.append(f"GPIO {board.FEEDBACK} has no pull-up of its own")
    found += _peripheral_faults(board, chip)
    if (board.CONTACTOR is None) != (board.HEARTBEAT is None):
        found.append("the gate needs both CONTACTOR and HEARTBEAT")
    if not board.HEARTBEAT_MS < _LEAST_HOLD_MS < board.GATE_MS <= 1_000:
        found.append(f"GATE_MS has to be above {_LEAST_HOLD_MS} and at most 1,000")
    if chip.platform == "rp2" and board.WATCHDOG_MS > _RP2_LONGEST_WATCHDOG_MS:
        found.append(f"WATCHDOG_MS has to be at most {_RP2_LONGEST_WATCHDOG_MS}")
    return found


def _pin_faults(line: Line, chip: Chip) -> list[str]:
    """Return the faults of one wire."""
    groups = (
        (chip.strapping, "is a strapping pin"),
        (chip.flash, "belongs to flash or PSRAM"),
        (chip.usb, "belongs to USB"),
        (chip.repl, "belongs to the REPL's UART"),
    )
    found = [fault for pins, fault in groups if line.pin in pins]
    if not found and line.pin not in chip.pins:
        found.append("is not on the module")
    if line.direction != "in" and line.pin in chip.input_only:
        found.append("can only be an input")
    return found


def _peripheral_faults(board: Any, chip: Chip) -> list[str]:
    """Return the peripherals that the chip lacks, or has on other pins."""
    rows: list[tuple[str, int, tuple[int, ...], dict[str, int]]] = [
        ("UART", number, chip.uarts, {"tx": tx, "rx": rx})
        for number, tx, rx, _ in board.UARTS.values()
    ]
    if board.SPI is not None:
        number, sck, mosi, miso, _ = board.SPI
        rows.append(("SPI", number, chip.spis, {"sck": sck, "mosi": mosi, "miso": miso}))
    if board.I2C is not None:
        number, scl, sda, _ = board.I2C
        rows.append(("I2C", number, chip.i2cs, {"scl": scl, "sda": sda}))
    found = []
    for kind, number, numbers, pins in rows:
        if number not in numbers:
            found.append(f"the chip has no {kind} {number} that is free")
        for line, pin in pins.items():
            if chip.platform == "rp2" and rp2040_function(kind, pin) != (number, line):
                found.append(f"GPIO {pin} cannot be {line} of {kind} {number}")
    numbers_used = [number for number, *_ in board.UARTS.values()]
    if len(set(numbers_used)) != len(numbers_used):
        found.append("two lines share one UART")
    return found


def wiring_table(board: Any) -> str:
    """Return the wires of a board as a Markdown table."""
    rows = [
        "| GPIO | line | direction | at rest | needs outside |",
        "| --- | --- | --- | --- | --- |",
    ]
    for line in lines(board):
        rows.append(
            f"| {line.pin} | {line.name} | {line.direction} | {line.rest} | {line.needs} |"
        )
    return "\n".join(rows)


def figures_table() -> str:
    """Return the figures of all boards as a Markdown table, one board a column."""
    all_boards = [(kind, _board(kind)) for kind in sorted(KINDS)]
    rows = {
        "`board.kind`": [f"`{kind}`" for kind, _ in all_boards],
        "board": [board.NAME for _, board in all_boards],
        "receive buffers of link and meter, bytes": [
            " and ".join(str(uart[3]) for uart in board.UARTS.values()) for _, board in all_boards
        ],
        "SPI, bit/s": [_of(board.SPI, 4) for _, board in all_boards],
        "I2C, bit/s": [_of(board.I2C, 3) for _, board in all_boards],
        "journal on flash": [_place(board) for _, board in all_boards],
        "true random source": [
            "while Wi-Fi is on" if board.HAS_RADIO else "none" for _, board in all_boards
        ],
        "watchdog, ms": [str(board.WATCHDOG_MS) for _, board in all_boards],
        "heartbeat, an edge in ms, at most": [str(board.HEARTBEAT_MS) for _, board in all_boards],
        "heartbeat, edges a second, at most": [
            str(1_000 // board.HEARTBEAT_MS) for _, board in all_boards
        ],
        "gate opens after the last edge, ms": [str(board.GATE_MS) for _, board in all_boards],
    }
    table = [f"| | {' | '.join(board.MCU for _, board in all_boards)} |"]
    table.append("| --- |" + " --- |" * len(all_boards))
    table += [f"| {name} | {' | '.join(cells)} |" for name, cells in rows.items()]
    return "\n".join(table)


def _of(bus: Any, index: int) -> str:
    return "none" if bus is None else str(bus[index])


def _place(board: Any) -> str:
    kind, place = board.FLASH
    if kind == PARTITION:
        return f"partition `{place}`"
    return f"{place[1]} bytes from byte {place[0]} on"


def _board(kind: str) -> Any:
    return importlib.import_module(KINDS[kind]).Board


def write(document: Path = DOCUMENT) -> None:
    """Write the tables of all boards into the document."""
    write_between_marks(document, figures_table(), "boards")
    for kind in sorted(KINDS):
        write_between_marks(document, wiring_table(_board(kind)), kind)


def judge_file(path: Path) -> int:
    """Print table and faults of a board file; return 1 if it has faults."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None or not path.is_file():
        print(f"{path} is no Python file", file=sys.stderr)
        return 1
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    print(wiring_table(module.Board))
    found = faults(module.Board)
    for fault in found:
        print(f"{path.name}: {fault}", file=sys.stderr)
    return 1 if found else 0


def main(words: list[str]) -> int:
    """Write or check the tables, or judge a file; return the exit status."""
    if words and words[0] != "--check":
        return judge_file(Path(words[0]))
    return keep_written([DOCUMENT], write, words, Path(__file__).name)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
