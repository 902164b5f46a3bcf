"""Vehicles that wear the pole's contactor out, for an hour each."""

from joulestream.host_tools.adversaries.vehicle_closings import KINDS, closings


def measure() -> dict[str, int]:
    """Return the most closings that one of them gets in an hour."""
    return {"contactor_closings_per_hour_worst": max(closings(kind) for kind in KINDS)}
