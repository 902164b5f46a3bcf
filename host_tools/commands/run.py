"""`joulestream run`: one firmware by hand, on real serial ports."""

import json as json_format
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from joulestream.host_tools.errors import CommandError
from joulestream.host_tools.roles import Role
from joulestream.host_tools.terminal import JsonOption

app = typer.Typer(add_completion=False)

# 115200 is the link's speed on every board. Meters of Eastron are set to 9600 on their display;
# an SDM120 comes with 2400.
_LINK_BAUD = 115_200


class Pilot(StrEnum):
    """The states of the control pilot; see firmware/runtime/pilot.py."""

    A = "A"
    B = "B"
    C = "C"
    D = "D"
    E = "E"
    F = "F"


@app.command()
def run(
    role: Annotated[Role, typer.Argument(help="Which firmware.")],
    config: Annotated[
        Path, typer.Option(help="Its configuration; 'board' in it may be left out.")
    ],
    link: Annotated[str | None, typer.Option(help="Serial port to the other side.")] = None,
    meter: Annotated[str | None, typer.Option(help="Serial port of the meter.")] = None,
    service: Annotated[
        str | None, typer.Option(help="Serial port of the service line; may be left out.")
    ] = None,
    link_baud: Annotated[int, typer.Option(help="Speed of the link in bit/s.")] = _LINK_BAUD,
    pilot: Annotated[
        Pilot, typer.Option(help="State of the control pilot. A: unplugged, C: wants power.")
    ] = Pilot.C,
    clock: Annotated[
        str, typer.Option(help="'system', 'unknown', or the unix time at the start.")
    ] = "system",
    json: JsonOption = False,
) -> None:
    """Run a pole or a vehicle by hand on real serial ports.

    The command sets up the ports; the configuration tells the meter's speed. Each line that it
    prints says what the firmware does or waits for. Ctrl-C ends it and opens the contactor.
    """
    from joulestream.host_tools.run import HandRun

    ports = {"link": link, "meter": meter, "service": service}
    last = ""

    def tell(sentence: str, status: dict[str, Any]) -> None:
        nonlocal last
        if json:
            line = json_format.dumps({"waits_for": sentence, **status})
        elif sentence != last:
            line = f"{role.value}: {sentence}"
        else:
            return
        last = sentence
        print(line, flush=True)

    HandRun(role.value, config, ports, link_baud, pilot.value, _clock(clock)).run(tell)


def _clock(text: str) -> Any:
    from joulestream.host_tools import run as hand_run

    if text == "system":
        return hand_run.system_clock
    if text == "unknown":
        return hand_run.unknown_clock
    if text.isdigit():
        return hand_run.clock_from(int(text))
    raise CommandError(f"--clock {text}: say 'system', 'unknown' or a number of seconds")
