"""Links: the payloads of the protocol over one kind of wire each.

Each kind of link is one module and one row of LINKS. The module has

    TABLE   the fields of the configuration's 'link' beside 'kind', as rows for device.config;
    Link    a class, called as `Link(config, board)` with the checked fields and the board. It has

        attach(deliver)  from now on, `poll` calls `deliver(payload)` for every payload that came.
                         `payload` is a memoryview, valid during the call. MalformedError that
                         `deliver` raises counts as a dropped frame, any other exception passes;
        poll()           reads the bytes that have come, and waits for no other; never blocks;
        flush(outbox)    sends the payloads of the list `outbox` in order, then clears the list;
                         never blocks. Bytes that the wire does not take now wait in a buffer of
                         fixed size; a payload without room there is dropped and counted;
        dropped          frames that came and held no message;
        unsent           payloads that were dropped, since the wire took no more;
        bytes_sent       bytes put on the wire, framing included;
        fault            one sentence that says what is wrong with the wire or its controller, or
                         None. A wire that says nothing about itself has none.

A link may lose, damage, double and reorder frames: the session sends again, and drops copies.
A peer that never reads costs a link nothing but its frames. tests/test_link.py holds every row to
that.
"""

from joulestream.compat import const
from joulestream.device.config import Config, ConfigError, check_table, mapping, one_of

TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from typing import Any

    from joulestream.boards.contract import Board

# kind: module
LINKS = {
    "can": "joulestream.link.can",
    "rs485": "joulestream.link.rs485",
    "uart": "joulestream.link.uart",
}

DEFAULT_KIND = "uart"


def check_link(value: object) -> Config:
    """Check for the configuration's 'link': a kind of LINKS and the fields of that kind."""
    fields = mapping(value)
    check_kind = one_of(*sorted(LINKS))
    try:
        kind = check_kind(fields.get("kind", DEFAULT_KIND))
    except ValueError as error:
        raise ConfigError("kind", str(error))
    return check_table((("kind", check_kind, DEFAULT_KIND),) + _module(kind).TABLE, fields)


def open_link(config: Config, board: "Board") -> "Any":
    """Return the Link that `config`, as `check_link` returned it, describes.

    Raises ValueError when `board` lacks the peripheral of that link.
    """
    return _module(config.kind).Link(config, board)


def _module(kind: str) -> "Any":
    return __import__(LINKS[kind], None, None, ("Link",))
