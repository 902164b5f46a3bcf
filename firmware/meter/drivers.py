"""The table of meters: which module reads which models.

A new meter is a row of its maker's module (registers.py). A new maker is one module and one row
here; contract.py describes the module.
"""

from joulestream.compat import const

TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from typing import Any

    from joulestream.meter.config import MeterConfig
    from joulestream.meter.contract import Driver

# (models, module). One text for all models of a maker: a board holds the names of all of them, and
# a table with the rows of one maker alone.
DRIVERS = [
    (
        "sdm120 sdm120-mid sdm220 sdm220-mid sdm230 sdm230-mid sdm630 sdm630-mid sdm72d sdm72d-v2",
        "joulestream.meter.eastron",
    ),
    ("b23 b24", "joulestream.meter.abb"),
    ("em111 em112 em330 em340", "joulestream.meter.carlo_gavazzi"),
    ("iem3155", "joulestream.meter.schneider"),
    ("pzem-003 pzem-004t-v3 pzem-014 pzem-016 pzem-017", "joulestream.meter.peacefair"),
    ("ina228", "joulestream.meter.ina228"),
    ("s0", "joulestream.meter.s0"),
]


def models() -> "list[str]":
    """Return the names of all models."""
    return sorted(" ".join([names for names, _ in DRIVERS]).split())


def known_model(value: "Any") -> str:
    """Check a model's name for the configuration. Raises ValueError."""
    if _module_of(value) is None:
        raise ValueError("must be one of %s" % ", ".join(models()))
    name: str = value
    return name


def maker(model: str) -> "Any":
    """Return the module that reads a known model; only this one is loaded."""
    return __import__(_module_of(model) or "", None, None, ("Driver",))


def maker_fields(model: "Any") -> "Any":
    """Return the fields of the configuration that only this model's maker has."""
    if _module_of(model) is None:
        return ()
    return getattr(maker(model), "FIELDS", ())


def _module_of(model: "Any") -> "str | None":
    if isinstance(model, str):
        for names, module in DRIVERS:
            if model in names.split():
                return module
    return None


def open_driver(meter: "MeterConfig", board: "Any") -> "Driver":
    """Return the driver of the configured meter.

    Args:
        meter: the configuration's section `meter`, with its defaults filled in (config.py).
        board: hands out the UART, the bus or the pin that the meter is on.

    Raises:
        ValueError: the board lacks a part that the driver needs.
    """
    module = maker(meter.model)
    driver: Driver = module.Driver(board, meter, module.MODELS[meter.model])
    return driver
