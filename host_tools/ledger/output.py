"""What commands print: JSON or tables on stdout, an error as one line on stderr."""

import functools
import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, NoReturn

import typer
from rich import box
from rich.console import Console
from rich.table import Table

from joulestream.host_tools.flash_image import FlashImageError
from joulestream.host_tools.keys import KeyFileError
from joulestream.host_tools.ledger.errors import LedgerError

# A file or pipe has no edge: wide enough for a row with a 32-byte id, so that nothing is folded.
_PLAIN_WIDTH = 240


def fail(message: str) -> NoReturn:
    """End the command with exit status 1 and `message` as one line on stderr."""
    typer.echo(f"joulestream: {' '.join(message.split())}", err=True)
    raise typer.Exit(1)


def one_line_errors(command: Callable[..., None]) -> Callable[..., None]:
    """Let a command `fail` with what the ledger, a key file or a flash image refuses."""

    @functools.wraps(command)
    def wrapped(*arguments: Any, **options: Any) -> None:
        try:
            command(*arguments, **options)
        except (LedgerError, KeyFileError, FlashImageError) as error:
            fail(str(error))

    return wrapped


def print_json(data: Any) -> None:
    """Print `data` as JSON; integers keep all their digits."""
    typer.echo(json.dumps(data, indent=2))


def print_fields(title: str, fields: dict[str, Any], as_json: bool) -> None:
    """Print one thing: its names and values, as JSON or as a table."""
    if as_json:
        print_json(fields)
        return
    table = Table(title=title, title_justify="left", box=box.SIMPLE, show_header=False)
    table.add_column()
    table.add_column(overflow="fold")
    for name, value in fields.items():
        table.add_row(name, _text(name, value))
    _print(table)


def print_list(title: str, things: Sequence[dict[str, Any]]) -> None:
    """Print things that have the same fields as one table."""
    table = Table(
        title=title if things else f"{title}: none", title_justify="left", box=box.SIMPLE
    )
    for name in things[0] if things else ():
        table.add_column(
            name, justify="right" if name.endswith("_units") else "left", overflow="fold"
        )
    for thing in things:
        table.add_row(*(_text(name, value) for name, value in thing.items()))
    _print(table)


def _print(table: Table) -> None:
    console = Console(markup=False, highlight=False)
    if not console.is_terminal:
        console = Console(markup=False, highlight=False, width=_PLAIN_WIDTH)
    console.print(table)


def _text(name: str, value: Any) -> str:
    if value is None or value == []:
        return "-"
    if isinstance(value, dict):
        return ", ".join(f"{_text(name, part)} {key}" for key, part in value.items())
    if isinstance(value, list):
        return "; ".join(value)
    if name.endswith("_units"):
        return f"{value:,}"
    if name.endswith("_at_s"):
        return datetime.fromtimestamp(value, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    return str(value)
