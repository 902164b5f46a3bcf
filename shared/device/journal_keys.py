"""Every key of a device's journal: the only place where keys and the sizes of their values stand.

A key is one byte. Where a device keeps one value for each channel, the byte is a prefix and the
channel id follows it. Each device has a journal of its own, so a pole and a vehicle may use the
same byte for different values.

The bytes of keys and the number of keys must not change: a journal that an older firmware wrote
would not mount as it was.
"""

from joulestream.channel import CERTIFICATE_SIZE, CHANNEL_ID_SIZE
from joulestream.compat import const
from joulestream.device.journal_format import record_size

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
TABLE = (
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
    return sum(how_many or channels for row_role, _, _, _, how_many in TABLE if row_role == role)


def live_bytes(role: int, channels: int) -> int:
    """Return the bytes that the newest records of all keys take in a full journal.

    Args:
        role: POLE or VEHICLE.
        channels: how many channels the device keeps.
    """
    total = 0
    for row_role, prefix, _, size, how_many in TABLE:
        if row_role == role:
            key_size = len(prefix) + (0 if how_many else CHANNEL_ID_SIZE)
            total += (how_many or channels) * record_size(key_size, size)
    return total
