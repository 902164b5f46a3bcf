"""The section `meter` of a configuration, as a table that `device/config.py` checks."""

from joulestream.compat import const
from joulestream.device.config import REQUIRED, ConfigError, check_table, mapping, one_of, whole
from joulestream.meter.drivers import known_model, maker, maker_fields
from joulestream.meter.modbus import CLEAN_VARIANTS, line_ms

TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from typing import Any

    from joulestream.device.config import Config

    class MeterConfig(Config):
        """The checked fields of METER (docs/configuration.md), and the last two (check_meter)."""

        model: str
        unit: int
        baud: int
        line: str
        step_mwh: int
        refresh_ms: int
        turnaround_ms: int
        pause_ms: int
        interval_ms: int
        timeout_ms: int
        frozen_ms: int
        recover_ms: int
        reading_ms: int
        late_ms: int


_MINUTE_MS = 60_000
# The figures of a working meter do not repeat to the last digit at so many refreshes in a row.
_FROZEN_REFRESHES = const(30)
_LEAST_FROZEN_MS = const(30_000)
_LEAST_TIMEOUT_MS = const(1_000)
_QUICK_MS = const(1_000)

# The fields that the model's row has a value for, in the order of its traits.
_TRAITS = ("step_mwh", "refresh_ms", "turnaround_ms", "pause_ms", "baud", "line")

METER = (
    ("model", known_model, REQUIRED),
    ("unit", whole(1, 247), 1),  # addresses of Modbus units (Serial Line V1.02, section 2.2)
    ("baud", whole(300, 1_000_000), None),
    ("line", one_of("8N1", "8E1", "8O1", "8N2"), None),  # data bits, parity, stop bits
    ("step_mwh", whole(1, 1_000_000), None),
    ("refresh_ms", whole(0, _MINUTE_MS), None),
    ("turnaround_ms", whole(5, _MINUTE_MS), None),
    ("pause_ms", whole(0, _MINUTE_MS), None),
    ("interval_ms", whole(20, _MINUTE_MS), 200),
    ("timeout_ms", whole(50, 10 * _MINUTE_MS), None),
    ("frozen_ms", whole(1_000, 60 * _MINUTE_MS), None),
    ("recover_ms", whole(1_000, 60 * _MINUTE_MS), 10_000),
)


def check_meter(values: "Any") -> "MeterConfig":
    """Check for the section `meter`; return it with all defaults filled in.

    Fields that are not given come from the model's row in its maker's table, or follow from the
    others. `reading_ms` is the longest time of a reading in which no answer is lost.
    `late_ms` is the longest time by which a pole bills the register's energy late.

    Raises ConfigError, also if a good meter could not deliver a reading within its timeout.
    """
    meter: Any = check_table(METER + maker_fields(mapping(values).get("model")), values)
    traits, questions, _, _ = maker(meter.model).MODELS[meter.model]
    for name, value in zip(_TRAITS, traits):
        if getattr(meter, name) is None:
            setattr(meter, name, value)
    reading_ms = 0
    for _, _, registers, grain, spare in questions:
        longest = registers + min(spare, grain * (CLEAN_VARIANTS - 1))
        answer_ms = line_ms(longest, meter.baud) + meter.turnaround_ms
        reading_ms += max(answer_ms, meter.pause_ms)
    meter.reading_ms = reading_ms
    # The audit of a vehicle waits for a quick reading by itself.
    slow_ms = reading_ms if reading_ms > _QUICK_MS else 0
    meter.late_ms = max(meter.refresh_ms, meter.interval_ms, slow_ms)
    # A reading begins when the one before it has ended and its interval is over.
    good_ms = max(meter.interval_ms, reading_ms) + reading_ms
    if meter.timeout_ms is None:
        # One answer may be lost: then the reading is asked for again.
        meter.timeout_ms = max(good_ms + reading_ms, _LEAST_TIMEOUT_MS)
    if meter.timeout_ms < good_ms:
        raise ConfigError(
            "timeout_ms",
            "must be at least %d: two readings take so long at this speed" % good_ms,
        )
    if meter.frozen_ms is None:
        meter.frozen_ms = max(_FROZEN_REFRESHES * meter.refresh_ms, _LEAST_FROZEN_MS)
    if meter.frozen_ms <= 2 * meter.refresh_ms:
        raise ConfigError("frozen_ms", "must be above twice 'refresh_ms'")
    return meter
