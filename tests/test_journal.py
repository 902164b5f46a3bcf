"""The journal against a dictionary: random histories, power cuts at every byte, failing flash."""

from dual_runtime import Random, raised
from joulestream.journal import Journal, JournalFull

BLOCK = 256


class PowerCut(Exception):
    """The supply went away in the middle of an operation."""


class Flash:
    """NOR flash: erased to ones by block, programming clears bits only.

    `cut_after` bytes more are programmed or erased before the power goes. The next operation of
    the kind `fail` ("write", "erase") raises OSError, a write having done `partly` bytes.
    """

    def __init__(self, blocks, size=BLOCK):
        self.data = [bytearray(b"\xff" * size) for _ in range(blocks)]
        self.size = size
        self.cut_after = None
        self.fail = None
        self.partly = 0
        self.erased = 0
        self.erases_backwards = False

    def readblocks(self, block, buffer, offset=0):
        assert offset + len(buffer) <= self.size
        buffer[:] = self.data[block][offset : offset + len(buffer)]

    def writeblocks(self, block, buffer, offset=0):
        assert offset + len(buffer) <= self.size
        count = len(buffer)
        failing = self._fails("write")
        if failing:
            count = min(count, self.partly)
        cut = self.cut_after is not None and self.cut_after < count
        if cut:
            count = self.cut_after
        if self.cut_after is not None:
            self.cut_after -= count
        data = self.data[block]
        for at in range(count):
            # Programming only clears bits: what asks for more would be damaged on real flash.
            assert data[offset + at] & buffer[at] == buffer[at], "programmed over"
            data[offset + at] = buffer[at]
        if cut:
            raise PowerCut()
        if failing:
            raise OSError(5)

    def ioctl(self, operation, argument):
        if operation == 4:
            return len(self.data)
        if operation == 5:
            return self.size
        assert operation == 6
        if self._fails("erase"):
            raise OSError(5)
        if self.cut_after is not None and self.cut_after < self.size:
            # An erase that is cut leaves a part of the block as it was, whichever.
            done = self.cut_after
            at = self.size - done if self.erases_backwards else 0
            self.data[argument][at : at + done] = b"\xff" * done
            self.cut_after = 0
            raise PowerCut()
        self.data[argument][:] = b"\xff" * self.size
        self.erased += 1
        return 0

    def _fails(self, kind):
        if self.fail == kind:
            self.fail = None
            return True
        return False


class Guarded(Journal):
    """A journal that says so when it would look for an erased block for ever."""

    def _open_next(self):
        assert 0 in self._sequences, "no erased block is left"
        Journal._open_next(self)


def contents(journal):
    return {key: journal.get(key) for key in journal.keys()}


def test_what_is_put_is_there_after_remounting():
    flash = Flash(4)
    journal = Guarded(flash)
    assert journal.keys() == [] and journal.get(b"a") is None
    journal.put(b"a", b"1")
    journal.put(b"b", b"")
    journal.put(b"a", b"22")
    for mounted in (journal, Guarded(flash)):
        assert contents(mounted) == {b"a": b"22", b"b": b""}
        assert mounted.get(b"c") is None


def test_values_of_any_byte_survive():
    flash = Flash(5)
    journal = Guarded(flash)
    values = {b"\xff": b"\xff" * 40, b"\0": bytes(40), b"": b"\xa5" * 9, b"\xa5\xff": b"\xff"}
    for key in values:
        journal.put(key, values[key])
    assert contents(Guarded(flash)) == values


def test_random_histories_over_the_ring():
    for seed in range(1, 9):
        random = Random(seed)
        flash = Flash(4 + seed % 4)
        journal = Guarded(flash)
        model = {}
        for _ in range(400):
            key = bytes([random.below(3 + seed % 4)])
            value = random.bytes(random.below(24))
            if raised(journal.put, key, value) is None:
                model[key] = value
            if random.below(20) == 0:
                journal.tend()
            if random.below(25) == 0:
                journal = Guarded(flash)
            assert journal.get(key) == model.get(key)
        assert contents(journal) == contents(Guarded(flash)) == model
        assert flash.erased > 2 * len(flash.data), "the ring went round"


def test_wear_is_level():
    flash = Flash(6)
    erasures = [0] * 6
    original = flash.ioctl

    def counting(operation, argument):
        if operation == 6:
            erasures[argument] += 1
        return original(operation, argument)

    flash.ioctl = counting
    journal = Guarded(flash)
    for turn in range(1500):
        journal.put(b"k", turn.to_bytes(4, "big"))
    assert max(erasures) - min(erasures) <= 1, erasures


def test_full_is_refused_and_loses_nothing():
    flash = Flash(5)
    journal = Guarded(flash)
    model = {}
    error = None
    for number in range(100):
        key = bytes([number])
        error = raised(journal.put, key, bytes(20))
        if error is not None:
            break
        model[key] = bytes(20)
    assert isinstance(error, JournalFull) and len(model) >= 4
    assert contents(journal) == contents(Guarded(flash)) == model
    for turn in range(200):  # what is there can still be renewed
        key = bytes([turn % len(model)])
        model[key] = turn.to_bytes(20, "big")
        journal.put(key, model[key])
    assert isinstance(raised(journal.put, b"more", bytes(20)), JournalFull)
    assert isinstance(raised(journal.put, b"\0", bytes(BLOCK // 2)), JournalFull)
    assert contents(journal) == contents(Guarded(flash)) == model


def test_too_few_blocks():
    assert isinstance(raised(Journal, Flash(3)), ValueError)


def test_a_power_cut_at_every_byte():
    """Torn anywhere, a history keeps all that was acknowledged, and can go on."""
    history = []
    random = Random(11)
    for turn in range(60):
        history.append((bytes([turn % 3]), random.bytes(10 + random.below(30))))
    total = 0
    cut_at = 0
    while True:
        flash = Flash(5)
        flash.cut_after = cut_at
        model = {}
        pending = None
        try:
            journal = Guarded(flash)
            for pending in history:
                journal.put(*pending)
                model[pending[0]] = pending[1]
        except PowerCut:
            total += 1
        else:
            break
        flash.cut_after = None
        journal = Guarded(flash)
        found = contents(journal)
        late = dict(model)
        if pending:
            late[pending[0]] = pending[1]
        assert found == model or found == late, cut_at
        for key, value in history[:20]:
            journal.put(key, value)
            found[key] = value
        assert contents(Guarded(flash)) == found, cut_at
        cut_at += 1 if cut_at < 300 else 7
    assert total > 400


def test_power_cut_after_power_cut():
    """A supply that fails again and again, while mounting and erasing too."""
    for seed in range(1, 25):
        random = Random(seed)
        flash = Flash(5 + seed % 3)
        model = {}
        for _ in range(40):
            flash.cut_after = random.below(2 + seed * 30)
            flash.erases_backwards = random.below(2) == 1
            pending = None
            try:
                journal = Guarded(flash)
                assert contents(journal) == model
                while True:
                    pending = (bytes([random.below(5)]), random.bytes(random.below(36)))
                    journal.put(*pending)
                    model[pending[0]] = pending[1]
                    pending = None
                    if random.below(9) == 0:
                        journal.tend()
            except PowerCut:
                pass
            flash.cut_after = None
            found = contents(Guarded(flash))
            if pending and found.get(pending[0]) == pending[1]:
                model[pending[0]] = pending[1]
            assert found == model, seed


def test_a_failing_device_loses_nothing_that_was_stored():
    """Programming or erasing fails once in a while, having done nothing, a part or all of it."""
    for seed in range(1, 25):
        random = Random(seed)
        flash = Flash(4 + seed % 3)
        journal = Guarded(flash)
        model = {}
        failed = {}  # key: values that may be there after a restart, wholly or not at all
        for _ in range(300):
            key = bytes([random.below(3)])
            value = random.bytes(random.below(24))
            if random.below(10) == 0:
                flash.fail = "erase" if random.below(2) else "write"
                flash.partly = random.below(60)
            error = raised(journal.put, key, value)
            flash.fail = None
            if error is None:
                model[key] = value
                failed.pop(key, None)
            else:
                assert isinstance(error, OSError), repr(error)
                failed.setdefault(key, []).append(value)
            assert journal.get(key) == model.get(key)
            if random.below(20) == 0:
                journal = Guarded(flash)
                found = contents(journal)
                for key in set(list(found) + list(model)):
                    value = found.get(key)
                    assert value == model.get(key) or value in failed.get(key, ()), seed
                model = found
                failed = {}


def before_the_last_erased_block():
    """Return a flash and its journal, whose next put copies into the last erased block."""
    flash = Flash(5)
    journal = Guarded(flash)
    for key in range(3):
        journal.put(bytes([key]), bytes(60))
    for number in range(1000):
        used = [block for block in range(5) if journal._sequences[block]]
        oldest = min(used, key=lambda block: journal._sequences[block])
        moving = [key for key in journal._index if journal._index[key][0] == oldest]
        if len(used) == 4 and moving and journal._offset + 17 > BLOCK:
            return flash, journal
        journal.put(b"\x03", number.to_bytes(8, "big"))
    raise AssertionError("the journal never got there")


def test_a_reclaim_cut_in_the_last_erased_block():
    """The power goes while live records are copied into the last erased block, and while the
    block they come from is erased."""
    for backwards in (False, True):
        error = cut_after = 0
        while error is not None:
            cut_after += 3
            flash, journal = before_the_last_erased_block()
            model = contents(journal)
            flash.cut_after = cut_after
            flash.erases_backwards = backwards
            error = raised(journal.put, b"\x03", bytes(8))
            assert error is None or isinstance(error, PowerCut), repr(error)
            flash.cut_after = None
            found = contents(Guarded(flash))
            if found[b"\x03"] == bytes(8):
                model[b"\x03"] = bytes(8)
            assert found == model, (backwards, cut_after)
        assert cut_after > BLOCK


def test_a_header_that_could_not_be_written():
    """A block whose header failed half-way is erased before anything is stored in it."""
    for partly in range(13):
        flash = Flash(4)
        journal = Guarded(flash)
        flash.fail = "write"
        flash.partly = partly
        assert isinstance(raised(journal.put, b"k", b"first"), OSError)
        journal.put(b"k", b"second")
        assert Guarded(flash).get(b"k") == b"second", partly


def test_flipped_bits_are_noticed_and_older_values_come_back():
    flash = Flash(4)
    journal = Guarded(flash)
    journal.put(b"k", b"old")
    used = journal._offset
    journal.put(b"k", b"new")
    for bit in range(8 * used, 8 * (used + 8 + 4)):
        block = flash.data[0] if flash.data[0][0] != 0xFF else flash.data[1]
        block[bit >> 3] ^= 1 << (bit & 7)
        assert Guarded(copy_of(flash)).get(b"k") == b"old", bit
        block[bit >> 3] ^= 1 << (bit & 7)
    assert Guarded(flash).get(b"k") == b"new"


def copy_of(flash):
    other = Flash(len(flash.data), flash.size)
    for at in range(len(flash.data)):
        other.data[at][:] = flash.data[at]
    return other


def test_a_foreign_content_is_erased():
    random = Random(12)
    flash = Flash(4)
    for block in flash.data:
        block[:] = random.bytes(BLOCK)
    journal = Guarded(flash)
    assert journal.keys() == []
    journal.put(b"k", b"v")
    assert Guarded(flash).get(b"k") == b"v"
