"""The last lines of a world's history, as people read them."""

from collections import deque
from typing import Any

from joulestream import messages
from joulestream.errors import reason_name

HISTORY_LINES = 60


class History:
    """Keeps the newest `HISTORY_LINES` lines: time in ms, speaker, and a message or a text."""

    def __init__(self) -> None:
        self._lines: deque[tuple[int, str, Any]] = deque(maxlen=HISTORY_LINES)

    def add(self, at_ms: int, speaker: str, said: Any) -> None:
        """Write a line."""
        self._lines.append((at_ms, speaker, said))

    def tell(self) -> list[str]:
        """Return the lines as texts."""
        return [_line(at_ms, speaker, said) for at_ms, speaker, said in self._lines]


def _line(at_ms: int, speaker: str, said: Any) -> str:
    if isinstance(said, messages.Message):
        fields = []
        for name, size, _ in messages.MESSAGES[said.number][3].LAYOUT:
            value = getattr(said, name)
            if isinstance(value, int):
                shown = reason_name(value) if name == "reason" else str(value)
                fields.append(f"{name}={shown}")
            elif size <= 32:
                fields.append(f"{name}={value.hex()[:8]}")
        said = f"{messages.message_name(said.number).upper()} {' '.join(fields)}"
    return f"{at_ms / 1000:9.3f} s  {speaker:<10} {said}"
