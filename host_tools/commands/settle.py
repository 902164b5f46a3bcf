"""`joulestream settle`: the best claims of a pole's flash, paid on the ledger."""

from pathlib import Path
from typing import Annotated

import typer

from joulestream.host_tools.ledger import Ledger, LedgerError
from joulestream.host_tools.ledger.arguments import (
    DEFAULT_LOCATION,
    LedgerOption,
    NowOption,
    time_from,
)
from joulestream.host_tools.settle import BLOCK_SIZE, BLOCKS, REFUSED
from joulestream.host_tools.settle import settle as settle_journal
from joulestream.host_tools.terminal import JsonOption, print_json, print_list

app = typer.Typer(add_completion=False)


@app.command()
def settle(
    journal: Annotated[Path, typer.Argument(help="File with the pole's flash; only read.")],
    ledger: LedgerOption = DEFAULT_LOCATION,
    blocks: Annotated[int, typer.Option(help="How many blocks the flash has.")] = BLOCKS,
    block_size: Annotated[int, typer.Option(help="Bytes in a block.")] = BLOCK_SIZE,
    now_s: NowOption = None,
    json: JsonOption = False,
) -> None:
    """Pay the best claims of a pole's flash on the ledger.

    To repeat it pays nothing twice. Exit status 1 when a claim is refused; the other claims are
    paid nevertheless.
    """
    with Ledger.open(ledger) as opened:
        settlements = settle_journal(journal, opened, time_from(now_s), blocks, block_size)
    channels = [settlement.fields() for settlement in settlements]
    if json:
        paid_now = sum(settlement.paid_now_base_units for settlement in settlements)
        print_json({"channels": channels, "paid_now_base_units": paid_now})
    else:
        print_list(f"{journal}: {len(channels)} channels", channels)
    refused = [settlement for settlement in settlements if settlement.outcome == REFUSED]
    if refused:
        raise LedgerError(
            f"{len(refused)} of {len(channels)} claims were refused: {refused[0].why}"
        )
