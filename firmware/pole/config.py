"""The pole's configuration: every field, its bounds, and the fields that must fit together."""

from joulestream.channel import KIND_EVM, KIND_SQL, KIND_XRPL, MAX_AMOUNT
from joulestream.compat import const
from joulestream.device.config import (
    REQUIRED,
    ConfigError,
    hexadecimal,
    hexadecimals,
    load,
    mapping,
    one_of,
    rows,
    text,
    whole,
)
from joulestream.device.write_budget import record_ms
from joulestream.link import check_link
from joulestream.messages import MAX_ISSUERS
from joulestream.meter.config import check_meter
from joulestream.pole.issuers import issuer_of
from joulestream.pole.price_schedule import is_in_order
from joulestream.pole.prices import DEFAULT_SOURCE, check_source
from joulestream.pole.slots import least_capacity
from joulestream.units import MW_PER_W, energy_from_power, packet_amount

TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from typing import Any

    from joulestream.device.config import Config
    from joulestream.meter.config import MeterConfig

    class IssuerConfig(Config):
        """One row of `issuers`: an issuer that the pole trusts, for channels of this kind."""

        key: bytes
        limit: int
        kind: int
        chain_id: int
        contract: bytes
        asset: bytes
        base_units_per_claim_unit: int
        channels: int

    class PriceConfig(Config):
        """One row of `prices`: a price from a unix time on."""

        from_s: int
        price_per_kwh: int

    class PoleConfig(Config):
        """The checked fields of TABLE, and two more; docs/configuration.md explains them."""

        board: "dict[str, Any]"
        seed_file: str
        payout_account: bytes
        issuers: "list[IssuerConfig]"
        collect_within_s: int
        renew_before_s: int
        prices: "list[PriceConfig]"
        price_source: str
        credit: int
        prepay: int
        packet_energy_mwh: int
        packet_ms: int
        max_power_w: int
        meter: "MeterConfig"
        link: Config
        link_timeout_ms: int
        retry_ms: int
        contactor_hold_ms: int
        contactor_checked: int
        max_channels: int
        min_capacity: int
        service_keys: "list[bytes]"
        max_power_mw: int
        dearest_per_kwh: int


_KINDS = {"sql": KIND_SQL, "evm": KIND_EVM, "xrpl": KIND_XRPL}
_MINUTE_MS = 60_000
_MOST_CHANNELS = 1024
_PACKET_MWH = 1_000
# Between two steps the loop erases a block at most, in up to 400 ms (boards/contract.py). The rest
# is for the step itself, with a signature and a write.
_LEAST_HOLD_MS = 450


def _kind(value: object) -> int:
    """Check for the name of a kind of ledger; return its number."""
    return _KINDS[one_of("sql", "evm", "xrpl")(value)]


def _asset(value: object) -> bytes:
    """Check for the name of an asset, or for its id in hexadecimal; return the id."""
    if isinstance(value, str) and 0 < len(value) <= 32:
        name = value.encode()
        if min(name) > 0x20 and max(name) < 0x7F:
            return name + bytes(32 - len(name))
    elif isinstance(value, str) and len(value) == 64:
        asset: bytes = hexadecimal(32)(value)
        return asset
    raise ValueError("must be a name of 1 to 32 visible ASCII characters or 64 hexadecimal digits")


_ISSUER = (
    ("key", hexadecimal(32), REQUIRED),
    ("limit", whole(1, MAX_AMOUNT), REQUIRED),
    ("kind", _kind, REQUIRED),
    ("chain_id", whole(0, (1 << 64) - 1), REQUIRED),
    ("contract", hexadecimal(32), REQUIRED),
    ("asset", _asset, REQUIRED),
    ("base_units_per_claim_unit", whole(1, MAX_AMOUNT), REQUIRED),
    ("channels", whole(0, _MOST_CHANNELS), 0),
)

_PRICE = (
    ("from_s", whole(0, (1 << 48) - 1), REQUIRED),
    ("price_per_kwh", whole(1, (1 << 48) - 1), REQUIRED),
)

TABLE = (
    ("board", mapping, REQUIRED),
    ("seed_file", text, REQUIRED),
    ("payout_account", hexadecimal(32), REQUIRED),
    ("issuers", rows(_ISSUER, 1, MAX_ISSUERS), REQUIRED),
    ("collect_within_s", whole(0, 0xFFFFFFFF), REQUIRED),
    ("renew_before_s", whole(0, 0xFFFFFFFF), 60),
    ("prices", rows(_PRICE, 1, 96), REQUIRED),
    ("price_source", check_source, DEFAULT_SOURCE),
    ("credit", whole(0, MAX_AMOUNT), REQUIRED),
    ("prepay", whole(0, MAX_AMOUNT), REQUIRED),
    ("packet_energy_mwh", whole(1, 0xFFFFFFFF), None),
    ("packet_ms", whole(10, 10 * _MINUTE_MS), 1_000),
    ("max_power_w", whole(1, 1_000_000), REQUIRED),
    ("meter", check_meter, REQUIRED),
    ("link", check_link, check_link({})),
    ("link_timeout_ms", whole(50, _MINUTE_MS), 2_000),
    ("retry_ms", whole(10, _MINUTE_MS), 250),
    ("contactor_hold_ms", whole(_LEAST_HOLD_MS, 10_000), 500),
    ("contactor_checked", whole(0, 0xFFFFFFFF), 0),
    ("max_channels", whole(1, _MOST_CHANNELS), 64),
    ("min_capacity", whole(0, MAX_AMOUNT), 0),
    ("service_keys", hexadecimals(32, 8), ()),
)


def least_packet_mwh(config: "PoleConfig") -> int:
    """Return the least energy in mWh of a packet that a vehicle can audit (offer.py tells it)."""
    meter = config.meter
    return max(meter.step_mwh, energy_from_power(config.max_power_mw, meter.late_ms))


def load_config(path: str) -> "PoleConfig":
    """Return the checked configuration in the file `path`.

    Raises ConfigError, which names the field and says what is wrong with it.
    """
    return consistent(load(path, TABLE))


def consistent(config: "Any") -> "PoleConfig":
    """Return `config` if its fields fit together; raises ConfigError if they do not.

    It gets two more fields: `max_power_mw`, and `dearest_per_kwh`, the highest of its prices.
    """
    config.max_power_mw = config.max_power_w * MW_PER_W
    least_mwh = least_packet_mwh(config)
    if config.packet_energy_mwh is None:
        config.packet_energy_mwh = max(_PACKET_MWH, least_mwh)
    if config.packet_energy_mwh < least_mwh:
        raise ConfigError(
            "packet_energy_mwh",
            "must be at least %d: one step of the meter, and what flows in its 'refresh_ms',"
            " 'interval_ms' or a slow reading at 'max_power_w'" % least_mwh,
        )
    config.dearest_per_kwh = max(row.price_per_kwh for row in config.prices)
    packet = packet_amount(config.dearest_per_kwh, config.packet_energy_mwh)
    if config.credit == 0 and config.prepay == 0:
        raise ConfigError("credit", "must be above 0 if 'prepay' is 0, or no packet ever flows")
    if config.credit + config.prepay < packet:
        raise ConfigError(
            "credit",
            "must be at least %d, so that it covers with 'prepay' one packet at the highest price"
            % (packet - config.prepay),
        )
    if not is_in_order(config.prices):
        raise ConfigError("prices", "must start with from_s 0 and rise by from_s")
    if config.retry_ms * 2 > config.link_timeout_ms:
        raise ConfigError("retry_ms", "must be at most half of 'link_timeout_ms'")
    if config.packet_ms + config.retry_ms >= config.link_timeout_ms:
        raise ConfigError("packet_ms", "plus 'retry_ms' must be below 'link_timeout_ms'")
    # A packet that ends at its time costs a write that hardly anybody pays for.
    least_ms = record_ms(config.link_timeout_ms)
    if config.packet_ms < least_ms:
        raise ConfigError("packet_ms", "must be at least %d, to spare the flash" % least_ms)
    _check_issuers(config, packet)
    for issuer in config.issuers:
        if not issuer.channels:
            # One issuer among several never fills the journal.
            shares = 1 if len(config.issuers) == 1 else 2
            issuer.channels = -(-config.max_channels // shares)
    checked: PoleConfig = config
    return checked


def _check_issuers(config: "PoleConfig", packet: int) -> None:
    """Raise ConfigError if no channel of an issuer could ever pay; `packet` is the dearest one."""
    for issuer in config.issuers:
        if issuer_of(config, issuer.key) is not issuer:
            raise ConfigError("issuers.key", "is the same in two entries; leave one of them out")
        if issuer.limit < packet:
            raise ConfigError(
                "issuers.limit", "must be at least %d, one packet at the highest price" % packet
            )
    most = max(issuer.limit for issuer in config.issuers)
    least = least_capacity(config, min(row.price_per_kwh for row in config.prices))
    if least > most:
        raise ConfigError(
            "min_capacity",
            "makes a new channel hold at least %d, above the highest 'limit' of an issuer, %d"
            % (least, most),
        )
