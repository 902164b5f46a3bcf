"""A session of more than half a tick period renews its certificate and charges on."""

from joulestream.testkit import pair as kit
from joulestream.testkit.certificates import DAY_S, NOW_S, certificate, terms
from joulestream.units import TICKS_PERIOD

STEP_MS = 25_000
CAPACITY = 900_000_000
DAY_STEPS = DAY_S * 1_000 // STEP_MS
# A tick period is 12.4 days. With a sign, 6.2 days later is earlier.
RENEWED_AFTER_DAYS = 7


def test_a_session_of_a_week_renews_and_charges_on(monkeypatch):
    monkeypatch.setattr(kit, "STEP_MS", STEP_MS)
    patient = {"link_timeout_ms": 60_000, "retry_ms": 25_000}
    channel = terms(dispute_window_s=90 * DAY_S)
    ends_s = NOW_S + RENEWED_AFTER_DAYS * DAY_S
    first = certificate(channel, expires_at_s=ends_s, capacity=CAPACITY)
    issuers = kit.pole_values()["issuers"]
    issuers[0]["limit"] = CAPACITY
    pair = kit.Pair(
        pole={
            "issuers": issuers,
            "packet_ms": 30_000,
            "credit": 1_000_000,
            "renew_before_s": 3_600,
            **patient,
        },
        vehicle={"budget": 1 << 40, "max_tail_ms": 120_000, **patient},
        certificates=[first],
    )
    pair.now_ms = TICKS_PERIOD - 4 * 3_600_000
    pair.boot_pole(NOW_S)
    pair.boot_vehicle()
    pair.steps(30)
    charging = pair.payee.charging
    pair.renewals = [certificate(channel, expires_at_s=ends_s + 30 * DAY_S, capacity=CAPACITY)]
    pair.steps(RENEWED_AFTER_DAYS * DAY_STEPS + DAY_STEPS // 4)
    assert pair.payee.charging is charging and pair.payee.may_energise()
    assert charging.certificate.expires_at_s == ends_s + 30 * DAY_S
    assert charging.packets > RENEWED_AFTER_DAYS * DAY_STEPS // 3
