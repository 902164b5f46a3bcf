"""The bench's checks on an emulated Pico with a plant: good hardware passes, bad fails."""

import json
import subprocess
import sys

import pytest

from bench_plant import BenchPico, on_bench
from joulestream.host_tools.board_bench import bench as board_bench
from joulestream.host_tools.board_bench import document
from joulestream.host_tools.board_bench import report as reports
from joulestream.host_tools.board_bench.checks import Bench
from joulestream.host_tools.board_bench.finding import FAILED, LEFT_OUT, PASSED, judged, left_out
from joulestream.host_tools.build.pico import build_library
from joulestream.host_tools.layout import ROOT
from joulestream.host_tools.pico_flash import write_flash
from joulestream.testkit.pair import pole_values
from pico_boards import built  # noqa: F401 - a fixture

pytestmark = pytest.mark.xdist_group("emulated Pico")

BOARD = {"kind": "rp2040", "device_secret": "pole.device"}


@pytest.fixture(scope="module")
def pico(built, tmp_path_factory):  # noqa: F811
    flash = tmp_path_factory.mktemp("bench") / "flash.bin"
    write_flash(flash, [build_library()])
    with BenchPico(*built, flash) as board:
        board.install({**pole_values(), "board": BOARD})
        board.mpremote("exec", "open('pole.device', 'w').write('5a' * 32)")
        yield board


def found(pico, name):
    """Return the finding of one check."""
    with on_bench(pico) as bench:
        ((_, finding),) = board_bench.run(bench, board_bench.chosen([name]), lambda *_: None)
    return finding


@pytest.mark.parametrize("name", ["signatures", "collection", "pilot", "contactor", "gate"])
def test_good_hardware_passes(pico, name):
    finding = found(pico, name)
    assert finding.verdict == PASSED, finding
    json.dumps(finding.to_dict())


@pytest.mark.parametrize(
    "name, attribute, value, words",
    [
        ("contactor", "opening_ms", 150, "opens in"),
        ("contactor", "closing_ms", 1 << 40, "missed"),
        ("gate", "gate_ms", 1 << 40, "STAYS CLOSED WITHOUT A HEARTBEAT"),
        ("gate", "gate_ms", 900, "opens"),
        ("pilot", "peak_error_mv", 2_500, "reads as"),
    ],
)
def test_bad_hardware_fails(pico, name, attribute, value, words):
    before = getattr(pico, attribute)
    setattr(pico, attribute, value)
    try:
        finding = found(pico, name)
    finally:
        setattr(pico, attribute, before)
    assert finding.verdict == FAILED, finding
    assert words in finding.sentence


def test_the_link_and_an_erase(pico):
    finding = found(pico, "link")
    assert finding.verdict == PASSED and finding.figure == 0, finding
    erase = found(pico, "erase")
    # The port stops all interrupts for an erase: the chip's own 32 bytes are all it keeps.
    assert erase.verdict == FAILED and 100 < erase.figure < 1_000, erase
    assert "sent again" in erase.sentence


def test_the_journal_across_a_power_cut(pico):
    finding = found(pico, "journal")
    assert finding.verdict == PASSED, finding
    assert "0 records are damaged" in finding.sentence


def test_what_is_not_wired_is_left_out(pico):
    for name, words in (("residual", "no line"), ("session", "--service-port")):
        finding = found(pico, name)
        assert finding.verdict == LEFT_OUT and words in finding.sentence


def test_a_session_is_judged_by_what_the_pole_says():
    looks = iter(
        [
            {"why": "IDLE"},
            {"why": "CHARGING", "power_mw": 60_000, "energy_mwh": 400, "packets": 2},
            {
                "why": "CHARGING",
                "power_mw": 60_000,
                "energy_mwh": 1_200,
                "packets": 6,
                "paid": 384,
                "unpaid": 64,
                "max_unpaid": 320,
            },
        ]
    )
    bench = Bench(None, Everything(), look=lambda: next(looks), pause=lambda: None)
    ((_, finding),) = board_bench.run(bench, board_bench.chosen(["session"]), lambda *_: None)
    assert finding.verdict == PASSED and finding.series == (0, 60, 60)
    bench = Bench(None, Everything(), look=lambda: {"why": "NO_CHANNEL"}, pause=lambda: None)
    ((_, finding),) = board_bench.run(bench, board_bench.chosen(["session"]), lambda *_: None)
    assert finding.verdict == FAILED and "open a channel" in finding.sentence


class Everything:
    """An operator who does all that is asked."""

    def do(self, task, sentence):
        return True


def test_reports_hold_every_finding(tmp_path):
    check, other = board_bench.chosen(["contactor", "gate"])
    findings = [
        (check, judged(False, "a <b> | sentence", 120.0, series=(1.0, 120.0))),
        (other, left_out("no contact")),
    ]
    reports.write(tmp_path / "out", findings, "/dev/ttyX", "0")
    page = (tmp_path / "out" / "bench.html").read_text()
    assert "a &lt;b&gt;" in page and "<svg" in page and "1 FAILED" in page
    form = (tmp_path / "out" / "bench.md").read_text()
    assert form.count("| contactor | FAILED | 120 ms |") == 1 and "a <b> / sentence" in form
    data = json.loads((tmp_path / "out" / "bench.json").read_text())
    assert not data["passed"] and [row["name"] for row in data["checks"]] == ["contactor", "gate"]


def test_the_page_has_the_table_of_checks():
    """`make bench-docs` writes it."""
    assert document.table() in (ROOT / "docs" / "bench.md").read_text()


def test_bad_words_on_the_command_line():
    for words, said in (
        (["run", "nothing"], "there is no check 'nothing'"),
        (["run"], "no port is named"),
        (["run", "--port", "/dev/null", "--role", "car"], "say pole or vehicle"),
    ):
        done = subprocess.run(
            [sys.executable, "-m", "joulestream.host_tools.cli", "bench", *words],
            capture_output=True,
            text=True,
        )
        assert done.returncode and said in done.stderr, done.stderr
        assert len(done.stderr.splitlines()) == 1
