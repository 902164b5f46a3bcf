"""The section `meter` of a configuration, as a table that `device/config.py` checks."""

from joulestream.device.config import REQUIRED, ConfigError, whole
from joulestream.meter.drivers import known_model

_MINUTE_MS = 60_000

METER = (
    ("model", known_model, REQUIRED),
    ("unit", whole(1, 247), 1),
    ("interval_ms", whole(20, _MINUTE_MS), 200),
    ("answer_ms", whole(10, _MINUTE_MS), 150),
    ("timeout_ms", whole(50, _MINUTE_MS), 1_000),
    ("frozen_ms", whole(1_000, 60 * _MINUTE_MS), 30_000),
    ("recover_ms", whole(1_000, 60 * _MINUTE_MS), 10_000),
)


def check_meter(meter):
    """Raise ConfigError when the meter's times do not fit together."""
    if meter.interval_ms + 2 * meter.answer_ms > meter.timeout_ms:
        raise ConfigError(
            "meter.timeout_ms", "must be at least 'interval_ms' plus twice 'answer_ms'"
        )
