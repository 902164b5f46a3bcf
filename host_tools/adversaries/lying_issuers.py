"""Issuers that lie. A pole trusts each of its issuers up to a limit, and no further."""

from joulestream.channel import Certificate, Terms
from joulestream.host_tools.adversaries.bank import DAY_S, SIGNERS, START_S
from joulestream.host_tools.adversaries.liar import ISSUER, Liar
from joulestream.host_tools.adversaries.lying_vehicle import DELAY
from joulestream.host_tools.adversaries.peers import VehiclePeer
from joulestream.host_tools.adversaries.play import Play
from joulestream.host_tools.adversaries.stage import CREDIT, PACKET
from joulestream.testkit.certificates import certificate

_CHANNELS = 3
# The capacity of each channel. The limit covers all of these channels but the last.
_PACKETS = 2
_LIMIT = (_CHANNELS - 1) * _PACKETS * PACKET
# Each channel may end in debt: its credit, and the energy that flows until the contact is open.
_MAX_GAIN = (_LIMIT + _CHANNELS * CREDIT) / PACKET + _CHANNELS * DELAY


def _certify(terms: Terms, capacity: int) -> Certificate:
    """Return a good certificate of a channel that is on no ledger."""
    return certificate(
        terms,
        SIGNERS["issuer"],
        capacity=capacity,
        issued_at_s=START_S,
        expires_at_s=START_S + DAY_S,
    )


def _certify_fictions(play: Play) -> None:
    """Charge on one invented channel after the other, until the pole refuses the next one."""
    stage = play.pole(limit=_LIMIT)
    for number in range(_CHANNELS):
        fiction = _certify(play.bank.terms(number), _PACKETS * PACKET)
        liar = VehiclePeer(stage, fiction)
        if number < _CHANNELS - 1:
            liar.charge(_PACKETS)
            stage.run_to_end("CAPACITY_EXHAUSTED")
        else:
            flowed_mwh = stage.flowed_mwh
            liar.greet()
            stage.run_to_end("ISSUER_LIMIT")
            assert stage.flowed_mwh == flowed_mwh
        play.take_stock()


LIARS = (
    Liar(
        "certifies channels that do not exist",
        ISSUER,
        "Signs certificates of a friend's channels that are on no ledger.",
        "admits channels of an issuer up to its configured `limit`, then stops with ISSUER_LIMIT",
        _MAX_GAIN,
        _certify_fictions,
        f"the pole trusts the issuer up to a configured `limit`, {_LIMIT // PACKET} packets here; "
        "the credit of each channel comes on top",
        attempts=_CHANNELS,
    ),
)
