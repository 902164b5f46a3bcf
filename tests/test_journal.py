"""The journal against a dictionary: random histories, power cuts anywhere, failing flash."""

from binascii import crc32
from struct import pack, unpack

from dual_runtime import raised
from joulestream.device.journal import JournalFull
from joulestream.device.journal_format import HEAD_SIZE, make_head, record_size
from joulestream.testkit.flash import NorFlash, PowerCut, mount
from joulestream.testkit.random import Random

BLOCK = 256
KEYS = 8


def mounted(flash):
    return mount(flash, KEYS)


def contents(journal):
    return {key: journal.get(key) for key in journal.keys()}


def reading(flash):
    """Return what a journal mounted on a copy of `flash` holds."""
    return contents(mounted(flash.image()))


def put(journal, key, value):
    """Put with the erasing that a firmware does between packets."""
    journal.erase_ahead()
    journal.put(key, value)


def fill_open_block(journal, last_key):
    """Put a record that takes all the room behind the last record, which is of `last_key`."""
    _, offset, size = journal.location(last_key)
    key = b"fill"
    journal.put(key, bytes(BLOCK - offset - size - record_size(len(key), 0)))


def random_record(random, keys=4, most=40):
    return bytes([random.below(keys)]), random.bytes(random.below(most))


def test_what_is_put_is_there_after_remounting():
    flash = NorFlash()
    journal = mounted(flash)
    assert journal.keys() == [] and journal.get(b"a") is None
    journal.put(b"a", b"1")
    journal.put(b"b", b"")
    journal.put(b"a", b"22")
    assert contents(journal) == reading(flash) == {b"a": b"22", b"b": b""}
    assert mounted(flash).get(b"c") is None


def test_values_of_any_byte_survive():
    flash = NorFlash()
    journal = mounted(flash)
    values = {b"\xff": b"\xff" * 40, b"\0": bytes(40), b"": b"\xa5" * 9, b"\xa5\xff": b"\xff"}
    for key in values:
        journal.put(key, values[key])
    assert reading(flash) == values


def test_random_histories_over_the_ring():
    for seed in range(1, 9):
        random = Random(seed)
        flash = NorFlash(6 + seed % 4)
        journal = mounted(flash)
        model = {}
        for _ in range(400):
            key, value = random_record(random, 3 + seed % 4)
            if raised(put, journal, key, value) is None:
                model[key] = value
            if random.below(25) == 0:
                journal = mounted(flash)
            assert journal.get(key) == model.get(key)
        assert contents(journal) == reading(flash) == model
        assert min(flash.erasures) > 2, "the ring went round"


def test_what_is_there_already_is_not_written_again():
    flash = NorFlash()
    journal = mounted(flash)
    journal.put(b"k", b"value")
    before = flash.operations
    journal.put(b"k", b"value")
    assert flash.operations == before
    journal.put(b"k", b"valve")
    assert flash.operations == before + 1


def test_a_put_never_erases_and_an_erase_step_erases_one_block_at_most():
    flash = NorFlash(8)
    journal = mounted(flash)
    for number in range(300):
        flash.may_erase = lambda: False
        while journal.can_put(record_size(1, 20)):
            journal.put(bytes([number % 5]), number.to_bytes(20, "big"))
            number += 5
        # Now a put that needs another block is refused, and nothing is lost.
        if number % 2 and journal.can_put(record_size(3, 1)):
            journal.put(b"\6" * 3, bytes(1))
        flash.may_erase = None
        while True:
            before = flash.operations, sum(flash.erasures)
            more = journal.erase_step()
            assert sum(flash.erasures) - before[1] <= 1
            # A record that is moved may open a block: pointers and head.
            assert flash.operations - before[0] <= 4
            if not more:
                break
        assert journal.can_put()


def test_a_put_without_erase_steps_is_refused_in_time():
    flash = NorFlash(8)
    journal = mounted(flash)
    flash.may_erase = lambda: False
    model = {}
    error = None
    for number in range(1000):
        key, value = bytes([number % 3]), number.to_bytes(20, "big")
        ready = journal.can_put(record_size(1, 20))
        error = raised(journal.put, key, value)
        assert (error is None) == ready
        if error is not None:
            break
        model[key] = value
    assert isinstance(error, JournalFull)
    assert contents(journal) == reading(flash) == model
    flash.may_erase = None
    journal.erase_ahead()
    journal.put(b"\0", b"again")
    assert reading(flash)[b"\0"] == b"again"


def test_wear_is_level():
    flash = NorFlash(8)
    journal = mounted(flash)
    journal.put(b"constant", bytes(60))
    for turn in range(3000):
        put(journal, b"k", turn.to_bytes(4, "big"))
    assert max(flash.erasures) - min(flash.erasures) <= 2, flash.erasures
    assert min(flash.erasures) > 20


def test_mounting_reads_no_more_for_more_records():
    """The same keys and blocks; a few records, then thousands: one block of records is read."""
    read = []
    for records in (10, 3000):
        flash = NorFlash(16, 1024)
        journal = mounted(flash)
        for number in range(records):
            put(journal, bytes([number % 6]), number.to_bytes(30, "big"))
        flash.bytes_read = 0
        mounted(flash)
        read.append(flash.bytes_read)
    few, many = read
    # The head of each block, three that are erased, the records of one, and each key's own.
    assert max(few, many) < 7 * 1024 < 16 * 1024, read


def test_full_is_refused_and_loses_nothing():
    flash = NorFlash(8)
    journal = mounted(flash)
    model = {}
    error = None
    for number in range(100):
        key = bytes([number])
        error = raised(put, journal, key, bytes(50))
        if error is not None:
            break
        model[key] = bytes(50)
    assert isinstance(error, JournalFull) and len(model) >= 4
    assert contents(journal) == reading(flash) == model
    for turn in range(200):  # a key that the journal has can still get new values
        key = bytes([turn % len(model)])
        model[key] = turn.to_bytes(50, "big")
        put(journal, key, model[key])
    assert isinstance(raised(put, journal, b"more", bytes(50)), JournalFull)
    assert isinstance(raised(put, journal, b"\0", bytes(BLOCK)), JournalFull)
    assert contents(journal) == reading(flash) == model


def test_keys_are_bounded():
    flash = NorFlash(8)
    journal = mounted(flash)
    for number in range(KEYS):
        put(journal, bytes([number]), b"")
    assert isinstance(raised(put, journal, b"more", b""), JournalFull)
    put(journal, b"\0", b"this one is known")
    # A journal that was made with a larger bound keeps it.
    assert len(mount(flash, 1).keys()) == KEYS


def test_flash_that_does_not_fit():
    assert isinstance(raised(mount, NorFlash(5), KEYS), ValueError)
    assert isinstance(raised(mount, NorFlash(8), 100), ValueError)


def test_power_cut_after_power_cut():
    """A supply that fails again and again, while mounting, moving and erasing too."""
    cuts = 0
    for seed in range(1, 40):
        random = Random(seed)
        flash = NorFlash(6 + seed % 4, random=random)
        model = {}
        for _ in range(30):
            flash.cut_in = random.below(3 + seed)
            flash.torn = (0, 0.3, 0.9, 0.999)[random.below(4)]
            pending = None
            try:
                journal = mounted(flash)
                assert contents(journal) == model, seed
                while True:
                    pending = random_record(random, 4, 24)
                    put(journal, pending[0], pending[1])
                    model[pending[0]] = pending[1]
                    pending = None
            except PowerCut:
                cuts += 1
            flash.power_up()
            found = reading(flash)
            if pending and found.get(pending[0]) == pending[1]:
                # What was read once is read ever after, even if its bits are weak.
                flash.cut_in = None
                mounted(flash)
                flash.power_up()
                model[pending[0]] = pending[1]
                assert reading(flash) == model, seed
            else:
                assert found == model, seed
                mounted(flash)
    assert cuts > 1000


def test_what_was_read_after_a_cut_is_read_ever_after():
    """The last byte of a record is weak: whichever way it is read first, so it stays."""
    seen = set()
    for seed in range(1, 200):
        random = Random(seed)
        flash = NorFlash(8, random=random)
        journal = mounted(flash)
        put(journal, b"k", b"old")
        flash.cut_in = 0
        flash.torn = 0.999
        try:
            journal.put(b"k", b"new")
            raise AssertionError("the power did not go")
        except PowerCut:
            pass
        flash.power_up()
        first = mounted(flash).get(b"k")
        seen.add(first)
        for _ in range(5):
            flash.power_up()
            journal = mounted(flash)
            assert journal.get(b"k") == first, seed
            put(journal, b"other", random.bytes(9))
    assert seen == {b"old", b"new"}


def test_a_failing_device_loses_nothing_that_was_stored():
    """Programming or erasing fails once in a while, having done nothing, a part or all of it."""
    for seed in range(1, 25):
        random = Random(seed)
        flash = NorFlash(12 + seed % 3, random=random)
        journal = mounted(flash)
        model = {}
        failed = {}  # key: values that may be there after a restart, wholly or not at all
        for _ in range(300):
            key, value = random_record(random, 3, 24)
            if random.below(10) == 0:
                flash.fail_in = random.below(3)
                flash.torn = random.below(100) / 100
            error = raised(put, journal, key, value)
            flash.fail_in = None
            if error is None:
                model[key] = value
                failed.pop(key, None)
            else:
                assert isinstance(error, OSError), repr(error)
                failed.setdefault(key, []).append(value)
            assert journal.get(key) == model.get(key)
            if random.below(20) == 0:
                journal = mounted(flash)
                found = contents(journal)
                for key in set(list(found) + list(model)):
                    value = found.get(key)
                    assert value == model.get(key) or value in failed.get(key, ()), seed
                model = found
                failed = {}


def test_a_block_that_does_not_erase_is_left_out():
    flash = NorFlash(12)
    journal = mounted(flash)
    original = flash.ioctl

    def ioctl(operation, argument):
        if operation == 6 and argument == 5:
            raise OSError(5)
        return original(operation, argument)

    flash.ioctl = ioctl
    for turn in range(2000):
        put(journal, b"k", turn.to_bytes(4, "big"))
    assert journal.bad_blocks() == 1 and flash.erasures[5] <= 1
    assert mounted(flash).get(b"k") == (1999).to_bytes(4, "big")


def test_a_head_that_could_not_be_written():
    """A block whose pointers or head failed half-way is erased before it holds a record."""
    for step in range(2):
        for torn in (0, 0.2, 0.5, 0.999):
            flash = NorFlash(8)
            journal = mounted(flash)
            put(journal, b"other", b"")
            fill_open_block(journal, b"other")
            flash.fail_in = step
            flash.torn = torn
            assert isinstance(raised(journal.put, b"k", b"first"), OSError)
            put(journal, b"k", b"second")
            found = reading(flash)
            assert (found[b"other"], found[b"k"]) == (b"", b"second"), (step, torn)


def record_bytes(flash, journal, key):
    """Return the block and the range of bytes that hold the newest record of `key`."""
    block, offset, size = journal.location(key)
    return block, range(offset, offset + size)


def test_flipped_bits_are_noticed_and_older_values_come_back():
    """In the newest block, in an older one, in the middle of a block, at its end."""
    flash = NorFlash(12)
    journal = mounted(flash)
    put(journal, b"k", b"old")
    put(journal, b"k", b"new")
    for later in (0, 1, 40):
        for number in range(later):
            put(journal, b"other", number.to_bytes(8, "big"))
        block, offsets = record_bytes(flash, journal, b"k")
        for at in offsets:
            for bit in (0x01, 0x80):
                damaged = flash.image()
                damaged.data[block][at] ^= bit
                found = mounted(damaged)
                assert found.get(b"k") == b"old", (later, at)
                # A record that a power cut has torn looks the same, if it is the last.
                assert found.damaged > 0 or later == 0 or at < offsets[0] + 9, (later, at)
                if later:
                    assert found.get(b"other") == (later - 1).to_bytes(8, "big")
    assert reading(flash)[b"k"] == b"new" and mounted(flash).damaged == 0


def test_a_block_whose_head_alone_is_damaged_loses_nothing():
    """The newest block, one before it that holds live records, and the only one there is."""
    flash = NorFlash(12)
    journal = mounted(flash)
    model = {}
    for number in range(60):
        key, value = bytes([min(number, 6)]), number.to_bytes(16, "big")
        put(journal, key, value)
        model[key] = value
        if number not in (0, 8, 31, 59):
            continue
        for block in range(flash.blocks):
            if flash.data[block][4:8] == b"JNL3":
                for at in range(4, 64, 5):
                    damaged = flash.image()
                    damaged.data[block][at] ^= 1
                    for _ in range(3):
                        found = mounted(damaged)
                        assert contents(found) == model, (number, block, at)
                        assert found.damaged == 0
                    put(found, b"n", b"more")
                    assert reading(damaged)[b"n"] == b"more"


def test_damage_while_running_is_an_error_and_is_never_copied():
    flash = NorFlash(8)
    journal = mounted(flash)
    put(journal, b"k", b"value")
    put(journal, b"other", b"")
    block, offsets = record_bytes(flash, journal, b"k")
    flash.data[block][offsets[9]] ^= 1
    assert isinstance(raised(journal.get, b"k"), OSError)
    error = None
    for number in range(300):
        error = error or raised(put, journal, b"other", number.to_bytes(8, "big"))
    assert isinstance(error, OSError), "moving the damaged record was refused"


def test_a_block_loses_its_mark_and_its_heads_before_it_is_erased():
    """An erase that is cut may leave good heads before half of the records."""
    flash = NorFlash(8)
    journal = mounted(flash)
    programs = []
    original = flash.writeblocks, flash.ioctl
    erases = []

    def writeblocks(block, buffer, offset=0):
        programs.append((block, offset, bytes(buffer)))
        del programs[:-2]
        original[0](block, buffer, offset)

    def ioctl(operation, argument):
        if operation == 6:
            erases.append([part[1:] for part in programs if part[0] == argument])
        return original[1](operation, argument)

    flash.writeblocks, flash.ioctl = writeblocks, ioctl
    for number in range(200):
        put(journal, b"k", number.to_bytes(16, "big"))
    assert len(erases) > 9
    for erased in erases:
        assert erased[-1] == (0, bytes(64))


def test_foreign_content_is_erased():
    random = Random(12)
    flash = NorFlash(8)
    for block in flash.data:
        block[:] = random.bytes(BLOCK)
    journal = mounted(flash)
    assert journal.keys() == []
    journal.put(b"k", b"v")
    assert reading(flash) == {b"k": b"v"}


def test_damaged_records_side_by_side_hide_none_behind_them():
    """Any number of them: the record that follows is found, and each is counted."""
    flash = NorFlash(8)
    journal = mounted(flash)
    for key in (b"a", b"b", b"c", b"d", b"e"):
        put(journal, key, key)
    for lost in (b"a", b"ab", b"bc", b"abc", b"bcd", b"abcd"):
        damaged = flash.image()
        for at in range(len(lost)):
            block, offsets = record_bytes(flash, journal, lost[at : at + 1])
            damaged.data[block][offsets[9]] ^= 1
        found = mounted(damaged)
        left = {key: key for key in (b"a", b"b", b"c", b"d", b"e") if key not in lost}
        assert contents(found) == left and found.damaged >= len(lost), lost


def test_a_pointer_that_is_damaged_with_its_head_leads_nowhere():
    """One head and a pointer are damaged: the records of all blocks are searched."""
    flash = NorFlash(8)
    journal = mounted(flash)
    put(journal, b"old", b"1")
    block = journal.open_block()
    number = 0
    while journal.open_block() == block:
        put(journal, b"new", number.to_bytes(20, "big"))
        number += 1
    expected = contents(journal)
    for at in range(64, 72):
        for bit in range(8):
            damaged = flash.image()
            damaged.data[journal.open_block()][7] ^= 1
            damaged.data[journal.open_block()][at] ^= 1 << bit
            assert reading(damaged) == expected, (at, bit)


def test_older_blocks_without_their_heads_stand_in_at_once():
    """The newest block's only record is damaged, and so are the heads of the blocks before."""
    flash = NorFlash(8)
    put(mounted(flash), b"k", b"1")
    journal = mounted(flash)
    block, offsets = record_bytes(flash, journal, b"k")
    flash.data[block][offsets[0]] ^= 1
    for other in range(8):
        if other != block and flash.data[other][64:] != b"\xff" * (BLOCK - 64):
            flash.data[other][7] ^= 1
    found = contents(mounted(flash))
    assert found == {b"k": b"1"}
    assert contents(mounted(flash)) == found


def test_a_record_that_moved_while_the_flash_failed_outlives_a_restart():
    """Failed programs use up erased blocks, so the block that a copy came from is erased already.

    In the history of seed 1373 the newest block then holds the only copy, and fewer erased blocks
    are left than a restart wants.
    """
    for seed in range(1360, 1380):
        random = Random(seed)
        flash = NorFlash(6, random=random)
        journal = mounted(flash)
        model = {b"a": b"1", b"b": b"1", b"c": b"1", b"d": b"1"}
        failed = {}
        for key in sorted(model):
            put(journal, key, b"1")
        for turn in range(60):
            key, value = bytes([97 + random.below(5)]), bytes([turn]) * random.below(30)
            if random.below(2):
                flash.fail_in = random.below(4)
                flash.torn = random.below(100) / 100
            what = random.below(4)
            if what != 2:
                raised(journal.erase_step if what < 2 else journal.erase_ahead)
            if what >= 2:
                if raised(journal.put, key, value) is None:
                    model[key] = value
                    failed.pop(key, None)
                else:
                    failed.setdefault(key, []).append(value)
            flash.fail_in = None
        journal = mounted(flash)
        assert journal.damaged == 0, seed
        for key in model:
            assert journal.get(key) in [model[key]] + failed.get(key, []), seed


def test_a_key_takes_the_place_of_another_in_one_step():
    """Over the ring and restarts, in a full journal, and with power cuts: one of both is there."""
    for cut_in in (None, 0, 1, 2, 3):
        for torn in (0, 0.5, 0.999):
            flash = NorFlash(8, 512, Random(7))
            journal = mounted(flash)
            for number in range(KEYS):
                put(journal, bytes([number]), bytes([number]) * 9)
            assert isinstance(raised(put, journal, b"new", b""), JournalFull)
            journal.erase_ahead()
            flash.cut_in, flash.torn = cut_in, torn
            try:
                journal.put(b"new", b"value", b"\3")
                assert journal.get(b"\3") is None and len(journal.keys()) == KEYS
            except PowerCut:
                flash.power_up()
            flash.cut_in = None
            found = reading(flash)
            assert (found.get(b"new"), found.get(b"\3")) in ((b"value", None), (None, b"\3" * 9))
            journal = mounted(flash)
            for number in range(60):
                put(journal, b"\0", number.to_bytes(20, "big"))
            later = reading(flash)
            assert (later.get(b"new"), later.get(b"\3")) == (found.get(b"new"), found.get(b"\3"))
            assert len(later) == KEYS


# Content that a peer chose


def spelled(crc_start, number, slot, key, value):
    """Return the bytes of a record, as an attacker with the source writes them."""
    data = pack(">HHBH", number, slot, len(key), len(value)) + key + value
    return data + pack(">I", crc32(data, crc_start))


def known_crc_starts(flash):
    """Return 0, all ones, and the CRC starts that a reader of the whole flash finds."""
    heads = [bytes(data[4 : 4 + HEAD_SIZE]) for data in flash.data]
    return [0, 0xFFFFFFFF] + [
        unpack(">I", head[18:22])[0] for head in heads if head[:4] == b"JNL3"
    ]


def test_a_torn_value_full_of_records_changes_nothing_else():
    """The attacker read the flash once. The pole started again, and each write of his is torn."""
    flash = NorFlash(8, 1024, Random(3))
    journal = mounted(flash)
    for number in range(40):
        put(journal, b"victim", number.to_bytes(8, "big"))
        put(journal, b"other", number.to_bytes(8, "big"))
    starts = known_crc_starts(flash)
    assert len(starts) > 3
    model = contents(journal)
    for crc_start in starts:
        for number in range(6):
            for slot in range(3):
                value = spelled(crc_start, number, slot, b"victim", bytes(8))
                value = b"\0" + 9 * value
                for torn in (0.2, 0.6, 0.999):
                    journal = mounted(flash)
                    journal.put(b"fill", number.to_bytes(1, "big"))
                    flash.cut_in = 0
                    flash.torn = torn
                    try:
                        journal.put(b"attacker", value)
                        raise AssertionError("the power did not go")
                    except PowerCut:
                        flash.power_up()
                    found = mounted(flash)
                    assert found.damaged == 0
                    for key in model:
                        assert found.get(key) == model[key], (crc_start, number, slot, torn)


def test_two_blocks_never_share_a_crc_start():
    flash = NorFlash(8)
    journal = mounted(flash)
    seen = []
    for number in range(300):
        put(journal, b"k", number.to_bytes(20, "big"))
        start = journal.open_block(), known_crc_starts(flash)[2:]
        assert len(set(start[1])) == len(start[1])
        seen += start[1]
    assert len(set(seen)) > 20


def test_a_record_of_a_block_that_was_there_before_is_no_record():
    """An erase that left old records behind: their CRC began with another number."""
    flash = NorFlash(8)
    journal = mounted(flash)
    put(journal, b"k", b"old")
    block, offset, size = journal.location(b"k")
    old = bytes(flash.data[block][offset : offset + size])
    put(journal, b"k", b"new")
    journal = mounted(flash)
    block, offset, size = journal.location(b"k")
    flash.data[block][offset + size : offset + size + len(old)] = old
    assert mounted(flash).get(b"k") == b"new"


# Any content


def foreign_flashes():
    """Yield flashes that no journal wrote, or that lost their structure."""
    random = Random(99)
    for byte in (0, 0xFF, 0x5A):
        flash = NorFlash(8)
        for block in flash.data:
            block[:] = bytes([byte]) * BLOCK
        yield flash
    for seed in range(20):
        random = Random(seed)
        flash = NorFlash(6 + seed % 4)
        for block in flash.data:
            block[:] = random.bytes(BLOCK)
        yield flash
    for seed in range(40):  # good heads and good records that make no sense
        random = Random(seed)
        flash = NorFlash(6 + seed % 4)
        for block in flash.data:
            sequence = random.below(5) if seed % 2 else (1 << 47) - 1 - random.below(3)
            start = 64 + random.below(80)
            pointers = random.bytes(4 * random.below(12))
            head = make_head(
                sequence, BLOCK, start, len(pointers) // 4, 7, crc32(pointers) ^ (seed % 5 == 0)
            )
            data = b"ERSD" + head + head + pointers
            data += bytes(max(0, start - len(data)))
            data = data[:start] if seed % 3 else data
            number = 0
            while len(data) < BLOCK - 80:
                key = random.bytes(random.below(3))
                data += spelled(7, number, random.below(20), key, random.bytes(random.below(40)))
                number += 1 + random.below(8) // 7
            block[:] = (data + b"\xff" * BLOCK)[:BLOCK]
        yield flash


def test_any_content_mounts_and_is_usable_after_that():
    for number, flash in enumerate(foreign_flashes()):
        journal = mounted(flash)
        found = contents(journal)
        again = mounted(flash)
        assert contents(again) == found, number
        error = raised(put, again, b"new", b"value")
        assert error is None or isinstance(error, JournalFull), number
        if error is None:
            found[b"new"] = b"value"
        assert reading(flash) == found, number


def test_a_flash_full_of_newest_records_mounts_and_does_not_spin():
    """No block can be erased: the journal is read, and nothing is written."""
    flash = NorFlash(6)
    for block in range(6):
        head = make_head(block + 1, BLOCK, 64, 0, 7, 0)
        data = b"ERSD" + head + head
        for number in range(2):
            slot = 2 * block + number
            data += spelled(7, number, slot, bytes([slot]), bytes(80))
        flash.data[block][: len(data)] = data
    for _ in range(2):
        journal = mount(flash, 12)
        assert [journal.get(bytes([block])) for block in (10, 11)] == [bytes(80)] * 2
        before = flash.operations
        assert isinstance(raised(journal.put, b"new", b"value"), JournalFull)
        assert raised(journal.erase_ahead) is None or flash.operations - before < 100


def test_blocks_of_another_size_are_refused_and_kept():
    flash = NorFlash(8, 512)
    journal = mounted(flash)
    for number in range(100):
        put(journal, b"k", number.to_bytes(20, "big"))
    for blocks, size in ((16, 256), (4, 1024)):
        joined = b"".join([bytes(data) for data in flash.data])
        other = NorFlash(max(blocks, 6), size)
        for block in range(blocks):
            other.data[block][:] = joined[block * size : (block + 1) * size]
        before = [bytes(data) for data in other.data]
        error = raised(mounted, other)
        assert isinstance(error, ValueError) and "blocks of 512 bytes" in str(error), error
        assert [bytes(data) for data in other.data] == before
    assert reading(flash) == {b"k": number.to_bytes(20, "big")}


def old_head():
    """Return a head of the journal's older version."""
    head = b"JNL2" + pack(">IIHHI", 1, 1, 60, 0, 0)
    return head + pack(">I", crc32(head))


def test_an_older_journal_is_refused_and_kept():
    flash = NorFlash(8)
    flash.writeblocks(2, b"ERSD" + old_head(), 0)
    before = bytes(flash.data[2])
    assert isinstance(raised(mounted, flash), ValueError)
    assert flash.data[2] == before


def test_two_blocks_of_an_older_journal_beside_one_of_this_are_refused_and_kept():
    """The most blocks decide which journal is there."""
    flash = NorFlash(8)
    mounted(flash).put(b"k", b"v")
    for block in (5, 6):
        flash.data[block][:28] = b"ERSD" + old_head()
    before = [bytes(data) for data in flash.data]
    assert isinstance(raised(mounted, flash), ValueError)
    assert [bytes(data) for data in flash.data] == before


def heads_of_strays(newest):
    """Yield heads, as a block may hold them that this journal did not write."""
    yield old_head()
    for size in (256, 512, 4096):
        for sequence in (1, newest + 1, newest + 500, 1 << 33, 1 << 40, 1 << 46, (1 << 47) - 1):
            for start in (64, 96, 128):
                yield bytes(make_head(sequence, size, start, 0, 7, 0)) * 2


def test_a_stray_head_stops_neither_the_mount_nor_later_puts():
    """A recycled chip, or a part of another flash, leaves heads that nobody expects."""
    good = NorFlash(8)
    journal = mounted(good)
    for number in range(200):
        put(journal, bytes([number % 4]), number.to_bytes(20, "big"))
    model = contents(journal)
    held = {journal.location(key)[0] for key in model}
    newest = int.from_bytes(good.data[journal.open_block()][8:14], "big")
    for head in heads_of_strays(newest):
        for block in range(8):
            if block in held:
                continue
            flash = good.image()
            flash.data[block][:] = (b"ERSD" + head + b"\xff" * BLOCK)[:BLOCK]
            assert reading(flash) == model, (head, block)
            journal = mounted(flash)
            assert journal.damaged == 0
            for number in range(60):
                put(journal, b"new", number.to_bytes(20, "big"))
            model[b"new"] = number.to_bytes(20, "big")
            assert reading(flash) == model, (head, block)
            del model[b"new"]


def test_a_stray_block_with_records_never_ends_the_puts():
    for sequence in (1, 1 << 33, (1 << 33) + 3, (1 << 47) - 1):
        flash = NorFlash(8)
        journal = mounted(flash)
        for number in range(20):
            put(journal, b"k", number.to_bytes(20, "big"))
        block = (journal.open_block() + 1) % 8
        head = make_head(sequence, BLOCK, 96, 0, 7, 0)
        data = b"ERSD" + head + head + b"\xff" * 32 + spelled(7, 0, 0, b"k", b"stray")
        flash.data[block][:] = (data + b"\xff" * BLOCK)[:BLOCK]
        for number in range(200):
            if number % 50 == 0:
                journal = mounted(flash)
            put(journal, b"k", number.to_bytes(20, "big"))
            assert reading(flash)[b"k"] == number.to_bytes(20, "big"), (sequence, number)


def test_a_head_of_the_highest_sequence_on_an_erased_flash_ends_no_puts():
    flash = NorFlash(8)
    head = make_head((1 << 47) - 1, BLOCK, 64, 0, 7, 0)
    flash.data[3][:64] = b"ERSD" + head + head
    journal = mounted(flash)
    put(journal, b"k", b"value")
    assert reading(flash) == {b"k": b"value"}


def test_the_count_of_blocks_does_not_end_at_32_bits():
    flash = NorFlash(8)
    journal = mounted(flash)
    put(journal, b"k", b"before")
    put(journal, b"constant", b"c")
    block = journal.open_block()
    old = bytes(flash.data[block][4 : 4 + HEAD_SIZE])
    _, size, start, pointers, crc_start, crc = unpack(">6sIHHII", old[4:26])
    head = make_head((1 << 32) - 3, size, start, pointers, crc_start, crc)
    flash.data[block][4 : 4 + 2 * HEAD_SIZE] = head + head
    journal = mounted(flash)
    assert contents(journal) == {b"k": b"before", b"constant": b"c"}
    for number in range(200):
        put(journal, b"k", number.to_bytes(20, "big"))
        if number % 7 == 0:
            journal = mounted(flash)
        assert reading(flash) == {b"k": number.to_bytes(20, "big"), b"constant": b"c"}, number
    assert min(flash.erasures) > 0
