"""Each fuzz target for a while."""

from joulestream.host_tools.fuzz.run import for_seconds, fuzz_all

_SECONDS = 60


def measure() -> dict[str, int]:
    """Return how many inputs were tried, and how many broke an invariant. Raises FuzzError."""
    found = fuzz_all(for_seconds(_SECONDS)).values()
    return {
        "fuzz_execs": sum(figures["execs"] for figures in found),
        "fuzz_crashes": sum(figures["crashes"] for figures in found),
    }
