"""Why a loop failed, in few words that hold no secret: the exception's class and its place."""

import sys
from io import StringIO

_KEY = b"f"
_LONGEST = 60


def describe(error):
    """Return the class of the exception `error`, and the file and line where it was raised.

    Its message is left out: it may quote values.
    """
    name = type(error).__name__
    text = StringIO()
    if hasattr(sys, "print_exception"):
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
            place = " in %s, %s" % (parts[1].split("/")[-1], number)
    return name + place


def store_fault(journal, why):
    """Journal `why` a loop was given up. Raises OSError."""
    journal.prepare()
    journal.put(_KEY, why.encode()[:_LONGEST])


def load_fault(journal):
    """Return why a loop was given up last, or None if none ever was."""
    data = journal.get(_KEY)
    return None if data is None else data.decode()
