"""The vehicle's configuration: its owner's limits, and the bounds of every field."""

from joulestream.channel import MAX_AMOUNT
from joulestream.compat import const
from joulestream.device.config import (
    REQUIRED,
    ConfigError,
    hexadecimals,
    load,
    mapping,
    one_of,
    text,
    texts,
    whole,
)
from joulestream.link import check_link
from joulestream.meter.config import check_meter
from joulestream.units import MW_PER_W

TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from typing import Any

    from joulestream.device.config import Config
    from joulestream.meter.config import MeterConfig

    class VehicleConfig(Config):
        """The checked fields of TABLE, and three more; docs/configuration.md explains them."""

        board: "dict[str, Any]"
        seed_file: str
        certificates: "list[str]"
        budget: int
        budget_period: str
        max_price_per_kwh: int
        energy_wanted_mwh: int
        prepay: int
        audit: str
        audit_percent: int
        audit_wait_ms: int
        max_power_w: int
        meter: "MeterConfig | None"
        link: Config
        link_timeout_ms: int
        max_tail_ms: int
        retry_ms: int
        reconnect_ms: int
        service_keys: "list[bytes]"
        max_power_mw: int
        answer_ms: int
        own_late_ms: int


_MINUTE_MS = 60_000
_AUDIT_WAIT_MS = 600
_LINK_TIMEOUT_MS = 2_000
# A usual packet takes 1,000 ms. With the least wait this makes the 2,000 ms.
_USUAL_PACKET_MS = 1_400
# Of any pole (pole/config.py): a link timeout of 50 ms, a reading each 20 ms and 100 ms to open.
_LEAST_TAIL_MS = 170
# Of any pole: half of that link timeout.
_LEAST_PACKET_MS = 25

# The vehicle audits with a meter of its own, or with maximum power times time.
AUDIT_METER = "meter"
AUDIT_POWER = "power"

TABLE = (
    ("board", mapping, REQUIRED),
    ("seed_file", text, REQUIRED),
    ("certificates", texts, REQUIRED),
    ("budget", whole(0, MAX_AMOUNT), REQUIRED),
    ("budget_period", text, "always"),
    ("max_price_per_kwh", whole(1, (1 << 48) - 1), REQUIRED),
    ("energy_wanted_mwh", whole(1, (1 << 48) - 1), REQUIRED),
    # With nothing at risk, the vehicle refuses the register step of every pole (offer_check.py).
    ("prepay", whole(1, MAX_AMOUNT), REQUIRED),
    ("audit", one_of(AUDIT_METER, AUDIT_POWER), AUDIT_METER),
    ("audit_percent", whole(0, 25), 3),
    ("audit_wait_ms", whole(0, _MINUTE_MS), None),
    ("max_power_w", whole(1, 1_000_000), REQUIRED),
    ("meter", check_meter, None),
    ("link", check_link, check_link({})),
    ("link_timeout_ms", whole(50, _MINUTE_MS), None),
    ("max_tail_ms", whole(_LEAST_TAIL_MS, 2 * _MINUTE_MS), 20_000),
    ("retry_ms", whole(10, _MINUTE_MS), 250),
    ("reconnect_ms", whole(0, 60 * _MINUTE_MS), 5_000),
    ("service_keys", hexadecimals(32, 8), ()),
)


def own_meter_ms(meter: "MeterConfig") -> int:
    """Return the time in ms in which the own meter shows energy: a refresh, and a reading."""
    return meter.refresh_ms + max(meter.interval_ms, meter.reading_ms)


def load_config(path: str) -> "VehicleConfig":
    """Return the checked configuration in the file `path`.

    Raises ConfigError, which names the field and what is wrong with it.
    """
    return consistent(load(path, TABLE))


def consistent(config: "Any") -> "VehicleConfig":
    """Return `config` after checking that its fields fit together. Raises ConfigError.

    It gets three more fields: `max_power_mw`; `answer_ms`, the time until an invoice that waits is
    paid, or is sent again; `own_late_ms`, by which the own meter may show energy late.
    """
    config.max_power_mw = config.max_power_w * MW_PER_W
    if config.budget == 0:
        raise ConfigError(
            "budget", "is 0, so the vehicle can pay nothing; give it at least 1 claim unit"
        )
    if config.audit == AUDIT_METER:
        if config.meter is None:
            raise ConfigError(
                "meter", "is missing; without a meter of its own set 'audit' to \"power\""
            )
    least_ms = own_meter_ms(config.meter) if config.audit == AUDIT_METER else 0
    config.own_late_ms = least_ms
    if config.audit_wait_ms is None:
        config.audit_wait_ms = max(_AUDIT_WAIT_MS, least_ms)
    if config.audit_wait_ms < least_ms:
        raise ConfigError(
            "audit_wait_ms",
            "must be at least %d: so late the meter may show energy" % least_ms,
        )
    if config.link_timeout_ms is None:
        usual_ms = _USUAL_PACKET_MS + config.audit_wait_ms
        config.link_timeout_ms = max(_LINK_TIMEOUT_MS, min(usual_ms, _MINUTE_MS))
    if config.retry_ms * 2 > config.link_timeout_ms:
        raise ConfigError("retry_ms", "must be at most half of 'link_timeout_ms'")
    config.answer_ms = max(config.retry_ms, config.audit_wait_ms)
    least_ms = _LEAST_PACKET_MS + config.answer_ms
    if config.link_timeout_ms <= least_ms:
        raise ConfigError(
            "link_timeout_ms",
            "must be above %d: the shortest packet, and 'retry_ms' or the wait for the meter"
            " ('audit_wait_ms')" % least_ms,
        )
    checked: VehicleConfig = config
    return checked
