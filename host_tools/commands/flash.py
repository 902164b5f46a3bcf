"""`joulestream flash`: MicroPython and this tree's firmware onto a board."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from joulestream.host_tools.flashing.targets import TARGETS
from joulestream.host_tools.terminal import JsonOption, print_fields, progress_console

app = typer.Typer(add_completion=False)

PortOption = Annotated[
    str, typer.Option(help="The board's serial port; `mpremote connect list` shows them.")
]
BoardKind = StrEnum("BoardKind", {name: name for name in TARGETS})  # type: ignore[misc]


class Role(StrEnum):
    """The firmware of the board."""

    POLE = "pole"
    VEHICLE = "vehicle"


@app.command()
def flash(
    role: Annotated[Role, typer.Option(help="Which firmware.")],
    board: Annotated[BoardKind, typer.Option(help="The kind of board.")],
    port: PortOption,
    image: Annotated[
        Path | None,
        typer.Option(
            help="MicroPython's image, to write first: .bin for an ESP32, .uf2 for a Pico."
        ),
    ] = None,
    config: Annotated[
        Path | None, typer.Option(help="Its configuration. Without it the board's stays.")
    ] = None,
    drive: Annotated[
        Path | None, typer.Option(help="The folder of a Pico's drive, if it is not found.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Put MicroPython, if --image is given, and this tree's firmware on a board.

    Only files that changed are copied. The board starts its old firmware until the new one is
    whole and has passed the board's self-test; an interrupted command can be run again.
    """
    from joulestream.host_tools.flashing.device import Device, check_port
    from joulestream.host_tools.flashing.flash import flash as flash_board
    from joulestream.host_tools.flashing.image import write_image

    console = progress_console(True)

    def tell(sentence: str) -> None:
        console.print(sentence, markup=False, highlight=False)

    if image is not None:
        if TARGETS[board.value].esptool:
            check_port(port)
        tell(f"writing MicroPython from {image}")
        tell(write_image(port, board.value, image, drive))
    device = Device(port)
    if image is not None:
        device.await_repl()
    report = flash_board(device, board.value, role.value, config, tell)
    print_fields(f"{port}: a {board.value} that is a {role.value}", report, json)
