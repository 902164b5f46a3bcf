"""Reads the journal after a power cut, and puts the last fault back. It runs on the board."""

from binascii import unhexlify

from joulestream.device.journal_keys import FAULT
from joulestream.device.open_journal import open_pole_journal, open_vehicle_journal


def measure(board, config, asked):
    """Return the value that the journal holds, and the damage that the mount found."""
    if asked["role"] == "pole":
        journal = open_pole_journal(board, config.get("max_channels", 64))
    else:
        journal = open_vehicle_journal(board)
    value = journal.get(FAULT) or b""
    while journal.erase_step():
        board.feed_watchdog()
    journal.put(FAULT, unhexlify(asked["before"]))
    return {
        "value": value.decode(),
        "keys": len(journal.keys()),
        "damaged": journal.damaged,
        "bad_blocks": journal.bad_blocks(),
    }
