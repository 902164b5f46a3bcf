"""Fuzz target: the journal through a history of puts, cuts and failures, then a damaged flash.

An input is a history, in which the power goes or operations fail, then damage. A dictionary says
what must be there after the history. Whatever is damaged, a mount succeeds, finds nothing that was
never put, and finds the same again; puts work. Where a single byte is damaged, or a run of them in
the records of one block, no other record is lost, and the loss is counted.
"""

from joulestream.device.journal import Journal, JournalFull
from joulestream.device.journal_format import record_size, records_at
from joulestream.host_tools.fuzz.choices import Choices, require
from joulestream.testkit.flash import NorFlash, PowerCut

_BLOCK = 256
_MOST_KEYS = 8
_KEYS = (b"\0", b"k", b"\xff\xff", b"another", b"")
_FILLS = (b"\0", b"\xff", b"\xa5", b"\x01")
_MOUNTS = 20


class _FlashRandom:
    """What is weak after a power cut reads as the input decides."""

    def __init__(self, choices):
        self._choices = choices

    def below(self, limit):
        return self._choices.below(limit)


class _History:
    """A journal and what it must hold.

    `newest` is the newest value of each key; `perhaps` are values, by key, of puts that a cut or a
    failure ended: one of them may be there after the next mount. `ever` is all that was ever put.
    """

    def __init__(self, choices):
        self._choices = choices
        self.flash = NorFlash(6 + choices.below(4), _BLOCK, _FlashRandom(choices))
        self.newest = {}
        self.perhaps = {}
        self.ever = set()
        self._turn = 0
        self._cuts = choices.below(2) == 0
        self.journal = None
        self.mount()

    def play(self):
        """Let happen what the input says."""
        choices = self._choices
        for _ in range(choices.below(64)):
            what = choices.below(8)
            try:
                if what < 3:
                    self._put(choices.one_of(_KEYS), choices.below(40), what > 0)
                elif what == 3:
                    key = choices.one_of(_KEYS)
                    for _ in range(choices.below(64)):
                        self._put(key, 10, True)
                elif what == 4:
                    self.journal.erase_step()
                elif what == 5:
                    self.mount()
                else:
                    self._prepare_trouble()
            except PowerCut:
                self.flash.power_up()
                self.mount()
            except OSError:
                pass
        self.flash.cut_in = self.flash.fail_in = None
        self.mount()
        for _ in range(choices.below(12)):  # side by side in the newest block
            try:
                self._put(choices.one_of(_KEYS), 6, True)
            except JournalFull:
                pass

    def _prepare_trouble(self):
        """Let the power go, or an operation of the flash fail, at one of the next operations."""
        operations = self._choices.below(12)
        self.flash.torn = self._choices.below(256) / 256
        if self._cuts:
            self.flash.cut_in = operations
        else:
            self.flash.fail_in = operations

    def _put(self, key, size, erase_ahead):
        self._turn += 1
        value = (self._turn.to_bytes(2, "big") + self._choices.one_of(_FILLS) * size)[:size]
        if erase_ahead:
            self.journal.erase_ahead()
        self.ever.add((key, value))
        self.perhaps.setdefault(key, []).append(value)
        ready = self.journal.can_put(record_size(len(key), size))
        try:
            self.journal.put(key, value)
        except JournalFull:
            room = ready and not self.journal.bad_blocks() and self._fits(key, size)
            require(not room, "a put is refused though there is room")
            raise
        self.newest[key] = value
        del self.perhaps[key]
        require(self.journal.get(key) == value, "what was put is not there")

    def _fits(self, key, size):
        """Return whether there is room for so much without any doubt."""
        live = sum(record_size(len(key), len(self.newest[key])) for key in self.newest)
        return live + record_size(len(key), size) < _BLOCK // 4

    def mount(self):
        """Switch on, again and again while the power goes or the flash fails; look around."""
        for _ in range(_MOUNTS):
            try:
                self.journal = Journal(self.flash, _MOST_KEYS)
                break
            except PowerCut:
                self.flash.power_up()
            except OSError:
                require(self.flash.fail_in is None, "a mount fails on a sound flash")
        require(self.journal.damaged == 0, "records of a sound flash count as damaged")
        found = _contents(self.journal)
        for key in set(found) | set(self.newest) | set(self.perhaps):
            value = found.get(key)
            sound = value == self.newest.get(key) or value in self.perhaps.get(key, ())
            require(sound, "a key does not have its newest value after a mount")
        self.newest = found
        self.perhaps = {}


def check(data):
    """Check one input."""
    choices = Choices(data)
    history = _History(choices)
    history.play()
    damaged = _damaged(choices, history)
    journal = Journal(damaged.image(), _MOST_KEYS)
    found = _contents(journal)
    for key in found:
        require((key, found[key]) in history.ever, "a value comes back that was never put")
    if _is_confined(history, damaged):
        _check_losses(history, damaged, journal, found)
    _check_going_on(damaged, found)


def _check_losses(history, damaged, journal, found):
    """Only damaged records are lost, and the loss is counted, if it can be told from a cut."""
    intact = set()
    last = None
    for key in history.journal.keys():
        block, places = _places(history.journal, key)
        span = slice(places[0], places[-1] + 1)
        if damaged.data[block][span] == history.flash.data[block][span]:
            intact.add(key)
        if block == history.journal.open_block() and (last is None or places[0] > last[0]):
            last = places[0], key
    lost = [key for key in history.newest if found.get(key) != history.newest[key]]
    require(not intact.intersection(lost), "a record that is not damaged is lost")
    require(not lost or journal.damaged or last[1] in lost, "a loss is not counted")


def _check_going_on(flash, found):
    """What a mount found is found ever after, and puts work."""
    journal = Journal(flash, _MOST_KEYS)
    require(_contents(journal) == found, "the same flash is read in another way")
    journal = Journal(flash, _MOST_KEYS)
    require(_contents(journal) == found, "a second mount finds something else")
    for key in found:
        found[key] = bytes(byte ^ 0x5A for byte in found[key])
        journal.erase_ahead()
        journal.put(key, found[key])
        require(_contents(journal) == found, "a put after the damage disturbs what is there")
    require(_contents(Journal(flash, _MOST_KEYS)) == found, "what was put after damage is lost")


def _contents(journal):
    return {key: journal.get(key) for key in journal.keys()}


def _damaged(choices, history):
    """Return a damaged copy of the flash."""
    flash = history.flash.image()
    journal = history.journal
    for _ in range(choices.below(8)):
        what = choices.below(4)
        block = (journal.open_block() - choices.below(flash.blocks)) % flash.blocks
        at = choices.below(_BLOCK)
        if what == 3 and journal.keys():  # a record that counts
            key = choices.one_of(sorted(journal.keys()))
            block, places = _places(journal, key)
            at = places[at % len(places)]
        if what == 1:
            size = min(1 + choices.below(64), _BLOCK - at)
            flash.data[block][at : at + size] = choices.one_of(_FILLS) * size
        else:
            flash.data[block][at] ^= 1 << choices.below(8)
    return flash


def _is_confined(history, damaged):
    """Return whether no more is damaged than one byte, or records of one block."""
    places = [
        (block, at)
        for block in range(damaged.blocks)
        for at in range(_BLOCK)
        if damaged.data[block][at] != history.flash.data[block][at]
    ]
    blocks = {block for block, _ in places}
    in_records = all(at >= records_at(_MOST_KEYS) for _, at in places)
    return len(places) <= 1 or (len(blocks) == 1 and in_records)


def _places(journal, key):
    """Return the block and the offsets of the bytes that hold the newest record of `key`."""
    block, offset, size = journal.location(key)
    return block, range(offset, offset + size)
