"""The registry of journal keys says the truth about the records that both firmwares store."""

from binascii import crc32

from dual_runtime import raised
from joulestream.boards.contract import Board
from joulestream.channel import Certificate
from joulestream.device.config import ConfigError
from joulestream.device.journal import Journal
from joulestream.device.journal_format import OVERHEAD
from joulestream.device.journal_keys import (
    EACH_CHANNEL,
    KINDS,
    POLE,
    VEHICLE,
    key_count,
    live_bytes,
    most_channels,
)
from joulestream.device.open_journal import open_pole_journal, open_vehicle_journal
from joulestream.device.payee_records import PayeeRecord, Standing
from joulestream.device.payer_record import PayerRecord
from joulestream.fields import size_of
from joulestream.pole.recovery import LoggedSession
from joulestream.testkit.flash import NorFlash, mount
from joulestream.testkit.random import Random

RECORDS = {
    "PayeeRecord": PayeeRecord,
    "PayerRecord": PayerRecord,
    "Standing, Certificate": Certificate,
    "LoggedSession": LoggedSession,
}


def test_sizes_are_those_of_the_records():
    named = [row for row in KINDS if row[2] in RECORDS]
    assert len(named) == len(RECORDS)
    for _, _, kept, size, _ in named:
        expected = size_of(RECORDS[kept].LAYOUT)
        if RECORDS[kept] is Certificate:
            expected += size_of(Standing.LAYOUT)
        assert size == expected, kept


def test_no_device_uses_a_key_twice():
    for role in (POLE, VEHICLE):
        keys = [row[1] for row in KINDS if row[0] == role]
        assert len(set(keys)) == len(keys)


def test_the_number_of_keys_is_that_of_journals_in_the_field():
    """The number decides where the records of a block begin, so it never changes."""
    assert [key_count(POLE, channels) for channels in (1, 64, 250)] == [7, 133, 505]
    assert key_count(VEHICLE) == 32


def test_a_journal_has_room_for_all_that_the_table_lists():
    """A value of the largest size is put under every key of a small device."""
    for role, channels in ((POLE, 8), (VEHICLE, 31)):
        journal = mount(NorFlash(24, 1024), key_count(role, channels))
        stored = 0
        for row_role, prefix, _, size, how_many in KINDS:
            if row_role != role:
                continue
            for number in range(how_many or channels):
                key = prefix + (number.to_bytes(32, "big") if how_many == EACH_CHANNEL else b"")
                journal.erase_ahead()
                journal.put(key, bytes(size))
                stored += OVERHEAD + len(key) + size
        assert stored == live_bytes(role, channels)


def stored_history(flash, keys):
    """Put and remount at random; return the CRC-32 of the flash."""
    random = Random(keys)
    journal = Journal(flash, random.bytes, keys)
    for _ in range(600):
        journal.erase_ahead()
        journal.put(bytes([random.below(5)]), random.bytes(random.below(60)))
        if random.below(40) == 0:
            journal = Journal(flash, random.bytes, keys)
    total = 0
    for block in flash.data:
        total = crc32(block, total)
    return total


def test_the_stored_bytes_are_those_of_journals_in_the_field():
    """A flash that an older firmware wrote mounts: the same history gives the same bytes.

    The first version of the format "JNL3" gave these numbers.
    """
    assert stored_history(NorFlash(8, 512), 6) == 511912928
    assert stored_history(NorFlash(8, 512), 32) == 1465612611


class FlashBoard(Board):
    """A board that has only the parts that a journal needs; it makes its flash when asked."""

    def __init__(self, blocks, size):
        self._shape = blocks, size
        self.flash = None
        self.random = Random(1).bytes

    def storage_shape(self):
        """Return the flash's numbers."""
        return self._shape

    def storage(self):
        """Return the flash."""
        self.flash = NorFlash(*self._shape)
        return self.flash


def test_a_storage_that_is_too_small_for_the_channels_is_refused_by_name():
    """The blocks limit the keys, so it is `max_channels` that the owner must lower."""
    assert most_channels(POLE, 64, 4096) == most_channels(POLE, 16, 4096) == 245
    for blocks, size, most in ((16, 1024, 53), (8, 768, 37)):
        assert most_channels(POLE, blocks, size) == most, (blocks, size)
        journal = open_pole_journal(FlashBoard(blocks, size), most)
        assert journal.keys() == []
        board = FlashBoard(blocks, size)
        error = raised(open_pole_journal, board, most + 1)
        assert isinstance(error, ConfigError) and error.field == "max_channels", (blocks, size)
        assert "%d " % most in str(error)
        assert board.flash is None, "a start that is refused leaves a file behind"


def test_a_storage_that_holds_no_channel_is_refused_by_name():
    for open_journal in (lambda board: open_pole_journal(board, 1), open_vehicle_journal):
        for blocks, size in ((16, 256), (6, 256)):
            error = raised(open_journal, FlashBoard(blocks, size))
            assert isinstance(error, ConfigError) and error.field == "board", (blocks, size)
    # A certificate needs more than a block of 512 bytes.
    assert raised(open_pole_journal, FlashBoard(16, 512), 1).field == "board"
    assert open_vehicle_journal(FlashBoard(16, 512)).keys() == []


def test_the_least_storage_takes_a_channel_with_all_its_records():
    """The least one that is accepted: each value of the largest size is put, again and again."""
    for role, size in ((POLE, 768), (VEHICLE, 512)):
        blocks = 6
        while most_channels(role, blocks, size) == 0:
            blocks += 1
        journal = mount(NorFlash(blocks, size), key_count(role, 1))
        for turn in range(20):
            for row_role, prefix, _, value_size, how_many in KINDS:
                if row_role == role:
                    journal.erase_ahead()
                    key = prefix + (b"" if how_many else bytes(32))
                    journal.put(key, bytes([turn]) * value_size)
