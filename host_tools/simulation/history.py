"""The newest lines of a world's history, as text for people."""

from collections import deque

from joulestream import messages
from joulestream.errors import reason_name
from joulestream.messages import Message

# A failure shows in its last lines. All lines of a campaign would take much memory.
HISTORY_LINES = 60
# Longer fields are signatures and certificates, which tell a reader nothing.
_LONGEST_SHOWN = 32


class History:
    """Keeps the newest `HISTORY_LINES` lines: time in ms, speaker, and a message or a text."""

    def __init__(self) -> None:
        self._lines: deque[tuple[int, str, object]] = deque(maxlen=HISTORY_LINES)

    def add(self, at_ms: int, speaker: str, said: object) -> None:
        """Add a line: `said` is a Message, or an object that is shown as its text."""
        self._lines.append((at_ms, speaker, said))

    def lines(self) -> list[str]:
        """Return the lines as texts."""
        return [_line(at_ms, speaker, said) for at_ms, speaker, said in self._lines]


def _line(at_ms: int, speaker: str, said: object) -> str:
    text = _message_text(said) if isinstance(said, Message) else said
    return f"{at_ms / 1000:9.3f} s  {speaker:<10} {text}"


def _message_text(message: Message) -> str:
    fields = []
    for name, size, _ in messages.MESSAGES[message.number][3].LAYOUT:
        value = getattr(message, name)
        if isinstance(value, int):
            shown = reason_name(value) if name == "reason" else str(value)
            fields.append(f"{name}={shown}")
        elif size <= _LONGEST_SHOWN:
            fields.append(f"{name}={value.hex()[:8]}")
    return f"{messages.message_name(message.number).upper()} {' '.join(fields)}"
