"""Honest peers at the same places: what they gain is nothing, or the measure is wrong."""

from adversaries.lying_poles import LyingPole
from adversaries.lying_vehicles import LyingVehicle
from adversaries.play import Play
from adversaries.stage import PACKET_MWH
from joulestream.errors import OWNER_STOP

_PACKETS = 10


def charge(play: Play) -> None:
    """Pay what is due, never ahead but for the first packet, and stop in order."""
    stage = play.pole()
    vehicle = LyingVehicle(stage, play.certificate())
    for _ in range(2):
        vehicle.charge(_PACKETS)
        vehicle.stop(OWNER_STOP)
        stage.run_to_end("OWNER_STOP")
        play.take_stock()
    assert stage.flowed_mwh > 2 * (_PACKETS - 2) * PACKET_MWH // 2


def deliver(play: Play) -> None:
    """Deliver what is paid, the prepayment too, and leave."""
    stage = play.vehicle()
    pole = LyingPole(stage)
    for _ in range(2):
        pole.withholds = False
        pole.charge(_PACKETS)
        pole.withholds = True
        stage.run(lambda: pole.value_of_session() >= pole.best_amount)
        pole.delivers = False
        pole.vanish()
        pole.delivers = True
        play.take_stock()
    assert stage.flowed_mwh > 2 * _PACKETS * PACKET_MWH
