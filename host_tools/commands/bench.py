"""`joulestream bench`: checks of the parts of a pole or a vehicle on a table."""

import sys
from enum import Enum
from pathlib import Path
from typing import Annotated, Any

import typer

from joulestream.host_tools.errors import CommandError
from joulestream.host_tools.service.options import KeyOption, KeySecretOption
from joulestream.host_tools.terminal import (
    JsonOption,
    print_fields,
    print_json,
    print_list,
    progress_console,
)

app = typer.Typer(add_completion=False, no_args_is_help=True)


class Line(Enum):
    """Data bits, parity and stop bits."""

    NONE = "8N1"
    EVEN = "8E1"
    ODD = "8O1"
    TWO = "8N2"


@app.callback()
def bench() -> None:
    """Check the parts of a pole or a vehicle on a table."""


@app.command("run")
def run_checks(
    names: Annotated[list[str] | None, typer.Argument(help="The checks; all without.")] = None,
    port: Annotated[str | None, typer.Option(help="Serial port of the board's REPL.")] = None,
    role: Annotated[str, typer.Option(help="pole or vehicle: the board has ROLE.json.")] = "pole",
    link_port: Annotated[
        str | None, typer.Option(help="This computer's port on the board's link.")
    ] = None,
    link_baud: Annotated[int, typer.Option(help="Its speed in bit/s.")] = 115_200,
    service_port: Annotated[
        str | None, typer.Option(help="This computer's port on the pole's service line.")
    ] = None,
    key: KeyOption = None,
    key_secret: KeySecretOption = None,
    reference_w: Annotated[
        float | None, typer.Option(help="Power of the reference load behind the meter, in W.")
    ] = None,
    alone: Annotated[
        bool, typer.Option("--alone", help="Leave out the checks that need a person.")
    ] = False,
    report: Annotated[
        Path | None, typer.Option(help="Folder for bench.json, bench.html and the form bench.md.")
    ] = None,
    listed: Annotated[
        bool, typer.Option("--list", help="Only list the checks and what to wire.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Run named checks on a connected board.

    The firmware on the board stops for the checks. Exit status 1 when a check failed.
    """
    from importlib.metadata import version

    from rich.prompt import Prompt

    from joulestream.host_tools.board_bench import bench as board_bench
    from joulestream.host_tools.board_bench import report as reports
    from joulestream.host_tools.board_bench.checks import Bench
    from joulestream.host_tools.board_bench.device import BoardDevice
    from joulestream.host_tools.board_bench.operator import Nobody, Person
    from joulestream.host_tools.flashing.device import Device
    from joulestream.host_tools.service.monitor import open_look
    from joulestream.host_tools.service.options import open_client

    checks = board_bench.chosen(names or [])
    if listed:
        rows = [
            {"check": c.name, "wire": c.wiring, "must": f"{c.must} ({c.unit})"} for c in checks
        ]
        if json:
            print_json(rows)
        else:
            print_list("Checks", rows)
        return
    if not port:
        raise CommandError("no port is named; name the board's with --port, such as /dev/ttyACM0")
    if role not in ("pole", "vehicle"):
        raise CommandError(f"--role {role}: say pole or vehicle")
    Device(port).run("return True")  # else each check would say that there is no board
    console = progress_console(json)
    look = None
    if service_port is not None:
        look = open_look(service_port, open_client(key, key_secret, None))
    bench = Bench(
        BoardDevice(port, role),
        Nobody()
        if alone or json or not sys.stdin.isatty()
        else Person(lambda text: Prompt.ask(text, default="")),
        link_port,
        link_baud,
        None if reference_w is None else round(reference_w * 1_000),
        look=look,
    )

    def tell(check: Any, finding: Any) -> None:
        if finding is None:
            console.print(f"{check.name}: {check.title}. Wire: {check.wiring}", style="dim")
        else:
            console.print(f"{check.name}: {finding.verdict}: {finding.sentence}")

    findings = board_bench.run(bench, checks, tell)
    if json:
        print_json(reports.to_json(findings, port))
    else:
        console.print(reports.summary(findings))
    if report is not None:
        reports.write(report, findings, port, version("joulestream"))
    failed = reports.failed(findings)
    if failed:
        raise CommandError(f"failed: {', '.join(failed)}")


@app.command()
def meter(
    port: Annotated[str, typer.Option(help="The serial port that the meter is on.")],
    probe: Annotated[
        bool,
        typer.Option("--probe", help="Find speed, parity, address and model by themselves."),
    ] = False,
    config: Annotated[
        Path | None,
        typer.Option(help="A configuration of a pole or a vehicle; its section 'meter' counts."),
    ] = None,
    model: Annotated[str | None, typer.Option(help="The model, in place of a file.")] = None,
    unit: Annotated[int | None, typer.Option(min=1, max=247, help="Its address.")] = None,
    baud: Annotated[int | None, typer.Option(help="The speed of its line.")] = None,
    line: Annotated[Line | None, typer.Option(help="Data bits, parity and stop bits.")] = None,
    json: JsonOption = False,
) -> None:
    """Read a meter once and show its figures, or find it with --probe.

    With --probe, --unit, --baud and --line narrow the search down.
    """
    settings = {"unit": unit, "baud": baud, "line": line.value if line else None}
    if probe:
        found = _find(port, settings, json)
        if json:
            print_json(found)
        else:
            print_fields(f"the meter on {port}", found, False)
        return
    from joulestream.host_tools.files import read_json
    from joulestream.host_tools.meter_port import read_meter

    values: Any = {}
    if config is not None:
        whole = read_json(config)
        values = whole.get("meter") if isinstance(whole, dict) else None
        if not isinstance(values, dict):
            raise CommandError(f"{config} has no section 'meter'; name another file or --model")
    elif model is None:
        raise CommandError("no meter is named; give --config, or --model, or --probe")
    values = {**values, **{name: value for name, value in settings.items() if value is not None}}
    if model is not None:
        values["model"] = model
    shown = read_meter(values, port)
    print_fields(f"the meter on {port}", shown, json)
    if shown["why"]:
        raise CommandError(shown["why"])


def _find(port: str, settings: dict[str, Any], json: bool) -> dict[str, Any]:
    """Return the meter that a probe finds, as fields."""
    from joulestream.host_tools.meter_port import PortWire
    from joulestream.host_tools.meter_probe import SETTINGS, UNITS, Probe
    from joulestream.host_tools.serial_port import SerialPort

    console = progress_console(json)
    pairs = [
        (baud, line)
        for baud, line in SETTINGS
        if settings["baud"] in (None, baud) and settings["line"] in (None, line)
    ]
    if not pairs:
        pairs = [(settings["baud"] or SETTINGS[0][0], settings["line"] or SETTINGS[0][1])]
    units = UNITS if settings["unit"] is None else (settings["unit"],)
    opened = SerialPort(port, *pairs[0])
    try:
        found = Probe(
            PortWire(opened),
            lambda text: console.print(text, markup=False, highlight=False),
            pairs,
            units,
        ).find()
    finally:
        opened.close()
    first = found.models[0] if found.models else None
    why = None
    if first is None:
        why = "the meter answers, but no model that is known has its registers"
    elif len(found.models) > 1:
        why = "these models answer the same registers; the name plate tells which one it is"
    return {
        "model": first,
        "models": list(found.models),
        "unit": found.unit,
        "baud": found.baud,
        "line": found.line,
        "known_by": found.known_by,
        "why": why,
    }
