"""`joulestream pico`: the emulated Raspberry Pi Pico, for mpremote to talk to."""

import os
from pathlib import Path
from typing import Annotated

import typer

from joulestream.host_tools.layout import BUILD
from joulestream.host_tools.terminal import progress_console

app = typer.Typer(add_completion=False)


@app.command()
def pico(
    flash: Annotated[
        Path, typer.Option(help="The file of its flash. A new one has this tree's library.")
    ] = BUILD / "pico" / "flash.bin",
) -> None:
    """Start the emulated Raspberry Pi Pico, for mpremote to talk to.

    Its flash keeps its contents from one start to the next. It runs until Ctrl-C.
    """
    from joulestream.host_tools.bench.ports import Port
    from joulestream.host_tools.build.pico import build, build_library, emulator_modules
    from joulestream.host_tools.errors import CommandError
    from joulestream.host_tools.pico_emulator import FLASH_SIZE, EmulatedPico
    from joulestream.host_tools.pico_flash import write_flash

    console = progress_console(False)
    if os.path.lexists(flash) and not (flash.is_file() and flash.stat().st_size == FLASH_SIZE):
        raise CommandError(f"{flash} is no flash of the emulated Pico; name another file")
    firmware, modules = build(), emulator_modules()
    if not flash.exists():
        write_flash(flash, [build_library()])
    link, meter = Port(), Port()
    with EmulatedPico(firmware, modules, flash) as board:
        with board.serving([(0, link), (1, meter)], paced=True) as port:
            console.print(f"The emulated Pico is on {port}. Ctrl-C switches it off. Try:")
            console.print(f"  mpremote connect {port} resume repl", highlight=False)
            console.print(f"UART 0 is on {link.path}, UART 1 on {meter.path}.", highlight=False)
            board.wait()
