"""The table of meters: which module reads which model.

A new meter is one row here and one module with a class `Driver`, which `contract.py` describes.
"""

from joulestream.compat import const

TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from typing import Any

    from joulestream.device.config import Config
    from joulestream.meter.contract import Driver

_EASTRON = "joulestream.meter.eastron"

# model: (module, parameters for its Driver)
# Eastron: (address of the total power, least step of the energy register in mWh). The registers
# show kWh with three decimals. Source: see eastron.py.
DRIVERS: "dict[str, tuple[str, Any]]" = {
    "sdm120": (_EASTRON, (0x000C, 1_000)),
    "sdm220": (_EASTRON, (0x000C, 1_000)),
    "sdm230": (_EASTRON, (0x000C, 1_000)),
    "sdm630": (_EASTRON, (0x0034, 1_000)),
    "sdm72d-v2": (_EASTRON, (0x0034, 1_000)),
}


def known_model(value: "Any") -> str:
    """Check a model's name for the configuration. Raises ValueError."""
    if value not in DRIVERS:
        raise ValueError("must be one of %s" % ", ".join(sorted(DRIVERS)))
    return value


def open_driver(meter: "Config", board: "Any") -> "Driver":
    """Return the driver of the configured meter; only its module is loaded.

    Args:
        meter: the configuration's section `meter`.
        board: hands out the UART or pin that the meter is on.
    """
    name, parameters = DRIVERS[meter.model]
    module = __import__(name, None, None, ("Driver",))
    return module.Driver(board, meter, parameters)
