"""The output of commands on stdout: JSON for scripts, tables for people."""

import codecs
import io
import json
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich import box
from rich.console import Console
from rich.table import Table

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]

# A file or pipe has no edge: wide enough for a row with a 32-byte id, so that nothing is folded.
_PLAIN_WIDTH = 240
# Letters for terminals that do not have these characters.
_PLAIN = {"€": "EUR", "µ": "u", "…": "..."}


def prepare_stdout() -> None:
    """Let stdout take any text: a character that its encoding lacks is spelled, or is a '?'."""
    codecs.register_error("joulestream", _spell)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="joulestream")


def _spell(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    letters = error.object[error.start : error.end]
    return "".join(_PLAIN.get(letter, "?") for letter in letters), error.end


def progress_console(as_json: bool) -> Console:
    """Return the console for progress and tables: stderr where stdout is for JSON alone."""
    return Console(file=sys.stderr if as_json else sys.stdout)


def teller(as_json: bool) -> Callable[[str], None]:
    """Return a function that prints a sentence about progress, where progress_console() does."""
    console = progress_console(as_json)

    def tell(sentence: str) -> None:
        console.print(sentence, markup=False, highlight=False, soft_wrap=True)

    return tell


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
