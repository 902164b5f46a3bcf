"""A configuration on its way to a board: the fields that its board gives, and the check."""

import json
import tempfile
from importlib import import_module
from pathlib import Path
from typing import Any

from joulestream.device.config import ConfigError
from joulestream.host_tools.errors import CommandError
from joulestream.host_tools.files import read_json
from joulestream.host_tools.flashing.targets import TARGETS

SECRET = "/device.secret"


def seed_file(role: str) -> str:
    """Return the path of a board's sealed key."""
    return f"/{role}.seed"


def read(path: Path) -> dict[str, Any]:
    """Return the object in a JSON file. Raises CommandError."""
    values = read_json(path)
    if not isinstance(values, dict) or not isinstance(values.get("board", {}), dict):
        raise CommandError(f"{path} must hold an object, and 'board' in it must be one too")
    return values


def for_board(values: dict[str, Any], board: str, role: str) -> bytes:
    """Return a configuration's text with the fields that its board gives where they are missing.

    Args:
        values: the configuration.
        board: the board's kind, a key of targets.TARGETS.
        role: "pole" or "vehicle".

    Raises:
        CommandError: the firmware would refuse it.
    """
    target = TARGETS[board]
    given = {"device_secret": SECRET} if target.keeps_key else {}
    if target.kind is not None:
        given |= {"kind": target.kind, "side": role}
    complete = {
        "seed_file": seed_file(role),
        **values,
        "board": {**given, **values.get("board", {})},
    }
    text = json.dumps(complete, indent=1, sort_keys=True).encode()
    load = import_module(f"joulestream.{role}.config").load_config
    with tempfile.TemporaryDirectory(prefix="joulestream-") as name:
        path = Path(name) / "config.json"
        path.write_bytes(text)
        try:
            load(str(path))
        except ConfigError as error:
            raise CommandError(str(error).replace(str(path), "the configuration")) from None
    return text
