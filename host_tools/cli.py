"""The `joulestream` command: finds a command, runs it, and says in one sentence why it failed.

`LazyGroup.main` is the one place that prints an error and sets the exit status.
"""

import sys
from importlib import import_module
from importlib.metadata import version
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperCommand, TyperGroup
from typer.exceptions import TyperException

from joulestream.host_tools.commands import COMMANDS
from joulestream.host_tools.errors import CommandError

_NAME = "joulestream"
_FAILED = 1
_USAGE = 2
_INTERRUPTED = 130


class LazyGroup(TyperGroup):
    """The commands of the table COMMANDS, each imported when it is run.

    Help pages and the completion of names show the table alone, so they import no command.
    """

    def main(self, *arguments: Any, **options: Any) -> NoReturn:
        """Run a command line and exit; an error is one line on stderr and a status above 0."""
        try:
            status = super().main(*arguments, **{**options, "standalone_mode": False})
        except TyperException as error:
            message = error.format_message()
            # Without arguments the message is a help page, which stays as it is.
            print(message if "\n" in message else f"{_NAME}: {message}", file=sys.stderr)
            status = _USAGE
        except typer.Abort:
            status = _INTERRUPTED
        except (CommandError, OSError) as error:
            print(f"{_NAME}: {_sentence(error)}", file=sys.stderr)
            status = _FAILED
        if status == _INTERRUPTED:
            print(f"{_NAME}: interrupted", file=sys.stderr)
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
    app(prog_name=_NAME)


def _sentence(error: Exception) -> str:
    """Return an error's text as one line; of the system's errors, the file and the reason."""
    if isinstance(error, OSError) and error.strerror:
        where = f"{error.filename}: " if error.filename else ""
        return where + error.strerror
    return " ".join(str(error).split())


if __name__ == "__main__":
    main()
