"""Honest peers in a liar's place. They must gain nothing: that tests the measure itself."""

from joulestream.errors import OWNER_STOP
from joulestream.host_tools.adversaries.lying_pole import LyingPole
from joulestream.host_tools.adversaries.lying_vehicle import LyingVehicle
from joulestream.host_tools.adversaries.play import Play
from joulestream.host_tools.adversaries.stage import PACKET_MWH

_PACKETS = 10


def charge(play: Play) -> None:
    """Play a vehicle that pays all invoices, prepays only the first packet, and stops in order."""
    stage = play.pole()
    vehicle = LyingVehicle(stage, play.certificate())
    for _ in range(2):
        vehicle.charge(_PACKETS)
        vehicle.stop(OWNER_STOP)
        stage.run_to_end("OWNER_STOP")
        play.take_stock()
    # It prepays only once, so that its credit ends before a full packet: its packets are smaller.
    assert stage.flowed_mwh > _PACKETS * PACKET_MWH // 2


def deliver(play: Play) -> None:
    """Play a pole that delivers all energy that is paid, the prepayment too, and leaves."""
    stage = play.vehicle()
    pole = LyingPole(stage)
    pole.charge(_PACKETS)
    pole.withholds = True
    stage.run(lambda: not pole.owes())
    pole.vanish()
    play.take_stock()
    assert stage.flowed_mwh >= _PACKETS * PACKET_MWH
