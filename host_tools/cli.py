"""The `joulestream` command: finds a command, runs it, and says in one sentence why it failed.

`LazyGroup.main` is the one place that prints an error and sets the exit status. Any exception is
one line there. With the environment variable JOULESTREAM_TRACEBACK the traceback comes before it.
"""

import logging
import os
import signal
import sys
import traceback
import warnings
from importlib import import_module
from importlib.metadata import version
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperCommand, TyperGroup
from typer.exceptions import TyperException

from joulestream.host_tools.commands import COMMANDS
from joulestream.host_tools.errors import one_line, sentence
from joulestream.host_tools.terminal import prepare_stdout

_NAME = "joulestream"
_TRACEBACK = "JOULESTREAM_TRACEBACK"
_FAILED = 1
_USAGE = 2
_INTERRUPTED = 130


class LazyGroup(TyperGroup):
    """The commands of the table COMMANDS, each imported when it is run.

    Help pages and the completion of names show the table alone, so they import no command.
    """

    def main(self, *arguments: Any, **options: Any) -> NoReturn:
        """Run a command line and exit; an error is one line on stderr and a status above 0."""
        said = ""
        try:
            prepare_stdout()
            status = super().main(*arguments, **{**options, "standalone_mode": False})
            if sys.stdout is not None:
                # A full disk shows here at the latest, and not when Python ends.
                sys.stdout.flush()
        except TyperException as error:
            message = one_line(error.format_message())
            # Without arguments there is no message: Typer has printed the help page.
            said = message and f"{_NAME}: {message}"
            status = _USAGE
        except (typer.Abort, KeyboardInterrupt):
            status = _INTERRUPTED
        except BrokenPipeError:  # the reader of stdout has seen enough
            status = _FAILED
            _abandon_stdout()
        except Exception as error:
            said = f"{_NAME}: {sentence(error)}"
            status = _FAILED
            if os.environ.get(_TRACEBACK):
                said = f"{traceback.format_exc()}{said}"
            _abandon_stdout()
        if status == _INTERRUPTED:
            said = f"{_NAME}: interrupted"
        if said and sys.stderr is not None:
            print(said, file=sys.stderr)
        sys.exit(status)

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names of all commands, in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return a command's name and summary as a command that does nothing, None if unknown."""
        if cmd_name not in COMMANDS:
            return None
        return TyperCommand(cmd_name, help=COMMANDS[cmd_name].summary)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Return name, command and remaining words of a command line, the command imported."""
        self.commands = {name: self.get_command(ctx, name) for name in COMMANDS}
        name, command, rest = super().resolve_command(ctx, args)
        if name is not None and command is not None:
            command = typer.main.get_command(import_module(COMMANDS[name].module).app)
            command.name = name
        return name, command, rest


app = typer.Typer(
    cls=LazyGroup,
    help="Joulestream: a pole and a vehicle trade energy for money, packet by packet.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(version(_NAME))
        raise typer.Exit


@app.callback()
def _options(
    show_version: Annotated[
        bool,
        typer.Option(
            "--version", help="Print the version.", callback=_print_version, is_eager=True
        ),
    ] = False,
) -> None:
    pass


def main() -> None:
    """Run the command line of this process."""
    if not os.environ.get(_TRACEBACK):
        # Other packages warn of what no user of the command can mend.
        warnings.simplefilter("ignore")
        logging.lastResort = None
    for number in (signal.SIGTERM, signal.SIGHUP):
        # One that is ignored, as nohup does, stays so.
        if signal.getsignal(number) == signal.SIG_DFL:
            signal.signal(number, _interrupt)
    app(prog_name=_NAME)


def _interrupt(number: int, frame: Any) -> NoReturn:
    """End the command as Ctrl-C does, so that it removes its unfinished work."""
    raise KeyboardInterrupt


def _abandon_stdout() -> None:
    """Write out what stdout still holds, or drop it where it cannot be written."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except (OSError, ValueError):
        # Else Python tries once more at its end, and prints two lines about that.
        with open(os.devnull, "wb") as nothing:
            os.dup2(nothing.fileno(), sys.__stdout__.fileno() if sys.__stdout__ else 1)


if __name__ == "__main__":
    main()
