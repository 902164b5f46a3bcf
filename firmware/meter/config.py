"""The section `meter` of a configuration, as a table that `device/config.py` checks."""

from joulestream.compat import const
from joulestream.device.config import REQUIRED, ConfigError, whole
from joulestream.meter.drivers import known_model

TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from joulestream.device.config import Config

    class MeterConfig(Config):
        """The checked fields of METER; docs/configuration.md explains them."""

        model: str
        unit: int
        interval_ms: int
        answer_ms: int
        timeout_ms: int
        frozen_ms: int
        recover_ms: int


_MINUTE_MS = 60_000

# The defaults, at 9,600 baud:
#   interval_ms   one reading of an SDM120 is 62 bytes on the line, 65 ms; the rest is the meter's
#   answer_ms     the longest answer, an SDM630's of 113 bytes, takes 118 ms
#   timeout_ms    five intervals
#   frozen_ms     the last digits of a real voltage change several times a second
#   recover_ms    fifty readings in a row without a fault
METER = (
    ("model", known_model, REQUIRED),
    ("unit", whole(1, 247), 1),  # addresses of Modbus units (Serial Line V1.02, section 2.2)
    ("interval_ms", whole(20, _MINUTE_MS), 200),
    ("answer_ms", whole(10, _MINUTE_MS), 150),
    ("timeout_ms", whole(50, _MINUTE_MS), 1_000),
    ("frozen_ms", whole(1_000, 60 * _MINUTE_MS), 30_000),
    ("recover_ms", whole(1_000, 60 * _MINUTE_MS), 10_000),
)


def check_meter(meter: "MeterConfig") -> None:
    """Raise ConfigError if a good meter could not deliver a reading within its timeout.

    A reading begins up to `interval_ms` after the one before it, and takes up to two answers.
    """
    if meter.interval_ms + 2 * meter.answer_ms > meter.timeout_ms:
        raise ConfigError(
            "meter.timeout_ms", "must be at least 'interval_ms' plus twice 'answer_ms'"
        )
