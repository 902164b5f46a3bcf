"""The options of the ledger commands, and functions that read their text."""

import os
from pathlib import Path
from typing import Annotated

import typer

from joulestream.host_tools.certificate_files import channel_of
from joulestream.host_tools.keys import read_signer
from joulestream.host_tools.ledger.errors import LedgerError
from joulestream.host_tools.ledger.ledger import Ledger
from joulestream.host_tools.ledger.schema import ID_SIZE
from joulestream.host_tools.settlement import DEFAULT_LEDGER, parse
from joulestream.host_tools.unlock import Unlock
from joulestream.signing import Signer

DEFAULT_LOCATION = "ledger.db"
DEFAULT_ASSET = "uEUR"


def _sql_place(location: str) -> str:
    """Return the place of an SQL ledger in a location as `settle` takes it. Raises LedgerError."""
    name, place = parse(location)
    if name != DEFAULT_LEDGER:
        raise LedgerError(f"{location} is no SQL ledger, and the ledger commands work on one only")
    if not place:
        raise LedgerError(f"{location!r} names no ledger; name its file or database URL")
    return place


LedgerOption = Annotated[
    str,
    typer.Option(
        "--ledger",
        envvar="JOULESTREAM_LEDGER",
        callback=_sql_place,
        help="The ledger's file or database URL.",
    ),
]
SeedOption = Annotated[
    Path | None,
    typer.Option(
        "--seed-file", help="The ledger's seed. Default: the ledger's file with '.seed' added."
    ),
]
NowOption = Annotated[
    int | None,
    typer.Option("--now-s", help="Unix time, for a simulation. Default: the database's clock."),
]
AssetOption = Annotated[str, typer.Option("--asset", help="Name of the asset.")]
CertificateOption = Annotated[
    Path,
    typer.Option(
        "--certificate",
        help="File to write the certificate to: a new one, or this channel's certificate.",
    ),
]
UnitsOption = Annotated[
    int, typer.Option("--base-units-per-claim-unit", help="Base units in one claim unit.")
]
ValidityOption = Annotated[
    int | None,
    typer.Option("--validity-s", help="Time from issue to expiry. Default: half the window."),
]
ChannelArgument = Annotated[
    str,
    typer.Argument(
        metavar="CHANNEL",
        help="Channel id (64 hex digits) or certificate file; ./NAME for a file named like an id.",
    ),
]


def bytes_from(name: str, text: str, size: int) -> bytes:
    """Return the `size` bytes that `text` holds in hexadecimal.

    Raises LedgerError, with `name` for the value.
    """
    try:
        data = bytes.fromhex(text)
    except ValueError:
        data = b""
    if len(data) != size:
        hint = ", and not the name of a file" if os.path.lexists(text) else ""
        raise LedgerError(f"the {name} must be {2 * size} hexadecimal digits{hint}")
    return data


def account_from(ledger: Ledger, text: str) -> bytes:
    """Return the id of an account. `text` is its name, or its id in hexadecimal.

    Raises LedgerError.
    """
    if len(text) == 2 * ID_SIZE:
        return bytes_from("account id", text, ID_SIZE)
    return ledger.account(text).id


def channel_from(ledger: Ledger, text: str) -> bytes:
    """Return a channel id. `text` is as in `certificate_files.channel_of`.

    A file must be a genuine certificate of `ledger`. Raises CommandError.
    """
    channel_id, certificate = channel_of(text)
    if certificate is not None and not ledger.issued(certificate):
        raise LedgerError(f"{text} is a certificate of another ledger than {ledger.name}")
    return channel_id


def seed_path(location: str, seed_file: Path | None) -> Path:
    """Return the path of the ledger's seed file. A database URL has no default path.

    Raises LedgerError.
    """
    if seed_file is not None:
        return seed_file
    if "://" in location:
        raise LedgerError("a ledger at a database URL needs --seed-file")
    return Path(location + ".seed")


def signer_from(location: str, seed_file: Path | None, device_secret: Path | None) -> Signer:
    """Return the ledger's signer. Raises LedgerError or KeyFileError."""
    return read_signer(seed_path(location, seed_file), Unlock(device_secret))
