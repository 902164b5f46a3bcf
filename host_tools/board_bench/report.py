"""The findings of a bench as text, JSON, one HTML page, and the form of a first run."""

import html
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from joulestream.host_tools.board_bench.checks import Check
from joulestream.host_tools.board_bench.finding import FAILED, LEFT_OUT, PASSED, Finding
from joulestream.host_tools.plotting import fonts

Findings = Sequence[tuple[Check, Finding]]

_COLOURS = {PASSED: "#2a8f3c", FAILED: "#c0392b", LEFT_OUT: "#777777"}
_PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title><style>
body {{ font-family: sans-serif; max-width: 60em; margin: 2em auto; padding: 0 1em; }}
table {{ border-collapse: collapse; width: 100%; }}
td, th {{ border-bottom: 1px solid #ccc; padding: 0.4em; text-align: left; vertical-align: top; }}
</style></head><body><h1>{title}</h1><p>{summary}</p>
<table><tr><th>check</th><th>verdict</th><th>figure</th><th>must</th><th>result</th></tr>
{rows}</table>
{plots}</body></html>
"""
_ROW = (
    '<tr><td title="{wiring}">{title}</td><td style="color: {colour}">{verdict}</td><td>{figure}'
    "</td><td>{must}</td><td>{sentence}</td></tr>"
)
_FORM = """# A first run on real hardware

Fill in the empty lines, and send this file as an issue of the project. A check that passed here
replaces "never ran on hardware" in the documents, with the name that you give.

- name or nickname:
- date:
- board, and where it was bought:
- contactor, meter, gate (photo or drawing):
- supply and load:
- what went wrong before it went right:

Joulestream {version}; board: {board}

| check | verdict | figure | must | result |
| --- | --- | --- | --- | --- |
{rows}
"""


def figure_text(check: Check, finding: Finding) -> str:
    """Return a finding's figure with its unit."""
    return "-" if finding.figure is None else f"{finding.figure:.3g} {check.unit}"


def summary(findings: Findings) -> str:
    """Return how many checks passed, failed and were left out."""
    verdicts = [finding.verdict for _, finding in findings]
    return ", ".join(f"{verdicts.count(verdict)} {verdict}" for verdict in _COLOURS)


def failed(findings: Findings) -> list[str]:
    """Return the names of the checks that failed."""
    return [check.name for check, finding in findings if finding.verdict == FAILED]


def to_json(findings: Findings, board: str) -> dict[str, Any]:
    """Return all findings as JSON takes them."""
    return {
        "board": board,
        "passed": not failed(findings),
        "checks": [
            {
                "name": check.name,
                "title": check.title,
                "wiring": check.wiring,
                "unit": check.unit,
                "must": check.must,
                **finding.to_dict(),
            }
            for check, finding in findings
        ],
    }


def to_html(findings: Findings, board: str) -> str:
    """Return one page with a table, and a plot of each check that has several figures."""
    title = html.escape(f"Bench of {board}")
    rows = "\n".join(
        _ROW.format(
            wiring=html.escape(check.wiring, quote=True),
            title=html.escape(check.title),
            colour=_COLOURS[finding.verdict],
            verdict=html.escape(finding.verdict),
            figure=html.escape(figure_text(check, finding)),
            must=html.escape(check.must),
            sentence=html.escape(finding.sentence),
        )
        for check, finding in findings
    )
    with fonts():
        plots = "\n".join(_plot(check, finding) for check, finding in findings if finding.series)
    return _PAGE.format(title=title, summary=summary(findings), rows=rows, plots=plots)


def to_form(findings: Findings, board: str, version: str) -> str:
    """Return the form in which a person reports a first run on real hardware."""
    rows = "\n".join(
        f"| {check.name} | {finding.verdict} | {figure_text(check, finding)} | {check.must} |"
        f" {finding.sentence.replace('|', '/')} |"
        for check, finding in findings
    )
    return _FORM.format(version=version, board=board, rows=rows)


def write(directory: Path, findings: Findings, board: str, version: str) -> None:
    """Write bench.json, bench.html and bench.md into a directory, which is made."""
    directory.mkdir(parents=True, exist_ok=True)
    data = json.dumps(to_json(findings, board), indent=2) + "\n"
    (directory / "bench.json").write_text(data, encoding="utf-8")
    (directory / "bench.html").write_text(to_html(findings, board), encoding="utf-8")
    form = to_form(findings, board, version)
    (directory / "bench.md").write_text(form, encoding="utf-8")


def _plot(check: Check, finding: Finding) -> str:
    """Return a plot of a finding's series as SVG."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 2.2), layout="constrained")
    axes = figure.subplots()
    axes.plot(range(1, len(finding.series) + 1), finding.series, marker="o")
    axes.set_title(check.title)
    axes.set_ylabel(check.unit)
    axes.grid(True, alpha=0.3)
    text = io.StringIO()
    figure.savefig(text, format="svg")
    _, tag, drawing = text.getvalue().partition("<svg")
    return tag + drawing
