"""`joulestream keys ...`: the commands of key files. No secret is an argument, none is printed."""

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
    Path,
    typer.Argument(metavar="NEWFILE", help="The new file. An existing file is never overwritten."),
]
IterationsOption = Annotated[
    int,
    typer.Option(
        min=MIN_ITERATIONS, max=MAX_ITERATIONS, help="Rounds of PBKDF2 for a passphrase."
    ),
]


@app.command()
def new(
    file: NewFileArgument,
    device_secret: DeviceSecretOption = None,
    iterations: IterationsOption = keys.DEFAULT_ITERATIONS,
    json: JsonOption = False,
) -> None:
    """Make a new key, sealed with a passphrase or a device secret.

    A prompt asks for the passphrase, unless JOULESTREAM_PASSPHRASE holds it.
    """
    _seal("New key", file, keys.new_seed(), Unlock(device_secret), iterations, json)


@app.command()
def show(
    file: FileArgument, device_secret: DeviceSecretOption = None, json: JsonOption = False
) -> None:
    """Show the public key of a key file, and the kind of secret that seals it."""
    seed = keys.read_seed(file, Unlock(device_secret))
    _print("Key", file, seed, json)


@app.command()
def reseal(
    file: FileArgument,
    new_file: NewFileArgument,
    device_secret: DeviceSecretOption = None,
    new_device_secret: Annotated[
        Path | None, typer.Option(help="File with the device secret that seals the new file.")
    ] = None,
    iterations: IterationsOption = keys.DEFAULT_ITERATIONS,
    json: JsonOption = False,
) -> None:
    """Seal the key of one file, sealed or plain, into another file with a new secret.

    A prompt asks for the new passphrase, unless JOULESTREAM_NEW_PASSPHRASE holds it.
    """
    seed = keys.read_seed(file, Unlock(device_secret))
    unlock = Unlock(new_device_secret, _NEW_VARIABLE, "New passphrase")
    _seal("Resealed key", new_file, seed, unlock, iterations, json)


@app.command("device-secret")
def device_secret(file: NewFileArgument, json: JsonOption = False) -> None:
    """Make a plain device secret, for a board without a secret of its own, as the unix board."""
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
