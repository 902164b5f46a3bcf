"""`joulestream service`: the time and the prices of a pole that runs."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from joulestream.host_tools.errors import CommandError
from joulestream.host_tools.service.options import (
    DEFAULT_BAUD,
    BaudOption,
    DeviceKeyOption,
    KeyOption,
    KeySecretOption,
    PortOption,
)
from joulestream.host_tools.terminal import JsonOption, print_fields, print_json, print_list

if TYPE_CHECKING:
    from joulestream.host_tools.service.client import Client
    from joulestream.host_tools.service.line import ServiceLine

app = typer.Typer(add_completion=False, help="Read and set time and prices of a pole that runs.")


@contextmanager
def _asking(
    port: str | None, baud: int, key: tuple[Path | None, Path | None, str | None]
) -> Iterator[tuple["ServiceLine", "Client"]]:
    """Give the line and the client of a command's options. Raises CommandError."""
    from joulestream.host_tools.service.line import ServiceLine
    from joulestream.host_tools.service.options import open_client

    if port is None:
        raise CommandError("name the port of a pole that runs with --port")
    client = open_client(*key)
    with ServiceLine(port, baud) as line:
        yield line, client


@app.command(name="time")
def show_time(
    port: PortOption = None,
    baud: BaudOption = DEFAULT_BAUD,
    key: KeyOption = None,
    key_secret: KeySecretOption = None,
    device_key: DeviceKeyOption = None,
    json: JsonOption = False,
) -> None:
    """Show the time of a pole's clock, and where it comes from."""
    from joulestream.host_tools.service.settings import read_time

    with _asking(port, baud, (key, key_secret, device_key)) as (line, client):
        print_fields(line.path, line.run(read_time(client)), json)


@app.command(name="set-time")
def set_time(
    time_s: Annotated[
        int | None,
        typer.Argument(metavar="[UNIX_TIME]", min=0, help="Default: this computer's time."),
    ] = None,
    port: PortOption = None,
    baud: BaudOption = DEFAULT_BAUD,
    key: KeyOption = None,
    key_secret: KeySecretOption = None,
    device_key: DeviceKeyOption = None,
) -> None:
    """Set a pole's clock, until its next start or until a network tells it the time."""
    import time

    from joulestream.host_tools.service.settings import write_time

    with _asking(port, baud, (key, key_secret, device_key)) as (line, client):
        line.run(write_time(client, int(time.time()) if time_s is None else time_s))


@app.command()
def prices(
    port: PortOption = None,
    baud: BaudOption = DEFAULT_BAUD,
    key: KeyOption = None,
    key_secret: KeySecretOption = None,
    device_key: DeviceKeyOption = None,
    json: JsonOption = False,
) -> None:
    """Show the prices that a pole follows."""
    from joulestream.host_tools.service.settings import read_prices

    with _asking(port, baud, (key, key_secret, device_key)) as (line, client):
        rows = line.run(read_prices(client))
    if json:
        print_json(rows)
    else:
        print_list(f"{port}: {len(rows)} prices", rows)


@app.command(name="set-prices")
def set_prices(
    file: Annotated[
        Path,
        typer.Argument(metavar="FILE", help="JSON list of 'from_s' and 'price_per_kwh'."),
    ],
    port: PortOption = None,
    baud: BaudOption = DEFAULT_BAUD,
    key: KeyOption = None,
    key_secret: KeySecretOption = None,
    device_key: DeviceKeyOption = None,
) -> None:
    """Give a pole other prices, until its next start.

    The file holds a list as 'prices' in the pole's configuration. No price may be above the
    dearest one there.
    """
    from joulestream.host_tools.service.settings import load_prices, write_prices

    rows = load_prices(file)
    with _asking(port, baud, (key, key_secret, device_key)) as (line, client):
        line.run(write_prices(client, rows))
