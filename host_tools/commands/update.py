"""`joulestream update`: a signed release onto a board."""

from pathlib import Path
from typing import Annotated

import typer

from joulestream.host_tools.terminal import JsonOption, print_fields, teller

app = typer.Typer(add_completion=False)


@app.command()
def update(
    release: Annotated[
        Path,
        typer.Argument(
            metavar="RELEASE", help="Directory of a release, or the one .release file in it."
        ),
    ],
    port: Annotated[str, typer.Option(help="The serial port of a provisioned board.")],
    json: JsonOption = False,
) -> None:
    """Send a signed release to a board.

    The board checks it and starts it on trial. It refuses a release without its release key's
    signature, an older one, and one for another board or role. The old release returns unless the
    new one reports healthy within three starts.
    """
    from joulestream.host_tools.flashing.device import Device
    from joulestream.host_tools.flashing.update import find_release
    from joulestream.host_tools.flashing.update import update as update_board

    find_release(release)
    report = update_board(Device(port), release, teller(json))
    print_fields(f"{port}: updated", report, json)
