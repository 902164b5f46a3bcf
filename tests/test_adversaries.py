"""Every scripted liar is held to what it may gain at most; the document tells the same."""

import pytest

from adversaries.registry import LIARS, play


@pytest.mark.parametrize("liar", LIARS, ids=lambda liar: liar.name.replace(" ", "-"))
def test_a_liar_gains_no_more_than_documented(liar):
    its_play = play(liar)
    assert len(its_play.gains) >= liar.attempts
    assert its_play.gain <= liar.most, its_play.gains
