"""The `joulestream` command."""

import sys
from pathlib import Path
from typing import Annotated

import typer
from typer.exceptions import TyperException

from joulestream.host_tools import benchmark
from joulestream.host_tools.bench.firmware import FirmwareError
from joulestream.host_tools.demo import DEFAULT_DIRECTORY, DemoError, run_demo
from joulestream.host_tools.key_commands import app as keys_app
from joulestream.host_tools.ledger.commands import app as ledger_app
from joulestream.host_tools.ledger.errors import LedgerError
from joulestream.host_tools.settle import settle_command
from joulestream.host_tools.simulate import simulate

app = typer.Typer(
    help="Joulestream: a pole and a vehicle trade energy for money, packet by packet.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(keys_app, name="keys")
app.add_typer(ledger_app, name="ledger")
app.command("settle")(settle_command)
app.command("simulate")(simulate)

_USAGE = 2
_INTERRUPTED = 130

Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]


@app.command()
def demo(
    directory: Annotated[
        Path, typer.Option(help="Where the files go, in place of an earlier demo's.")
    ] = DEFAULT_DIRECTORY,
    realtime: Annotated[bool, typer.Option(help="Run on the wall clock: 13 minutes.")] = False,
    as_json: Json = False,
) -> None:
    """Charge 2 kWh between two MicroPython processes, settle, plot."""
    run_demo(directory, realtime, as_json)


@app.command()
def bench(
    directory: Annotated[
        Path, typer.Option(help="Where the figures go.")
    ] = benchmark.DEFAULT_DIRECTORY,
    document: Annotated[
        Path, typer.Option(help="The page that is written anew.")
    ] = benchmark.DOCUMENT,
    as_json: Json = False,
) -> None:
    """Measure bytes a packet, packets a second and exposure."""
    benchmark.run_benchmark(directory, document, as_json)


def main() -> None:
    """Run the command; an error is one line on stderr and a non-zero exit status."""
    try:
        sys.exit(app(standalone_mode=False))
    except TyperException as error:
        message = error.format_message()
        # Without arguments, the message is the help page.
        print(message if "\n" in message else f"joulestream: {message}", file=sys.stderr)
        sys.exit(_USAGE)
    except (KeyboardInterrupt, typer.Abort):
        print("joulestream: interrupted", file=sys.stderr)
        sys.exit(_INTERRUPTED)
    except (DemoError, FirmwareError, LedgerError, OSError) as error:
        print(f"joulestream: {error}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
