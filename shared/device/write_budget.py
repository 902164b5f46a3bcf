"""The writes to flash that hardly anybody paid for: one record a second on average, for all peers.

So the flash wears out no faster under attack than under paid packets of one a second. The budget
belongs to the device, not to a session: a peer that connects again has no new one. An invoice that
waits for the budget must not be late, so a short link timeout makes the pace quicker.
"""

from joulestream.compat import const
from joulestream.units import ticks_diff

_RECORD_MS = const(1_000)
# So many records may be written at once.
_BURST_MS = const(60_000)


def record_ms(link_timeout_ms: int) -> int:
    """Return the time in ms in which the budget grows by one record."""
    return min(_RECORD_MS, link_timeout_ms // 2)


class WriteBudget:
    """Counts unpaid records. A record is as large as that of a claim.

    Args:
        now_ms: the present tick.
        link_timeout_ms: the link timeout that the pace depends on.
    """

    def __init__(self, now_ms: int, link_timeout_ms: int) -> None:
        self._last_ms = now_ms
        self._owed_ms = 0
        self.keep_pace(link_timeout_ms)

    def keep_pace(self, link_timeout_ms: int) -> None:
        """Let the pace depend on this link timeout from now on."""
        self._record_ms = record_ms(link_timeout_ms)

    def allows(self, records: int, now_ms: int) -> bool:
        """Return whether so many unpaid records may be written at the tick `now_ms`."""
        elapsed_ms = ticks_diff(now_ms, self._last_ms)
        self._last_ms = now_ms
        # After more than six days without a look the distance is negative: nothing is owed.
        self._owed_ms = max(self._owed_ms - elapsed_ms, 0) if elapsed_ms >= 0 else 0
        return self._owed_ms + records * self._record_ms <= _BURST_MS

    def take(self, records: int, now_ms: int) -> bool:
        """Count `records` unpaid records, if they may be written; return whether that is so."""
        if not self.allows(records, now_ms):
            return False
        self._owed_ms += records * self._record_ms
        return True

    def owe(self, records: int, now_ms: int) -> None:
        """Count `records` unpaid records that could not wait. The ones after them wait instead.

        No more is owed than the whole budget, so a wait is never longer than for one record.
        """
        if not self.take(records, now_ms):
            self._owed_ms = _BURST_MS
