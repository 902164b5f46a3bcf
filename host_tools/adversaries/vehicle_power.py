"""Vehicles with a current that no pole expects."""

from joulestream.errors import OWNER_STOP
from joulestream.host_tools.adversaries.liar import ATTEMPTS, VEHICLE, Liar
from joulestream.host_tools.adversaries.lying_vehicle import DELAY, HONEST_PACKETS
from joulestream.host_tools.adversaries.peers import VehiclePeer
from joulestream.host_tools.adversaries.play import Play
from joulestream.host_tools.adversaries.stage import POWER_MW, PoleStage


def _charge_and_leave(stage: PoleStage, vehicle: VehiclePeer) -> None:
    """Let an honest vehicle charge, end its session and drive away."""
    stage.load_mw = POWER_MW
    stage.peer = vehicle
    vehicle.charge(HONEST_PACKETS)
    vehicle.stop(OWNER_STOP)
    stage.run(stage.ended)
    stage.replug()


def _feed_back(play: Play) -> None:
    """Feed power back whenever current may flow; honest vehicles charge before and behind."""
    stage = play.pole()
    honest = VehiclePeer(stage, play.certificate())
    liar = VehiclePeer(stage, play.certificate(1))
    _charge_and_leave(stage, honest)
    for _ in range(ATTEMPTS):
        stage.load_mw = -POWER_MW
        stage.peer = liar
        liar.greet()
        stage.run_to_end("METER_BACKWARD")
        play.take_stock()
        stage.replug()
        stage.pass_time(stage.config.meter.recover_ms + 1_000)
        assert stage.status()["meter"] == "GOOD"
    _charge_and_leave(stage, honest)
    play.take_stock()


LIARS = (
    Liar(
        "feeds power back",
        VEHICLE,
        "Has an inverter, and feeds power back whenever the contactor closes, so that the pole "
        "doubts its meter for longer and longer.",
        "stops with METER_BACKWARD; since its register has moved forward, it takes the next "
        "vehicle after `recover_ms`",
        DELAY,
        _feed_back,
    ),
)
