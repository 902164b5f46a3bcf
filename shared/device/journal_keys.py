"""Every key of a device's journal: the only place where keys and the sizes of their values stand.

A key is one byte. Where a device keeps one value for each channel, the byte is a prefix and the
channel id follows it. Each device has a journal of its own, so a pole and a vehicle may use the
same byte for different values.

The bytes of keys and the number of keys must not change: a journal that an older firmware wrote
would not mount as it was.
"""

from joulestream.channel import CERTIFICATE_SIZE, CHANNEL_ID_SIZE
from joulestream.compat import const
from joulestream.device.journal_format import (
    POINTER_SIZE,
    POINTERS_AT,
    record_size,
    records_at,
    room_for_records,
)

POLE = const(0)
VEHICLE = const(1)

PAYEE_RECORD = b"c"
CERTIFICATE = b"k"
TIME = b"t"
SESSION = b"s"
PAYER_RECORD = b"c"
FAULT = b"f"
CLOSINGS = b"o"
ALARMS = b"a"

EACH_CHANNEL = const(0)
FAULT_SIZE = const(60)
# A vehicle's journal has room for 32 keys in all.
VEHICLE_CHANNELS = const(31)

# (role, key or prefix, the value's meaning, its largest size in bytes, number of keys)
KINDS = (
    (POLE, PAYEE_RECORD, "PayeeRecord", 90, EACH_CHANNEL),
    (POLE, CERTIFICATE, "Standing, Certificate", 24 + CERTIFICATE_SIZE, EACH_CHANNEL),
    (POLE, TIME, "birth of the journal, and an IssuerTime for each of 4 issuers", 200, 1),
    (POLE, SESSION, "LoggedSession", 67, 1),
    (POLE, FAULT, "why the loop failed", FAULT_SIZE, 1),
    (POLE, CLOSINGS, "closings of the contactor", 5, 1),
    (POLE, ALARMS, "number of contactor alarms", 4, 1),
    (VEHICLE, PAYER_RECORD, "PayerRecord", 124, EACH_CHANNEL),
    (VEHICLE, FAULT, "why the loop failed", FAULT_SIZE, 1),
)


def key_count(role: int, channels: int = VEHICLE_CHANNELS) -> int:
    """Return how many keys the journal of a POLE or a VEHICLE with so many channels needs."""
    return sum(how_many or channels for row_role, _, _, _, how_many in KINDS if row_role == role)


def live_bytes(role: int, channels: int) -> int:
    """Return the bytes that the newest records of all keys take in a full journal.

    Args:
        role: POLE or VEHICLE.
        channels: how many channels the device keeps.
    """
    return sum(size * (how_many or channels) for size, how_many in _records(role))


def _records(role: int) -> "list[tuple[int, int]]":
    """Return the largest record's bytes and the number of keys, of each row of a role."""
    return [
        (record_size(len(prefix) + (0 if how_many else CHANNEL_ID_SIZE), size), how_many)
        for row_role, prefix, _, size, how_many in KINDS
        if row_role == role
    ]


def most_channels(role: int, blocks: int, block_size: int) -> int:
    """Return how many channels a POLE's or a VEHICLE's journal can have keys for.

    It is 0 for a flash that has no room for one channel's records.

    Args:
        role: POLE or VEHICLE.
        blocks: the blocks of the flash.
        block_size: the bytes of one.
    """
    once = key_count(role, 0)
    each = key_count(role, 1) - once
    most = ((block_size // 2 - POINTERS_AT) // POINTER_SIZE - once) // each
    if most < 1:
        return 0
    capacity = block_size - records_at(key_count(role, 1))
    fits = max(size for size, _ in _records(role)) <= capacity
    return most if fits and live_bytes(role, 1) <= room_for_records(blocks, capacity) else 0
