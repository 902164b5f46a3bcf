"""`joulestream demo`: the main job, shown from an open channel to a settled one."""

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from joulestream.host_tools.layout import BUILD
from joulestream.host_tools.terminal import JsonOption, print_json, progress_console

app = typer.Typer(add_completion=False)


class Board(Enum):
    """The boards that a demo's pole can run on."""

    UNIX = "unix"
    PICO = "pico"


@app.command()
def demo(
    directory: Annotated[
        Path, typer.Option(help="Where the files go, in place of an earlier demo's.")
    ] = BUILD / "demo",
    realtime: Annotated[bool, typer.Option(help="Run on the wall clock: 13 minutes.")] = False,
    board: Annotated[
        Board, typer.Option(help="The pole's board. An emulated Pico charges 20 Wh.")
    ] = Board.UNIX,
    json: JsonOption = False,
) -> None:
    """Charge 2 kWh between two MicroPython processes, settle, plot."""
    from joulestream.host_tools.demo import Demo

    if realtime and board is Board.PICO:
        raise typer.BadParameter("an emulated Pico is slower than the wall clock; leave it out")
    summary = Demo(directory, realtime, progress_console(json), board.value).run()
    if json:
        print_json(summary)
