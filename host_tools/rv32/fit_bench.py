"""Runs on the emulated board: a whole firmware in the heap of a chip, and the heap left free.

The firmware's inputs were recorded on a computer (benchmarks/fit.py): the bytes that came on each
UART, with the number of the step in which the firmware read them. The firmware does the same here,
since nothing else tells it anything. Its flash lies outside the heap, as a chip's does.
"""

import gc
import json

import board as machine
import uctypes

TYPE_CHECKING = 0
if TYPE_CHECKING:
    from typing import Any

# Above the file system (firmware/boards/qemu_rv32/mount.py).
FLASH_AT = 0x84400000
BLOCKS = 64
BLOCK_SIZE = 4096
# Before the bytes of one read: step, UART, length, in bytes of 4, 1 and 2.
HEAD = 7
UARTS = ("link", "meter")

# MicroPython alone has them; the stubs of `gc` are CPython's.
mem_free = gc.mem_free  # type: ignore[attr-defined]


class Inputs:
    """The recorded bytes, in the order in which they were read."""

    def __init__(self, path: str) -> None:
        self._file = open(path, "rb")
        self._head = bytearray(HEAD)
        self.step = 0
        self._advance()

    def _advance(self) -> None:
        head = self._head
        if self._file.readinto(head) != HEAD:
            self._step = -1
            return
        self._step = int.from_bytes(memoryview(head)[:4], "big")
        self._uart = head[4]
        self._size = head[5] << 8 | head[6]

    def read(self, uart: int, buffer: bytearray) -> int:
        """Move the bytes that were read from UART `uart` in this step into `buffer`."""
        if self._step != self.step or self._uart != uart:
            return 0
        size = self._size
        self._file.readinto(memoryview(buffer)[:size])
        self._advance()
        return size

    def is_over(self) -> bool:
        """Return whether nothing is left to read."""
        return self._step < 0


class Uart:
    """A UART with recorded input. The bytes that the firmware writes go nowhere."""

    def __init__(self, inputs: Inputs, number: int) -> None:
        self._inputs = inputs
        self._number = number

    def readinto(self, buffer: bytearray) -> int:
        return self._inputs.read(self._number, buffer)

    def write(self, data: bytes) -> int:
        return len(data)


def take_all_but(heap_bytes: int) -> bytearray:
    """Return a buffer that leaves so much of the heap free, in one piece."""
    gc.collect()
    return bytearray(mem_free() - heap_bytes)


def largest_block() -> int:
    """Return the bytes of the largest piece that the heap can give, to the nearest 64."""
    low, high = 0, mem_free() // 64
    while low < high:
        middle = (low + high + 1) // 2
        try:
            bytearray(middle * 64)
            low = middle
        except MemoryError:
            high = middle - 1
        gc.collect()
    return low * 64


def run(role: str, folder: str) -> None:
    """Start the firmware of `role` as its main() does, and let it read all its inputs.

    Prints lines `name value`.
    """
    main = __import__("joulestream.%s.main" % role, None, None, ("main",))
    from joulestream.boards import contract
    from joulestream.runtime.pilot import PILOT_C
    from joulestream.runtime.set_up import forget
    from joulestream.runtime.supervisor import Supervisor
    from joulestream.signing import TABLE_SIZE, Signer

    with open(folder + "/run.json") as file:
        told = json.load(file)
    inputs = Inputs(folder + "/inputs.bin")
    flash = uctypes.bytearray_at(FLASH_AT, BLOCKS * BLOCK_SIZE)
    for at in range(BLOCKS):
        flash[at * BLOCK_SIZE : (at + 1) * BLOCK_SIZE] = b"\xff" * BLOCK_SIZE

    class Board(contract.Board):
        tick_ms = told["start_ms"]
        numbers = 0
        flash_device = machine.Flash(flash, BLOCK_SIZE)

        def uart(self, name: str) -> Uart:
            return Uart(inputs, UARTS.index(name))

        def storage(self) -> "Any":
            return self.flash_device

        def random(self, size: int) -> bytes:
            # As joulestream.testkit.pair.Nonces, with which the inputs were recorded.
            from hashlib import sha256

            self.numbers += 1
            return sha256(b"%s %d" % (role.encode(), self.numbers)).digest()[:size]

        def contactor(self, closed: bool) -> None:
            pass

        def pilot_state(self) -> str:
            return PILOT_C

        def now_ms(self) -> int:
            return self.tick_ms

        def clock(self) -> "tuple[int, int]":
            return told["time_s"], contract.CLOCK_RTC

    on = Board()
    config = main.load_config(folder + "/config.json")
    signer = Signer(bytes.fromhex(told["seed"]))
    if role == "pole":
        table = bytearray(TABLE_SIZE)

        def assemble() -> "Any":
            return main.assemble(config, on, signer, table)
    else:

        def load() -> "Any":
            return main.load_certificates(config.certificates)

        def assemble() -> "Any":
            return main.assemble(config, on, signer, load)

    forget()
    supervisor = Supervisor(assemble, on)
    gc.collect()
    if hasattr(gc, "threshold"):
        gc.threshold(-1)
    print("free_at_start", mem_free())
    is_full = False
    for _ in range(told["steps"]):
        on.tick_ms = (on.tick_ms + told["step_ms"]) & 0x3FFFFFFF
        inputs.step += 1
        supervisor.step(on.tick_ms)
        supervisor.idle(True)
        is_full |= str(supervisor.last_fault).startswith(("MEMORY_LOW", "MemoryError"))
    status = supervisor.status()
    print("unread", not inputs.is_over())
    print("last_fault", status["last_fault"])
    print("is_full", int(is_full))
    gc.collect()
    print("packets", status.get("packets", 0))
    print("faults", status["faults"])
    print("heap_free", mem_free())
    print("heap_largest_block", largest_block())
