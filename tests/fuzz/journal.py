"""Fuzz target: the journal through a history of puts, cuts and failures; then its flash is damaged.

An input is a history, then damage. A dictionary says what must be there after the history; of
damage the undamaged records must survive, and nothing may come back that was never put.
"""

from fuzz.choices import Choices, require
from joulestream.journal import Journal, JournalFull
from nor_flash import NorFlash, PowerCut

_BLOCK = 256
_MOST_KEYS = 8
_KEYS = (b"\0", b"k", b"\xff\xff", b"another", b"")
_FILLS = (b"\0", b"\xff", b"\xa5", b"\x01")
_FIRST = 9  # bytes of a record before its key, as in journal.py
_CRC = 4
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
                    self.journal.tend()
                elif what == 5:
                    self.mount()
                else:
                    self._prepare_trouble(what == 6)
            except PowerCut:
                self.flash.power_up()
                self.mount()
            except OSError:
                pass
        self.flash.cut_in = self.flash.fail_in = None
        self.mount()

    def _prepare_trouble(self, is_cut):
        """Let the power go, or an operation of the flash fail, at one of the next operations."""
        operations = self._choices.below(12)
        self.flash.torn = self._choices.below(256) / 256
        if is_cut:
            self.flash.cut_in = operations
        else:
            self.flash.fail_in = operations

    def _put(self, key, size, prepare):
        self._turn += 1
        value = (self._turn.to_bytes(2, "big") + self._choices.one_of(_FILLS) * size)[:size]
        if prepare:
            self.journal.prepare()
        self.ever.add((key, value))
        self.perhaps.setdefault(key, []).append(value)
        ready = self.journal.is_ready(self.journal.record_size(len(key), size))
        try:
            self.journal.put(key, value)
        except JournalFull:
            room = ready and not self.journal.bad_blocks and self._fits(key, size)
            require(not room, "a put is refused though there is room")
            raise
        self.newest[key] = value
        del self.perhaps[key]
        require(self.journal.get(key) == value, "what was put is not there")

    def _fits(self, key, size):
        """Return whether there is room for so much without any doubt."""
        live = sum(self.journal.record_size(len(key), len(self.newest[key])) for key in self.newest)
        return live + self.journal.record_size(len(key), size) < _BLOCK // 4

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
    damaged, intact, is_seen = _damage(choices, history)
    journal = Journal(damaged, _MOST_KEYS)
    found = _contents(journal)
    for key in found:
        require((key, found[key]) in history.ever, "a value comes back that was never put")
    for key in history.newest:
        if found.get(key) != history.newest[key]:
            require(key not in intact, "a record that is not damaged is lost")
    require(journal.damaged or not is_seen or found == history.newest, "a loss is not counted")
    again = Journal(damaged, _MOST_KEYS)
    require(_contents(again) == found, "a second mount finds something else")
    for key in found:
        again.prepare()
        found[key] = bytes(byte ^ 0x5A for byte in found[key])
        again.put(key, found[key])
        require(_contents(again) == found, "a put after the damage disturbs what is there")
    require(_contents(Journal(damaged, _MOST_KEYS)) == found, "what was put after damage is lost")


def _contents(journal):
    return {key: journal.get(key) for key in journal.keys()}


def _damage(choices, history):
    """Return a damaged copy of the flash, the keys whose newest records are intact, and whether a
    loss can be told from the end of the log.
    """
    flash = history.flash.image()
    journal = history.journal
    for _ in range(choices.below(8)):
        what = choices.below(4)
        block = (journal._block - choices.below(flash.blocks)) % flash.blocks
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
    intact = set()
    last = None
    for key in journal.keys():
        block, places = _places(journal, key)
        span = slice(places[0], places[-1] + 1)
        if flash.data[block][span] == history.flash.data[block][span]:
            intact.add(key)
        if block == journal._block and (last is None or places[0] > last[0]):
            last = places[0], key
    return flash, intact, last is not None and last[1] in intact


def _places(journal, key):
    """Return the block and the offsets of the bytes that hold the newest record of `key`."""
    block, offset, size, _ = journal._index[key]
    return block, range(offset - _FIRST - len(key), offset + size + _CRC)
