"""`joulestream flash`: MicroPython and this tree's firmware onto a board."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from joulestream.host_tools.flashing.targets import TARGETS
from joulestream.host_tools.roles import Role
from joulestream.host_tools.terminal import JsonOption, print_fields, teller

app = typer.Typer(add_completion=False)

PortOption = Annotated[
    str, typer.Option(help="The board's serial port; `mpremote connect list` shows them.")
]
BoardKind = StrEnum("BoardKind", {name: name for name in TARGETS})  # type: ignore[misc]


@app.command()
def flash(
    role: Annotated[Role, typer.Option(help="Which firmware.")],
    board: Annotated[BoardKind, typer.Option(help="The kind of board.")],
    port: PortOption,
    image: Annotated[
        Path | None,
        typer.Option(
            help="MicroPython's image, to write first: .bin of an ESP32, .uf2 of a Pico."
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
    """Put MicroPython and a firmware on a board.

    MicroPython is put on it if --image is given, and then this tree's firmware. Only files that
    changed are copied. The board starts its old firmware until the new one is whole and has passed
    the board's self-test; an interrupted command can be run again.
    """
    from joulestream.host_tools.flashing.device import Device, check_port
    from joulestream.host_tools.flashing.flash import content_of_tree
    from joulestream.host_tools.flashing.flash import flash as flash_board
    from joulestream.host_tools.flashing.image import read_image, write_image

    # A file that is wrong shows before the board is touched.
    data = None if image is None else read_image(board.value, image)
    content = content_of_tree(board.value, role.value, config)
    tell = teller(json)
    if data is not None:
        if TARGETS[board.value].esptool:
            check_port(port)
        tell(f"writing MicroPython from {image}")
        tell(write_image(port, board.value, data, drive))
    device = Device(port)
    if data is not None:
        device.await_repl()
    report = flash_board(device, board.value, role.value, content, tell)
    print_fields(f"{port}: a {board.value} that is a {role.value}", report, json)
