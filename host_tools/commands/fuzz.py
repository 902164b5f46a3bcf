"""`joulestream fuzz`: random inputs that learn from the code they reach, under atheris."""

from pathlib import Path
from typing import Annotated

import typer

from joulestream.host_tools.commands import COMMANDS
from joulestream.host_tools.errors import CommandError
from joulestream.host_tools.fuzz.targets import TARGETS
from joulestream.host_tools.terminal import JsonOption, print_json

app = typer.Typer(help=COMMANDS["fuzz"].summary, no_args_is_help=True, add_completion=False)


def _known_target(name: str) -> str:
    if name not in TARGETS:
        raise typer.BadParameter(f"there is no target {name!r}; choose from {', '.join(TARGETS)}")
    return name


def _complete_target(incomplete: str) -> list[str]:
    return [name for name in TARGETS if name.startswith(incomplete)]


def _known_targets(names: list[str] | None) -> list[str]:
    return [_known_target(name) for name in names or TARGETS]


TargetsArgument = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[TARGET]...",
        help=f"Which targets, of {', '.join(TARGETS)}; all by default.",
        callback=_known_targets,
        autocompletion=_complete_target,
    ),
]


@app.command()
def run(
    targets: TargetsArgument = None,
    seconds: Annotated[int, typer.Option(help="How long each target is fuzzed.", min=1)] = 10,
    inputs: Annotated[
        int | None,
        typer.Option(help="How many inputs each target gets, instead of a time.", min=1),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Fuzz targets, as many at a time as there are cores.

    Fuzzing starts from the corpus and from the inputs that earlier runs found. New inputs stay in
    build/fuzz/TARGET/found. An input that breaks an invariant is left in build/fuzz/TARGET, and
    the exit status is 1.
    """
    from joulestream.host_tools.fuzz.run import for_inputs, for_seconds, fuzz_all

    limit = for_inputs(inputs) if inputs else for_seconds(seconds)
    found = fuzz_all(limit, targets or tuple(TARGETS), keep=True)
    if json:
        print_json(found)
    else:
        for target, figures in found.items():
            print(f"{target}: {figures['execs']:,} inputs, {figures['crashes']} crashes")
    if any(figures["crashes"] for figures in found.values()):
        raise typer.Exit(1)


@app.command()
def replay(
    target: Annotated[
        str,
        typer.Argument(
            metavar="TARGET",
            help=f"One of {', '.join(TARGETS)}.",
            callback=_known_target,
            autocompletion=_complete_target,
        ),
    ],
    files: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[FILE]...", help="Inputs; without them the target's corpus."),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Check inputs without atheris, and show the error that one of them raises."""
    from joulestream.host_tools.fuzz.replay import replay, replay_file

    for file in files or ():
        replay_file(target, file)
    count = len(files) if files else replay(target)
    if json:
        print_json({"target": target, "inputs": count})
    else:
        print(f"{target} holds for {count} inputs")


@app.command()
def gather(targets: TargetsArgument = None, json: JsonOption = False) -> None:
    """Add to the corpus the inputs that earlier runs found, as few and short as possible."""
    from joulestream.host_tools.fuzz.gather import gather
    from joulestream.host_tools.fuzz.run import MISSING, is_available

    if not is_available():
        raise CommandError(MISSING)
    counts = {target: gather(target) for target in targets or TARGETS}
    if json:
        print_json(counts)
    else:
        for target, count in counts.items():
            print(f"{target}: {count} inputs found by fuzzing are kept")
