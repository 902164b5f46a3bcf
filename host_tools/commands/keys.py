"""The commands of key files: `joulestream keys ...`. No secret is ever an argument or printed."""

from pathlib import Path
from typing import Annotated

import typer

from joulestream.device.keystore import MAX_ITERATIONS, MIN_ITERATIONS, source_name
from joulestream.host_tools import keys
from joulestream.host_tools.commands import COMMANDS
from joulestream.host_tools.terminal import JsonOption, print_fields
from joulestream.host_tools.unlock import DeviceSecretOption, Unlock
from joulestream.signing import public_key

app = typer.Typer(help=COMMANDS["keys"].summary, no_args_is_help=True, add_completion=False)

_NEW_VARIABLE = "JOULESTREAM_NEW_PASSPHRASE"

FileArgument = Annotated[Path, typer.Argument(metavar="FILE", help="The key file.")]
NewFileArgument = Annotated[
    Path, typer.Argument(metavar="NEWFILE", help="The file to make; never overwritten.")
]
IterationsOption = Annotated[
    int,
    typer.Option(
        min=MIN_ITERATIONS, max=MAX_ITERATIONS, help="How far a passphrase is stretched."
    ),
]


@app.command()
def new(
    file: NewFileArgument,
    device_secret: DeviceSecretOption = None,
    iterations: IterationsOption = keys.DEFAULT_ITERATIONS,
    json: JsonOption = False,
) -> None:
    """Make a key, sealed with a passphrase or a device secret.

    The passphrase is asked for, unless JOULESTREAM_PASSPHRASE holds it.
    """
    _seal("New key", file, keys.new_seed(), Unlock(device_secret), iterations, json)


@app.command()
def show(
    file: FileArgument, device_secret: DeviceSecretOption = None, json: JsonOption = False
) -> None:
    """Show a key's public half, and how it is sealed."""
    seed = keys.read_seed(file, Unlock(device_secret))
    _print("Key", file, seed, json)


@app.command()
def reseal(
    file: FileArgument,
    new_file: NewFileArgument,
    device_secret: DeviceSecretOption = None,
    new_device_secret: Annotated[
        Path | None, typer.Option(help="File with the device secret that is to seal it.")
    ] = None,
    iterations: IterationsOption = keys.DEFAULT_ITERATIONS,
    json: JsonOption = False,
) -> None:
    """Seal a key anew, or a plain one for the first time, into another file.

    The new passphrase is asked for, unless JOULESTREAM_NEW_PASSPHRASE holds it.
    """
    seed = keys.read_seed(file, Unlock(device_secret))
    unlock = Unlock(new_device_secret, _NEW_VARIABLE, "New passphrase")
    _seal("Resealed key", new_file, seed, unlock, iterations, json)


@app.command("device-secret")
def device_secret(file: NewFileArgument, json: JsonOption = False) -> None:
    """Make the secret of a device that has none of its own, in plain, as the unix board."""
    keys.write_seed(file, keys.new_seed())
    print_fields("New device secret", {"file": str(file)}, json)


def _seal(
    title: str, path: Path, seed: bytes, unlock: Unlock, iterations: int, as_json: bool
) -> None:
    keys.write_sealed(path, seed, unlock, iterations)
    _print(title, path, seed, as_json)


def _print(title: str, path: Path, seed: bytes, as_json: bool) -> None:
    sealed = keys.read_sealed(path)
    fields = {
        "file": str(path),
        "public_key": public_key(seed).hex(),
        "sealed_with": source_name(sealed.source) if sealed else None,
        "iterations": sealed.iterations if sealed else None,
    }
    print_fields(title, fields, as_json)
