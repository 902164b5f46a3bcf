"""Vehicles that wear the pole's contactor out: it shall close and open as often as it can."""

from typing import Any

from joulestream.channel import Certificate
from joulestream.errors import OWNER_STOP
from joulestream.host_tools.adversaries.liar import ATTEMPTS, VEHICLE, Liar, Script
from joulestream.host_tools.adversaries.lying_vehicle import CREDIT_AND_DELAY, LyingVehicle
from joulestream.host_tools.adversaries.play import Play
from joulestream.host_tools.adversaries.stage import STEP_MS, PoleStage

_HOUR_MS = 3_600_000
_ATTEMPT_MS = 60_000
# The pole sees a pulled plug within so long.
_UNPLUGGED_MS = 200
# A session that does not come about is tried again after so long.
_PATIENCE_MS = 5_000


class WearsContacts(LyingVehicle):
    """Pays, and has the contactor opened in every step in which it is closed."""

    waiting_ms = 0

    def wear(self, for_ms: int) -> None:
        """Wear the contacts out for `for_ms`."""
        stage = self.stage
        for _ in range(for_ms // STEP_MS):
            stage.step()
            self.waiting_ms += STEP_MS
            if stage.contact_closed:
                self.open()
                self.waiting_ms = 0
            elif self.waiting_ms >= _PATIENCE_MS and not self.charging():
                self.waiting_ms = 0
                self.greet()

    def charging(self) -> bool:
        """Return whether a session is open: then the contactor closes as soon as it may."""
        loop = self.stage.supervisor.loop if self.stage.supervisor else None
        return loop is not None and loop.payee.charging is not None

    def open(self) -> None:
        """Have the contactor opened, and ask for it again. Here: with a new HELLO."""
        self.greet()


class WigglesThePlug(WearsContacts):
    """Pulls the plug as soon as current flows."""

    def open(self) -> None:
        stage = self.stage
        stage.plugged = False
        stage.pass_time(_UNPLUGGED_MS)
        stage.plugged = True
        self.greet()


class StopsAgainAndAgain(WearsContacts):
    """Ends its session in order as soon as current flows."""

    def open(self) -> None:
        self.stop(OWNER_STOP)


class ChangesChannels(WearsContacts):
    """Comes back with another channel each time."""

    others: list[Certificate]

    def open(self) -> None:
        self.others.append(self.certificate)
        self.use(self.others.pop(0))
        self.greet()


class CutsThePolesPower(WearsContacts):
    """Has the pole lose its power as soon as current flows."""

    def open(self) -> None:
        self.stage.cut_power(_UNPLUGGED_MS)
        self.greet()


KINDS: tuple[type[WearsContacts], ...] = (
    WearsContacts,
    WigglesThePlug,
    StopsAgainAndAgain,
    ChangesChannels,
    CutsThePolesPower,
)


def closings(kind: type[WearsContacts], for_ms: int = _HOUR_MS) -> int:
    """Return how often the contactor closes while a vehicle wears it out for `for_ms`."""
    play = Play()
    stage = play.pole()
    liar = _liar(kind, play, stage)
    liar.greet()
    liar.wear(for_ms)
    return stage.closings


def _liar(kind: type[WearsContacts], play: Play, stage: PoleStage) -> Any:
    liar = kind(stage, play.certificate())
    if isinstance(liar, ChangesChannels):
        liar.others = [play.certificate(number) for number in (1, 2)]
    return liar


def _script(kind: type[WearsContacts]) -> Script:
    def script(play: Play) -> None:
        stage = play.pole()
        liar = _liar(kind, play, stage)
        for _ in range(ATTEMPTS):
            liar.greet()
            liar.wear(_ATTEMPT_MS)
            play.take_stock()

    return script


_ANSWER = "counts each closing in its journal, and lets the contactor rest for longer each time"

LIARS = tuple(
    Liar(name, VEHICLE, lie, _ANSWER, CREDIT_AND_DELAY, _script(kind))
    for kind, name, lie in (
        (
            WearsContacts,
            "wears the contacts out with greetings",
            "Greets again as soon as current flows.",
        ),
        (
            WigglesThePlug,
            "wears the contacts out with its plug",
            "Pulls the plug as soon as current flows, and plugs in again.",
        ),
        (
            StopsAgainAndAgain,
            "wears the contacts out with orders to stop",
            "Ends its session in order as soon as current flows, and comes back.",
        ),
        (
            ChangesChannels,
            "wears the contacts out with many channels",
            "Comes back with another channel as soon as current flows.",
        ),
        (
            CutsThePolesPower,
            "wears the contacts out with the pole's breaker",
            "Has the pole lose its power as soon as current flows.",
        ),
    )
)
