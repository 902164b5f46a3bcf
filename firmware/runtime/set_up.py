"""What a firmware needs before its loop runs and never again: 14 KB of a board's heap."""

import sys

from joulestream.compat import const

TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from collections.abc import Iterable

_OURS = "joulestream"
_ITSELF = "__main__"
# The modules that check a configuration and open a key.
MODULES = (
    "joulestream.device.config",
    "joulestream.device.kdf",
    "joulestream.device.keyfile",
    "joulestream.device.keystore",
    "joulestream.meter.config",
    "joulestream.parts.device_secret",
    "joulestream.pole.config",
    "joulestream.vehicle.config",
)
# Their functions under the names by which other modules import them. A function keeps its whole
# module. TABLE is a part of a configuration, in the module that it configures.
_NAMES = (
    "TABLE",
    "check_link",
    "check_meter",
    "check_source",
    "check_table",
    "hexadecimal",
    "hexadecimals",
    "load",
    "load_config",
    "mapping",
    "one_of",
    "one_of_numbers",
    "open_signer",
    "read_device_secret",
    "rows",
    "section",
    "text",
    "texts",
    "whole",
)


def forget() -> None:
    """Let go of these modules. A process in which other code uses them never calls this."""
    for name in MODULES:
        if sys.modules.pop(name, None) is not None:
            package, _, own = name.rpartition(".")
            _delete(sys.modules[package], (own,))
    for name, module in list(sys.modules.items()):
        if name.startswith(_OURS) or name == _ITSELF:
            _delete(module, _NAMES)


def _delete(module: object, names: "Iterable[str]") -> None:
    for name in names:
        if hasattr(module, name):
            delattr(module, name)
