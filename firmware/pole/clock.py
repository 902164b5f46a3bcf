"""The pole's time: one for each issuer's certificates, and one for the open session.

Nothing from outside is believed for good. The board's clock is read at every OFFER and ACCEPT; an
issuer's word counts for the certificates of that issuer alone. docs/protocol.md, section 5.4.
"""

from joulestream.channel import KEY_SIZE, expiry_reason
from joulestream.compat import const
from joulestream.device import journal_keys
from joulestream.errors import BAD_TIME, CERTIFICATE_EXPIRED, CERTIFICATE_OLD, TIME_UNKNOWN
from joulestream.fields import BYTES, UINT, Record, size_of
from joulestream.runtime import BUILT_S
from joulestream.units import ticks_add, ticks_diff

TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from joulestream.channel import Certificate
    from joulestream.device.journal import Journal

_MS_PER_S = const(1_000)
_DAY_S = const(86_400)
# A time from there on, the year 2242, is a fault. So few steps of a day lead down from it that
# taking them all wears out no flash.
_LAST_S = 1 << 33
# The birth of a journal whose pole did not know the time yet: all certificates are older.
_UNBORN_S = _LAST_S
# In a session the board's clock is compared so often, and a correction counts when two readings
# in a row agree on it.
_COMPARE_S = const(300)
_AGREE_S = const(60)
_BIRTH_SIZE = const(8)


class IssuerTime(Record):
    """The journal's bounds of one issuer: of its time, and of its certificates.

    `floor_s`: the newest `issued_at_s` under which a packet was paid. `born_s`: the journal's
    birth, by the issuer's word.
    """

    key: bytes
    floor_s: int
    born_s: int
    LAYOUT = (("key", KEY_SIZE, BYTES), ("floor_s", 8, UINT), ("born_s", 8, UINT))


def is_times(data: bytes) -> bool:
    """Return whether `data` is a journal's entry TIME, and not one of another version."""
    rows_size = len(data) - _BIRTH_SIZE
    return rows_size >= 0 and rows_size % size_of(IssuerTime.LAYOUT) == 0


def read_times(data: "bytes | None") -> "tuple[int, dict[bytes, IssuerTime]]":
    """Return the journal's birth and its IssuerTimes by key; `data` is its entry TIME, or None.

    An entry of another version tells nothing: all certificates are older than the journal then.
    """
    rows: dict[bytes, IssuerTime] = {}
    if data is None or not is_times(data):
        return _UNBORN_S, rows
    size = size_of(IssuerTime.LAYOUT)
    for at in range(_BIRTH_SIZE, len(data), size):
        row = IssuerTime.from_bytes(data[at : at + size])
        # A time that no pole stores would refuse every certificate for ever.
        if row.floor_s < _LAST_S:
            rows[row.key] = row
    return int.from_bytes(data[:_BIRTH_SIZE], "big"), rows


def store_times(journal: "Journal", born_s: int, rows: "dict[bytes, IssuerTime]") -> None:
    """Journal a birth and IssuerTimes. Raises OSError."""
    data = born_s.to_bytes(_BIRTH_SIZE, "big")
    for key in rows:
        data += rows[key].to_bytes()
    journal.put(journal_keys.TIME, data)


def mark_birth(journal: "Journal", time_s: int) -> None:
    """Note that certificates from before the unix time `time_s` count no more. Raises OSError."""
    _, rows = read_times(journal.get(journal_keys.TIME))
    for row in rows.values():
        row.born_s = _UNBORN_S
    store_times(journal, time_s, rows)


class PoleClock:
    """The pole's time, and the bounds of time in its journal.

    All unix times are kept as the time at which this object was made, its start. Its ticks tell
    how long ago that was.

    Args:
        journal: the device's journal. A journal without a readable entry of this class counts as
            started anew.
        board_clock: `clock` of the board (boards.contract.Board).
        issuer_keys: the keys of the issuers that the pole trusts. Others are forgotten.
        now_ms: the present tick.

    Attributes:
        price_s: the unix time in s that chooses the price, as of the last `offer_s` or `time_s`; 0
            if nothing tells the time. It is the board's time: an issuer's word must not choose
            the price. Only a pole whose board has no clock goes by the session's time.

    Raises OSError when the journal fails.
    """

    def __init__(
        self,
        journal: "Journal",
        board_clock: "Callable[[], tuple[int, int]]",
        issuer_keys: "Iterable[bytes]",
        now_ms: int,
    ) -> None:
        self._journal = journal
        self._board_clock = board_clock
        self._tick_ms = now_ms
        self._uptime_s = 0
        self._told: dict[bytes, int] = {}  # issuer key: the start by its TIME over this OFFER
        self._session: int | None = None  # the start by the session's certificate
        self._is_told = False  # whether an issuer's TIME opened the session
        self._ahead_s = 0
        self._compare_at_s = 0
        self._cached_at_s = -1
        self._time_s = 0
        self.price_s = 0
        self._board = self._read_board()  # the start by the board's clock, None if unknown
        data = journal.get(journal_keys.TIME)
        self._is_new = data is None or not is_times(data)
        self._born_s, rows = read_times(data)
        self._rows = {}
        for key in issuer_keys:
            self._rows[key] = rows.get(key) or IssuerTime(key=key, floor_s=0, born_s=_UNBORN_S)
        if self._learn_birth() or self._is_new:
            # A journal that is not marked as new would be taken for a whole one.
            store_times(journal, self._born_s, self._rows)

    def tick(self, now_ms: int) -> int:
        """Follow the ticks; return the seconds since the start.

        The caller does so at least once in a quarter of the ticks' period.
        """
        elapsed_ms = ticks_diff(now_ms, self._tick_ms)
        if elapsed_ms >= _MS_PER_S:
            elapsed_s = elapsed_ms // _MS_PER_S
            self._uptime_s += elapsed_s
            self._tick_ms = ticks_add(self._tick_ms, elapsed_s * _MS_PER_S)
        return self._uptime_s

    # At an OFFER, and until its ACCEPT

    def offer_s(self, now_ms: int) -> int:
        """Return the unix time in s for a new OFFER, or 0 while the board's clock is no evidence.

        An issuer's word about the time counts for one OFFER, so it is forgotten.
        """
        self._told.clear()
        self._look(now_ms)
        self.price_s = 0 if self._board is None else self._board + self._uptime_s
        return self.price_s

    def tell(self, issuer_key: bytes, time_s: int, now_ms: int) -> int:
        """Take the time that an issuer signed over this OFFER's nonce; return BAD_TIME or 0.

        Only the first word of an issuer counts: a later one may have been kept for a while.
        """
        if not BUILT_S <= time_s < _LAST_S:
            return BAD_TIME
        if issuer_key not in self._told:
            self._told[issuer_key] = time_s - self.tick(now_ms)
        return 0

    def is_told_by(self, issuer_key: bytes) -> bool:
        """Return whether this issuer has told the time for this OFFER."""
        return issuer_key in self._told

    def reason(self, certificate: "Certificate", now_ms: int, look: bool = True) -> int:
        """Return TIME_UNKNOWN, CERTIFICATE_EXPIRED or CERTIFICATE_OLD, or 0.

        Args:
            certificate: a genuine certificate of a trusted issuer.
            now_ms: the present tick.
            look: whether to read the board's clock anew. In a session it runs on by ticks.
        """
        if look:
            self._look(now_ms)
        time_s = self._certificate_s(certificate, now_ms)
        if time_s is None:
            return TIME_UNKNOWN
        reason = expiry_reason(certificate, time_s)
        if reason:
            return reason
        if certificate.issued_at_s >= _LAST_S:
            return CERTIFICATE_EXPIRED
        row = self._rows[certificate.issuer_key]
        if self._learn_birth(row):
            self._store_if_possible()
        born_s = min(self._born_s, row.born_s)
        return CERTIFICATE_OLD if certificate.issued_at_s < born_s else 0

    def issuer_s(self, issuer_key: bytes, now_ms: int) -> "tuple[int, int]":
        """Return an issuer's time in s, and the time that the issuer and the board both prove.

        The board's clock alone may be in a wrong era, and an issuer alone may lie. The first time
        is the issuer's, but no later than the board's if that is known. The second is 0 if not.
        """
        row = self._rows.get(issuer_key)
        floor_s = 0 if row is None else row.floor_s
        uptime_s = self.tick(now_ms)
        told = self._told.get(issuer_key)
        own_s = floor_s if told is None else max(told + uptime_s, floor_s)
        board_s = 0 if self._board is None else self._board + uptime_s
        proven_s = min(own_s, board_s)
        return own_s if self._board is None else proven_s, proven_s

    # In a session

    def begin(self, certificate: "Certificate", now_ms: int) -> None:
        """Let a session begin, or go on, under a certificate that `reason` did not refuse."""
        time_s = self._certificate_s(certificate, now_ms)
        assert time_s is not None  # or there was a reason to refuse it
        self._is_told = certificate.issuer_key in self._told
        self._session = time_s - self._uptime_s
        self._compare_at_s = self._uptime_s + _COMPARE_S
        self._cached_at_s = -1

    def time_s(self, now_ms: int) -> int:
        """Return the session's unix time in s, which its certificate is judged by."""
        if self.tick(now_ms) != self._cached_at_s:
            self._cached_at_s = self._uptime_s
            self._compare()
            start = self._session or 0
            if self._board is not None and self._board > start and not self._is_told:
                start = self._board
            self._time_s = start + self._uptime_s
            self.price_s = self._time_s if self._board is None else self._board + self._uptime_s
        return self._time_s

    def keep_floor(self, certificate: "Certificate") -> None:
        """Journal that a packet was paid under `certificate`: its issuer's time is past its issue.

        Writes nothing when that is known.
        """
        row = self._rows[certificate.issuer_key]
        if certificate.issued_at_s > row.floor_s:
            row.floor_s = certificate.issued_at_s
            self._store_if_possible()

    # Parts

    def _read_board(self) -> "int | None":
        """Return the start by the board's clock, or None if that is no evidence."""
        time_s, quality = self._board_clock()
        if not quality or not BUILT_S <= time_s < _LAST_S:
            return None
        return time_s - self._uptime_s

    def _look(self, now_ms: int) -> None:
        self.tick(now_ms)
        self._board = self._read_board()
        self._ahead_s = 0

    def _certificate_s(self, certificate: "Certificate", now_ms: int) -> "int | None":
        """Return the time that judges `certificate`, or None while nothing tells it."""
        key = certificate.issuer_key
        start = self._told.get(key, self._board)
        if start is None:
            return None
        floor_s = self._rows[key].floor_s
        return max(start + self.tick(now_ms), floor_s, certificate.issued_at_s)

    def _compare(self) -> None:
        """Take a correction of the board's clock over once it lasts.

        A clock that jumps and comes back, as after a wrong era, changes nothing.
        """
        if self._uptime_s < self._compare_at_s:
            return
        self._compare_at_s = self._uptime_s + _COMPARE_S
        board = self._read_board()
        if board is None or self._session is None:
            return
        ahead_s = board - (self._session if self._board is None else self._board)
        if abs(ahead_s - self._ahead_s) <= _AGREE_S:
            self._board = board
            ahead_s = 0
        self._ahead_s = ahead_s

    def _learn_birth(self, row: "IssuerTime | None" = None) -> bool:
        """Learn by the board or an issuer when the journal was born; return whether it changed.

        This start is the birth of a journal that was empty, so a correction of the board's clock
        corrects the birth. Otherwise a time that is a day before a birth proves that the birth was
        noted with a wrong clock.
        """
        changed = False
        later_s = day_s = self._uptime_s + _DAY_S
        if self._is_new:
            # The ticks may run wrong by a thousandth.
            later_s = _AGREE_S + self._uptime_s // 1_000
        board = self._board
        if board is not None:
            is_late = self._is_new and board > self._born_s + later_s
            if is_late or board + later_s < self._born_s:
                self._born_s = board
                changed = True
        if row is not None and row.key in self._told:
            start = self._told[row.key]
            # Steps of a day: an issuer that tells ever earlier times wears out no flash.
            if start + day_s < min(self._born_s, row.born_s):
                row.born_s = start
                changed = True
        return changed

    def _store_if_possible(self) -> None:
        """Journal the bounds. Those that a failing journal loses are learnt again."""
        try:
            store_times(self._journal, self._born_s, self._rows)
        except OSError:
            pass
