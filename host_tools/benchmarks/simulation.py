"""Simulated sessions in which everything goes wrong."""

from joulestream.host_tools.simulation.campaign import Totals, run_campaign
from joulestream.host_tools.simulation.invariants import QUARREL, UNPAID

_SESSIONS = 5_000


def measure() -> dict[str, int]:
    """Return how many sessions and packets were simulated, and how many promises were broken."""
    totals = run_campaign(Totals(), _SESSIONS)
    return {
        "simulated_sessions": totals.sessions,
        "simulated_packets": totals.packets,
        "invariant_violations": len(totals.failures),
        "honest_quarrels": sum(QUARREL in failure for _, failure in totals.failures),
        "unpaid_over_bound": sum(UNPAID in failure for _, failure in totals.failures),
    }
