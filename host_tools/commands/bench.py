"""`joulestream bench`: checks on boards and meters that are connected."""

from pathlib import Path
from typing import Annotated, Any

import typer

from joulestream.host_tools.service.options import KeyOption, KeySecretOption
from joulestream.host_tools.terminal import JsonOption

app = typer.Typer(no_args_is_help=True, add_completion=False)


@app.callback()
def bench() -> None:
    """Check boards and meters that are connected."""


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
    from joulestream.host_tools.errors import CommandError
    from joulestream.host_tools.service.monitor import open_look
    from joulestream.host_tools.service.options import open_client
    from joulestream.host_tools.terminal import print_json, print_list, progress_console

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
    if port is None:
        raise CommandError("no port is named; name the board's with --port, such as /dev/ttyACM0")
    if role not in ("pole", "vehicle"):
        raise CommandError(f"--role {role}: say pole or vehicle")
    console = progress_console(json)
    look = None
    if service_port is not None:
        look = open_look(service_port, open_client(key, key_secret, None))
    bench = Bench(
        BoardDevice(port, role),
        Nobody() if alone or json else Person(lambda text: Prompt.ask(text, default="")),
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
    if not reports.to_json(findings, port)["passed"]:
        raise typer.Exit(1)
