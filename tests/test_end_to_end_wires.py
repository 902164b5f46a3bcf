"""Whole sessions over other wires than a serial line: CAN by slcan adapters, one RS-485 pair."""

import pytest

from bench_scenario import Scenario, charging, do, for_ms, stopped, until
from joulestream.host_tools.bench.cables import CanCable, HalfDuplexCable
from joulestream.host_tools.bench.setup import ASSET, DAY_S, HOUR_S, START_S, BenchSetup
from joulestream.host_tools.collect import collect
from joulestream.host_tools.ledger import book
from joulestream.host_tools.ledger.ledger import Ledger
from joulestream.host_tools.ledger.settlement_ledger import SqlSettlementLedger
from joulestream.host_tools.settlement import settle
from joulestream.testkit.can_pair import can_config

DEPOSIT = 1_000_000
# A block of frames and its answer cross in two steps.
STEP_MS = 5


def over_can(directory, pole=None, vehicle=None, **bench):
    """Return a scenario in which a CAN bus is the link."""
    return Scenario(
        directory,
        pole={"link": can_config("pole", "slcan"), **(pole or {})},
        vehicle={"link": can_config("vehicle", "slcan"), **(vehicle or {})},
        cable=CanCable(),
        step_ms=STEP_MS,
        **bench,
    )


def open_channel(ledger, setup):
    """Open accounts and a channel; return its terms and its certificate."""
    euro = book.asset_id(ASSET)
    vehicle = ledger.create_account("vehicle", euro, DEPOSIT, START_S)
    pole = ledger.create_account("pole", euro, 0, START_S)
    terms = ledger.terms(
        setup.payer.public_key, vehicle.id, setup.payee.public_key, pole.id, euro, 3 * DAY_S
    )
    channel_id = ledger.open_channel(terms, DEPOSIT, START_S).terms.channel_id()
    return terms, ledger.issue_certificate(channel_id, START_S, HOUR_S)


def test_a_session_over_can_is_charged_paid_and_settled_on_a_ledger(tmp_path):
    setup = BenchSetup(tmp_path)
    with Ledger.create(tmp_path / "ledger.sqlite", 1, setup.issuer.signer) as ledger:
        setup.terms, certificate = open_channel(ledger, setup)
        scenario = over_can(
            tmp_path,
            pole=setup.pole(link=can_config("pole", "slcan")),
            vehicle={"energy_wanted_mwh": 30_000},
        )
        scenario.setup.terms = setup.terms
        setup.certificate_path.write_bytes(certificate.to_bytes())
        scenario.run(charging(3), until(stopped, 20_000), for_ms(500))
        receipt = scenario.pole["receipt"]
        assert receipt == scenario.vehicle["receipt"]
        assert scenario.pole["last_stop"] == "ENERGY_REACHED"
        assert scenario.pole["link"] == scenario.vehicle["link"] == "GOOD"
        assert scenario.pole["frames_dropped"] == scenario.pole["frames_unsent"] == 0
        settle(
            collect(tmp_path / "pole.flash"),
            [SqlSettlementLedger(ledger)],
            scenario.bench.time_s,
        )
        assert ledger.account("pole").balance_base_units == receipt["amount_paid"] > 9_000
        assert not ledger.check().faults


@pytest.mark.parametrize("harm", ["cut", "no termination"])
def test_a_bus_that_fails_opens_the_contactor(tmp_path, harm):
    def break_bus(scenario):
        if harm == "cut":
            scenario.bench.link_cut = True
        else:
            scenario.bench.cable.bus.terminated = False

    scenario = over_can(tmp_path)
    scenario.run(charging(3), do(break_bus), until(stopped, 20_000), for_ms(1_000))
    assert scenario.pole["last_stop"] in ("LINK_TIMEOUT", "PAYMENT_TIMEOUT")
    assert scenario.vehicle["last_stop"] == "LINK_TIMEOUT"
    assert not scenario.bench.plant.contact
    assert "CAN" in scenario.pole["link"]


def test_a_session_over_one_pair_of_wires_with_echoes(tmp_path):
    link = {"kind": "rs485"}
    scenario = Scenario(
        tmp_path,
        pole={"link": link},
        vehicle={"link": link, "energy_wanted_mwh": 10_000},
        cable=HalfDuplexCable(),
        step_ms=STEP_MS,
    )
    scenario.run(until(stopped, 20_000), for_ms(500))
    assert scenario.pole["last_stop"] == "ENERGY_REACHED"
    assert scenario.pole["receipt"] == scenario.vehicle["receipt"]
    assert scenario.pole["contactor_closings"] == 1
