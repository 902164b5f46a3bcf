"""Fuzz target: the journal on a flash that loses its power, fails, and is damaged at the end.

An input is a history of puts, erases, power cuts and failures, then damage. Some values are those
of an attacker that read the whole flash once: they are full of heads and records. A dictionary
keeps the values that must be there. After the history every mount must find them. After the
damage:

- a mount succeeds, finds no value that was never put, and finds the same at every later mount;
- puts work;
- if one byte is damaged, or only records of one block, then no other record is lost;
- a loss is counted, unless it looks like a power cut in the last record.

Then one block of the sound flash gets any content, as a part of another device's journal. The
journal mounts and takes puts. If nothing of value stood in the block, nothing is lost.

At last the rest of the input becomes a flash of any content, good heads and records included. It
mounts, and takes puts or refuses them; all that it held then is there at the next mount.
"""

from binascii import crc32
from struct import pack, pack_into

from joulestream.device.journal import Journal, JournalFull
from joulestream.device.journal_format import (
    ERASED_MARK,
    HEAD_AT,
    HEAD_SIZE,
    MOST_BLOCKS_OPENED,
    OLD_HEAD_SIZE,
    OLD_MAGIC,
    make_head,
    parse_head,
    record_size,
    records_at,
)
from joulestream.host_tools.fuzz.choices import Choices, InvariantBroken, fail_unless
from joulestream.testkit.flash import NorFlash, PowerCut
from joulestream.testkit.random import Random

_BLOCK = 256
_MOST_KEYS = 8
_KEYS = (b"\0", b"k", b"\xff\xff", b"another", b"")
_FILLS = (b"\0", b"\xff", b"\xa5", b"\x01")
# A history has one cut or failure ahead at most, so a few mounts are enough.
_MOUNTS = 20
# The attacker's value. No one ever puts it, so it is never read.
_STOLEN = b"stolen"
# What a stray block holds.
_ANY_BYTES = "any bytes"
_OLDER = "a head of an older version"
_OTHER_SIZE = "a head for another size of block"
_HEAD_ALONE = "a head without records"
_RECORD = "a head and a record"
# Each of them may be all that is left of another journal.
_JOURNALS = (_OLDER, _OTHER_SIZE, _RECORD)


class _FlashRandom:
    """Lets the input decide how weak bits read after a power cut."""

    def __init__(self, choices: Choices) -> None:
        self._choices = choices

    def below(self, limit: int) -> int:
        return self._choices.below(limit)


class _History:
    """A journal and the values that it must hold.

    Attributes:
        flash: the flash.
        random: the source of the blocks' random numbers.
        journal: the journal since the last mount.
        newest: the newest value of each key.
        perhaps: by key, the values of puts that a cut or a failure ended. One of them may be there
            after the next mount, in place of the newest value. None: the key may be gone.
        ever: each key and value that was ever put.
    """

    def __init__(self, choices: Choices) -> None:
        self._choices = choices
        self.flash = NorFlash(6 + choices.below(4), _BLOCK, _FlashRandom(choices))
        self.newest: dict[bytes, bytes] = {}
        self.perhaps: dict[bytes, list[bytes | None]] = {}
        self.ever: set[tuple[bytes, bytes]] = set()
        self.random = Random(1)
        self._known_starts = [0, 0xFFFFFFFF]
        self._turn = 0
        self._cuts = choices.below(2) == 0
        self.journal: Journal
        self.mount()

    def play(self) -> None:
        """Do the acts of the input."""
        choices = self._choices
        for _ in range(choices.below(64)):
            act = choices.below(10)
            try:
                if act < 3:
                    self._put(choices.one_of(_KEYS), choices.below(40), act > 0)
                elif act == 3:
                    key = choices.one_of(_KEYS)
                    for _ in range(choices.below(64)):
                        self._put(key, 10, True)
                elif act == 4:
                    self.journal.erase_step()
                elif act == 5:
                    self.mount()
                elif act == 8:
                    self._attack()
                elif act == 9:
                    self._replace()
                else:
                    self._prepare_trouble()
            except PowerCut:
                self.flash.power_up()
                self.mount()
            except OSError:
                pass
        self.flash.cut_in = self.flash.fail_in = None
        self.mount()
        # Records side by side in the newest block, for the damage.
        for _ in range(choices.below(12)):
            try:
                self._put(choices.one_of(_KEYS), 6, True)
            except JournalFull:
                pass

    def _prepare_trouble(self) -> None:
        """Let the power go, or an operation of the flash fail, at one of the next operations."""
        operations = self._choices.below(12)
        self.flash.torn = self._choices.below(256) / 256
        if self._cuts:
            self.flash.cut_in = operations
        else:
            self.flash.fail_in = operations

    def _replace(self) -> None:
        """Put a new key in the place of another, in one step."""
        new, old = self._choices.one_of(_KEYS), self._choices.one_of(_KEYS)
        if new in self.newest or old not in self.newest:
            return
        value = self._choices.bytes(8)
        self.journal.erase_ahead()
        self.ever.add((new, value))
        self.perhaps.setdefault(new, []).append(value)
        self.perhaps.setdefault(old, []).append(None)
        self.journal.put(new, value, old)
        del self.newest[old], self.perhaps[old], self.perhaps[new]
        self.newest[new] = value
        fail_unless(self.journal.get(old) is None, "a key that was replaced is still there")

    def _attack(self) -> None:
        """Let the attacker read the flash, once, with the pole stopped; or put a value of his."""
        choices = self._choices
        if len(self._known_starts) == 2 and choices.below(2):
            for data in self.flash.data:
                head = parse_head(_head(data), _BLOCK)
                if head is not None:
                    self._known_starts.append(head[3])
            self.mount()
            return
        spelled = spelled_record(
            choices.one_of(self._known_starts),
            choices.below(16),
            choices.below(_MOST_KEYS),
            choices.one_of(_KEYS),
            _STOLEN,
        )
        newest = make_head(1 << 40, _BLOCK, records_at(_MOST_KEYS), 0, 0, 0)
        parts = (spelled, newest, ERASED_MARK + newest)
        value = bytes(choices.below(8)) + choices.one_of(parts) * 9
        self._store(choices.one_of(_KEYS), value[:120], True)

    def _put(self, key: bytes, size: int, erase_ahead: bool) -> None:
        self._turn += 1
        value = (self._turn.to_bytes(2, "big") + self._choices.one_of(_FILLS) * size)[:size]
        self._store(key, value, erase_ahead)

    def _store(self, key: bytes, value: bytes, erase_ahead: bool) -> None:
        size = len(value)
        if erase_ahead:
            self.journal.erase_ahead()
        self.ever.add((key, value))
        self.perhaps.setdefault(key, []).append(value)
        ready = self.journal.can_put(record_size(len(key), size))
        try:
            self.journal.put(key, value)
        except JournalFull:
            room = ready and not self.journal.bad_blocks() and self._fits(key, size)
            fail_unless(not room, "a put is refused though there is room")
            raise
        self.newest[key] = value
        del self.perhaps[key]
        fail_unless(self.journal.get(key) == value, "a value that was put is not there")

    def _fits(self, key: bytes, size: int) -> bool:
        """Return whether a quarter of a block is enough for all records, and so must be free."""
        live = sum(record_size(len(key), len(self.newest[key])) for key in self.newest)
        return live + record_size(len(key), size) < _BLOCK // 4

    def _mounted(self) -> Journal:
        """Return a new journal on the flash. A mount that is cut or fails is tried again."""
        for _ in range(_MOUNTS):
            try:
                return Journal(self.flash, self.random.bytes, _MOST_KEYS)
            except PowerCut:
                self.flash.power_up()
            except OSError:
                fail_unless(self.flash.fail_in is None, "a mount fails on a sound flash")
        raise InvariantBroken("a mount never succeeds")

    def mount(self) -> None:
        """Mount the journal again, and check that every key has its newest value."""
        self.journal = self._mounted()
        fail_unless(self.journal.damaged == 0, "records of a sound flash count as damaged")
        found = _contents(self.journal)
        for key in set(found) | set(self.newest) | set(self.perhaps):
            value = found.get(key)
            sound = value == self.newest.get(key) or value in self.perhaps.get(key, ())
            fail_unless(sound, "a key does not have its newest value after a mount")
        self.newest = found
        self.perhaps = {}


def check(data: bytes) -> None:
    """Check one input."""
    choices = Choices(data)
    history = _History(choices)
    history.play()
    damaged = _damaged(choices, history)
    journal = Journal(damaged.image(), history.random.bytes, _MOST_KEYS)
    found = _contents(journal)
    for key in found:
        fail_unless((key, found[key]) in history.ever, "a value comes back that was never put")
    if _is_confined(history, damaged):
        _check_losses(history, damaged, journal, found)
    _check_later_use(damaged, history.random, found)
    if choices:
        _check_stray_block(choices, history)
    if choices:
        _check_any_content(choices, history.random)


def spelled_record(crc_start: int, number: int, slot: int, key: bytes, value: bytes) -> bytes:
    """Return the bytes of a record in a block with this CRC start."""
    data = pack(">HHBH", number, slot, len(key), len(value)) + key + value
    return data + crc32(data, crc_start).to_bytes(4, "big")


def _check_stray_block(choices: Choices, history: _History) -> None:
    """Check that a block of any content stops neither the mount of the others nor their puts."""
    flash = history.flash.image()
    block = choices.below(flash.blocks)
    kind = choices.one_of((_ANY_BYTES, _OLDER, _OTHER_SIZE, _HEAD_ALONE, _RECORD))
    content = _stray(kind, choices, history)
    others = flash.data[:block] + flash.data[block + 1 :]
    if kind in _JOURNALS and not any(parse_head(_head(data), _BLOCK) for data in others):
        return  # no journal is left, so the stray block may be all of another
    flash.data[block][:] = content.ljust(_BLOCK, b"\xff")
    old = history.journal
    held = {old.location(key)[0] for key in old.keys()}
    found = _contents(Journal(flash.image(), history.random.bytes, _MOST_KEYS))
    if block not in held and kind != _RECORD:
        fail_unless(found == history.newest, "a stray block hides a record")
    _check_later_use(flash, history.random, found)
    if not found:
        _store_again(flash, history.random)


def _stray(kind: str, choices: Choices, history: _History) -> bytes:
    """Return what a stray block of this kind begins with."""
    if kind == _ANY_BYTES:
        return choices.bytes(choices.below(64))
    if kind == _OLDER:
        old = bytearray(OLD_HEAD_SIZE)
        old[: len(OLD_MAGIC)] = OLD_MAGIC
        pack_into(">I", old, OLD_HEAD_SIZE - 4, crc32(old[:-4]))
        return ERASED_MARK + old
    size = _BLOCK << (1 + choices.below(4)) if kind == _OTHER_SIZE else _BLOCK
    newest = parse_head(_head(history.flash.data[history.journal.open_block()]), _BLOCK)
    # Older and newer than the journal's blocks, and the highest, behind which none can be opened.
    base = choices.one_of((newest[0] if newest else 1, 1 << 33, MOST_BLOCKS_OPENED - 7))
    sequence = min(max(1, base + choices.below(16) - 8), MOST_BLOCKS_OPENED)
    start = records_at(choices.below(_BLOCK // 8))
    head = make_head(sequence, size, min(start, _BLOCK // 2), 0, 7, 0)
    content = (ERASED_MARK + head + head).ljust(min(start, _BLOCK // 2), b"\xff")
    if kind == _RECORD:
        content += spelled_record(7, 0, choices.below(16), choices.one_of(_KEYS), b"stray")
    return content


def _head(data: bytearray) -> memoryview:
    """Return the bytes of a block's first head."""
    return memoryview(data)[HEAD_AT : HEAD_AT + HEAD_SIZE]


def _store_again(flash: NorFlash, random: Random) -> None:
    """Check that an empty journal takes a value and keeps it."""
    journal = Journal(flash, random.bytes, _MOST_KEYS)
    journal.put(b"k", b"again")
    again = _contents(Journal(flash, random.bytes, _MOST_KEYS))
    fail_unless(again == {b"k": b"again"}, "an empty journal does not keep a value")


def _check_any_content(choices: Choices, random: Random) -> None:
    """Check a flash whose blocks the input chooses: heads and records of any fields, any bytes."""
    flash = NorFlash(6 + choices.below(4), _BLOCK)
    for block in flash.data:
        start = records_at(choices.below(16))
        pointers = choices.bytes(choices.below(12) * 4)
        # The highest sequences too, behind which no block can be opened.
        sequence = choices.below(8) + (((1 << 47) - 4) if choices.below(8) == 0 else 0)
        pointers_crc = crc32(pointers) ^ (choices.below(8) == 0)
        head = make_head(sequence, _BLOCK, start, len(pointers) // 4, 7, pointers_crc)
        data = (ERASED_MARK + head + head + pointers).ljust(start, b"\xff")
        for number in range(choices.below(6)):
            number += choices.below(8) == 0
            value = choices.bytes(choices.below(20))
            data += spelled_record(7, number, choices.below(16), choices.one_of(_KEYS), value)
        if choices.below(8) == 0:
            data = choices.bytes(_BLOCK)
        block[:] = data[:_BLOCK].ljust(_BLOCK, b"\xff")
    journal = Journal(flash, random.bytes, _MOST_KEYS)
    found = _contents(journal)
    for key in _KEYS:
        try:
            journal.erase_ahead()
            journal.put(key, b"mine")
            found[key] = b"mine"
        except JournalFull:
            continue
        fail_unless(_contents(journal) == found, "a put on a foreign flash changes another value")
    if b"mine" in found.values():
        again = _contents(Journal(flash, random.bytes, _MOST_KEYS))
        fail_unless(again == found, "a value that was put on a foreign flash is lost")


def _check_losses(
    history: _History, damaged: NorFlash, journal: Journal, found: dict[bytes, bytes]
) -> None:
    """Check that only damaged records are lost, and that a loss is counted.

    A loss of the last record is not counted: it looks like a power cut during its put.
    """
    intact = set()
    last: tuple[int, bytes] | None = None
    for key in history.journal.keys():
        block, places = _places(history.journal, key)
        span = slice(places[0], places[-1] + 1)
        if damaged.data[block][span] == history.flash.data[block][span]:
            intact.add(key)
        if block == history.journal.open_block() and (last is None or places[0] > last[0]):
            last = places[0], key
    lost = [key for key in history.newest if found.get(key) != history.newest[key]]
    fail_unless(not intact.intersection(lost), "a record that is not damaged is lost")
    fail_unless(not lost or journal.damaged or (last and last[1] in lost), "a loss is not counted")


def _check_later_use(flash: NorFlash, random: Random, found: dict[bytes, bytes]) -> None:
    """Check that later mounts find the same values, and that puts work."""
    journal = Journal(flash, random.bytes, _MOST_KEYS)
    fail_unless(_contents(journal) == found, "the same flash is read in another way")
    journal = Journal(flash, random.bytes, _MOST_KEYS)
    fail_unless(_contents(journal) == found, "a second mount finds something else")
    for key in found:
        found[key] = bytes(byte ^ 0x5A for byte in found[key])
        journal.erase_ahead()
        journal.put(key, found[key])
        fail_unless(_contents(journal) == found, "a put after the damage changes another value")
    fail_unless(
        _contents(Journal(flash, random.bytes, _MOST_KEYS)) == found,
        "a value that was put after the damage is lost",
    )


def _contents(journal: Journal) -> dict[bytes, bytes]:
    values = {}
    for key in journal.keys():
        value = journal.get(key)
        if value is None:
            raise InvariantBroken("a key of the journal has no value")
        values[key] = value
    return values


def _damaged(choices: Choices, history: _History) -> NorFlash:
    """Return a damaged copy of the flash."""
    flash = history.flash.image()
    journal = history.journal
    for _ in range(choices.below(8)):
        kind = choices.below(4)
        block = (journal.open_block() - choices.below(flash.blocks)) % flash.blocks
        at = choices.below(_BLOCK)
        if kind == 3 and journal.keys():  # the newest record of a key
            key = choices.one_of(sorted(journal.keys()))
            block, places = _places(journal, key)
            at = places[at % len(places)]
        if kind == 1:
            size = min(1 + choices.below(64), _BLOCK - at)
            flash.data[block][at : at + size] = choices.one_of(_FILLS) * size
        else:
            flash.data[block][at] ^= 1 << choices.below(8)
    return flash


def _is_confined(history: _History, damaged: NorFlash) -> bool:
    """Return whether one byte at most is damaged, or only records of one block."""
    places = [
        (block, at)
        for block in range(damaged.blocks)
        for at in range(_BLOCK)
        if damaged.data[block][at] != history.flash.data[block][at]
    ]
    blocks = {block for block, _ in places}
    in_records = all(at >= records_at(_MOST_KEYS) for _, at in places)
    return len(places) <= 1 or (len(blocks) == 1 and in_records)


def _places(journal: Journal, key: bytes) -> tuple[int, range]:
    """Return the block and the offsets of the bytes that hold the newest record of `key`."""
    block, offset, size = journal.location(key)
    return block, range(offset, offset + size)
