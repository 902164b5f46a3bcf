"""A device's journal on the storage of its board, if the storage has room for the channels."""

from joulestream.compat import const
from joulestream.device import journal_keys
from joulestream.device.config_error import ConfigError
from joulestream.device.journal import Journal

TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from joulestream.boards.contract import Board


def open_pole_journal(board: "Board", max_channels: int) -> Journal:
    """Return the journal of a pole that keeps so many channels; raises as `_open`.

    Raises ConfigError too if the blocks are too small for so many channels.
    """
    return _open(board, journal_keys.POLE, max_channels)


def open_vehicle_journal(board: "Board") -> Journal:
    """Return the journal of a vehicle; raises as `_open`."""
    return _open(board, journal_keys.VEHICLE, journal_keys.VEHICLE_CHANNELS)


def _open(board: "Board", role: int, channels: int) -> Journal:
    """Return the journal of a device that keeps so many channels.

    Raises ConfigError if the storage is too small for them, or for any; and as Journal does.
    """
    # Asked first: a board may make its storage at the first use, and a refusal leaves nothing.
    blocks, size = board.storage_shape()
    most = journal_keys.most_channels(role, blocks, size)
    if most == 0:
        raise ConfigError("board", "has too small a storage; give it more blocks or larger ones")
    if channels > most and role == journal_keys.POLE:
        raise ConfigError(
            "max_channels", "must be at most %d with a storage of %d-byte blocks" % (most, size)
        )
    if channels > most:
        raise ConfigError("board", "has a storage of %d-byte blocks; make them larger" % size)
    return Journal(board.storage(), board.random, journal_keys.key_count(role, channels))
