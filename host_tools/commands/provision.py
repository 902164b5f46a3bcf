"""`joulestream provision`: keys that a board makes, its configuration, and the keys it trusts."""

from pathlib import Path
from typing import Annotated

import typer

from joulestream.host_tools.terminal import JsonOption, print_fields, teller

app = typer.Typer(add_completion=False)


@app.command()
def provision(
    port: Annotated[str, typer.Option(help="The serial port of a board that was flashed.")],
    config: Annotated[Path, typer.Option(help="Its configuration, with issuers and prices.")],
    certificates: Annotated[
        list[Path] | None,
        typer.Option("--certificate", help="A certificate of a vehicle; may be given again."),
    ] = None,
    release_key: Annotated[
        Path | None,
        typer.Option(help="Public key of releases, ssh-keygen's .pub file; updates need it."),
    ] = None,
    service_keys: Annotated[
        list[str] | None,
        typer.Option(
            "--service-key",
            help="Public key that may ask over the service port, in hexadecimal digits; may be "
            "given again.",
        ),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Let a board make its key, and bring all that it trusts.

    The secrets are made on the board and stay there; only the public key comes back. A board that
    has a key keeps it.
    """
    from joulestream.host_tools.flashing.device import Device
    from joulestream.host_tools.flashing.provision import provision as provision_board
    from joulestream.host_tools.flashing.provision import read_trusted

    trusted = read_trusted(config, certificates or [], release_key, service_keys or [])
    report = provision_board(Device(port), trusted, teller(json))
    print_fields(f"{port}: provisioned", report, json)
