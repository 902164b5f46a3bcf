"""The trial of a new release: it reports healthy after STEPS steps without a fault.

The chooser begins the trial, before the firmware starts and after its self-test passed. A firmware
that was started otherwise is on no trial.
"""

from joulestream.compat import const

TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from joulestream.runtime.supervisor import Supervisor

STEPS = const(2_000)

_left = 0


def begin() -> None:
    """Begin the trial of the firmware that starts next in this process."""
    global _left
    _left = STEPS


def is_on() -> bool:
    """Return whether the trial goes on."""
    return _left > 0


def follow(supervisor: "Supervisor") -> bool:
    """Count a step, and return whether the trial goes on. Its last step reports healthy.

    A loop that was given up ends the count for good: the board then keeps its trial until it
    starts again.
    """
    global _left
    if supervisor.faults or not _left:
        _left = 0
        return False
    _left -= 1
    if _left:
        return True
    from joulestream.runtime.chooser import confirm

    confirm()
    return False
