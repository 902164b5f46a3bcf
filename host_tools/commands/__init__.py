"""The table of all commands: a command is one file in this folder and one row here.

A row's module holds a Typer application called `app`. The module is imported when its command is
run, not before: its top may import the modules that the options need, and no others.
"""

from typing import NamedTuple


class Command(NamedTuple):
    """One command.

    Attributes:
        module: name of the module that holds its Typer application.
        summary: its work in one line, which is also the first line of the command's own help.
    """

    module: str
    summary: str


_HERE = __name__ + "."

COMMANDS = {
    "demo": Command(
        _HERE + "demo", "Charge 2 kWh between two MicroPython processes, settle, plot."
    ),
    "run": Command(_HERE + "run", "Run a pole or a vehicle by hand on real serial ports."),
    "keys": Command(_HERE + "keys", "Make and seal the keys of poles and vehicles."),
    "flash": Command(_HERE + "flash", "Put MicroPython and a firmware on a board."),
    "provision": Command(
        _HERE + "provision", "Let a board make its key, and bring all that it trusts."
    ),
    "update": Command(_HERE + "update", "Send a signed release to a board."),
    "ledger": Command(_HERE + "ledger", "Keep the embedded ledger."),
    "collect": Command(_HERE + "collect", "Show a pole's claims, and mark those that are paid."),
    "settle": Command(_HERE + "settle", "Pay the best claims of a pole on the ledger."),
    "monitor": Command(_HERE + "monitor", "Show poles and vehicles that run, live."),
    "service": Command(_HERE + "service", "Read and set time and prices of a pole that runs."),
    "wallet": Command(
        _HERE + "wallet", "Show a vehicle's channels, take certificates, decide on debts."
    ),
    "bench": Command(_HERE + "bench", "Check the parts of a pole or a vehicle on a table."),
    "simulate": Command(
        _HERE + "simulate", "Simulate charging sessions in which everything goes wrong."
    ),
    "fuzz": Command(_HERE + "fuzz", "Fuzz the protocol and the journal, or replay inputs."),
    "benchmark": Command(_HERE + "benchmark", "Measure speed, size, exposure and reliability."),
    "emulator": Command(
        _HERE + "emulator", "Start the emulated riscv32 board, for mpremote to talk to."
    ),
    "pico": Command(
        _HERE + "pico", "Start the emulated Raspberry Pi Pico, for mpremote to talk to."
    ),
}
