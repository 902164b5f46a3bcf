"""OFFER: the pole's price, limits and its record of the channel, as one message to sign."""

from joulestream.channel import KEY_SIZE
from joulestream.compat import const
from joulestream.messages import MAX_ISSUERS, VERSION, Offer
from joulestream.pole.contactor import OPENING_MS
from joulestream.pole.cover import earned_credit

TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from joulestream.device.payee_records import PayeeRecord
    from joulestream.messages import Hello
    from joulestream.meter.counter import EnergyCounter
    from joulestream.pole.config import PoleConfig
    from joulestream.pole.cover import Cover


def build_offer(
    config: "PoleConfig",
    record: "PayeeRecord",
    price_per_kwh: int,
    max_power_mw: int,
    time_s: int,
    hello: "Hello",
    meter: "EnergyCounter",
    cover: "Cover",
    nonce: bytes,
    payee_key: bytes,
) -> Offer:
    """Return the OFFER for a channel, without its signature.

    Args:
        config: the pole's configuration (config.py).
        record: what the pole has stored of the channel.
        price_per_kwh: the price that holds now, in claim units per kWh.
        max_power_mw: the most that can flow, in mW.
        time_s: the unix time in s, 0 while the pole does not know it.
        hello: the HELLO that the OFFER answers.
        meter: the pole's meter.
        cover: the energies that credit and prepayment have to cover.
        nonce: 16 fresh random bytes.
        payee_key: the pole's public key.
    """
    # A price that the schedule rises to shall not end the session for want of cover.
    dearest_per_kwh = max(price_per_kwh, max([row.price_per_kwh for row in config.prices]))
    issuers = b"".join([issuer.key for issuer in config.issuers])
    return Offer(
        version=VERSION,
        nonce=nonce,
        payer_nonce=hello.nonce,
        payee_key=payee_key,
        time_s=time_s,
        price_per_kwh=price_per_kwh,
        credit=config.credit,
        prepay=asked_prepay(config, record, cover, dearest_per_kwh),
        packet_energy_mwh=config.packet_energy_mwh,
        packet_ms=config.packet_ms,
        link_timeout_ms=config.link_timeout_ms,
        max_power_mw=max_power_mw,
        # No step above a packet and no refresh counts because it was seen once: one disturbance of
        # the meter would lock every vehicle out.
        step_mwh=max(config.meter.step_mwh, min(meter.step_mwh, config.packet_energy_mwh)),
        refresh_ms=config.meter.late_ms,
        stop_ms=stop_ms(config),
        energy_mwh=record.energy_mwh,
        amount_due=record.amount_due,
        remainder=record.remainder,
        best_amount=record.amount,
        best_signature=record.signature,
        issuer_count=len(config.issuers),
        issuers=issuers + bytes(MAX_ISSUERS * KEY_SIZE - len(issuers)),
        signature=b"",
    )


def stop_ms(config: "PoleConfig") -> int:
    """Return the time in ms in which current still flows after the pole decides to stop."""
    return config.meter.interval_ms + OPENING_MS


def asked_prepay(
    config: "PoleConfig", record: "PayeeRecord", cover: "Cover", price_per_kwh: int
) -> int:
    """Return the prepayment that the pole asks for, in claim units.

    With the earned credit it is the least cover, or more.
    """
    least = cover.least(price_per_kwh)
    return max(config.prepay, least - earned_credit(config.credit, record.amount))
