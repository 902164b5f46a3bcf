"""The flash wears out no faster under attack than under one paid packet a second."""

import pytest

from joulestream.host_tools.benchmarks import wear

_BEGIN_MS = 90_000
_PLAY_MS = 120_000


@pytest.mark.parametrize("name", wear.ATTACKS)
def test_an_attack_writes_no_more_than_paid_traffic_of_one_packet_a_second(name):
    attacked = wear.record_bytes_per_hour(wear.ATTACKS[name], _BEGIN_MS, _PLAY_MS)
    paid = wear.record_bytes_per_hour(wear.pays, _BEGIN_MS, _PLAY_MS)
    # One record more may fall into the time that is counted.
    assert attacked <= paid * (1 + 1_000 / _PLAY_MS)
    assert wear.years(attacked) >= wear.years(paid) * 0.98
