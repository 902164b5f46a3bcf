"""`joulestream emulator`: the emulated riscv32 board, for mpremote to talk to."""

import typer

from joulestream.host_tools.terminal import progress_console

app = typer.Typer(add_completion=False)


@app.command()
def emulator() -> None:
    """Start the emulated riscv32 board, for mpremote to talk to.

    It has this tree's libraries on its file system and runs until Ctrl-C.
    """
    from joulestream.host_tools.build.board import build, build_library
    from joulestream.host_tools.emulator import EmulatedBoard

    console = progress_console(False)
    firmware, library = build(), build_library()
    with EmulatedBoard(firmware, [library]) as board:
        console.print(f"The emulated board is on {board.port}. Ctrl-C switches it off. Try:")
        console.print(f"  mpremote connect {board.port} resume repl", highlight=False)
        board.wait()
