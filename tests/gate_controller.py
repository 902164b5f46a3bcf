"""The safety controller of firmware/gate, compiled with both sanitizers, and a plant around it."""

import os
import subprocess
from pathlib import Path
from typing import NamedTuple

from joulestream.host_tools.build import shell
from joulestream.host_tools.build.native import ARM_COMPILER

ROOT = Path(__file__).resolve().parents[1]
SOURCES = ROOT / "firmware" / "gate"
DRIVER = ROOT / "tests" / "native" / "gate_driver.c"
START = ROOT / "tests" / "native" / "cortex_start.S"
STRICT = ["-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic", "-Wconversion", "-Wshadow"]
SANITIZED = ["-O2", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
# The plant of a controller that closes the coil as soon as its rests are over.
WELL = "set request 1", "set beat_ms 20", "set permit_ms 50", "set pilot 2", "set self_test_ms 100"


class Outputs(NamedTuple):
    """What a step gave, and when, in ms since the start."""

    at_ms: int
    coil: int
    test: int
    shunt_trip: int
    tripped: int
    state: int
    reason: int
    opened_by: int


def build(directory, sources=SOURCES):
    """Compile the controller with its driver; return the program."""
    program = Path(directory) / "gate_driver"
    files = [str(DRIVER), *map(str, sorted(sources.glob("*.c")))]
    command = ["gcc", *STRICT, *SANITIZED, f"-I{sources}", *files, "-o", str(program)]
    subprocess.run(command, check=True)
    return program


def build_for_cortex(directory, source=DRIVER):
    """Compile a program of the controller for a Cortex-M0+; return QEMU's command that runs it.

    Raises ToolchainError without compiler or emulator.
    """
    shell.require_tools({**ARM_COMPILER, "qemu-system-arm": "qemu-system-arm"})
    program = Path(directory) / f"{source.stem}.elf"
    files = [str(START), str(source), *map(str, sorted(SOURCES.glob("*.c")))]
    machine = ["-mcpu=cortex-m0plus", "-mthumb", "--specs=rdimon.specs", "-Os", "-std=c99"]
    places = ["-Wl,--section-start=.vectors=0", "-Wl,-Ttext-segment=0x1000"]
    command = ["arm-none-eabi-gcc", *machine, *places, f"-I{SOURCES}", *files]
    subprocess.run([*command, "-o", str(program)], check=True)
    # A Cortex-M3 runs the code of a Cortex-M0+, and has memory for newlib.
    return [
        *("qemu-system-arm", "-machine", "mps2-an385", "-semihosting", "-icount", "shift=0"),
        *("-display", "none", "-monitor", "none", "-serial", "none", "-kernel", str(program)),
    ]


class Controller:
    """A running driver: a program, or a command. Times count from the last `begin`."""

    def __init__(self, program):
        command = program if isinstance(program, list) else [str(program)]
        # The program allocates nothing, so nothing can leak; the search takes most of its time.
        environment = {**os.environ, "ASAN_OPTIONS": "detect_leaks=0"}
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )
        self.begin()

    def close(self):
        self._process.stdin.close()
        assert self._process.wait() == 0
        self._process.stdout.close()

    def tell(self, *commands):
        """Give commands; keep the outputs and return the answers."""
        answers = []
        for command in commands:
            self._process.stdin.write(command + "\n")
        self._process.stdin.flush()
        for _ in commands:
            while (line := self._process.stdout.readline()) != ".\n":
                word, _, rest = line.partition(" ")
                if word == "at":
                    self.history.append(Outputs(*map(int, rest.split())))
                elif word == "answer":
                    answers.append(bytes.fromhex(rest))
                elif word == "bits":
                    answers.append(int(rest))
                else:
                    raise AssertionError(f"the driver says {line!r}")
        return answers

    def begin(self, tripped=0):
        self.history = [Outputs(0, 0, 0, 0, tripped, 0, 0, 0)]
        self.passed_ms = 0
        self.tell(f"begin {tripped}")

    def run(self, ms, *commands):
        """Let `ms` pass after some commands; return the outputs that changed meanwhile."""
        known = len(self.history)
        self.tell(*commands, f"run {ms}")
        self.passed_ms += ms
        return self.history[known:]

    def set(self, **values):
        self.tell(*(f"set {name} {value}" for name, value in values.items()))

    def charge(self):
        """Begin anew, and close the coil."""
        self.begin()
        self.run(5_100, *WELL)
        assert self.now.coil, self.now

    @property
    def now(self):
        return self.history[-1]

    def opened_ms(self):
        """Return when the coil opened for the first time."""
        pairs = zip(self.history, self.history[1:])
        return next((new.at_ms for old, new in pairs if old.coil and not new.coil), None)
