"""The native functions of shared/native in Python, for CPython.

A board runs the C code, and never these functions: they are in no package of a board. On CPython
shared/cpython/_ed25519.py chooses them, as a call of C through ctypes takes longer than most of
them. Tests compare them with the C code byte for byte (tests/test_native_twins.py).
"""

from binascii import crc32
from struct import Struct
from typing import Any

__all__ = [
    "crc16",
    "frame_encode",
    "frame_feed",
    "journal_record",
    "read_fields",
    "small_int",
    "ticks_add",
    "ticks_diff",
    "write_fields",
]

Buffer = bytes | bytearray | memoryview
Layout = tuple[tuple[str, int, int], ...]

# As in shared/native/native.h.
_CRC = 4
_PAYLOAD = 560
_STUFFED = _PAYLOAD + _CRC + (_PAYLOAD + _CRC) // 254 + 1
_MEMORY = 2 + _STUFFED
_BAD_COBS, _BAD_CRC, _OVERSIZED = 1021, 1022, 1023
_LONGEST = 255

_RECORD_HEAD = Struct(">HHBH")

_TICKS_MASK = (1 << 30) - 1
_TICKS_HALF = 1 << 29

_UINT = 0
_UINT_SIZES = (1, 4, 6, 8)


def _crc16_table() -> tuple[int, ...]:
    table = []
    for byte in range(256):
        crc = byte
        for _ in range(8):
            crc = (crc >> 1) ^ 0xA001 if crc & 1 else crc >> 1
        table.append(crc)
    return tuple(table)


_CRC16 = _crc16_table()


def _view(data: Buffer) -> memoryview:
    """Return a bytes-like object's bytes; raise TypeError for another object."""
    try:
        return memoryview(data).cast("B")
    except TypeError:
        raise TypeError("a bytes-like object is required") from None


def writable(data: bytearray | memoryview) -> memoryview:
    """Return a buffer for a result; raise TypeError if it is not writable."""
    try:
        view = memoryview(data).cast("B")
        if view.readonly:
            raise TypeError
    except TypeError:
        raise TypeError("out must be a writable bytes-like object") from None
    return view


def _whole(value: int) -> int:
    """Return an integer; raise TypeError for another object."""
    if type(value) is not int:
        raise TypeError("a small integer is required")
    return value


def _integer(value: int) -> int:
    """Return an integer of any size; raise TypeError for another object."""
    if type(value) is not int:
        raise TypeError("an integer is required")
    return value


def _part(data: Buffer, size: int, start: int) -> memoryview:
    """Return `size` bytes from `start` on; raise ValueError if there are fewer."""
    view = _view(data)
    if _whole(size) < 0 or _whole(start) < 0 or start + size > len(view):
        raise ValueError("beyond the end of the data")
    return view[start : start + size]


def crc16(data: Buffer, size: int, start: int, /) -> int:
    """Return the Modbus CRC-16 of `size` bytes from `start` on."""
    crc = 0xFFFF
    for byte in _part(data, size, start):
        crc = crc >> 8 ^ _CRC16[(crc ^ byte) & 0xFF]
    return crc


def frame_encode(payload: Buffer, out: bytearray | memoryview, /) -> int:
    """Write the frame of `payload` into `out`; return its length.

    Raises ValueError for a payload of more than 560 bytes or an `out` of less than 568.
    """
    data, to = _view(payload), writable(out)
    if len(data) > _PAYLOAD:
        raise ValueError("a payload of more than 560 bytes does not fit a frame")
    if len(to) < _STUFFED + 1:
        raise ValueError("out must be 568 bytes at least")
    frame = bytearray()
    block = bytearray()
    for byte in bytes(data) + crc32(data).to_bytes(_CRC, "big"):
        if len(block) == _LONGEST - 1:
            frame += bytes((_LONGEST,)) + block
            block.clear()
        if byte:
            block.append(byte)
        else:
            frame += bytes((len(block) + 1,)) + block
            block.clear()
    frame += bytes((len(block) + 1,)) + block + b"\0"
    to[: len(frame)] = frame
    return len(frame)


def frame_feed(memory: bytearray | memoryview, data: Buffer, size: int, start: int, /) -> int:
    """Take in `data` from `start` to `size`, up to the end of a frame.

    Args:
        memory: 569 bytes that hold the frame so far; all 0 at first. A payload that was found is
            at offset 3 until the next call.
        data: the received bytes.
        size: the end of the bytes in `data`.
        start: the first byte to take in.

    Returns:
        1024 times the end of the bytes that were taken in, plus: 0 while no frame has ended, the
        length of a good frame's payload, 1021 for bad COBS, 1022 for a bad CRC, 1023 for too many
        bytes.
    """
    held_in = writable(memory)
    if len(held_in) != _MEMORY:
        raise ValueError("a decoder's memory must be 569 bytes")
    part = bytes(_part(data, _whole(size) - _whole(start), start))
    held = min(int.from_bytes(held_in[:2], "big"), _STUFFED + 1)
    zero = part.find(0)
    more = part if zero < 0 else part[:zero]
    room = max(_STUFFED - held, 0)
    held_in[2 + held : 2 + held + min(len(more), room)] = more[:room]
    held = min(held + len(more), _STUFFED + 1)
    found = 0
    if zero >= 0:
        found = _finish(held_in[2:], held) if held else 0
        held = 0
    held_in[:2] = held.to_bytes(2, "big")
    return (start + len(part) if zero < 0 else start + zero + 1) * 1024 + found


def _finish(frame: memoryview, size: int) -> int:
    """Decode a whole frame in place; return the finding of frame_feed."""
    if size > _STUFFED:
        return _OVERSIZED
    length = _unstuff(frame, size) - _CRC
    if length < 1:
        return _BAD_COBS
    if length > _PAYLOAD:
        return _OVERSIZED
    crc = crc32(frame[1 : 1 + length]).to_bytes(_CRC, "big")
    return length if frame[1 + length : 1 + length + _CRC] == crc else _BAD_CRC


def _unstuff(frame: memoryview, size: int) -> int:
    """Undo COBS in place; return the length behind the first byte, 0 if it is no COBS."""
    code = at = frame[0]
    while at < size:
        following = frame[at]
        if not following:
            return 0
        if code == _LONGEST:
            size -= 1
            frame[at:size] = bytes(frame[at + 1 : size + 1])
            at -= 1
        else:
            frame[at] = 0
        code = following
        at += code
    return size - 1 if at == size else 0


def journal_record(
    out: bytearray | memoryview,
    number: int,
    slot: int,
    key: Buffer,
    value: Buffer,
    crc_start: int,
    /,
) -> int:
    """Write a record of the journal into `out`; return its size.

    shared/device/journal_format.py describes the record. `value` may lie in `out`. Raises
    ValueError for a number or a size that does not fit.
    """
    to, name, content = writable(out), bytes(_view(key)), bytes(_view(value))
    _whole(number)
    _whole(slot)
    if type(crc_start) is not int:
        raise TypeError("an integer is required")
    sizes = (0 <= number <= 0xFFFF, 0 <= slot <= 0xFFFF, len(name) <= 0xFF, len(content) <= 0xFFFF)
    size = _RECORD_HEAD.size + len(name) + len(content)
    if not all(sizes) or size + _CRC > len(to):
        raise ValueError("the record does not fit")
    record = _RECORD_HEAD.pack(number, slot, len(name), len(content)) + name + content
    to[:size] = record
    to[size : size + _CRC] = crc32(record, crc_start & 0xFFFFFFFF).to_bytes(_CRC, "big")
    return size + _CRC


def ticks_diff(later_ms: int, earlier_ms: int, /) -> int:
    """Return the signed distance in ms between two ticks that wrap at 2^30.

    It is right while the two are less than 2^29 ms (6.2 days) apart.
    """
    distance = _integer(later_ms) - _integer(earlier_ms) + _TICKS_HALF
    return (distance & _TICKS_MASK) - _TICKS_HALF


def ticks_add(ticks_ms: int, delta_ms: int, /) -> int:
    """Return the tick `delta_ms` after `ticks_ms`, wrapped at 2^30."""
    return (_integer(ticks_ms) + _integer(delta_ms)) & _TICKS_MASK


def small_int(value: int, /) -> int:
    """Return `value`, as a small integer if its size allows it.

    MicroPython's result of a calculation with a big integer is a big integer, even if the value
    is small. It needs memory, and so does every result that is calculated from it.
    """
    return _integer(value)


def _rows(layout: Layout) -> Layout:
    """Return a layout; raise TypeError for another object."""
    if type(layout) is not tuple:
        raise TypeError("a layout is a tuple of tuples")
    return layout


def _field(row: tuple[str, int, int]) -> tuple[str, int, int]:
    """Return a row of a layout; raise TypeError or ValueError if it has another shape."""
    if type(row) is not tuple:
        raise TypeError("a layout is a tuple of tuples")
    if len(row) != 3 or type(row[1]) is not int or type(row[2]) is not int:
        raise TypeError("a field is a name, a size and a kind")
    if row[1] < 0 or (row[2] == _UINT and row[1] not in _UINT_SIZES):
        raise ValueError("an integer has 1, 4, 6 or 8 bytes")
    return row


def write_fields(
    layout: Layout, source: Any, out: bytearray | memoryview, offset: int, largest: int, /
) -> int:
    """Write the attributes of `source` that the layout names into `out` at `offset`.

    Returns the offset behind the last byte, or -1 - i if the value of field i does not fit.
    `largest` is 2^64 - 1: the C code cannot make that number without memory.
    """
    to, rows, end = writable(out), _rows(layout), _whole(offset)
    if end < 0 or end > len(to):
        raise ValueError("beyond the end of the data")
    for number, row in enumerate(rows):
        name, size, kind = _field(row)
        if size > len(to) - end:
            raise ValueError("beyond the end of the data")
        value = getattr(source, name)
        if kind == _UINT:
            if type(value) is not int:
                raise TypeError("an integer is required")
            if not 0 <= value <= min(largest, (1 << 8 * size) - 1):
                return -1 - number
            to[end : end + size] = value.to_bytes(size, "big")
        else:
            data = _view(value)
            if len(data) != size:
                return -1 - number
            to[end : end + size] = data
        end += size
    return end


def read_fields(layout: Layout, target: Any, data: Buffer, offset: int, /) -> int:
    """Set the attributes of `target` that the layout names from `data` at `offset`.

    Returns the offset behind the last byte, or -1 if `data` is too short.
    """
    view, rows, end = _view(data), _rows(layout), _whole(offset)
    if end < 0 or end > len(view):
        return -1
    for row in rows:
        name, size, kind = _field(row)
        if size > len(view) - end:
            return -1
        value = bytes(view[end : end + size])
        setattr(target, name, int.from_bytes(value, "big") if kind == _UINT else value)
        end += size
    return end
