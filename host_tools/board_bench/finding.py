"""The result of a check: a verdict, a figure, and the sentence for people."""

from dataclasses import asdict, dataclass, field
from typing import Any

PASSED, FAILED, LEFT_OUT = "passed", "FAILED", "left out"


@dataclass(frozen=True)
class Finding:
    """The result of one check.

    Attributes:
        verdict: PASSED, FAILED or LEFT_OUT.
        sentence: the result, or why the check was left out.
        figure: the figure that decides, in the check's unit; None: it was not measured.
        series: further figures for a plot, in the check's unit.
        details: the figures of the probe.
    """

    verdict: str
    sentence: str
    figure: float | None = None
    series: tuple[float, ...] = ()
    details: dict[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON takes it."""
        return asdict(self)


def judged(is_good: bool, sentence: str, figure: float | None = None, **more: Any) -> Finding:
    """Return a Finding that passed if `is_good`, else one that failed."""
    return Finding(PASSED if is_good else FAILED, sentence, figure, **more)


def left_out(why: str) -> Finding:
    """Return the Finding of a check that could not run."""
    return Finding(LEFT_OUT, why)
