"""How many meters keep the common suite, with pymodbus at the other end of the line."""

from typing import Any

from joulestream.host_tools.bench.meters import ServedMeters
from joulestream.meter.drivers import models
from joulestream.testkit.meter_maps import MAPS
from joulestream.testkit.meter_suite import check_model

# A MID variant has the row of its model, so it is no row of its own.
_VARIANT = "-mid"


def measure() -> dict[str, Any]:
    """Return the number of models that keep the suite, and the faults of the others."""
    rows = [model for model in models() if not model.endswith(_VARIANT)]
    faults: dict[str, str] = {}
    for model in rows:
        try:
            check(model)
        except AssertionError as error:
            faults[model] = str(error)
    return {"meters": len(rows) - len(faults), "meters_failed": faults}


def check(model: str) -> None:
    """Check a model; a Modbus meter's registers are served by pymodbus.

    Raises AssertionError.
    """
    if model not in MAPS:
        check_model(model)
        return
    served = ServedMeters(model)
    try:
        check_model(model, served.make)
    finally:
        served.close()
