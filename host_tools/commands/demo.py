"""`joulestream demo`: the main job, shown from an open channel to a settled one."""

from pathlib import Path
from typing import Annotated

import typer

from joulestream.host_tools.layout import BUILD
from joulestream.host_tools.terminal import JsonOption, print_json, progress_console

app = typer.Typer(add_completion=False)


@app.command()
def demo(
    directory: Annotated[
        Path, typer.Option(help="Where the files go, in place of an earlier demo's.")
    ] = BUILD / "demo",
    realtime: Annotated[bool, typer.Option(help="Run on the wall clock: 13 minutes.")] = False,
    json: JsonOption = False,
) -> None:
    """Charge 2 kWh between two MicroPython processes, settle, plot."""
    from joulestream.host_tools.demo import Demo

    summary = Demo(directory, realtime, progress_console(json)).run()
    if json:
        print_json(summary)
