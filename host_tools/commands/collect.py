"""`joulestream collect`: a pole's claims, and the ledger's word on them."""

import time
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from joulestream.host_tools.collect import NotMarked, note_restored
from joulestream.host_tools.errors import CommandError
from joulestream.host_tools.flash_image import BLOCK_SIZE, BLOCKS, BlockSizeOption, BlocksOption
from joulestream.host_tools.service.options import (
    DEFAULT_BAUD,
    BaudOption,
    DeviceKeyOption,
    KeyOption,
    KeySecretOption,
    PortOption,
)
from joulestream.host_tools.terminal import JsonOption, print_json, print_list

app = typer.Typer(add_completion=False)


@app.command()
def collect(
    files: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[IMAGE] [CERTIFICATE]...",
            help="File with the flash of a pole that is stopped; not with --port. Then "
            "certificates that the ledger gave after it had paid; the pole gets them.",
        ),
    ] = None,
    port: PortOption = None,
    baud: BaudOption = DEFAULT_BAUD,
    key: KeyOption = None,
    key_secret: KeySecretOption = None,
    device_key: DeviceKeyOption = None,
    restored: Annotated[
        bool,
        typer.Option(
            "--restored",
            help="The image is an older copy that goes back into its pole: the pole takes no "
            "certificate from before now any more.",
        ),
    ] = False,
    blocks: BlocksOption = BLOCKS,
    block_size: BlockSizeOption = BLOCK_SIZE,
    json: JsonOption = False,
) -> None:
    """Show a pole's claims, and mark those that are paid.

    The pole is an image of its flash, or it runs at the other end of --port and goes on charging.
    A certificate says in its field 'claimed' how much the ledger has paid on the channel.
    """
    from joulestream.host_tools.certificate_files import read_certificate
    from joulestream.host_tools.service.options import open_pole

    image, certificates = split(files or [], port)
    if restored and image is None:
        raise CommandError("--restored is for an image: stop the pole, and name its flash")
    failure: NotMarked | None = None
    words = [read_certificate(path) for path in certificates]
    with ExitStack() as stack:
        pole = open_pole(
            stack, image, blocks, block_size, port, baud, (key, key_secret, device_key)
        )
        if words:
            try:
                pole.mark(words)
            except NotMarked as error:
                failure = error
        if restored and image is not None:
            note_restored(image, int(time.time()), blocks, block_size)
        channels = [
            {
                "channel_id": claim.channel_id.hex(),
                "claimed_claim_units": claim.amount,
                "collected_claim_units": claim.collected,
                "signature": claim.signature.hex(),
                "why": claim.error,
            }
            for claim in pole.claims()
        ]
    if json:
        print_json(channels)
    else:
        print_list(f"{pole.name}: {len(channels)} channels", channels)
    if failure is not None:
        raise CommandError(f"{pole.name} is not marked for {failure}")


def split(files: list[Path], port: str | None) -> tuple[Path | None, list[Path]]:
    """Return the image, None with a port, and the certificates. Raises CommandError."""
    if port is not None:
        return None, files
    if not files:
        raise CommandError("name the flash image of a stopped pole, or --port of one that runs")
    return files[0], files[1:]
