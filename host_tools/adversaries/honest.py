"""Honest peers in the same places: they gain nothing, or the measure is wrong."""

from joulestream.errors import OWNER_STOP
from joulestream.host_tools.adversaries.lying_pole import LyingPole
from joulestream.host_tools.adversaries.lying_vehicle import LyingVehicle
from joulestream.host_tools.adversaries.play import Play
from joulestream.host_tools.adversaries.stage import PACKET_MWH

_PACKETS = 10


def charge(play: Play) -> None:
    """Pay each amount that is due, ahead only for the first packet, and stop in order."""
    stage = play.pole()
    vehicle = LyingVehicle(stage, play.certificate())
    for _ in range(2):
        vehicle.charge(_PACKETS)
        vehicle.stop(OWNER_STOP)
        stage.run_to_end("OWNER_STOP")
        play.take_stock()
    assert stage.flowed_mwh > _PACKETS * PACKET_MWH


def deliver(play: Play) -> None:
    """Deliver all energy that is paid, the prepayment too, and leave."""
    stage = play.vehicle()
    pole = LyingPole(stage)
    pole.charge(_PACKETS)
    pole.withholds = True
    stage.run(lambda: not pole.owes())
    pole.vanish()
    play.take_stock()
    assert stage.flowed_mwh >= _PACKETS * PACKET_MWH
