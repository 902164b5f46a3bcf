"""`joulestream collect`: the claims in a stopped pole's flash, and the ledger's word on them."""

import time
from pathlib import Path
from typing import Annotated

import typer

from joulestream.host_tools.collect import NotMarked, mark_collected, note_restored
from joulestream.host_tools.collect import collect as read_claims
from joulestream.host_tools.errors import CommandError
from joulestream.host_tools.flash_image import BLOCK_SIZE, BLOCKS, BlockSizeOption, BlocksOption
from joulestream.host_tools.terminal import JsonOption, print_json, print_list

app = typer.Typer(add_completion=False)


@app.command()
def collect(
    image: Annotated[
        Path,
        typer.Argument(metavar="IMAGE", help="File with the flash of a pole that is stopped."),
    ],
    certificates: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[CERTIFICATE]...",
            help="Certificates that the ledger gave after it had paid; they are written into "
            "the image.",
        ),
    ] = None,
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
    """Show the claims in a pole's flash, and mark those that are paid.

    A certificate says in its field 'claimed' how much the ledger has paid on the channel.
    """
    from joulestream.host_tools.certificate_files import read_certificate

    failure: NotMarked | None = None
    if certificates:
        words = [read_certificate(path) for path in certificates]
        try:
            mark_collected(image, words, blocks, block_size)
        except NotMarked as error:
            failure = error
    if restored:
        note_restored(image, int(time.time()), blocks, block_size)
    channels = [
        {
            "channel_id": claim.channel_id.hex(),
            "claimed_claim_units": claim.amount,
            "collected_claim_units": claim.collected,
            "signature": claim.signature.hex(),
            "why": claim.error,
        }
        for claim in read_claims(image, blocks, block_size)
    ]
    if json:
        print_json(channels)
    else:
        print_list(f"{image}: {len(channels)} channels", channels)
    if failure is not None:
        raise CommandError(f"{image} is not marked for {failure}")
