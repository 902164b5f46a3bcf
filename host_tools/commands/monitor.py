"""`joulestream monitor`: poles and vehicles that run, live."""

from contextlib import ExitStack
from typing import Annotated

import typer

from joulestream.host_tools.errors import CommandError
from joulestream.host_tools.service.options import (
    DEFAULT_BAUD,
    BaudOption,
    KeyOption,
    KeySecretOption,
)
from joulestream.host_tools.terminal import JsonOption

app = typer.Typer(add_completion=False)


@app.command()
def monitor(
    port: Annotated[
        list[str] | None,
        typer.Option(help="Serial port to the service UART of a device; may be repeated."),
    ] = None,
    baud: BaudOption = DEFAULT_BAUD,
    key: KeyOption = None,
    key_secret: KeySecretOption = None,
    every_s: Annotated[
        float, typer.Option("--every", min=0.2, help="Seconds from one look to the next.")
    ] = 1.0,
    count: Annotated[
        int, typer.Option(min=0, help="End after so many looks; 0: look until Ctrl-C.")
    ] = 0,
    json: JsonOption = False,
) -> None:
    """Show poles and vehicles that run, live.

    On a terminal it is a table that changes in place, elsewhere a line for each look and device.
    """
    import time

    from rich.console import Console
    from rich.live import Live

    from joulestream.host_tools.service import monitor as monitoring
    from joulestream.host_tools.service.line import ServiceLine
    from joulestream.host_tools.service.options import open_client

    if not port:
        raise CommandError("name the port of a device that runs with --port")
    console = Console(markup=False, highlight=False)
    with ExitStack() as stack:
        devices = [
            monitoring.Watched(
                stack.enter_context(ServiceLine(path, baud)), open_client(key, key_secret, None)
            )
            for path in port
        ]
        live = None
        if console.is_terminal and not json:
            live = stack.enter_context(Live(console=console, auto_refresh=False))
        looks = 0
        while True:
            for device in devices:
                device.look()
            if live is not None:
                live.update(monitoring.as_table(devices), refresh=True)
            else:
                for device in devices:
                    line = monitoring.as_json(device) if json else monitoring.as_line(device)
                    print(line, flush=True)
            looks += 1
            if looks == count:
                return
            time.sleep(every_s)
