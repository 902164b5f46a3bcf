"""`joulestream settle`: collects the claims of a pole's flash image and settles each one."""

from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from joulestream.host_tools.collect import BLOCK_SIZE, BLOCKS, collect
from joulestream.host_tools.errors import CommandError
from joulestream.host_tools.ledger.arguments import DEFAULT_LOCATION, NowOption
from joulestream.host_tools.ledger.checks import check_time
from joulestream.host_tools.settlement import NOT_DECIDED, REFUSED, open_ledger
from joulestream.host_tools.settlement import settle as settle_claims
from joulestream.host_tools.terminal import JsonOption, print_json, print_list

app = typer.Typer(add_completion=False)

_FAILURES = {NOT_DECIDED: "not decided", REFUSED: "refused"}

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
        Path, typer.Argument(metavar="IMAGE", help="File with the pole's flash; only read.")
    ],
    ledger: LedgerOption = DEFAULT_LOCATION,
    blocks: Annotated[int, typer.Option(help="Number of blocks in the flash.")] = BLOCKS,
    block_size: Annotated[int, typer.Option(help="Bytes in a block.")] = BLOCK_SIZE,
    now_s: NowOption = None,
    json: JsonOption = False,
) -> None:
    """Pay the best claims of a pole's flash on the ledger.

    To repeat it pays nothing twice. A refused claim does not stop the others, but sets exit
    status 1, as a ledger does that cannot decide.
    """
    if now_s is not None:
        check_time(now_s)
    with closing(open_ledger(ledger)) as opened:
        claims = collect(image, blocks, block_size)
        settlements = settle_claims(claims, [opened], now_s)
    channels = [settlement.fields() for settlement in settlements]
    if json:
        paid_now = sum(settlement.paid_now_base_units for settlement in settlements)
        print_json({"channels": channels, "paid_now_base_units": paid_now})
    else:
        print_list(f"{image}: {len(channels)} channels", channels)
    for outcome, words in _FAILURES.items():
        failed = [settlement for settlement in settlements if settlement.outcome == outcome]
        if failed:
            raise CommandError(
                f"{len(failed)} of {len(channels)} claims were {words}: {failed[0].why}"
            )
