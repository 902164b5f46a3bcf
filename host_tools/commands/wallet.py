"""`joulestream wallet`: a vehicle's channels, its new certificates, and refused debts."""

from pathlib import Path
from typing import Annotated

import typer

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

_CHANNEL = "Channel id (64 hex digits) or certificate file."


@app.command()
def wallet(
    image: Annotated[
        Path | None,
        typer.Argument(
            metavar="[IMAGE]",
            help="File with the flash of a vehicle that is stopped; not with --port.",
        ),
    ] = None,
    certificate: Annotated[
        list[Path] | None,
        typer.Option(help="A certificate file of the vehicle's configuration; may be repeated."),
    ] = None,
    take: Annotated[
        Path | None,
        typer.Option(
            help="A new certificate. It replaces the older one of its channel among the files of "
            "--certificate, or goes to the first of them that is missing."
        ),
    ] = None,
    pay: Annotated[
        str | None,
        typer.Option(
            help=f"Pay the debt that the vehicle refused, or took on the pole's word. {_CHANNEL}"
        ),
    ] = None,
    leave: Annotated[
        str | None, typer.Option(help=f"Leave that debt unpaid for ever. {_CHANNEL}")
    ] = None,
    port: PortOption = None,
    baud: BaudOption = DEFAULT_BAUD,
    key: KeyOption = None,
    key_secret: KeySecretOption = None,
    device_key: DeviceKeyOption = None,
    blocks: BlocksOption = BLOCKS,
    block_size: BlockSizeOption = BLOCK_SIZE,
    json: JsonOption = False,
) -> None:
    """Show a vehicle's channels, take certificates, decide on debts.

    Money is in claim units. An amount in 'refused' waits for its owner: --pay lets the vehicle
    pay it at the next session, --leave lets it go on without. An amount in 'unproven' is taken off
    what the vehicle pays ahead; --pay ends that. A vehicle that runs at the other end of --port is
    shown and takes certificates; its debts are decided while it is stopped.
    """
    from joulestream.host_tools import wallet as wallets
    from joulestream.host_tools.certificate_files import channel_of, read_certificate

    if pay is not None and leave is not None:
        raise CommandError("give either --pay or --leave")
    if (image is None) == (port is None):
        raise CommandError(
            "name either the flash image of a stopped vehicle, or --port of one that runs"
        )
    if image is None and (pay is not None or leave is not None):
        raise CommandError("a debt is decided in an image; stop the vehicle, and name its flash")
    files = certificate or []
    if take is not None and image is not None:
        wallets.take_certificate(take, files)
    if image is not None:
        if pay is not None:
            wallets.decide(image, channel_of(pay)[0], False, blocks, block_size)
        if leave is not None:
            wallets.decide(image, channel_of(leave)[0], True, blocks, block_size)
        channels = wallets.show(image, files, blocks, block_size)
    else:
        from joulestream.host_tools.service.line import ServiceLine
        from joulestream.host_tools.service.options import open_client
        from joulestream.host_tools.service.wallets import read_wallet, send_certificate

        assert port is not None
        client = open_client(key, key_secret, device_key)
        new = None if take is None else read_certificate(take)
        with ServiceLine(port, baud) as line:
            if new is not None:
                line.run(send_certificate(client, new))
            channels = wallets.show_channels(line.run(read_wallet(client)), set(), files)
    if json:
        print_json(channels)
    else:
        brief = [{name: row[name] for name in wallets.BRIEF} for row in channels]
        print_list(f"{image or port}: {len(channels)} channels", brief)
