"""What a board offers to both firmwares: pins and peripherals, no logic.

A board is one module with a class `Board` and one row of `joulestream.boards.BOARDS`. The class is
called as `Board(config)` with the configuration's 'board', whose fields it checks itself. It may
subclass the class below, which answers "not there" for every optional part.

No method blocks, except as its description says. `step` calls most of them many times a second.
"""

from joulestream.compat import const

TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

# The quality of a clock.
CLOCK_NONE = const(0)  # nothing set the clock, or only a build date or a saved file did
CLOCK_RTC = const(1)  # a real-time clock kept the time
CLOCK_NETWORK = const(2)  # a network told the time since the start
NO_CLOCK = (0, CLOCK_NONE)
# Operations of a block device's `ioctl`.
_COUNT_BLOCKS = const(4)
_BLOCK_SIZE = const(5)


class Board:
    """The contract. Times are in ms unless a name says otherwise.

    `fault` is one sentence while a part of the board fails, else None; the status shows it.
    """

    fault: "str | None" = None

    # Every board has these

    def uart(self, name: str) -> "Any":
        """Return the UART `name`: "link", "meter" or "service"; the same object every time.

        Neither of its methods ever blocks, also when the other end never reads:

            readinto(buffer)  moves the bytes that have come into `buffer` and returns their
                              number, 0 if none came. It waits for no other byte;
            write(data)       takes as much of `data` as there is room for now, from its start
                              on, and returns the number of bytes, from 0 to all of them.

        Both raise OSError when the peripheral fails. A driver that waits inside needs care: on
        MicroPython's esp32 port `write` blocks until all is buffered, so a board writes only
        after `txdone()` and with a `txbuf` of two frames; on its rp2 port `readinto` waits for
        the next character, so a board reads only `any()` bytes.

        A board without a UART "service" returns None for it: then there is no service.

        Raises ValueError, in one sentence, when the board has no other such UART.
        """
        raise NotImplementedError

    def storage(self) -> "Any":
        """Return the NOR flash of the journal as a block device; the same flash every time.

        It has `readblocks(block, buffer, offset)`; `writeblocks(block, buffer, offset)`, which
        only clears bits; and `ioctl(operation, argument)`: 4 counts the blocks, 5 tells the bytes
        of one, 6 erases block `argument` to ones. Reading takes microseconds. Writing a page
        blocks for up to 3 ms, an erase for up to 400 ms: no step erases while an invoice is out.
        Source: Winbond W25Q32JV datasheet, tPP and tSE. All three raise OSError on a fault.

        Raises ValueError, in one sentence, when the storage cannot be used.
        """
        raise NotImplementedError

    def random(self, size: int) -> bytes:
        """Return `size` bytes, 64 at most, that nobody can predict. Blocks for up to 1 ms.

        Raises ValueError, in one sentence, when the board has no such source.
        """
        raise NotImplementedError

    def contactor(self, closed: bool) -> None:
        """Drive the contactor's coil.

        Called in every step while the contactor is closed. A driver that is a retriggerable
        one-shot takes each call as a trigger; then a firmware that hangs opens the contactor.
        """
        raise NotImplementedError

    def pilot_state(self) -> str:
        """Return the control pilot's state, a letter "A" to "F" of runtime.pilot."""
        raise NotImplementedError

    def now_ms(self) -> int:
        """Return the present tick, which wraps at units.TICKS_PERIOD and never goes back."""
        raise NotImplementedError

    def wait(self, most_ms: int) -> bool:
        """Return when bytes came on a UART, or after `most_ms`. Blocks for so long.

        Returns True when nothing waits, so that there is time for slow work.
        """
        raise NotImplementedError

    def reset(self) -> None:
        """Start the board anew, as its reset pin does. Does not return."""
        raise NotImplementedError

    # Optional

    def secret(self, source: int) -> bytes:
        """Return the secret of `source`: keystore.SOURCE_PASSPHRASE or SOURCE_DEVICE.

        Called once, at the start. A passphrase may block until a person has typed it.

        Raises ValueError, in one sentence, when the board has no secret of that source.
        """
        raise ValueError("this board keeps no secrets")

    def clock(self) -> "tuple[int, int]":
        """Return the unix time in seconds and its quality: CLOCK_NONE, CLOCK_RTC, CLOCK_NETWORK.

        It is asked for every offer, so a clock that is corrected later is no fault. With
        CLOCK_NONE the time means nothing.
        """
        return NO_CLOCK

    def set_clock(self) -> None:
        """Take the time from a network or a real-time clock, when that is due.

        May block for 20 s, so it is called only while no session is open, and a board does nothing
        while its contactor is closed.
        """

    def make_safe(self) -> None:
        """Drive all outputs to their safe levels. Called when the firmware ends."""
        self.contactor(False)

    def contactor_feedback(self) -> "bool | None":
        """Return whether the contacts are closed, as an auxiliary contact shows it.

        None: the board has no such contact.
        """
        return None

    def gate(self) -> "str | None":
        """Return the identification of the hardware gate between board and contactor.

        None: there is no gate.
        """
        return None

    def gate_ms(self) -> "int | None":
        """Return the time after which the gate opens the contactor when no step completes, in ms.

        The pole's own `contactor_hold_ms` must be shorter: the gate tells nobody that it opened.
        None: there is no gate.
        """
        return None

    def spi(self, name: str) -> "tuple[Any, Callable[[int], Any], Callable[[], int]]":
        """Return the SPI `name`: "can"; its chip select and its interrupt pin.

        The SPI has `write(data)` and `write_readinto(data, buffer)` of machine.SPI, in mode 0 and
        at up to 10 MHz. `select(level)` sets the level of chip select. `interrupt()` returns the
        level of the chip's interrupt pin, which is 0 while the chip asks to be read; a board
        without that wire always returns 0. None of them blocks beyond the bytes of one frame.

        Raises ValueError, in one sentence, when the board has no such SPI.
        """
        raise ValueError("this board has no SPI '%s'" % name)

    def storage_shape(self) -> "tuple[int, int]":
        """Return the number of blocks of `storage()` and the bytes of one.

        A board whose storage is made at its first use tells it without making it.
        """
        storage = self.storage()
        return storage.ioctl(_COUNT_BLOCKS, 0), storage.ioctl(_BLOCK_SIZE, 0)

    def pause(self, paused: bool) -> None:
        """Ask the vehicle to draw no current, or no longer: a pilot duty of 100 %, or the usual.

        A board that cannot ask ignores it. The pole opens its contactor in pilot state B, or
        after an orderly stop's longest time.
        """

    def current_limit_ma(self, limit_ma: int) -> None:
        """Tell the vehicle the highest current it may draw, in mA.

        A board that cannot tell ignores it.
        """

    def feed_watchdog(self) -> None:
        """Restart the watchdog's time. Called after every step that completed."""

    def show(self, status: "Callable[[], dict[str, Any]]") -> None:
        """Show the firmware's state, for which `status()` returns a flat dictionary.

        Called after every step; `status()` allocates, so a board calls it only when it shows
        something.
        """
