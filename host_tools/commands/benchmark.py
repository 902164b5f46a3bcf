"""`joulestream benchmark`: the figures of `make bench`."""

from pathlib import Path
from typing import Annotated

import typer

from joulestream.host_tools.layout import BUILD, ROOT
from joulestream.host_tools.terminal import JsonOption

app = typer.Typer(add_completion=False)


@app.command()
def benchmark(
    directory: Annotated[Path, typer.Option(help="Where the figures go.")] = BUILD / "bench",
    json: JsonOption = False,
) -> None:
    """Measure speed, size, exposure and reliability."""
    from joulestream.host_tools.benchmark import run_benchmark

    run_benchmark(directory, ROOT / "docs" / "benchmarks.md", json)
