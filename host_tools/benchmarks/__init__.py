"""All that `make bench` measures: one file a part, with a function `measure() -> figures`.

A part's figures are merged into a file of build/bench. `joulestream benchmark` runs this package.

run.py         runs parts and keeps their figures
tables.py      the figures as Markdown tables, with the limits that they must keep
document.py    writes these tables into docs/, beside the machine's name
machine.py     the machine that was measured on
on_board.py    runs a program of host_tools/rv32 on the emulated board
"""

from typing import NamedTuple


class Part(NamedTuple):
    """One part.

    Attributes:
        module: name of the module with its `measure`.
        file: file of build/bench that keeps its figures.
        about: its work, and the time that it takes on two quiet cores.
    """

    module: str
    file: str
    about: str


_HERE = __name__ + "."
SUMMARY, ED25519, MODULES, SIZE, RELIABILITY, BOARDS = (
    "summary.json",
    "ed25519.json",
    "modules.json",
    "size.json",
    "reliability.json",
    "boards.json",
)

PARTS = {
    "throughput": Part(
        _HERE + "throughput", SUMMARY, "a session as fast as both firmwares can, 15 s"
    ),
    "exposure": Part(_HERE + "exposure", SUMMARY, "the demo's session in virtual time, 15 s"),
    "service": Part(_HERE + "service", BOARDS, "a pole that is collected while it charges, 10 s"),
    "ed25519": Part(_HERE + "ed25519", ED25519, "Ed25519 on bare rv32, 20 s"),
    "packets": Part(_HERE + "packets", ED25519, "whole packets on the emulated board, 30 s"),
    "modules": Part(_HERE + "modules", MODULES, "the native module of each architecture, 20 s"),
    "size": Part(_HERE + "size", SIZE, "flash and heap of both firmwares, 15 s"),
    "fit": Part(_HERE + "fit", BOARDS, "a thousand packets in the heaps of chips, 4 minutes"),
    "can": Part(_HERE + "can", BOARDS, "packets on a modelled CAN bus, 10 s"),
    "board-contract": Part(
        _HERE + "board_contract", BOARDS, "each board against its contract, 10 s"
    ),
    "meters": Part(_HERE + "meters", BOARDS, "the common suite of every meter, 30 s"),
    "hazards": Part(
        _HERE + "hazards", BOARDS, "every pair of faults of a charging pole, two minutes"
    ),
    "flash": Part(
        _HERE + "flash", BOARDS, "a firmware onto the emulated board, and once more, a minute"
    ),
    "pico": Part(_HERE + "pico", BOARDS, "an erase on the emulated Pico, 10 s"),
    "power-cuts": Part(
        _HERE + "power_cuts", RELIABILITY, "a power cut at 10,000 operations of a flash, a minute"
    ),
    "simulation": Part(_HERE + "simulation", RELIABILITY, "5,000 simulated sessions, two minutes"),
    "adversaries": Part(_HERE + "adversaries", RELIABILITY, "scripted liars, 20 s"),
    "planted-bugs": Part(
        _HERE + "planted_bugs", RELIABILITY, "bugs that are planted again, two minutes"
    ),
    "contactor": Part(
        _HERE + "contactor", RELIABILITY, "vehicles that wear the contactor out, 30 s"
    ),
    "fuzzing": Part(_HERE + "fuzzing", RELIABILITY, "each fuzz target for 60 s, three minutes"),
    "heap": Part(_HERE + "heap", RELIABILITY, "an hour of packets in virtual time, a minute"),
    "wear": Part(
        _HERE + "wear", RELIABILITY, "attacks that write to a pole's flash, half a minute"
    ),
    "journal": Part(_HERE + "journal", RELIABILITY, "storing a claim on the emulated board, 15 s"),
}
