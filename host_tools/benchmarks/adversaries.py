"""Scripted liars, and the most that one of them gains."""

from joulestream.host_tools.adversaries import play_all


def measure() -> dict[str, float]:
    """Return how many liars were played, and the gain of the luckiest, in packets."""
    gains = [row["gain_packets"] for row in play_all()]
    return {"adversaries": len(gains), "adversary_max_gain_packets": round(max(gains), 2)}
