"""Boards: pins and peripherals, no logic. Each is one module and one row of BOARDS.

contract.py says what a board offers.
"""

import gc
import sys

from joulestream.compat import const

TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from joulestream.boards.contract import Board

# Collecting often while modules load keeps the free heap in one piece, so that large buffers fit.
# The run loop (runtime/loop.py) ends it: the seams load their modules until then.
if hasattr(gc, "threshold"):  # CPython's gc has another kind of threshold
    gc.threshold(16384)

# sys.platform: module
BOARDS = {
    "darwin": "joulestream.boards.unix",
    "linux": "joulestream.boards.unix",
    "qemu": "joulestream.boards.qemu",
}


def open_board(config: "dict[str, object]") -> "Board":
    """Return the Board of the machine that this runs on, with the configuration's 'board'.

    Raises ValueError when there is no board for this machine, ConfigError for a field that the
    board does not accept.
    """
    name = BOARDS.get(sys.platform)
    if name is None:
        raise ValueError("there is no board file for the platform '%s'" % sys.platform)
    module = __import__(name, None, None, ("Board",))
    board: Board = module.Board(config)
    return board
