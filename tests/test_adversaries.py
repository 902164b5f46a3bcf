"""No liar gains more than its documented limit, and docs/security.md shows the same table."""

from contextlib import closing
from pathlib import Path

import pytest

from joulestream.host_tools.adversaries import document, honest, registry, vehicle_closings
from joulestream.host_tools.adversaries.liar import ISSUER, PAYER, POLE, VEHICLE
from joulestream.host_tools.adversaries.play import Play
from joulestream.host_tools.adversaries.registry import LIARS, play
from joulestream.host_tools.benchmarks import adversaries

# In packets. The contact and the meters move in steps of time, so an honest gain is not exactly 0.
_ROUNDING = 0.05


def liar_id(liar):
    return f"{liar.role}-{liar.name}".replace(" ", "-")


@pytest.mark.parametrize("liar", LIARS, ids=liar_id)
def test_a_liar_gains_no_more_than_documented(liar):
    played = play(liar)
    assert len(played.gains) >= liar.attempts
    assert played.gain <= liar.max_gain, played.gains


@pytest.mark.parametrize("script", (honest.charge, honest.deliver))
def test_an_honest_side_gains_and_loses_nothing(script):
    played = Play()
    with closing(played.bank):
        script(played)
    assert played.gains
    assert all(abs(gain) <= _ROUNDING for gain in played.gains), played.gains


@pytest.mark.parametrize("kind", vehicle_closings.KINDS, ids=lambda kind: kind.__name__)
def test_nobody_wears_the_contactor_out(kind):
    """Ten minutes; an hour of it is a benchmark. The first closings are free."""
    assert 10 < vehicle_closings.closings(kind, 600_000) <= 20


def test_a_gain_is_seen():
    """A vehicle gains all energy that flowed if its claims never reach the ledger."""
    played = Play()
    with closing(played.bank):
        played.bank.settle = lambda flash, now_s: []
        honest.charge(played)
        packets = sum(pole.flowed_mwh for pole in played.poles) / 10_000
        assert played.gain == pytest.approx(packets, abs=_ROUNDING)


def test_the_benchmark_counts_liars_and_their_best_gain(monkeypatch):
    chosen = [liar for liar in LIARS if liar.name in ("stops paying", "promises to prepay")]
    monkeypatch.setattr(registry, "LIARS", tuple(chosen))
    figures = adversaries.measure()
    assert figures["adversaries"] == 2
    assert 0 < figures["adversary_max_gain_packets"] <= max(liar.max_gain for liar in chosen)


def test_more_than_a_packet_has_a_reason():
    for liar in LIARS:
        assert (liar.max_gain > 1) == bool(liar.reason), liar.name


def test_there_are_liars_of_all_kinds():
    assert len(LIARS) >= 18
    assert {liar.role for liar in LIARS} == {VEHICLE, POLE, PAYER, ISSUER}
    assert len({(liar.role, liar.name) for liar in LIARS}) == len(LIARS)


def test_the_document_lists_every_liar():
    text = Path(document.DOCUMENT).read_text()
    assert document.table() in text, "run python -m joulestream.host_tools.adversaries.document"
