"""Writes the journal until the power is cut, and reads it afterwards. It runs on the board.

It uses the key of the last fault alone, so no channel and no claim is touched.
"""

from binascii import unhexlify

from joulestream.device.journal_keys import FAULT
from joulestream.device.open_journal import open_pole_journal, open_vehicle_journal


def measure(board, config, asked):
    """Write, or read where the text of the fault from before is given."""
    if asked["role"] == "pole":
        journal = open_pole_journal(board, config.get("max_channels", 64))
    else:
        journal = open_vehicle_journal(board)
    if "before" in asked:
        return _read(board, journal, unhexlify(asked["before"]))
    return _write(board, journal, asked["puts"])


def _write(board, journal, puts):
    """Put ever new values, and print the number of each one that is stored."""
    before = journal.get(FAULT) or b""
    print("BEFORE", before.hex() or "-")
    print("READY")
    for number in range(puts):
        _put(board, journal, b"bench %d" % number)
        print("STORED", number)
    return {"stored": puts}


def _read(board, journal, before):
    """Return the value that the journal holds, and the damage that the mount found.

    The text of the fault from before comes back.
    """
    value = journal.get(FAULT) or b""
    _put(board, journal, before)
    return {
        "value": value.decode(),
        "keys": len(journal.keys()),
        "damaged": journal.damaged,
        "bad_blocks": journal.bad_blocks(),
    }


def _put(board, journal, value):
    while journal.erase_step():
        board.feed_watchdog()
    board.feed_watchdog()
    journal.put(FAULT, value)
