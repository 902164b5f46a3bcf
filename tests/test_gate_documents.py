"""docs/gate.md agrees with firmware/gate: reasons, states, messages, times."""

import re

import pytest

from gate_controller import SOURCES
from joulestream.host_tools.layout import ROOT
from joulestream.parts.gate_identity import identity
from joulestream.parts.safety_controller import STATES
from test_gate_controller import HOLD_MS, REASON, STATE

PAGE = (ROOT / "docs" / "gate.md").read_text()
PROTOCOL = (SOURCES / "protocol.h").read_text()
RULES = (SOURCES / "gate.c").read_text().split("RULES[] = {")[1].split("};")[0]


def rows_behind(text):
    """Return the rows of the first table behind a text, as lists of cells, without its head."""
    lines = PAGE.split(text, 1)[1].split("\n")
    start = next(at for at, line in enumerate(lines) if line.startswith("| "))
    rows = []
    for line in lines[start:]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip(" `") for cell in line.strip("|").split("|")])
    return rows[2:]


def test_the_reasons_and_their_states_are_those_of_the_code():
    rows = rows_behind("the coil is closed while none holds.")
    assert {name: int(number) for number, name, _, _ in rows} == REASON
    states = {name: state for _, name, state, _ in rows}
    for reason, state in re.findall(r"\{GATE_(\w+), GATE_(\w+),", RULES):
        assert states.pop(reason.lower()) == state.lower()
    assert states == {"ok": "closed"}
    assert set(STATES) == set(STATE)


def constant(name):
    return int(re.search(rf"{name} = (0x\w+|\d+)", PROTOCOL).group(1), 0)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("PERMIT", "`PERMIT`, board to gate"),
        ("STATUS", "`STATUS`, gate to board"),
        ("IDENTITY", "`IDENTITY` answers it"),
    ],
)
def test_the_messages_have_the_documented_sizes_and_types(name, text):
    rows = rows_behind(text)
    assert sum(int(size) for _, size, _ in rows) == constant(f"PROTOCOL_{name}_SIZE")
    assert int(rows[0][2], 16) == constant(f"PROTOCOL_{name}")


def test_the_states_of_a_status_are_numbered_as_in_the_code():
    (meaning,) = [row[2] for row in rows_behind("`STATUS`, gate to board") if row[0] == "state"]
    assert meaning == ", ".join(f"{number} {name}" for name, number in STATE.items())


def test_the_times_in_the_text_are_those_of_the_code():
    assert f"It holds for {HOLD_MS} ms after the last edge." in PAGE
    header = (SOURCES / "gate.h").read_text()
    for name, value, text in (
        ("LEAST_OFF_MS", 5_000, "5 s after the opening"),
        ("FAULT_REST_MS", 30_000, "30 s after the fault"),
        ("LEAST_CYCLE_MS", 20_000, "20 s after the last closing"),
        ("MOST_FAULTS", 3, "three faults had opened the coil"),
        ("EDGE_COST_MS", 4, "Edges above 250 a second"),
        ("HOT_DDEG", 850, "from 85 °C"),
        ("COOL_DDEG", 750, "below 75 °C"),
        ("UNPLUGGED_MS", 1_000, "unplugged for 1 s"),
    ):
        assert f"GATE_{name} = {value}" in header and text in PAGE, name


def test_the_identity_s_record_has_the_documented_places():
    data = identity("discrete 16A 01", 23)
    rows = rows_behind("## Identification")
    assert [row[0] for row in rows] == ["0 to 3", "4", "5 to 19", "20 to 23"]
    assert data[:4] == b"JSG1" and data[4] == 23 and data[5:20] == b"discrete 16A 01"
    assert len(data) == 24
    assert "'discrete 16A 01', 23)" in PAGE
