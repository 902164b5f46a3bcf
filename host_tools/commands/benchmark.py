"""`joulestream benchmark`: all figures of `make bench`, and their tables in docs/."""

from pathlib import Path
from typing import Annotated

import typer

from joulestream.host_tools.benchmarks import PARTS
from joulestream.host_tools.layout import BUILD
from joulestream.host_tools.terminal import JsonOption, print_json, progress_console

app = typer.Typer(add_completion=False)


def _known_parts(names: list[str] | None) -> list[str]:
    for name in names or ():
        if name not in PARTS:
            raise typer.BadParameter(f"there is no part {name!r}; choose from {', '.join(PARTS)}")
    return list(names or PARTS)


def _complete_part(incomplete: str) -> list[str]:
    return [name for name in PARTS if name.startswith(incomplete)]


@app.command()
def benchmark(
    only: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PART",
            help=f"One part alone, or several if given again: {', '.join(PARTS)}.",
            callback=_known_parts,
            autocompletion=_complete_part,
        ),
    ] = None,
    directory: Annotated[Path, typer.Option(help="Where the figures go.")] = BUILD / "bench",
    heap_hours: Annotated[int, typer.Option(help="Hours of packets in the part heap.", min=1)] = 1,
    docs: Annotated[
        bool, typer.Option("--docs", help="Measure nothing; write the figures into docs/.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Measure speed, size, exposure and reliability.

    Each part's figures go to a JSON file in the directory; docs/ stays as it is. Exit status 1
    when a part cannot be measured or a figure breaks its limit.
    """
    console = progress_console(json)
    if docs:
        from joulestream.host_tools.benchmarks.document import write_documents

        pages = write_documents(directory)
        console.print(f"Written: {', '.join(page.name for page in pages)}", highlight=False)
        return
    from joulestream.host_tools.benchmarks.run import run_parts

    files = run_parts(only or list(PARTS), directory, console, heap_hours)
    if json:
        print_json({name.removesuffix(".json"): figures for name, figures in files.items()})
