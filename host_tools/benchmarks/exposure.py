"""Bytes a packet of a whole session, and the most that was unpaid in it: the demo's session."""

from typing import Any

from rich.console import Console

from joulestream.host_tools.demo import Demo
from joulestream.host_tools.layout import BUILD

_FIGURES = ("wire_bytes_per_packet", "max_unpaid", "max_prepaid", "credit", "unpaid_bound")


def measure() -> dict[str, Any]:
    """Return bytes a packet and amounts in claim units of the demo's session in virtual time."""
    demo = Demo(BUILD / "bench" / "demo", realtime=False, console=Console(quiet=True)).run()
    return {name: demo[name] for name in _FIGURES}
