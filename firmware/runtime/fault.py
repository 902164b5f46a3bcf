"""Why a loop failed, in a few words that hold no secret: the exception's class and its place."""

import sys
from io import StringIO

from joulestream.compat import const
from joulestream.device import journal_keys

TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from joulestream.device.journal import Journal


class PartFault(OSError):
    """A part of the board failed while the firmware ran: one sentence, which quotes no secret."""


def describe(error: Exception) -> str:
    """Return the sentence of a PartFault, else the class of `error` and the place that raised it.

    The message of any other exception is left out, since it may quote a secret.
    """
    if isinstance(error, PartFault):
        return str(error)
    name = type(error).__name__
    text = StringIO()
    if hasattr(sys, "print_exception"):  # MicroPython
        sys.print_exception(error, text)
    else:
        import traceback

        traceback.print_tb(error.__traceback__, file=text)
    place = ""
    for line in text.getvalue().split("\n"):
        line = line.strip()
        if line.startswith('File "'):
            parts = line.split('"')
            number = parts[2].split(",")[1].strip() if "," in parts[2] else ""
            # A file on a computer; a board's bytecode names its module in place of a file.
            file = parts[1].split("/")[-1].replace("joulestream.", "")
            place = " in %s, %s" % (file, number)
    return name + place


def store_fault(journal: "Journal", why: str) -> None:
    """Journal `why` a loop was given up. Raises OSError."""
    journal.erase_ahead()
    journal.put(journal_keys.FAULT, why.encode()[: journal_keys.FAULT_SIZE])


def load_fault(journal: "Journal") -> "str | None":
    """Return why the last loop was given up, or None if none ever was."""
    data = journal.get(journal_keys.FAULT)
    try:
        return None if data is None else data.decode()
    except UnicodeError:
        return "UNREADABLE"
