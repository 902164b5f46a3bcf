"""Whole sessions between both firmwares, each a real MicroPython process, for every way to end."""

import pytest

from bench_scenario import Scenario, charging, do, for_ms, stopped, until
from joulestream.channel import Claim, Terms
from joulestream.host_tools.bench.setup import DAY_S, HOUR_S, PRICE_PER_KWH, START_S
from joulestream.signing import Signer, verify

OTHER = Signer(bytes(range(32)))


def ends(scenario, pole_reason, vehicle_reason=None):
    """Check that both show the reason, the contactor is open and the power is off."""
    assert scenario.pole["last_stop"] == pole_reason
    assert scenario.vehicle["last_stop"] == (vehicle_reason or pole_reason)
    assert scenario.pole["why"] == pole_reason
    assert not scenario.pole["charging"]
    assert not scenario.bench.pole.contactor
    assert not scenario.bench.plant.contact


def test_a_session_ends_with_a_signed_receipt_when_the_energy_is_reached(tmp_path):
    scenario = Scenario(tmp_path, vehicle={"energy_wanted_mwh": 60_000})
    scenario.run(charging(3), until(stopped), for_ms(500))
    ends(scenario, "ENERGY_REACHED")
    receipt = scenario.pole["receipt"]
    assert receipt == scenario.vehicle["receipt"]
    assert 60_000 <= receipt["energy_mwh"] < 62_000
    assert receipt["amount_due"] == receipt["energy_mwh"] * PRICE_PER_KWH // 1_000_000
    assert receipt["amount_paid"] >= receipt["amount_due"]
    assert scenario.pole["packets"] >= 60
    # Both meters count in steps of a watt-hour.
    assert abs(receipt["energy_mwh"] - scenario.bench.plant.energy_mwh) <= 1_000


def test_the_same_figures_come_out_every_time(tmp_path):
    figures = []
    for name in ("a", "b"):
        scenario = Scenario(tmp_path / name, vehicle={"energy_wanted_mwh": 30_000})
        scenario.run(until(stopped))
        for status in (scenario.pole, scenario.vehicle):
            del status["heap_free_bytes"]
        figures.append((scenario.pole, scenario.vehicle, scenario.bench.elapsed_ms))
    assert figures[0] == figures[1]


def test_the_budget_ends_the_session_and_persists_over_a_reboot(tmp_path):
    scenario = Scenario(tmp_path, vehicle={"budget": 10_000})
    scenario.run(until(stopped))
    ends(scenario, "BUDGET_EXHAUSTED")
    assert scenario.pole["paid"] <= 10_000
    again = Scenario(tmp_path, vehicle={"budget": 10_000}).run(until(stopped))
    assert again.pole["paid"] <= 10_000
    assert again.vehicle["last_stop"] == "BUDGET_EXHAUSTED"


def test_an_empty_channel_ends_the_session(tmp_path):
    scenario = Scenario(tmp_path, pole={"min_capacity": 1}, certificate={"capacity": 8_000})
    scenario.run(until(stopped))
    ends(scenario, "CAPACITY_EXHAUSTED")
    assert scenario.pole["paid"] <= 8_000


def test_link_cut(tmp_path):
    scenario = Scenario(tmp_path).run(
        charging(5),
        do(lambda s: setattr(s.bench, "link_cut", True)),
        until(stopped),
        for_ms(3_000),
    )
    assert scenario.pole["last_stop"] in ("LINK_TIMEOUT", "PAYMENT_TIMEOUT")
    assert scenario.vehicle["last_stop"] == "LINK_TIMEOUT"
    assert not scenario.bench.plant.contact


def test_unplugged(tmp_path):
    scenario = Scenario(tmp_path)
    scenario.run(
        charging(5),
        do(lambda s: setattr(s.bench.plant, "plugged", False)),
        for_ms(100),
        do(lambda s: opened_within(s, 100)),
        until(stopped),
    )
    ends(scenario, "UNPLUGGED")


def opened_within(scenario, limit_ms):
    """Check that the contactor opened within `limit_ms`, as IEC 61851 asks for on C to B."""
    assert scenario.bench.step_ms * 2 + scenario.bench.plant.contactor_delay_ms <= limit_ms
    assert not scenario.bench.pole.contactor
    assert not scenario.bench.plant.contact


def test_a_vehicle_that_stops_reading_and_greets_without_end_cannot_hang_the_pole(tmp_path):
    """A HELLO of 88 bytes asks for an OFFER of 391, which nobody reads."""
    hellos = []

    def keep_hello(sender, data):
        if sender == "vehicle" and not hellos:
            hellos.append(data)
        return data

    def greet(scenario):
        scenario.bench.put("pole", "link", hellos[0] * 3)

    scenario = Scenario(tmp_path)
    scenario.bench.tamper = keep_hello
    scenario.run(
        charging(5),
        do(lambda s: s.bench.unheard.add("pole")),
        *[act for _ in range(300) for act in (do(greet), for_ms(100))],
        do(lambda s: opened_within(s, 100)),
        do(lambda s: setattr(s, "then", s.bench.elapsed_ms)),
        do(lambda s: setattr(s.bench.plant, "plugged", False)),
        for_ms(500),
    )
    assert scenario.bench.elapsed_ms == scenario.then + 500, "the pole goes on stepping"
    assert scenario.pole["frames_unsent"] > 0
    assert not scenario.bench.plant.contact


def test_a_vehicle_that_refuses_to_pay_gets_no_more_than_the_credit(tmp_path):
    def drop_updates(sender, data):
        return b"" if sender == "vehicle" else data

    scenario = Scenario(tmp_path).run(
        charging(5),
        do(lambda s: setattr(s.bench, "tamper", drop_updates)),
        until(lambda s: s.pole["last_stop"]),
        for_ms(3_000),
    )
    assert scenario.pole["last_stop"] in ("PAYMENT_TIMEOUT", "LINK_TIMEOUT")
    assert not scenario.bench.plant.contact
    assert scenario.pole["max_unpaid"] >= scenario.pole["credit"]


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("silent", "METER_SILENT"),
        ("damaged", "METER_STALE"),
        ("repeating", "METER_FROZEN"),
        ("backward", "METER_BACKWARD"),
        ("reversed", "METER_BACKWARD"),
        ("jump", "METER_JUMP"),
    ],
)
def test_a_bad_meter_at_the_pole_opens_the_contactor(tmp_path, fault, reason):
    scenario = Scenario(tmp_path).run(
        charging(5),
        do(lambda s: s.bench.pole_meter.set_fault(fault)),
        for_ms(2_600),
        do(lambda s: no_power(s)),
        until(stopped),
    )
    assert scenario.pole["last_stop"] == reason
    assert scenario.vehicle["last_stop"] == reason
    # Energy that a broken meter made up is never billed.
    assert scenario.pole["receipt"]["energy_mwh"] <= scenario.bench.plant.energy_mwh + 1_000


def no_power(scenario):
    """Check that the contactor is open."""
    assert not scenario.bench.pole.contactor
    assert not scenario.bench.plant.contact


@pytest.mark.parametrize("fault", ["silent", "repeating", "reversed"])
def test_a_bad_meter_in_the_vehicle_ends_the_session(tmp_path, fault):
    scenario = Scenario(tmp_path).run(
        charging(5),
        do(lambda s: s.bench.vehicle_meter.set_fault(fault)),
        until(stopped),
    )
    reasons = ("METER_SILENT", "METER_FROZEN", "METER_BACKWARD", "OVERBILLED")
    assert scenario.vehicle["last_stop"] in reasons
    assert not scenario.bench.plant.contact


def test_a_pole_that_bills_energy_that_never_flowed_is_refused(tmp_path):
    scenario = Scenario(tmp_path)
    scenario.bench.pole_meter.gain_ppm = 80_000
    scenario.run(until(stopped))
    ends(scenario, "OVERBILLED")
    own = scenario.vehicle["own_mwh"]
    assert scenario.vehicle["energy_mwh"] <= own * 103 // 100 + 1_000


def test_a_vehicle_without_a_meter_pays_by_power_and_time(tmp_path):
    limits = {"audit": "power", "energy_wanted_mwh": 20_000, "reconnect_ms": 200}
    scenario = Scenario(tmp_path, vehicle=limits)
    del scenario.vehicle_config["meter"]
    scenario.run(until(lambda s: s.vehicle.get("receipt") and stopped(s)))
    ends(scenario, "ENERGY_REACHED")


def test_a_price_above_the_limit_is_refused(tmp_path):
    scenario = Scenario(tmp_path, vehicle={"max_price_per_kwh": PRICE_PER_KWH - 1})
    ends(scenario.run(until(stopped)), "PRICE_TOO_HIGH")
    assert scenario.bench.plant.energy_mwh == 0


def test_a_tariff_change_is_announced_and_billed_exactly(tmp_path):
    prices = [
        {"from_s": 0, "price_per_kwh": PRICE_PER_KWH},
        {"from_s": START_S + 8, "price_per_kwh": 200_000},
    ]
    scenario = Scenario(tmp_path, pole={"prices": prices}, vehicle={"energy_wanted_mwh": 70_000})
    scenario.run(until(stopped))
    ends(scenario, "ENERGY_REACHED")
    receipt = scenario.pole["receipt"]
    at_new = [
        energy
        for energy in range(0, 70_000, 1_000)
        if (energy * PRICE_PER_KWH + (receipt["energy_mwh"] - energy) * 200_000) // 1_000_000
        == receipt["amount_due"]
    ]
    assert len(at_new) == 1
    assert 20_000 < at_new[0] < 40_000
    assert scenario.vehicle["price_per_kwh"] == 200_000


def test_a_tariff_above_the_limit_stops_before_it_begins(tmp_path):
    prices = [
        {"from_s": 0, "price_per_kwh": PRICE_PER_KWH},
        {"from_s": START_S + 5, "price_per_kwh": 900_000},
    ]
    # The prepayment covers both prices.
    scenario = Scenario(tmp_path, pole={"prices": prices}, vehicle={"prepay": 3_000})
    scenario.run(until(stopped))
    ends(scenario, "PRICE_TOO_HIGH")
    receipt = scenario.pole["receipt"]
    assert receipt["amount_due"] == receipt["energy_mwh"] * PRICE_PER_KWH // 1_000_000


def test_time_unknown_energises_nothing(tmp_path):
    scenario = Scenario(tmp_path, time_known=False).run(until(stopped))
    ends(scenario, "TIME_UNKNOWN")
    assert scenario.bench.plant.energy_mwh == 0


CERTIFICATES = {
    "forged": ({"signature": bytes(64)}, "CERTIFICATE_FORGED"),
    "changed after signing": ({"signature": b"\x01" * 64}, "CERTIFICATE_FORGED"),
    "expired": (
        {"issued_at_s": START_S - DAY_S, "expires_at_s": START_S - 1},
        "CERTIFICATE_EXPIRED",
    ),
    "older than the pole's journal": ({"issued_at_s": START_S - HOUR_S}, "CERTIFICATE_OLD"),
    "too close to its window": ({"expires_at_s": START_S + 6 * DAY_S}, "CERTIFICATE_WINDOW"),
    "terms of another channel": ({"salt": bytes(16)}, "WRONG_CHANNEL"),
    "over the issuer's limit": ({"capacity": (1 << 52) + 1}, "ISSUER_LIMIT"),
}


@pytest.mark.parametrize("case", CERTIFICATES)
def test_a_bad_certificate_is_refused(tmp_path, case):
    changes, reason = CERTIFICATES[case]
    scenario = Scenario(tmp_path, certificate=changes).run(until(stopped))
    ends(scenario, reason)
    assert scenario.bench.plant.energy_mwh == 0


def test_an_untrusted_issuer_is_refused(tmp_path):
    scenario = Scenario(tmp_path)
    scenario.setup.issuer.signer = OTHER
    scenario.setup.write_certificate()
    ends(scenario.run(until(stopped)), "UNTRUSTED_ISSUER")


def test_a_channel_to_another_payout_account_is_refused(tmp_path):
    scenario = Scenario(tmp_path)
    fields = {name: getattr(scenario.setup.terms, name) for name, _, _ in Terms.LAYOUT}
    scenario.setup.terms = Terms(**(fields | {"payout_account": b"x" * 32}))
    scenario.setup.write_certificate()
    ends(scenario.run(until(stopped)), "WRONG_PAYEE")


def test_a_channel_on_another_ledger_is_refused(tmp_path):
    scenario = Scenario(tmp_path)
    fields = {name: getattr(scenario.setup.terms, name) for name, _, _ in Terms.LAYOUT}
    scenario.setup.terms = Terms(**(fields | {"chain_id": 2}))
    scenario.setup.write_certificate()
    ends(scenario.run(until(stopped)), "WRONG_LEDGER")


def test_a_vehicle_without_a_channel_to_this_pole_says_so(tmp_path):
    scenario = Scenario(tmp_path)
    scenario.setup.write_key("pole", bytes(range(32)))
    ends(scenario.run(until(stopped)), "NO_CHANNEL")


def test_an_expiring_certificate_is_renewed_in_mid_session(tmp_path):
    scenario = Scenario(
        tmp_path,
        certificate={"expires_at_s": START_S + 12},
        pole={"renew_before_s": 6},
        vehicle={"energy_wanted_mwh": 60_000},
    )
    scenario.run(
        charging(5),
        do(lambda s: s.setup.write_certificate(expires_at_s=START_S + HOUR_S)),
        until(stopped),
    )
    ends(scenario, "ENERGY_REACHED")
    assert scenario.bench.time_s > START_S + 12


def test_a_certificate_that_is_not_renewed_ends_the_session(tmp_path):
    scenario = Scenario(tmp_path, certificate={"expires_at_s": START_S + 8})
    ends(scenario.run(until(stopped)), "CERTIFICATE_EXPIRED")


def test_reconnecting_farms_nothing(tmp_path):
    """A vehicle that cuts the line after every packet still pays for all but the bound."""
    scenario = Scenario(tmp_path, vehicle={"reconnect_ms": 200})

    async def cut_and_come_back(s):
        for _ in range(6):
            await charging(1)(s)
            s.bench.link_cut = True
            await until(lambda s: s.pole["last_stop"] and s.pole["state"] == "closed")(s)
            s.bench.link_cut = False
            await until(lambda s: s.pole["state"] == "open")(s)

    scenario.run(cut_and_come_back)
    assert scenario.bench.plant.energy_mwh > 6_000


def test_a_pole_that_loses_power_keeps_the_best_claim(tmp_path):
    scenario = Scenario(tmp_path, vehicle={"reconnect_ms": 200})
    before = {}

    def power_cut(s):
        before.update(s.pole)
        s.bench.boot("pole")

    scenario.run(
        charging(8),
        do(power_cut),
        until(lambda s: s.pole.get("paid", 0) > before["paid"]),
    )
    assert scenario.pole["paid"] > before["paid"]


def test_a_vehicle_that_lost_its_state_recovers_it_from_the_pole(tmp_path):
    scenario = Scenario(tmp_path, vehicle={"energy_wanted_mwh": 10_000}).run(until(stopped))
    paid = scenario.pole["paid"]
    (tmp_path / "vehicle.flash").unlink()
    again = Scenario(tmp_path, vehicle={"energy_wanted_mwh": 10_000}).run(until(stopped))
    ends(again, "ENERGY_REACHED")
    assert again.pole["paid"] > paid


def test_now_ms_wraps_in_mid_session(tmp_path):
    wanted = {"energy_wanted_mwh": 40_000}
    scenario = Scenario(tmp_path, start_ms=(1 << 30) - 6_000, vehicle=wanted)
    ends(scenario.run(until(stopped)), "ENERGY_REACHED")


def test_noise_on_the_line_is_dropped_and_survived(tmp_path):
    """Every tenth chunk is damaged; retransmission carries the session through."""
    chunks = [0]

    def damage(sender, data):
        chunks[0] += 1
        if chunks[0] % 10:
            return data
        return bytes([data[0] ^ 0x40]) + data[1:]

    scenario = Scenario(tmp_path, vehicle={"energy_wanted_mwh": 30_000})
    scenario.bench.tamper = damage
    ends(scenario.run(until(stopped)), "ENERGY_REACHED")
    assert scenario.pole["frames_dropped"] + scenario.vehicle["frames_dropped"] > 5


def test_the_poles_journal_holds_a_claim_the_ledger_will_take(tmp_path):
    scenario = Scenario(tmp_path, vehicle={"energy_wanted_mwh": 5_000}).run(until(stopped))
    record = scenario.record()
    claim = Claim(scenario.setup.terms.channel_id()).message(record.amount)
    assert record.amount == scenario.pole["paid"]
    assert verify(scenario.setup.payer.public_key, claim, record.signature)
