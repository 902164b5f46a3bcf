"""The status of devices that run, for `joulestream monitor`: as a table, as lines, as JSON."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from rich import box
from rich.table import Table

from joulestream.host_tools.errors import CommandError
from joulestream.host_tools.reason_words import in_words
from joulestream.host_tools.service.client import Client, Exchange, NoAnswer, ServiceError
from joulestream.host_tools.service.line import ServiceLine
from joulestream.service import STATUS

_HEAD = 2
_MOST_PARTS = 64

Status = dict[str, Any]


@dataclass
class Watched:
    """One device that is watched.

    Attributes:
        line: the port to it.
        client: asks it.
        status: its last status; empty before the first.
        silent: why it does not answer, or empty.
    """

    line: ServiceLine
    client: Client
    status: Status = field(default_factory=dict)
    silent: str = ""

    def look(self) -> None:
        """Read the status. A device that answered once and is silent now is shown as such.

        Raises CommandError if it never answered, refuses, or the port fails.
        """
        try:
            self.status = self.line.run(read_status(self.client))
            self.silent = ""
        except NoAnswer as error:
            if not self.status:
                raise CommandError(f"{self.line.path}: {error}") from None
            self.silent = str(error)
        except ServiceError as error:
            raise CommandError(f"{self.line.path}: {error}") from None

    def fields(self) -> Status:
        """Return the status for a program."""
        words = in_words(str(self.status.get("why", "")))
        return {"port": self.line.path, "silent": self.silent, "words": words, **self.status}


def read_status(client: Client) -> Exchange[Status]:
    """Ask a device for its whole status. Raises ServiceError."""
    status: Status = {}
    at = 0
    for _ in range(_MOST_PARTS):
        body = yield from client.ask(STATUS, bytes((at,)))
        try:
            part = json.loads(body[_HEAD:])
        except ValueError:
            part = None
        if not isinstance(part, dict) or body[1] <= at:
            raise ServiceError("the device's status is not readable; update the device")
        status.update(part)
        at = body[1]
        if at >= body[0]:
            return status
    raise ServiceError("the device's status never ends; update the device")


def _state(status: Status) -> str:
    return str(status.get("state", "-"))


def _reason(status: Status) -> str:
    if status.get("state") == "restarting":
        return f"restarting after {status.get('last_fault')}"
    return in_words(str(status.get("why", "-")))


def _power(status: Status) -> str:
    return _number(status.get("power_mw"), 1_000, 0, "W")


def _energy(status: Status) -> str:
    return _number(status.get("energy_mwh"), 1_000_000, 3, "kWh")


def _paid(status: Status) -> str:
    return _number(status.get("paid", status.get("signed")), 1, 0, "")


def _unpaid(status: Status) -> str:
    if "unpaid" in status:
        return _number(status["unpaid"], 1, 0, "")
    if "signed" in status:
        return _number(status["amount_due"] - status["signed"], 1, 0, "")
    return "-"


def _limit(status: Status) -> str:
    if "power_limit_mw" in status:
        limit = _number(status["power_limit_mw"], 1_000, 0, "W")
        return f"{limit} ({status.get('power_limit_reason')})"
    if "budget_left" in status:
        return f"{status['budget_left']:,} of the budget"
    return "-"


def _link(status: Status) -> str:
    if "link" not in status:
        return "-"
    counters = ", ".join(
        f"{status.get(name, 0)} {word}"
        for name, word in (
            ("frames_dropped", "dropped"),
            ("frames_late", "late"),
            ("retransmissions", "repeated"),
            ("frames_unsent", "unsent"),
        )
    )
    return f"{status['link']}: {counters}"


def _number(value: Any, divisor: int, digits: int, unit: str) -> str:
    if not isinstance(value, int):
        return "-"
    return f"{value / divisor:,.{digits}f} {unit}".rstrip()


# heading: the cell
_COLUMNS: dict[str, Callable[[Status], str]] = {
    "state": _state,
    "reason": _reason,
    "power": _power,
    "energy": _energy,
    "paid": _paid,
    "unpaid": _unpaid,
    "limit": _limit,
    "link": _link,
}


def as_table(devices: list[Watched]) -> Table:
    """Return a table with a column for each device, so that long reasons have room."""
    table = Table(box=box.SIMPLE, show_header=True)
    table.add_column("")
    for device in devices:
        role = str(device.status.get("role", "device"))
        table.add_column(f"{role} on {device.line.path}", overflow="fold")
    for heading, cell in _COLUMNS.items():
        table.add_row(heading, *(_cell(device, heading, cell) for device in devices))
    return table


def _cell(device: Watched, heading: str, cell: Callable[[Status], str]) -> str:
    if device.silent and heading in ("state", "reason"):
        return "silent" if heading == "state" else device.silent
    return cell(device.status)


def as_line(device: Watched) -> str:
    """Return the same in one line."""
    role = device.status.get("role", "device")
    cells = ", ".join(
        f"{heading} {_cell(device, heading, cell)}" for heading, cell in _COLUMNS.items()
    )
    return f"{role} on {device.line.path}: {cells}"


def as_json(device: Watched) -> str:
    """Return the whole status as JSON in one line."""
    return json.dumps(device.fields())
