"""Writes the journal until the power is cut. It runs on the board.

It uses the key of the last fault alone, so no channel and no claim is touched.
"""

from joulestream.device.journal_keys import FAULT
from joulestream.device.open_journal import open_pole_journal, open_vehicle_journal


def measure(board, config, asked):
    """Put ever new values, and print the number of each one that is stored."""
    if asked["role"] == "pole":
        journal = open_pole_journal(board, config.get("max_channels", 64))
    else:
        journal = open_vehicle_journal(board)
    before = journal.get(FAULT) or b""
    print("BEFORE", before.hex() or "-")
    print("READY")
    for number in range(asked["puts"]):
        while journal.erase_step():
            board.feed_watchdog()
        board.feed_watchdog()
        journal.put(FAULT, b"bench %d" % number)
        print("STORED", number)
    return {"stored": asked["puts"]}
