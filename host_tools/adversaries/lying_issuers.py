"""Issuers that lie to a pole which trusts them, up to a limit."""

from joulestream.channel import Certificate, Terms
from joulestream.host_tools.adversaries.bank import DAY_S, SIGNERS, START_S
from joulestream.host_tools.adversaries.liar import ISSUER, Liar
from joulestream.host_tools.adversaries.peers import VehiclePeer
from joulestream.host_tools.adversaries.play import Play
from joulestream.host_tools.adversaries.stage import CREDIT, PACKET
from joulestream.testkit.certificates import certificate

_CHANNELS = 3
# The pole trusts the issuer for all but the last of these channels.
_PACKETS = 2
_LIMIT = (_CHANNELS - 1) * _PACKETS * PACKET
# Each channel may end in debt: its credit, and the energy until the contact is open.
_MOST = (_LIMIT + _CHANNELS * CREDIT) / PACKET + _CHANNELS * 0.15


def _certify(terms: Terms, capacity: int) -> Certificate:
    """Return a certificate of a channel that does not exist."""
    return certificate(
        terms,
        SIGNERS["issuer"],
        capacity=capacity,
        issued_at_s=START_S,
        expires_at_s=START_S + DAY_S,
    )


def _certify_fictions(play: Play) -> None:
    """Let a friend charge on one channel after the other that no ledger knows."""
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
        "Signs certificates for a friend's channels that are on no ledger.",
        "takes an issuer's channels only up to the `limit` it is trusted for (ISSUER_LIMIT)",
        _MOST,
        _certify_fictions,
        f"this is trust, and it is configured: a `limit` of {_LIMIT // PACKET} packets here, and "
        "each channel's credit beside",
        attempts=_CHANNELS,
    ),
)
