"""Marks an older copy of a pole's journal before it goes back into the pole."""

from joulestream.compat import const
from joulestream.pole.clock import mark_birth
from joulestream.pole.recovery import close_log

TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from joulestream.device.journal import Journal


def mark_restored(journal: "Journal", time_s: int) -> None:
    """Note that `journal` is an older copy, written back at the unix time `time_s`.

    Certificates from before that time count no more: they may hide later payments. A session that
    was open when the copy was made is not billed: the energy since then was billed already.

    Raises OSError.
    """
    mark_birth(journal, time_s)
    close_log(journal)
