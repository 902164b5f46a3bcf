"""Which session a message belongs to, so that a late one of another session changes nothing.

A session is named by the nonce of its HELLO. Short messages name it by the nonce's tag. INVOICE
and UPDATE name it by a sequence that counts on from the tag. Section 4.1 of docs/protocol.md is
normative.
"""

from joulestream.compat import const
from joulestream.messages import NONCE_SIZE, TAGGED

TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from typing import Any

# A peer that counts ahead by no more than this is told so. A sequence further away comes from
# another session: two tags are that close once in 2^24 sessions.
SEQUENCES_AHEAD = const(16)
# How many HELLOs a payee remembers. No link holds a frame back for as many greetings.
_GREETINGS = const(8)


def session_tag(payer_nonce: bytes) -> int:
    """Return the tag of the session whose HELLO has this nonce: 28 bits of it.

    A tag and the sequences after it stay small integers on a board, so that a packet allocates
    nothing.
    """
    first, second, third, fourth = payer_nonce[:4]
    return (first & 0x0F) << 24 | second << 16 | third << 8 | fourth


def name_session(message: "Any", tag: int) -> None:
    """Fill in the field `session` of `message`, if it has one."""
    if message.number in TAGGED:
        message.session = tag


class Greetings:
    """The nonces of the last HELLOs that a payee took, in memory that is allocated once.

    A nonce of zeros names no session. It counts as known from the start.
    """

    def __init__(self) -> None:
        self._nonces = bytearray(_GREETINGS * NONCE_SIZE)
        self._at = 0

    def add(self, nonce: bytes) -> None:
        """Remember `nonce` in place of the oldest one."""
        self._nonces[self._at : self._at + NONCE_SIZE] = nonce
        self._at = (self._at + NONCE_SIZE) % len(self._nonces)

    def has(self, nonce: bytes) -> bool:
        """Return whether a HELLO with this nonce came before."""
        nonces = memoryview(self._nonces)
        for at in range(0, len(nonces), NONCE_SIZE):
            if nonces[at : at + NONCE_SIZE] == nonce:
                return True
        return False
