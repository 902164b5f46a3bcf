"""The run loop, the same on every board."""

import gc

from joulestream.compat import const
from joulestream.runtime import trial

TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from joulestream.boards.contract import Board
    from joulestream.runtime.service import Service
    from joulestream.runtime.supervisor import Supervisor

# Deadlines of the session are checked by steps, so this is how late a step may notice one.
_WAIT_MS = const(1)


def run(board: "Board", supervisor: "Supervisor", service: "Service | None" = None) -> None:
    """Step `supervisor` on `board` for ever, and `service` if there is one.

    After each step the board shows the status and waits. When all is quiet, the slow work is done;
    on a line that never is, it has its turn too (Supervisor.idle).
    An exception of the board's `show` or `wait` ends the loop: on a computer that is SystemExit.
    """
    # All modules are loaded; boards/__init__.py let the garbage be collected often until now.
    gc.collect()
    if hasattr(gc, "threshold"):  # CPython's gc has another kind of threshold
        gc.threshold(-1)
    status = supervisor.status
    on_trial = trial.is_on()
    while True:
        now_ms = board.now_ms()
        supervisor.step(now_ms)
        if on_trial:
            on_trial = trial.follow(supervisor)
        if service is not None:
            service.step(supervisor, now_ms)
        board.show(status)
        supervisor.idle(board.wait(_WAIT_MS))
