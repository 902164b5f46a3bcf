"""Runs on the emulated board: counts the instructions that storing a claim takes, without erasing.

The flash is in memory, and its driver in C. A real board's driver takes another number of
instructions in its place. Prints `name value` lines.
"""

import gc

import board

from joulestream.channel import SIGNATURE_SIZE
from joulestream.device import journal_keys
from joulestream.device.journal import Journal
from joulestream.device.payee_records import PayeeRecords
from joulestream.testkit.certificates import certificate, terms

CHANNELS = 64
PACKETS = 200
# Right after a collection each allocation searches the heap from its beginning, which can take
# longer than all the rest and depends on where other modules lie.
COLLECT_EVERY = 40
BLOCKS = 32
BLOCK_SIZE = 4096


def main() -> None:
    """Measure and print."""
    # Not the test kit's random numbers: a board has a driver in C for them.
    journal = Journal(
        board.Flash(bytearray(b"\xff" * (BLOCKS * BLOCK_SIZE)), BLOCK_SIZE),
        lambda size: b"\x5a" * size,
        journal_keys.key_count(journal_keys.POLE, CHANNELS),
    )
    records = PayeeRecords(journal, CHANNELS)
    for number in range(CHANNELS):
        journal.erase_ahead()
        channel = certificate(terms(salt=number.to_bytes(16, "big")))
        records.admit(channel, records.load(channel.channel_id))
    record = records.load(channel.channel_id)
    record.signature = b"\x5a" * SIGNATURE_SIZE
    total = most = 0
    for number in range(PACKETS):
        journal.erase_ahead()
        if number % COLLECT_EVERY == 0:
            gc.collect()
        record.amount = (1 << 32) + 320 * number
        before = board.instructions()
        records.store(channel.channel_id, record)
        taken = (board.instructions() - before) & 0x3FFFFFFF
        total += taken
        most = max(most, taken)
    print("journal_append", total // PACKETS)
    print("journal_append_most", most)


main()
