"""The pole's trusted time. Time is evidence: without it nothing is energised."""

from joulestream.device import journal_keys
from joulestream.units import ticks_add, ticks_diff

_MS_PER_S = 1000
_KEEP_EVERY_S = 600
_LAST_S = 1 << 48


class TrustedClock:
    """Unix time in seconds from a board's clock or an issuer's signature, else unknown.

    A lower bound is journaled; a source that lies below it is not believed.
    """

    def __init__(self, journal):
        self._journal = journal
        stored = journal.get(journal_keys.TIME)
        self._bound_s = int.from_bytes(stored, "big") if stored else 0
        self._base_s = None
        self._base_ms = 0
        self._elapsed_s = 0
        self._time_s = None  # at `_elapsed_s` after the base

    def set(self, time_s, now_ms):
        """Take `time_s` as the time at `now_ms`; return whether it is believed."""
        if not self._bound_s <= time_s < _LAST_S:
            return False
        self._rebase(time_s, now_ms)
        return True

    def time_s(self, now_ms):
        """Return the unix time in seconds, or None while it is unknown."""
        if self._base_s is None:
            return None
        elapsed_s = ticks_diff(now_ms, self._base_ms) // _MS_PER_S
        if elapsed_s != self._elapsed_s:
            self._elapsed_s = elapsed_s
            self._time_s = self._base_s + elapsed_s
        return self._time_s

    def tick(self, now_ms):
        """Follow the ticks; called at least once in every quarter of their period."""
        if self._base_s is None:
            return
        elapsed_s = ticks_diff(now_ms, self._base_ms) // _MS_PER_S
        if elapsed_s >= _KEEP_EVERY_S:
            base_ms = ticks_add(self._base_ms, elapsed_s * _MS_PER_S)
            self._rebase(self._base_s + elapsed_s, base_ms)

    def keep(self, now_ms):
        """Journal the present time as the lower bound after a power cut, if it is news."""
        time_s = self.time_s(now_ms)
        if time_s is not None and time_s >= self._bound_s + _KEEP_EVERY_S:
            self._bound_s = time_s
            self._journal.put(journal_keys.TIME, time_s.to_bytes(8, "big"))

    def _rebase(self, time_s, now_ms):
        self._base_s = self._time_s = time_s
        self._base_ms = now_ms
        self._elapsed_s = 0
