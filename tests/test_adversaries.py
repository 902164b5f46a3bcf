"""Every scripted liar gains no more than its row allows; the document has the same rows."""

from contextlib import closing
from pathlib import Path

import pytest

from joulestream.host_tools.adversaries import document, honest, registry
from joulestream.host_tools.adversaries.liar import ISSUER, PAYER, POLE, VEHICLE
from joulestream.host_tools.adversaries.play import Play
from joulestream.host_tools.adversaries.registry import LIARS, play
from joulestream.host_tools.benchmarks import adversaries

# The contactor and the meters follow in steps of time.
_ONE_STEP = 0.05


def liar_id(liar):
    return f"{liar.role}-{liar.name}".replace(" ", "-")


@pytest.mark.parametrize("liar", LIARS, ids=liar_id)
def test_a_liar_gains_no_more_than_documented(liar):
    its_play = play(liar)
    assert len(its_play.gains) >= liar.attempts
    assert its_play.gain <= liar.most, its_play.gains


@pytest.mark.parametrize("script", (honest.charge, honest.deliver))
def test_an_honest_side_gains_and_loses_nothing(script):
    its_play = Play()
    with closing(its_play.bank):
        script(its_play)
    assert its_play.gains
    assert all(abs(gain) <= _ONE_STEP for gain in its_play.gains), its_play.gains


def test_a_gain_is_seen():
    """A vehicle gains all energy that flowed if its claims never reach the ledger."""
    its_play = Play()
    with closing(its_play.bank):
        its_play.bank.settle = lambda flash, now_s: []
        honest.charge(its_play)
        packets = sum(pole.flowed_mwh for pole in its_play.poles) / 10_000
        assert its_play.gain == pytest.approx(packets, abs=_ONE_STEP)


def test_the_benchmark_counts_liars_and_their_best_gain(monkeypatch):
    chosen = [liar for liar in LIARS if liar.name in ("stops paying", "promises to prepay")]
    monkeypatch.setattr(registry, "LIARS", tuple(chosen))
    figures = adversaries.measure()
    assert figures["adversaries"] == 2
    assert 0 < figures["adversary_max_gain_packets"] <= max(liar.most for liar in chosen)


def test_more_than_a_packet_has_a_reason():
    for liar in LIARS:
        assert (liar.most > 1) == bool(liar.reason), liar.name


def test_there_are_liars_of_all_kinds():
    assert len(LIARS) >= 18
    assert {liar.role for liar in LIARS} == {VEHICLE, POLE, PAYER, ISSUER}
    assert len({(liar.role, liar.name) for liar in LIARS}) == len(LIARS)


def test_the_document_lists_every_liar():
    text = Path(document.DOCUMENT).read_text()
    assert document.table() in text, "run python -m joulestream.host_tools.adversaries.document"
