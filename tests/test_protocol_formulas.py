"""The formulas and worked examples of docs/protocol.md say what the code does.

The test reads the formulas from the page and computes them. It compares the results with the
page's own examples, and with the code on many random inputs.
"""

import math
import random
import re
from fractions import Fraction
from functools import cache
from types import SimpleNamespace

import pytest

from joulestream.boards.contract import CLOCK_NETWORK
from joulestream.channel import Certificate, expiry_reason, window_reason
from joulestream.device.payee_records import PayeeRecord
from joulestream.device.payer_record import PayerRecord
from joulestream.errors import CARRIED_DEBT, CERTIFICATE_EXPIRED, CERTIFICATE_OLD, OVERBILLED
from joulestream.host_tools.layout import ROOT
from joulestream.pole.admission import Admission
from joulestream.pole.charging_session import ChargingSession
from joulestream.pole.clock import PoleClock, mark_birth
from joulestream.pole.contactor import ORDERLY_STOP_MS
from joulestream.pole.cover import Cover
from joulestream.pole.offer import asked_prepay
from joulestream.runtime import BUILT_S
from joulestream.session_tag import session_tag
from joulestream.tariff import Tariff
from joulestream.testkit.flash import RamFlash, mount
from joulestream.units import MWH_PER_KWH, energy_from_power, packet_amount
from joulestream.vehicle.audit import Audit
from joulestream.vehicle.carried_debt import carry_debt, trust, usable_credit
from joulestream.vehicle.config import AUDIT_METER, AUDIT_POWER
from joulestream.vehicle.energy_owner import EnergyOwner
from joulestream.vehicle.offer_check import (
    agreed_prepay,
    asked_total,
    give_up_left,
    learn,
    least_due,
    raise_due,
    silence_ms,
    unjustified_mwh,
)

CHANNEL_ID = b"c" * 32
PAGE = (ROOT / "docs" / "protocol.md").read_text()
SECTIONS = ("4.1", "5.2", "5.4", "7.1", "7.2", "7.3", "8.1", "8.3", "8.4", "8.5", "8.8")
FUNCTIONS = {"floor": math.floor, "ceil": math.ceil, "min": min, "max": max}
TRIES = 300
BOOLEANS = {"true": True, "false": False}


def text_of(section):
    """Return the page's text from the heading of `section` to the next heading."""
    found = re.search(rf"^### {re.escape(section)} .*?(?=^##)", PAGE, re.MULTILINE | re.DOTALL)
    assert found, section
    return found.group()


@cache
def formulas(section):
    """Return the formulas of a section: pairs of a name and a compiled expression."""
    blocks = re.findall(r"^```formula\n(.*?)^```$", text_of(section), re.MULTILINE | re.DOTALL)
    lines = [line.split(" = ", 1) for block in blocks for line in block.splitlines()]
    assert lines, section
    return [(name, compile(expression, section, "eval")) for name, expression in lines]


def computed(section, given):
    """Return all values of a section's formulas for the inputs `given`."""
    values = {name: Fraction(value) for name, value in given.items()}
    for name, expression in formulas(section):
        value = eval(expression, {"__builtins__": {}, **FUNCTIONS}, values)
        values[name] = value if isinstance(value, bool) else Fraction(value)
    return {
        name: value if isinstance(value, bool) else int(value) for name, value in values.items()
    }


def example(section):
    """Return the values in the table of a section's example."""
    mark = f"**Example {section}.**"
    assert text_of(section).count(mark) == 1, section
    rows = re.findall(r"^\| `(\w+)` \| (\S+) \|", text_of(section).split(mark)[1], re.MULTILINE)
    return {
        name: BOOLEANS[value] if value in BOOLEANS else int(value.replace(",", ""))
        for name, value in rows
    }


@cache
def inputs_of(section):
    """Return the part of an example that no formula computes."""
    results = {name for name, _ in formulas(section)}
    return {name: value for name, value in example(section).items() if name not in results}


def by_code_4_1(v):
    tag = session_tag(v.payer_nonce_u32.to_bytes(4, "big") + b"n" * 12)
    return {"tag": tag, "first_sequence": tag + 1}


def by_code_5_2(v):
    certificate = Certificate(
        expires_at_s=v.expires_at_s,
        claimable_until_s=v.claimable_until_s,
    )
    return {
        "valid": not expiry_reason(certificate, v.now_s),
        "collectable": not window_reason(certificate, v.collect_within_s),
    }


def by_code_5_4(v):
    key = bytes(32)
    journal = mount(RamFlash())
    mark_birth(journal, v.born_s)
    clock = PoleClock(journal, lambda: (v.board_s, CLOCK_NETWORK), [key], 0)
    clock.keep_floor(SimpleNamespace(issuer_key=key, issued_at_s=v.floor_s))
    if v.is_told:
        assert not clock.tell(key, v.told_s, 0)
    shown = SimpleNamespace(issuer_key=key, issued_at_s=v.issued_at_s, expires_at_s=v.expires_at_s)
    reason = clock.reason(shown, 0)
    found = {"expired": reason == CERTIFICATE_EXPIRED}
    if not v.expired:
        found["old"] = reason == CERTIFICATE_OLD
        clock.begin(shown, 0)
        # In the session the board's clock still counts, unless an issuer told the time.
        found["now_s"] = clock.time_s(0)
    return found


def by_code_8_3(v):
    record = PayeeRecord(amount=v.best_amount, amount_due=v.offer_due, remainder=v.offer_remainder)
    accept = SimpleNamespace(amount_due=v.stated_due, remainder=v.stated_remainder)
    # At this price a packet costs what the formulas call `packet`.
    offer = SimpleNamespace(
        packet_energy_mwh=MWH_PER_KWH,
        price_per_kwh=v.packet,
        prepay=v.offer_prepay,
        credit=v.credit,
        best_amount=v.best_amount,
    )
    shown = SimpleNamespace(claimed=v.settled)
    admission = Admission(None, b"", None, None)
    assert not admission.settle_due(record, accept, shown, v.settled, offer)
    if v.is_proven:
        shown.claimed -= 1
        again = PayeeRecord(amount=v.best_amount, amount_due=0, remainder=0)
        reason = admission.settle_due(again, accept, shown, v.settled, offer)
        assert reason == CERTIFICATE_OLD
    return {"first_due": record.amount_due, "first_remainder": record.remainder}


def by_code_7_1(v):
    tariff = Tariff(v.start_energy_mwh, v.start_amount, v.price_per_kwh, v.start_remainder)
    tariff.change(v.from_energy_mwh, v.new_price_per_kwh)
    amounts = {
        "amount_due": tariff.amount_due(v.energy_mwh),
        "remainder": tariff.remainder(v.energy_mwh),
    }
    # Any earlier point of the session may serve as the start.
    tariff.advance((v.start_energy_mwh + v.energy_mwh) // 2)
    assert tariff.amount_due(v.energy_mwh) == amounts["amount_due"]
    assert tariff.remainder(v.energy_mwh) == amounts["remainder"]
    return amounts


def by_code_7_2(v):
    record = PayeeRecord(
        amount=v.best_amount,
        amount_due=v.flowed_due,
        remainder=0,
        energy_mwh=0,
        signature=b"",
    )
    config = SimpleNamespace(
        renew_before_s=0,
        packet_energy_mwh=v.packet_energy_mwh,
        packet_ms=1,
        link_timeout_ms=2,
        credit=v.credit,
        prepay=0,
        max_power_mw=v.max_power_mw,
        meter=SimpleNamespace(interval_ms=v.between_ms, reading_ms=v.reading_ms),
    )
    cover = Cover(config, SimpleNamespace(reading_ms=v.reading_ms, step_mwh=v.step_mwh))
    certificate = Certificate(channel_id=bytes(32), expires_at_s=0, capacity=1 << 40)
    charge = ChargingSession(
        config,
        certificate,
        None,
        record,
        v.settled,
        v.price_per_kwh,
        0,
        0,
        0,
        cover,
        v.accepted_prepay,
        v.left,
    )
    assert v.orderly_ms == ORDERLY_STOP_MS
    # Nothing is paid now, so an orderly stop begins as soon as its price is all that is left.
    starts_at = charge.credit - (v.orderly if v.in_order else 0)
    for unpaid in (starts_at - 1, starts_at):
        charge.unpaid = unpaid
        assert charge.must_pause() == (unpaid == starts_at)
    charge.unpaid = v.flowed_due - v.paid
    return {
        "paid": charge.paid,
        "credit_now": charge.credit,
        "packet": packet_amount(v.price_per_kwh, v.packet_energy_mwh),
        "unpaid": charge.unpaid,
        "paying_mwh": cover.paying_mwh,
        "early": cover.early(v.price_per_kwh),
        "least_cover": cover.least(v.price_per_kwh),
        "least_prepay": asked_prepay(config, record, cover, v.price_per_kwh),
        "cover": charge.usable(),
    }


def by_code_7_3(v):
    record = PayerRecord(own_total_mwh=v.total_mwh)
    offer = SimpleNamespace(link_timeout_ms=v.pole_timeout_ms, stop_ms=v.stop_ms)
    config = SimpleNamespace(max_power_mw=v.max_power_mw, audit_wait_ms=0, audit=AUDIT_METER)
    meter = SimpleNamespace(total_mwh=v.meter_mwh)
    records = SimpleNamespace(newest=None, newest_id=CHANNEL_ID)
    wallet = SimpleNamespace(records=records, store=lambda channel_id, record: None)
    owner = EnergyOwner(wallet, config)
    owner.take(CHANNEL_ID, record, offer)
    found = {
        "tail_mwh": record.tail_mwh,
        "running_mwh": owner.more_mwh(CHANNEL_ID, record, meter),
    }
    assert owner.more_mwh(bytes(32), record, meter) == 0
    records.newest = record
    found["started_mwh"] = EnergyOwner(wallet, config).more_mwh(CHANNEL_ID, record, meter)
    # A vehicle without a meter.
    config.audit = AUDIT_POWER
    started = EnergyOwner(wallet, config)
    assert started.more_mwh(CHANNEL_ID, record, meter) == record.tail_mwh
    return found


def by_code_8_1(v):
    record = PayerRecord(
        signed=v.signed,
        amount_due=v.due,
        remainder=v.remainder,
        energy_mwh=v.energy_mwh,
        billed_mwh=v.billed_mwh,
        own_mwh=v.own_mwh,
        price_per_kwh=v.price,
        next_price_per_kwh=v.next_price,
        next_from_mwh=v.next_from_mwh,
        unproven_amount=v.unproven,
        left_amount=v.left,
    )
    offer = SimpleNamespace(
        energy_mwh=v.offer_energy_mwh,
        amount_due=v.offer_due,
        remainder=v.offer_remainder,
        credit=v.offer_credit,
        prepay=v.offer_prepay,
        best_amount=v.best_amount,
        step_mwh=v.pole_step_mwh,
        # A packet of 1 kWh costs its price.
        packet_energy_mwh=1_000_000,
        price_per_kwh=v.packet,
    )
    spent = []

    def spend(record, amount):
        spent.append(amount - record.signed)
        record.signed = amount

    wallet = SimpleNamespace(learn=spend, believe=spend)
    learn(offer, v.claimed, record, wallet)
    asked = asked_total(offer, v.claimed)
    found = {
        "known_signed": record.signed,
        "newly_spent": sum(spent),
        "remembered_due": record.amount_due,
        "remembered_remainder": record.remainder,
        "known_energy_mwh": record.energy_mwh,
        "least_due": least_due(offer, v.claimed),
        "asked_total": asked,
    }
    give_up_left(asked, record)
    found["known_due"] = record.amount_due
    found["known_remainder"] = record.remainder
    found["new_left"] = record.left_amount
    found["usable_credit"] = usable_credit(offer, record)
    found["trust"] = trust(offer, record, v.prepay_limit)
    reason = carry_debt(offer, asked, record, v.more_mwh, v.percent, v.step_mwh, v.prepay_limit)
    found["carried_debt"] = reason == CARRIED_DEBT
    if reason:
        found["asked_amount"] = record.refused_amount
    else:
        found["new_unproven"] = record.unproven_amount
        found["new_billed_mwh"] = record.billed_mwh
        found["new_own_mwh"] = record.own_mwh
        found["prepay"] = agreed_prepay(offer, record, v.prepay_limit)
        raise_due(asked, record)
        found["new_due"] = record.amount_due
        found["new_remainder"] = record.remainder
        found["accept_due"] = record.amount_due - record.left_amount
    return found


def audit_of(v):
    """Return the audit of a session that begins as `v` says, and the vehicle's record then."""
    record = PayerRecord(own_mwh=v.start_own_mwh, billed_mwh=v.start_billed_mwh)
    record.own_total_mwh = v.start_total_mwh
    audit = Audit(
        record,
        v.percent,
        energy_from_power(v.max_power_mw, v.wait_ms),
        energy_from_power(v.max_power_mw, v.timeout_ms),
        v.start_energy_mwh,
        v.pole_step_mwh,
        v.pole_mwh - v.pole_step_mwh,
    )
    return audit, record


def assert_bound_agrees(audit, values):
    """Assert that the audit takes all that the formulas of 8.4 allow, and not one mWh more."""
    given = {name: values[name] for name in inputs_of("8.4")}
    bound_mwh = min(values["life_bound_mwh"], values["mark_bound_mwh"])
    most_mwh = bound_mwh - values["start_billed_mwh"] + values["start_energy_mwh"]
    for energy_mwh, overbilled in ((most_mwh, False), (most_mwh + 1, True)):
        reason = audit.energy_reason(energy_mwh, values["meter_mwh"], values["step_mwh"])
        assert reason == (OVERBILLED if overbilled else 0)
        found = computed("8.4", dict(given, invoice_energy_mwh=energy_mwh))
        assert found["overbilled"] == overbilled


def by_code_8_4(v):
    audit, record = audit_of(v)
    overbilled = audit.energy_reason(v.invoice_energy_mwh, v.meter_mwh, v.step_mwh) != 0
    assert_bound_agrees(audit, vars(v))
    audit.accept(record, v.invoice_energy_mwh, v.meter_mwh, v.step_mwh)
    audit.move_mark(record)
    # The mark shows only in the INVOICE after it.
    later = dict(vars(v), meter_mwh=v.meter_mwh + 7_000)
    later["mark_billed_mwh"] = v.new_mark_billed_mwh
    later["mark_own_mwh"] = v.new_mark_own_mwh
    assert_bound_agrees(audit, computed("8.4", {name: later[name] for name in inputs_of("8.4")}))
    return {
        "billed_now_mwh": record.billed_mwh,
        "own_now_mwh": record.own_mwh,
        "overbilled": overbilled,
    }


def by_code_8_5(v):
    start = SimpleNamespace(
        start_own_mwh=0,
        start_billed_mwh=0,
        max_power_mw=0,
        wait_ms=0,
        timeout_ms=0,
        pole_step_mwh=v.pole_mwh,
        **vars(v),
    )
    audit, _ = audit_of(start)
    least_mwh = audit.least_mwh(v.meter_mwh, v.step_mwh, v.total_mwh, v.energy_mwh)
    return {"least_mwh": least_mwh}


def by_code_8_8(v):
    offer = SimpleNamespace(
        max_power_mw=v.power_mw,
        packet_energy_mwh=v.packet_energy_mwh,
        packet_ms=v.packet_ms,
        step_mwh=v.pole_step_mwh,
    )
    config = SimpleNamespace(max_power_mw=v.power_mw, own_late_ms=v.own_late_ms)
    return {
        "silence_ms": silence_ms(offer, config, v.step_mwh, v.power_mw),
        "unjustified_mwh": unjustified_mwh(offer, config, v.step_mwh),
    }


BY_CODE = {
    "4.1": by_code_4_1,
    "5.2": by_code_5_2,
    "5.4": by_code_5_4,
    "7.1": by_code_7_1,
    "7.2": by_code_7_2,
    "7.3": by_code_7_3,
    "8.1": by_code_8_1,
    "8.3": by_code_8_3,
    "8.4": by_code_8_4,
    "8.5": by_code_8_5,
    "8.8": by_code_8_8,
}


def assert_code_agrees(section, given):
    values = computed(section, given)
    for name, value in BY_CODE[section](SimpleNamespace(**values)).items():
        assert value == values[name], (section, name, given)


@pytest.mark.parametrize("section", SECTIONS)
def test_an_example_is_what_its_formulas_give(section):
    shown = example(section)
    values = computed(section, inputs_of(section))
    assert {name: values[name] for name in shown} == shown
    assert set(shown) == set(values)


@pytest.mark.parametrize("section", SECTIONS)
def test_an_example_is_what_the_code_does(section):
    assert_code_agrees(section, inputs_of(section))


def varied(section, source):
    """Return the inputs of a section's example, each varied, and some made equal to another."""
    inputs = inputs_of(section)
    given = {}
    for name, value in inputs.items():
        spread = source.choice((0, 1, 1_000, value))
        given[name] = max(value + source.randint(-spread, spread), 0)
    given[source.choice(list(inputs))] = given[source.choice(list(inputs))]
    return given


def is_possible(section, given):
    """Return whether inputs can occur: meters and energies never run backwards."""
    if section == "4.1":
        return given["payer_nonce_u32"] < 1 << 32
    if section == "5.4":
        given["is_told"] = bool(given["is_told"])
        times = [given["board_s"]] + [given["told_s"]] * given["is_told"]
        # A birth that a time contradicts is noted anew.
        return BUILT_S <= min(times) and given["born_s"] <= min(times)
    if section == "8.3":
        return max(given["offer_remainder"], given["stated_remainder"]) < MWH_PER_KWH
    if section == "7.1":
        return given["start_energy_mwh"] <= min(given["from_energy_mwh"], given["energy_mwh"])
    if section == "7.2":
        given["orderly_ms"] = ORDERLY_STOP_MS
        # The next question waits for the answer to the one before it.
        return given["reading_ms"] <= given["between_ms"]
    if section == "8.1":
        given["left"] = min(given["left"], given["due"])
        return max(given["remainder"], given["offer_remainder"]) < 1_000_000
    if section == "8.4":
        # The record is still the OFFER's, and so is the mark.
        given["own_mwh"] = given["mark_own_mwh"] = given["start_own_mwh"]
        given["billed_mwh"] = given["mark_billed_mwh"] = given["start_billed_mwh"]
        given["lag_mwh"] = 0
        return (
            given["start_total_mwh"] <= given["meter_mwh"]
            and given["start_energy_mwh"] <= given["invoice_energy_mwh"]
        )
    if section == "8.8":
        return given["power_mw"] > 0
    if section == "8.5":
        return given["start_total_mwh"] <= given["total_mwh"] <= given["meter_mwh"]
    return True


@pytest.mark.parametrize("section", SECTIONS)
def test_the_formulas_are_what_the_code_does(section):
    source = random.Random(section)
    tried = 0
    while tried < TRIES:
        given = varied(section, source)
        if is_possible(section, given):
            tried += 1
            assert_code_agrees(section, given)


def test_a_session_of_many_invoices_is_judged_as_the_formulas_say():
    """Record, lag and mark are carried from one INVOICE to the next, as section 8.4 tells."""
    source = random.Random(84)
    names = list(inputs_of("8.4"))
    for _ in range(100):
        values = dict(inputs_of("8.4"))
        audit, record = audit_of(SimpleNamespace(**computed("8.4", values)))
        dearer_price_ahead = False
        for _ in range(20):
            values["meter_mwh"] += source.choice((0, 900, 1_000, 1_100, 5_000))
            # After 5,000 mWh two meters may disagree by 2,761, not by 2,762.
            values["invoice_energy_mwh"] += source.choice((0, 900, 1_000, 2_238, 2_239, 5_000))
            dearer_price_ahead = dearer_price_ahead or source.random() < 0.2
            v = SimpleNamespace(**computed("8.4", {name: values[name] for name in names}))
            assert_bound_agrees(audit, vars(v))
            if v.overbilled:
                break
            audit.accept(record, v.invoice_energy_mwh, v.meter_mwh, v.step_mwh)
            assert record.own_mwh == v.own_now_mwh and record.billed_mwh == v.billed_now_mwh
            values["own_mwh"] = v.own_now_mwh
            values["billed_mwh"] = v.billed_now_mwh
            values["lag_mwh"] = v.new_lag_mwh
            if dearer_price_ahead:
                audit.move_mark(record)
                values["mark_billed_mwh"] = v.new_mark_billed_mwh
                values["mark_own_mwh"] = v.new_mark_own_mwh


def test_every_symbol_of_a_formula_is_explained():
    shared = text_of("7.3") + text_of("8.4")
    for section in SECTIONS:
        explained = text_of(section).split("**Example")[0] + shared
        for name in inputs_of(section):
            assert f"`{name}`" in explained, (section, name)
