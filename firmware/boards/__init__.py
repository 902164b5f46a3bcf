"""Boards: pins and peripherals, no logic. One module a board, all with the same class `Board`."""

import sys

# sys.platform: module
_MODULES = {"linux": "boards.unix", "darwin": "boards.unix"}


def open_board(config):
    """Return the Board of the machine this runs on. Raises ValueError when there is none."""
    name = _MODULES.get(sys.platform)
    if name is None:
        raise ValueError("there is no board file for the platform '%s'" % sys.platform)
    module = __import__(name, None, None, ("Board",))
    return module.Board(config)
