"""Boards: pins and peripherals, no logic. One module a board, all with the same class `Board`."""

import gc
import sys

# Collecting often keeps what stays in one piece while modules load, so that large buffers fit.
if hasattr(gc, "threshold"):  # CPython has none
    gc.threshold(16384)

# sys.platform: module
_MODULES = {"linux": "joulestream.boards.unix", "darwin": "joulestream.boards.unix"}


def open_board(config):
    """Return the Board of the machine this runs on. Raises ValueError when there is none."""
    name = _MODULES.get(sys.platform)
    if name is None:
        raise ValueError("there is no board file for the platform '%s'" % sys.platform)
    module = __import__(name, None, None, ("Board",))
    if hasattr(gc, "threshold"):
        gc.threshold(-1)
    return module.Board(config)
