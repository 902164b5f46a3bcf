"""The picture of a session: power, energy, price, the amounts paid and unpaid."""

from pathlib import Path
from typing import TYPE_CHECKING

from joulestream.host_tools.bench.recording import Recording
from joulestream.host_tools.plotting import fonts

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_UNITS_PER_EURO = 1_000_000
# The unpaid amount saws up and down with every packet: only the range of each bucket is drawn.
_BUCKET = 50
_BLUE, _ORANGE, _GREEN, _RED = "#1f6fb4", "#e07b00", "#2a8f3c", "#c0392b"


def _envelope(values: list[int]) -> tuple[list[int], list[int]]:
    """Return the least and the greatest of every `_BUCKET` values, as two lists."""
    buckets = [values[at : at + _BUCKET] for at in range(0, len(values), _BUCKET)]
    return [min(bucket) for bucket in buckets], [max(bucket) for bucket in buckets]


def plot(recording: Recording, path: Path, credit: int, ending: str) -> None:
    """Write the picture as a PNG file.

    Args:
        recording: the samples of the run.
        path: the file to write.
        credit: the pole's credit limit, in micro-euro.
        ending: the name of the reason for which the session stopped.
    """
    with fonts():
        _draw(recording, credit, ending).savefig(path, dpi=110)


def _draw(recording: Recording, credit: int, ending: str) -> "Figure":
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 8), layout="constrained")
    power, price, paid, unpaid = figure.subplots(4, 1, sharex=True)
    minutes = [second / 60 for second in recording.time_s]

    power.plot(minutes, [watt / 1e3 for watt in recording.power_w], color=_BLUE, label="power")
    power.set_ylabel("power, kW")
    power.set_ylim(bottom=0)
    energy = power.twinx()
    energy.plot(minutes, [wh / 1e3 for wh in recording.energy_wh], color=_GREEN, label="energy")
    energy.set_ylabel("energy, kWh")
    energy.set_ylim(bottom=0)
    power.legend(handles=[*power.lines, *energy.lines], loc="lower center", ncols=2)

    euros = [units / _UNITS_PER_EURO for units in recording.price_per_kwh]
    price.step(minutes, euros, where="post", color=_ORANGE)
    price.set_ylabel("price, € per kWh")
    price.set_ylim(bottom=0, top=max(euros, default=1) * 1.2)

    paid.plot(minutes, [units / _UNITS_PER_EURO for units in recording.paid], color=_GREEN)
    paid.set_ylabel("paid, €")
    paid.set_ylim(bottom=0)

    low, high = _envelope(recording.unpaid)
    at = minutes[::_BUCKET]
    unpaid.fill_between(at, low, high, color=_RED, alpha=0.5, label="least to most unpaid")
    unpaid.axhline(credit, color="black", linestyle="--", linewidth=1, label="credit limit")
    unpaid.axhline(0, color="grey", linewidth=0.5)
    unpaid.set_ylabel("unpaid, µ€\n(below 0: prepaid)")
    unpaid.set_xlabel("minutes")
    unpaid.legend(loc="upper right")

    figure.suptitle(f"One charging session; the contactor opened because: {ending}")
    return figure
