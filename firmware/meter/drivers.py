"""The table of meters: which module reads which model, and what the model is.

A new meter is one row here and one module with a class `Driver`, which `contract.py` describes.
"""

from joulestream.compat import const

TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from typing import Any

    from joulestream.meter.config import MeterConfig
    from joulestream.meter.contract import Driver

_EASTRON = "joulestream.meter.eastron"

# model: (module, traits, registers of each request of one reading, parameters for its Driver)
#
# The traits are what the watch must know of the meter (docs/configuration.md, "Meter"). The
# configuration may replace each of them. In this order: step_mwh, the step of the register, in
# mWh; refresh_ms, the time between two refreshes of its figures; turnaround_ms, the longest time
# until it begins to answer; pause_ms, the least time from one request to the next; baud, the speed
# that the maker sets.
#
# Eastron's registers show kWh with three decimals. An SDM72D-V2 that is asked more than twice a
# second starts anew. The parameters are the address of the total power and the highest senseful
# power, in W. Source: see eastron.py.
_ONE_PHASE = (_EASTRON, (1_000, 200, 200, 100, 2_400), (14, 4), (0x000C, 50_000))

DRIVERS: "dict[str, tuple[str, tuple[int, int, int, int, int], tuple[int, ...], Any]]" = {
    "sdm120": _ONE_PHASE,
    "sdm220": _ONE_PHASE,
    "sdm230": _ONE_PHASE,
    "sdm630": (_EASTRON, (1_000, 200, 200, 100, 9_600), (54, 4), (0x0034, 500_000)),
    "sdm72d-v2": (_EASTRON, (1_000, 200, 200, 500, 9_600), (54, 4), (0x0034, 500_000)),
}


def known_model(value: "Any") -> str:
    """Check a model's name for the configuration. Raises ValueError."""
    if not isinstance(value, str) or value not in DRIVERS:
        raise ValueError("must be one of %s" % ", ".join(sorted(DRIVERS)))
    return value


def open_driver(meter: "MeterConfig", board: "Any") -> "Driver":
    """Return the driver of the configured meter; only its module is loaded.

    Args:
        meter: the configuration's section `meter`, with its defaults filled in (config.py).
        board: hands out the UART or pin that the meter is on.
    """
    name, _, _, parameters = DRIVERS[meter.model]
    module = __import__(name, None, None, ("Driver",))
    return module.Driver(board, meter, parameters)
