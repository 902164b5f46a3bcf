"""`joulestream benchmark`: its parts, the files of figures, and the pages that show them."""

import json
from importlib import import_module

import pytest
from rich.console import Console
from typer.testing import CliRunner

from joulestream.host_tools import benchmarks
from joulestream.host_tools.benchmarks import PARTS, document, run, size, tables
from joulestream.host_tools.build.bytecode import compile_tree
from joulestream.host_tools.cli import app
from joulestream.host_tools.documents import write_between_marks
from joulestream.host_tools.errors import CommandError
from joulestream.host_tools.layout import ROOT

QUIET = Console(quiet=True)
SIZE = {
    "flash_bytes_pole": 30,
    "flash_bytes_vehicle": 20,
    "packages_pole": {"joulestream": 10, "joulestream.pole": 20},
    "packages_vehicle": {"joulestream": 10, "joulestream.vehicle": 10},
    "import_heap_bytes": {"pole": 5_000, "vehicle": 4_000},
}
FIGURES = {
    "summary.json": {"packets_per_second": 700.5, "wire_bytes_per_packet": 108.5},
    "ed25519.json": {"rv32": {"sign": 1_000}, "monocypher": {}, "libsodium": {}},
    "modules.json": {
        "x64": {"boards": "unix port", "code_bytes": 15_000},
        "armv6m": {"boards": "Pico", "code_bytes": 14_500, "sign": 2_281_936},
    },
    "size.json": SIZE,
    "reliability.json": {"power_cut_losses": 0},
    "boards.json": {
        "boards": 6,
        "boards_failed": {},
        "can_packet_bus_ms": 5.5,
        "can_frames_lost_at_full_load": 0,
    },
    "machine.json": {
        "cpu": "A Processor",
        "cores": 2,
        "system": "An OS",
        "python": "3.11.2",
        "compiler": "gcc 12",
        "date": "2026-11-27",
    },
}


@pytest.fixture
def measured(tmp_path):
    """A folder with figures as `joulestream benchmark` leaves them."""
    for name, figures in FIGURES.items():
        (tmp_path / name).write_text(json.dumps(figures))
    return tmp_path


def plant(monkeypatch, name, measure):
    """Let `measure` stand in for a part's."""
    monkeypatch.setattr(import_module(PARTS[name].module), "measure", measure)


@pytest.mark.parametrize("name", PARTS)
def test_a_part_is_a_file_with_a_function_that_measures(name):
    part = PARTS[name]
    module = import_module(part.module)
    assert callable(module.measure)
    assert part.module == f"{benchmarks.__name__}.{name.replace('-', '_')}"
    assert part.file in tables.TABLES


def test_one_part_alone_keeps_the_figures_of_the_others(measured, monkeypatch):
    plant(monkeypatch, "packets", lambda: {"rv32": {"pole_packet": 7}})
    files = run.run_parts(["packets"], measured, QUIET)
    kept = json.loads((measured / "ed25519.json").read_text())
    assert kept == files["ed25519.json"]
    assert kept["rv32"] == {"sign": 1_000, "pole_packet": 7}
    assert json.loads((measured / "size.json").read_text()) == SIZE


def test_a_part_that_fails_stops_no_other(tmp_path, monkeypatch):
    def fail():
        raise CommandError("no emulator here")

    plant(monkeypatch, "packets", fail)
    plant(monkeypatch, "adversaries", lambda: {"adversaries": 3})
    with pytest.raises(run.BenchmarkError, match="packets was not measured: no emulator here"):
        run.run_parts(["packets", "adversaries"], tmp_path, QUIET)
    assert json.loads((tmp_path / "reliability.json").read_text()) == {"adversaries": 3}


@pytest.mark.parametrize(
    "name, figures, said",
    [
        ("power-cuts", {"power_cut_losses": 1}, "must be 0"),
        ("packets", {"rv32": {"pole_packet": 1_150_001}}, "must be at most 1,150,000"),
        ("can", {"can_packet_bus_ms": 8.1}, "must be at most 8"),
        ("flash", {"second_flash_s": 3.1}, "must be at most 3"),
        ("can", {"can_frames_lost_at_full_load": 1}, "must be at most 0"),
        ("board-contract", {"boards": 5, "boards_failed": {"esp32": "x"}}, "6 or more.*esp32"),
    ],
)
def test_a_figure_that_breaks_its_limit_is_an_error(tmp_path, monkeypatch, name, figures, said):
    plant(monkeypatch, name, lambda: figures)
    with pytest.raises(run.BenchmarkError, match=said):
        run.run_parts([name], tmp_path, QUIET)


def test_json_alone_is_on_stdout(tmp_path, monkeypatch):
    plant(monkeypatch, "size", lambda: SIZE)
    done = CliRunner().invoke(
        app, ["benchmark", "--only", "size", "--directory", str(tmp_path), "--json"]
    )
    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout) == {"size": SIZE}
    assert "flash" in done.stderr


def test_an_unknown_part_is_refused():
    done = CliRunner().invoke(app, ["benchmark", "--only", "luck"])
    assert done.exit_code == 2
    assert "'luck'" in done.stderr and "throughput" in done.stderr


def test_measuring_changes_no_page(measured, monkeypatch):
    pages = {path: path.read_bytes() for path in (ROOT / "docs").glob("*.md")}
    plant(monkeypatch, "size", lambda: SIZE)
    run.run_parts(["size"], measured, QUIET)
    assert pages == {path: path.read_bytes() for path in pages}


def test_the_pages_show_the_figures_and_the_machine(measured, tmp_path):
    docs = tmp_path / "docs"
    docs.mkdir()
    for path in (ROOT / "docs").glob("*.md"):
        (docs / path.name).write_text(path.read_text())
    written = document.write_documents(measured, docs)
    assert {path.name for path in written} == {
        "bench.md",
        "benchmarks.md",
        "bill-of-materials.md",
        "charging.md",
        "ed25519.md",
        "gate.md",
        "hardware.md",
        "reliability.md",
        "security.md",
        "troubleshooting.md",
    }
    for name in ("benchmarks.md", "ed25519.md", "reliability.md"):
        assert "2026-11-27: A Processor, 2 cores, An OS" in (docs / name).read_text()
    page = (docs / "ed25519.md").read_text()
    assert "| sign, expanded key kept, instructions | - | 2,281,936 |" in page
    page = (docs / "benchmarks.md").read_text()
    assert "| 700.5 |" in page and "| joulestream.pole | 20 | - |" in page
    assert page.startswith("# Benchmarks") and "## Packets" in page


def test_pages_need_figures(tmp_path):
    with pytest.raises(run.BenchmarkError, match=r"summary\.json.*make bench"):
        document.write_documents(tmp_path)


def test_a_page_without_the_mark_stays_as_it_is(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("no mark\n")
    with pytest.raises(ValueError, match=r"page\.md"):
        write_between_marks(page, "text")
    assert page.read_text() == "no mark\n"
    assert list(tmp_path.iterdir()) == [page]


def test_size_adds_up_the_files_that_were_loaded():
    printed = (
        "import_heap_bytes 4096\n"
        "module _ed25519.mpy 20\n"
        "module joulestream/units.mpy 3\n"
        "module joulestream/pole/main.mpy 5\n"
        "module joulestream/pole/loop.mpy 2\n"
    )
    assert size.read(printed) == {
        "flash_bytes": 30,
        "import_heap_bytes": 4096,
        "packages": {"joulestream": 3, "joulestream.pole": 7, "native module": 20},
    }


def test_bytecode_holds_no_block_for_type_checkers(tmp_path):
    source = tmp_path / "source.py"
    source.write_text(
        "from joulestream.compat import const\n\nTYPE_CHECKING = const(0)\n"
        "if TYPE_CHECKING:\n    from joulestream.messages import TariffAccept\nLAST = 1\n"
    )
    compile_tree([source], tmp_path / "compiled")
    bytecode = (tmp_path / "compiled" / "source.mpy").read_bytes()
    assert b"LAST" in bytecode and b"TariffAccept" not in bytecode


def test_bytecode_without_a_source_is_removed(tmp_path):
    sources = [tmp_path / "one.py", tmp_path / "two.py"]
    for source in sources:
        source.write_text("x = 1\n")
    compiled = tmp_path / "compiled"
    compile_tree(sources, compiled)
    assert {path.name for path in compiled.iterdir()} == {"one.mpy", "two.mpy"}
    compile_tree(sources[:1], compiled)
    assert {path.name for path in compiled.iterdir()} == {"one.mpy"}


def test_too_few_liars_or_bugs_that_go_unseen_are_told():
    figures = {"adversaries": 75, "planted_bugs": 40, "planted_bugs_found": 40}
    assert tables.misses("reliability.json", figures) == []
    for name in ("adversaries", "planted_bugs_found"):
        (said,) = tables.misses("reliability.json", figures | {name: figures[name] - 1})
        assert "must be" in said
    (said,) = tables.misses("reliability.json", {"contactor_closings_per_hour_worst": 61})
    assert "at most 60" in said
