"""Boards: pins and peripherals, no logic. Each is one module and one row of BOARDS.

contract.py says what a board offers.
"""

import gc
import sys

from joulestream.compat import const
from joulestream.device.config_error import ConfigError

TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from joulestream.boards.contract import Board

# Collecting often while modules load keeps the free heap in one piece, so that large buffers fit.
# The run loop (runtime/loop.py) ends it: the seams load their modules until then.
if hasattr(gc, "threshold"):  # CPython's gc has another kind of threshold
    gc.threshold(16384)

# sys.platform: module, where a platform has one board
BOARDS = {
    "darwin": "joulestream.boards.unix",
    "linux": "joulestream.boards.unix",
    "qemu": "joulestream.boards.qemu",
}


# The configuration's 'board.kind': module
KINDS = {
    "esp32": "joulestream.boards.esp32",
    "esp32c3": "joulestream.boards.esp32c3",
    "esp32s3": "joulestream.boards.esp32s3",
    "rp2040": "joulestream.boards.rp2040",
}


def open_board(config: "dict[str, object]") -> "Board":
    """Return the Board of the machine that this runs on, with the configuration's 'board'.

    The field 'kind' names a row of KINDS, or a module of the user's own on `sys.path`. Without it
    the platform tells the board; on a platform with several boards it does not.

    Raises ValueError when there is no board for this machine, ConfigError for a field that the
    board does not accept.
    """
    fields = dict(config)
    kind = fields.pop("kind", None)
    if kind is None:
        name = BOARDS.get(sys.platform)
    elif isinstance(kind, str) and kind:
        name = KINDS.get(kind, kind)
    else:
        raise ConfigError("board.kind", "must be a text that is not empty")
    if name is None and sys.platform in ("esp32", "rp2"):
        raise ConfigError(
            "board.kind",
            "is missing; add the board's name, one of %s, or that of your own module"
            % ", ".join(sorted(KINDS)),
        )
    if name is None:
        raise ValueError("there is no board file for the platform '%s'" % sys.platform)
    try:
        module = __import__(name, None, None, ("Board",))
    except ImportError:
        if kind is None or kind in KINDS:
            raise
        raise ConfigError(
            "board.kind",
            "names no board, %s, and no module on sys.path that loads" % ", ".join(sorted(KINDS)),
        )
    board: Board = module.Board(fields)
    return board
