"""`joulestream settle`: collects the claims of a pole, stopped or running, and settles each."""

from contextlib import ExitStack, closing
from pathlib import Path
from typing import Annotated

import typer

from joulestream.channel import Certificate
from joulestream.host_tools.collect import NotMarked
from joulestream.host_tools.errors import CommandError
from joulestream.host_tools.flash_image import BLOCK_SIZE, BLOCKS, BlockSizeOption, BlocksOption
from joulestream.host_tools.keys import read_signer
from joulestream.host_tools.ledger.arguments import DEFAULT_LOCATION, NowOption, SeedOption
from joulestream.host_tools.ledger.checks import check_time
from joulestream.host_tools.service.options import (
    DEFAULT_BAUD,
    BaudOption,
    DeviceKeyOption,
    KeyOption,
    KeySecretOption,
    PortOption,
)
from joulestream.host_tools.settlement import (
    NOT_DECIDED,
    OTHER_LEDGER,
    REFUSED,
    CertifyingLedger,
    Settlement,
    certify_collected,
    open_ledger,
    place_of,
)
from joulestream.host_tools.settlement import settle as settle_claims
from joulestream.host_tools.terminal import JsonOption, print_json, print_list
from joulestream.host_tools.unlock import DeviceSecretOption, Unlock
from joulestream.signing import Signer

app = typer.Typer(add_completion=False)

# A claim of another ledger is a failure only where all claims are: then the ledger is a wrong one.
_FAILURES = {
    NOT_DECIDED: "not decided",
    REFUSED: "refused",
    OTHER_LEDGER: "of another ledger than this one",
}

LedgerOption = Annotated[
    str,
    typer.Option(
        "--ledger",
        envvar="JOULESTREAM_LEDGER",
        help="The ledger's file or database URL, or NAME:PLACE for another kind of ledger.",
    ),
]


@app.command()
def settle(
    image: Annotated[
        Path | None,
        typer.Argument(
            metavar="[IMAGE]",
            help="File with the flash of a pole that is stopped; not with --port.",
        ),
    ] = None,
    ledger: LedgerOption = DEFAULT_LOCATION,
    port: PortOption = None,
    baud: BaudOption = DEFAULT_BAUD,
    key: KeyOption = None,
    key_secret: KeySecretOption = None,
    device_key: DeviceKeyOption = None,
    blocks: BlocksOption = BLOCKS,
    block_size: BlockSizeOption = BLOCK_SIZE,
    mark: Annotated[
        bool,
        typer.Option(help="Tell the pole, or write into its image, what the ledger has paid."),
    ] = True,
    seed_file: SeedOption = None,
    device_secret: DeviceSecretOption = None,
    now_s: NowOption = None,
    json: JsonOption = False,
) -> None:
    """Pay the best claims of a pole on the ledger.

    To repeat it pays nothing twice. A refused claim does not stop the others, but sets exit
    status 1, as a ledger does that cannot decide, or that owns none of the claims. Without the
    ledger's seed nothing is marked; the ledger's operator then gives a certificate to 'collect'.
    """
    from joulestream.host_tools.service.options import open_pole

    if now_s is not None:
        check_time(now_s)
    signer = _signer(place_of(ledger), seed_file, device_secret) if mark else None
    if (image is None) == (port is None):
        raise CommandError(
            "name either the flash image of a stopped pole, or --port of one that runs"
        )
    with ExitStack() as stack, closing(open_ledger(ledger)) as opened:
        if signer is not None and isinstance(opened, CertifyingLedger):
            opened.check_signer(signer)
        pole = open_pole(
            stack, image, blocks, block_size, port, baud, (key, key_secret, device_key)
        )
        claims = pole.claims()
        settlements = settle_claims(claims, [opened], now_s)
        marks: list[Certificate] = []
        failure = ""
        if signer is not None and isinstance(opened, CertifyingLedger):
            try:
                marks = certify_collected(claims, settlements, opened, signer, now_s)
                pole.mark(marks)
            except NotMarked as error:
                failure = str(error)
                marks = [mark for mark in marks if mark.channel_id not in error.channel_ids]
            except CommandError as error:
                failure, marks = str(error), []
    marked = {certificate.channel_id for certificate in marks}
    channels = [
        {**settlement.fields(), "marked": settlement.channel_id in marked}
        for settlement in settlements
    ]
    if json:
        paid_now = sum(settlement.paid_now_base_units for settlement in settlements)
        print_json({"channels": channels, "paid_now_base_units": paid_now})
    else:
        print_list(f"{pole.name}: {len(channels)} channels", channels)
    if failure:
        raise CommandError(f"the ledger has paid, but {pole.name} is not marked: {failure}")
    _fail_if_undecided(settlements)


def _fail_if_undecided(settlements: list[Settlement]) -> None:
    """Raise CommandError if a claim was refused or not decided, or if no claim was decided."""
    wanted = [row for row in settlements if row.claimed or row.outcome == REFUSED]
    for outcome, words in _FAILURES.items():
        failed = [row for row in settlements if row.outcome == outcome]
        if failed and (outcome != OTHER_LEDGER or len(failed) == len(wanted)):
            raise CommandError(
                f"{len(failed)} of {len(settlements)} claims were {words}: {failed[0].why}"
            )


def _signer(place: str, seed_file: Path | None, device_secret: Path | None) -> Signer | None:
    """Return the ledger's signer; None if no seed is named and there is none beside the ledger."""
    if seed_file is None:
        seed_file = Path(f"{place}.seed")
        if "://" in place or not seed_file.is_file():
            return None
    return read_signer(seed_file, Unlock(device_secret))
