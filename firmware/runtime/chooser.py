"""Chooses the directory whose firmware starts, and counts the starts of a new one.

A board has two directories, each with a whole release: /a and /b. A release is written into the
one that does not run, and a single number switches. A new release is on trial: it has to report
healthy (trial.py) within MOST_STARTS starts, else the older one returns.

The number is the whole state. It is in NVS on an ESP32, and in a file elsewhere; both replace it
at once, also when the power fails. Each release reads the numbers of every other, so their bits
never change:

    DIRECTORY   the directory that starts, 0 or 1
    TRIAL       its release has not reported healthy yet
    HOLD        the next start ends in the REPL, for mpremote
    STARTS      each start on trial adds this

The board's main.py takes this file from /start, so that it needs nothing of either directory.
"""

import os
import sys

from joulestream.compat import const

TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from esp32 import NVS

DIRECTORIES = ("/a", "/b")
START = "/start"
# The list of the files of a release. It is written last: a directory without it is not complete.
RELEASE = "release"
CONFIG = "config.json"
ROLES = ("pole", "vehicle")
MOST_STARTS = 3

DIRECTORY, TRIAL, HOLD, STARTS = 1, 2, 4, 8

_FILE = "/start.state"
_SPACE, _NAME = "joulestream", "start"


def choose(state: int, complete: "tuple[bool, bool]") -> "tuple[int, int | None]":
    """Return the state to store before the start, and the directory to start; None: the REPL.

    Args:
        state: the stored number.
        complete: whether each directory has a whole release.
    """
    if state & HOLD:
        return state & ~HOLD, None
    own = state & DIRECTORY
    other = own ^ DIRECTORY
    if not complete[own]:
        return (other, other) if complete[other] else (state, None)
    if not state & TRIAL:
        return own, own
    if not complete[other]:  # there is nothing to return to
        return own | TRIAL, own
    if state // STARTS >= MOST_STARTS:
        return other, other
    return state + STARTS, own


def load() -> int:
    """Return the stored number, 0 where there is none or none that can be read."""
    space = _nvs()
    try:
        if space is not None:
            return max(space.get_i32(_NAME), 0)
        with open(_FILE) as file:
            return max(int(file.read()), 0)
    except (OSError, ValueError):
        return 0


def store(state: int) -> None:
    """Store the number in place of the last one. Raises OSError."""
    space = _nvs()
    if space is not None:
        space.set_i32(_NAME, state)
        space.commit()
        return
    with open(_FILE + ".new", "w") as file:
        file.write(str(state))
    os.rename(_FILE + ".new", _FILE)


def switch(directory: int) -> None:
    """Let directory 0 or 1 start from now on, on trial."""
    store(directory | TRIAL)


def confirm() -> None:
    """End the trial: the release that runs is healthy."""
    store(load() & DIRECTORY)


def hold() -> None:
    """Let the next start end in the REPL, and only that one."""
    store(load() | HOLD)


def is_complete(directory: str) -> bool:
    """Return whether a directory has a whole release."""
    try:
        os.stat("%s/%s" % (directory, RELEASE))
    except OSError:
        return False
    return True


def header(path: str) -> "dict[str, str]":
    """Return the words of a list of files before the files: version, board and role.

    Raises OSError, ValueError for a file that is no such list.
    """
    words = {}
    with open(path) as file:
        for line in file:
            parts = line.split()
            if len(parts) != 2:
                break
            words[parts[0]] = parts[1]
    if words.get("joulestream") != "1" or words.get("role") not in ROLES:
        raise ValueError("%s lists no release that this firmware knows" % path)
    return words


def fresh(directory: str) -> None:
    """Import our packages from `directory` from now on, and forget those that are loaded."""
    ours = [name for name in sys.modules if name.split(".")[0] in ("joulestream", "_ed25519")]
    for name in ours:
        del sys.modules[name]
    others = [path for path in sys.path if path not in DIRECTORIES and path != START]
    sys.path[:] = [directory] + others


def run() -> None:
    """Start the firmware of a directory; on trial, a firmware that ends resets the board."""
    state = load()
    new, number = choose(state, (is_complete(DIRECTORIES[0]), is_complete(DIRECTORIES[1])))
    if new != state:
        store(new)
    if number is None:
        print("joulestream: no firmware starts, mpremote can use the board")
        return
    directory = DIRECTORIES[number]
    on_trial = bool(new & TRIAL)
    try:
        _start(directory, header("%s/%s" % (directory, RELEASE))["role"], on_trial)
    except Exception as error:
        if not on_trial:
            raise
        print("joulestream: the new release ends: %s: %s" % (type(error).__name__, error))
    if on_trial:
        import machine

        machine.reset()


def _start(directory: str, role: str, on_trial: bool) -> None:
    """Run the firmware of `role` until it ends. Raises its exceptions."""
    fresh(directory)
    config = "%s/%s" % (directory, CONFIG)
    main = __import__("joulestream.%s.main" % role, None, None, ("start",))
    if on_trial:
        for name, fault in main.self_test(config):
            if fault:
                raise ValueError("the self-test of the %s fails: %s" % (name, fault))
        __import__("joulestream.runtime.trial", None, None, ("begin",)).begin()
    main.start(config)


def _nvs() -> "NVS | None":
    """Return the ESP32's store of numbers, None on other boards."""
    try:
        from esp32 import NVS
    except ImportError:
        return None
    return NVS(_SPACE)
