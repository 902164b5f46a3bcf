"""A board's self-test, before a new release may start: modules, configuration, parts and key.

It runs with the contactor open, and changes nothing but the count of starts that random numbers
need. `joulestream flash` runs it in the directory that does not run yet; the chooser runs it again
at each start on trial.
"""

from joulestream import boards
from joulestream.compat import const
from joulestream.device.config_error import ConfigError
from joulestream.native import check_native

TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

# RFC 8032, 7.1, test 1: an empty message.
_PUBLIC_KEY = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
_SIGNATURE = (
    "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
    "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"
)
_RANDOM_BYTES = const(32)


def self_test(
    load: "Callable[[str], Any]", path: str, last: str
) -> "list[tuple[str, str | None]]":
    """Return the name of each check, and None or the sentence of its fault.

    A check after a fault is left out: it needs the parts before it.

    Args:
        load: returns the checked configuration in a file; it is the firmware's own.
        path: the configuration's file.
        last: the name of the last check. A board without a key is tested up to its storage, and
            one without a configuration up to its native module.
    """
    found: dict[str, Any] = {}

    def configuration() -> None:
        found["config"] = load(path)

    def board() -> None:
        found["board"] = boards.open_board(found["config"].board)
        found["board"].make_safe()

    def storage() -> None:
        found["board"].storage_shape()

    def random() -> None:
        draw = found["board"].random
        if draw(_RANDOM_BYTES) == draw(_RANDOM_BYTES):
            raise ValueError("two random numbers are the same; replace the board")

    def key() -> None:
        from joulestream.device.keyfile import open_signer

        open_signer(found["config"].seed_file, found["board"].secret).close()

    checks: list[tuple[str, Callable[[], None]]] = [
        ("native module", _native),
        ("configuration", configuration),
        ("board", board),
        ("storage", storage),
        ("random numbers", random),
        ("key", key),
    ]
    results: list[tuple[str, str | None]] = []
    for name, check in checks:
        try:
            check()
        except (ConfigError, OSError, ValueError) as error:
            results.append((name, str(error)))
            break
        results.append((name, None))
        if name == last:
            break
    if "board" in found:
        found["board"].make_safe()
    return results


def _native() -> None:
    check_native()
    from joulestream.signing import verify

    key, signature = bytes.fromhex(_PUBLIC_KEY), bytearray(bytes.fromhex(_SIGNATURE))
    if not verify(key, b"", signature):
        raise ValueError("the native module refuses a good signature; copy the release again")
    signature[0] ^= 1
    if verify(key, b"", signature):
        raise ValueError("the native module takes a bad signature; copy the release again")
