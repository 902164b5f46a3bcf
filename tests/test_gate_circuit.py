"""The discrete gate opens in time and holds in time, in every corner of its tolerances."""

import random
import re

import numpy as np
import pytest

from gate_circuit_model import STEP_S, Watchdog
from joulestream.boards import KINDS
from joulestream.boards.machine_board import MachineBoard
from joulestream.host_tools.drawings import DRAWINGS
from joulestream.host_tools.drawings.__main__ import FOLDER, main, render
from joulestream.host_tools.hardware import gate_circuit, gate_tables, materials
from joulestream.host_tools.layout import ROOT

FIGURES = gate_circuit.figures()
LEAST_HOLD_MS = 450  # the pole's least contactor_hold_ms
BEAT_S = MachineBoard.HEARTBEAT_MS / 1_000


def corners():
    """Return the corners with the extreme figures, and some others."""
    found = list(gate_circuit.corners())
    keys = (
        gate_circuit.Corner.least_hold_s,
        gate_circuit.Corner.most_hold_s,
        gate_circuit.Corner.fastest_hz,
    )
    chosen = [pick(found, key=key) for key in keys for pick in (min, max)]
    return chosen + random.Random(3).sample(found, 18)


def square(half_period_s):
    return lambda s: int(s / half_period_s + 1e-9) % 2


def beating():
    """Return circuits that have seen the quickest heartbeat for a while, and are closed."""
    watchdog = Watchdog(corners())
    assert watchdog.run(0.4, square(BEAT_S)).all()
    return watchdog


def test_the_worst_cases_keep_the_promise():
    assert LEAST_HOLD_MS < FIGURES.least_hold_ms < FIGURES.most_hold_ms <= MachineBoard.GATE_MS
    assert FIGURES.slowest_refused_hz > 1.2 / BEAT_S
    assert FIGURES.fastest_taken_hz < 1_000
    assert FIGURES.least_half_period_ms < 4 < MachineBoard.HEARTBEAT_MS
    assert len(KINDS) >= 4


def test_the_model_opens_when_the_formulas_say():
    watchdog = beating()
    opened_s = np.zeros(len(corners()))
    charged_v = np.zeros(len(corners()))
    for index in range(round(0.62 / STEP_S)):
        closed = watchdog.step(0)  # the edge, and nothing after it
        opened_s = np.where((opened_s == 0) & ~closed, index * STEP_S, opened_s)
        charged_v = np.maximum(charged_v, watchdog.held_v)
    pairs = zip(corners(), charged_v)
    held_s = np.array([corner.hold_s(volts) for corner, volts in pairs])
    edges_s = np.array([corner.edge_s() for corner in corners()])
    assert ((held_s - 0.001 < opened_s) & (opened_s < held_s + edges_s + 0.001)).all()
    assert (opened_s > FIGURES.least_hold_ms / 1_000).all()
    assert (opened_s < FIGURES.most_hold_ms / 1_000).all()


def test_the_model_holds_through_pauses_of_the_longest_erase():
    watchdog = beating()
    level = 0
    for _ in range(3):
        for _ in range(round(LEAST_HOLD_MS / 1_000 / STEP_S)):
            assert watchdog.step(level).all()
        level = 1 - level


@pytest.mark.parametrize("level", [0, 1])
def test_no_level_closes_the_model(level):
    watchdog = Watchdog(corners())
    for index in range(round(0.8 / STEP_S)):
        # One edge at the start may close nothing for long; the level never does.
        closed = watchdog.step(level)
        if index * STEP_S > 0.7:
            assert not closed.any()


def test_no_pwm_closes_the_model():
    """Many rates and duties of a PWM, in the most and in the least sensitive circuit."""
    found = list(gate_circuit.corners())
    extremes = [pick(found, key=gate_circuit.Corner.fastest_hz) for pick in (min, max)]
    rows = [
        (corner, hz, duty)
        for corner in extremes
        for hz in (400, 500, 700, 1_000, 1_500, 2_000, 5_000, 10_000, 25_000)
        for duty in (0.02, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9, 0.98)
    ]
    watchdog = Watchdog([corner for corner, _, _ in rows])
    hz = np.array([row[1] for row in rows])
    duty = np.array([row[2] for row in rows])
    closed = watchdog.run(0.9, lambda s: (s * hz % 1.0 < duty).astype(int))
    assert not closed.any(), [rows[index][1:] for index in np.flatnonzero(closed)]


def test_the_model_can_close():
    """Else the tests above show nothing."""
    watchdog = Watchdog(corners())
    assert watchdog.run(0.2, square(BEAT_S)).all()


# Parts and drawings


def test_every_part_of_the_gate_is_drawn_and_every_drawn_part_is_listed():
    drawn = set().union(*(render(name).refs for name in DRAWINGS))
    assert drawn == set(materials.gate_parts())


def test_the_drawings_are_what_their_sources_give():
    assert main(["--check"]) == 0
    assert {path.stem for path in FOLDER.iterdir()} == set(DRAWINGS)


def test_an_old_drawing_is_noticed(tmp_path, capsys):
    assert main([], tmp_path) == 0 and main(["--check"], tmp_path) == 0
    path = tmp_path / "desk.svg"
    path.write_text(path.read_text().replace("12 V", "13 V", 1))
    assert main(["--check"], tmp_path) == 1
    assert "desk.svg" in capsys.readouterr().err


def test_every_drawing_is_shown_on_a_page():
    pages = "".join(path.read_text() for path in (ROOT / "docs").glob("*.md"))
    for name in DRAWINGS:
        assert f"](drawings/{name}.svg)" in pages, name
    for name in re.findall(r"\]\(drawings/([\w-]+)\.svg\)", pages):
        assert name in DRAWINGS


def test_the_tables_of_gate_and_parts_are_up_to_date(tmp_path, capsys):
    assert gate_tables.main(["--check"]) == 0
    for name in (gate_tables.GATE, gate_tables.MATERIALS):
        (tmp_path / name).write_text(
            (ROOT / "docs" / name).read_text().replace("| Q1 |", "| Q9 |")
        )
    assert gate_tables.main(["--check"], tmp_path) == 1
    assert "gate.md" in capsys.readouterr().err


@pytest.mark.parametrize(("name", "about_euro"), [("desk", 120), ("pole", 480)])
def test_the_lists_to_buy_have_about_the_promised_sum(name, about_euro):
    total_cents = materials.total_cents(name)
    assert abs(total_cents - 100 * about_euro) <= 5 * about_euro
    rows = materials.load()[name]
    assert sum(materials.cents_of(row) for row in rows) == total_cents
    assert len({row["part"] for row in rows}) == len(rows) >= 12
    assert (
        f"**{materials.euro(total_cents)}**" in (ROOT / "docs" / gate_tables.MATERIALS).read_text()
    )


def test_the_gate_s_parts_are_in_the_pole_s_sum_once():
    prices = [row["cents"] for row in materials.load()["pole"]]
    assert prices.count("gate") == 1
    assert materials.gate_cents() == sum(part.cents for part in materials.gate_parts().values())
