"""How slow the link between pole and vehicle may be: the longest messages must fit into the times.

Measured by tests/test_link_speed.py on paced lines with small and large buffers.
"""

from typing import Any

from joulestream.framing import MAX_FRAME
from joulestream.host_tools.errors import CommandError

# Start, eight data bits, stop.
_FRAME_BITS = 10 * MAX_FRAME
# HELLO brings an OFFER, and that an ACCEPT. Another ACCEPT, sent again meanwhile, is on its way
# when the answer comes. No frame is longer than MAX_FRAME.
_FRAMES = 3
# A frame may be sent again so often while it is on its way. With more copies a large buffer fills
# with them, and the answer comes too late.
_COPIES_TENTHS = 25
# The defaults of both sides (docs/configuration.md).
_LINK_TIMEOUT_MS = 2_000
_RETRY_MS = 250


def greeting_ms(baud: int) -> int:
    """Return how long the messages that open a session take at this speed, in ms, rounded up."""
    return -(-_FRAMES * _FRAME_BITS * 1_000 // baud)


def least_retry_ms(baud: int) -> int:
    """Return the shortest `retry_ms` at this speed."""
    return -(-_FRAME_BITS * 10_000 // (baud * _COPIES_TENTHS))


def check_speed(baud: int, config: dict[str, Any]) -> None:
    """Check that a session can open at `baud` bit/s.

    Args:
        baud: the speed of the link.
        config: the configuration, unchecked.

    Raises:
        CommandError: every session would end with LINK_TIMEOUT.
    """
    figures = (
        ("link_timeout_ms", _LINK_TIMEOUT_MS, greeting_ms(baud) + 1),
        ("retry_ms", _RETRY_MS, least_retry_ms(baud)),
    )
    short = []
    for name, default, least_ms in figures:
        value = config.get(name)
        if (value if isinstance(value, int) else default) < least_ms:
            short.append(f"'{name}' to at least {least_ms}")
    if short:
        raise CommandError(
            f"--link-baud {baud} is too slow for the configured times, and every session would end"
            f" with LINK_TIMEOUT; use a faster link, or set {' and '.join(short)} on both sides"
        )
