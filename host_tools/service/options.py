"""The options of every command that asks a device over its service line."""

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from joulestream.host_tools.errors import CommandError
from joulestream.host_tools.service.line import BAUD

if TYPE_CHECKING:
    from joulestream.host_tools.service.client import Client
    from joulestream.host_tools.service.poles import Pole

PortOption = Annotated[
    str | None,
    typer.Option("--port", help="Serial port to the service UART of a device that runs."),
]
BaudOption = Annotated[int, typer.Option("--baud", help="Speed of that port in bit/s.")]
KeyOption = Annotated[
    Path | None,
    typer.Option(
        "--key",
        envvar="JOULESTREAM_SERVICE_KEY",
        help="Key file of this host; its public key is one of the device's 'service_keys'.",
    ),
]
KeySecretOption = Annotated[
    Path | None,
    typer.Option("--key-secret", help="Device secret that opens the file of --key."),
]
DeviceKeyOption = Annotated[
    str | None,
    typer.Option("--device-key", help="The device must have this public key, 64 hex digits."),
]
DEFAULT_BAUD = BAUD


def open_client(key: Path | None, key_secret: Path | None, device_key: str | None) -> "Client":
    """Return a client with the host's key.

    Raises CommandError if the key cannot be read, or the device's key is none.
    """
    from joulestream.host_tools.keys import read_signer
    from joulestream.host_tools.service.client import Client
    from joulestream.host_tools.unlock import Unlock

    wanted = None
    if device_key is not None:
        try:
            wanted = bytes.fromhex(device_key)
        except ValueError:
            wanted = b""
        if len(wanted) != 32:
            raise CommandError("--device-key must be 64 hexadecimal digits")
    signer = None if key is None else read_signer(key, Unlock(key_secret))
    return Client(signer, wanted)


def open_pole(
    stack: ExitStack,
    image: Path | None,
    blocks: int,
    block_size: int,
    port: str | None,
    baud: int,
    key: tuple[Path | None, Path | None, str | None],
) -> "Pole":
    """Return the pole of an image, or the one that runs at `port`; `stack` gives the port back.

    `key` holds the arguments of `open_client`. Raises CommandError.
    """
    from joulestream.host_tools.service.line import ServiceLine
    from joulestream.host_tools.service.poles import ImagePole, RunningPole

    if image is not None:
        return ImagePole(image, blocks, block_size)
    assert port is not None
    client = open_client(*key)
    return RunningPole(stack.enter_context(ServiceLine(port, baud)), client)
