"""The pole's trusted time. While the pole does not know the time, it energises nothing."""

from joulestream.compat import const
from joulestream.device import journal_keys
from joulestream.units import ticks_add, ticks_diff

TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from joulestream.device.journal import Journal

_MS_PER_S = 1000
_KEEP_EVERY_S = 600
_LAST_S = 1 << 48


class TrustedClock:
    """Unix time in seconds, from the board's clock or from an issuer's signature.

    A lower bound of the time is journaled. A source that is earlier than the bound is not
    believed.
    """

    def __init__(self, journal: "Journal") -> None:
        self._journal = journal
        stored = journal.get(journal_keys.TIME)
        self._bound_s = int.from_bytes(stored, "big") if stored else 0
        self._base_s: int | None = None  # the time at the tick `_base_ms`
        self._base_ms = 0
        self._elapsed_s = 0
        self._time_s = 0  # the time `_elapsed_s` seconds after the base

    def set(self, time_s: int, now_ms: int) -> bool:
        """Set the clock to `time_s` at the tick `now_ms`; return whether `time_s` is believed."""
        if not self._bound_s <= time_s < _LAST_S:
            return False
        self._rebase(time_s, now_ms)
        return True

    def time_s(self, now_ms: int) -> "int | None":
        """Return the unix time in s at the tick `now_ms`, or None while it is unknown."""
        if self._base_s is None:
            return None
        elapsed_s = ticks_diff(now_ms, self._base_ms) // _MS_PER_S
        if elapsed_s != self._elapsed_s:
            self._elapsed_s = elapsed_s
            self._time_s = self._base_s + elapsed_s
        return self._time_s

    def tick(self, now_ms: int) -> None:
        """Follow the ticks. The caller does so at least once in a quarter of their period."""
        if self._base_s is None:
            return
        elapsed_s = ticks_diff(now_ms, self._base_ms) // _MS_PER_S
        if elapsed_s >= _KEEP_EVERY_S:
            base_ms = ticks_add(self._base_ms, elapsed_s * _MS_PER_S)
            self._rebase(self._base_s + elapsed_s, base_ms)

    def keep(self, now_ms: int) -> None:
        """Journal the time as the new lower bound, at most every 10 minutes. Raises OSError."""
        time_s = self.time_s(now_ms)
        if time_s is not None and time_s >= self._bound_s + _KEEP_EVERY_S:
            self._bound_s = time_s
            self._journal.put(journal_keys.TIME, time_s.to_bytes(8, "big"))

    def _rebase(self, time_s: int, now_ms: int) -> None:
        self._base_s = self._time_s = time_s
        self._base_ms = now_ms
        self._elapsed_s = 0
