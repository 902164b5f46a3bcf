"""The tree keeps its promises: pure shared code, separate firmwares, document and code alike."""

import ast
import importlib
import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

from joulestream import errors
from joulestream.channel import Certificate, Terms
from joulestream.fields import BYTES, UINT, Record
from joulestream.framing import MAX_FRAME, MAX_PAYLOAD
from joulestream.host_tools.layout import PACKAGE, ROOT, package_folders
from joulestream.messages import MESSAGES
from joulestream.session import STATE_NAMES, TRANSITIONS
from test_on_micropython import FILES

FOLDERS = package_folders()
PROTOCOL = (ROOT / "docs" / "protocol.md").read_text()
REASONS = {code: name for name, code in vars(errors).items() if isinstance(code, int)}
SENDERS = ("payee", "payer", "either")
# Host names that appear only in the address of a place to download from.
REGISTRIES = re.compile(
    r"(pypi\.org|pythonhosted\.org|registry\.npmjs|registry\.yarnpkg|crates\.io|proxy\.golang"
    r"|deb\.debian\.org|artifactory)",
    re.IGNORECASE,
)


def tracked_files():
    """Return every file of the tree that git knows or would add."""
    done = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
    )
    if done.returncode:
        pytest.skip("the tree is no git checkout")
    names = done.stdout.decode().split("\0")
    return [ROOT / name for name in names if name and (ROOT / name).is_file()]


def run_time_nodes(tree):
    """Yield every node that a runtime executes: all but those that only a type checker reads."""
    yield tree
    for child in ast.iter_child_nodes(tree):
        if isinstance(child, ast.If) and getattr(child.test, "id", "") == "TYPE_CHECKING":
            for node in child.orelse:
                yield from run_time_nodes(node)
        else:
            yield from run_time_nodes(child)


def imports(path):
    """Return the names of the modules that a Python file imports at run time, at any depth."""
    names = set()
    for node in run_time_nodes(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            names |= {f"{module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Call) and getattr(node.func, "id", "") == "__import__":
            names |= {arg.value for arg in node.args[:1] if isinstance(arg, ast.Constant)}
    return names


def packages(path):
    """Return the top-level packages that a file imports; of ours, the folders below joulestream.

    The protocol itself is "joulestream".
    """
    found = set()
    for name in imports(path):
        first, _, rest = name.partition(".")
        folder = rest.partition(".")[0]
        is_folder = first == PACKAGE and f"{PACKAGE}.{folder}" in FOLDERS
        found.add(folder if is_folder else first)
    return found


def sources(folder):
    found = sorted((ROOT / folder).rglob("*.py"))
    assert found, folder
    return found


@pytest.mark.parametrize("path", sources("shared/joulestream"), ids=lambda path: path.name)
def test_the_protocol_is_pure(path):
    allowed = {"array", "joulestream", "binascii", "hashlib", "micropython", "struct"}
    allowed |= {"native.py": {"_ed25519", "sys"}}.get(path.name, set())
    assert packages(path) <= allowed
    assert not calls(path) & {"open", "print", "input"}


def calls(path):
    """Return the names of the functions that a file calls by their plain names."""
    nodes = ast.walk(ast.parse(path.read_text()))
    return {getattr(node.func, "id", "") for node in nodes if isinstance(node, ast.Call)}


# folder: those below joulestream that its files may import, itself included
MAY_IMPORT = {
    "device": {"device"},
    "testkit": {"testkit", "device", "pole", "vehicle", "meter", "link", "runtime", "boards"},
    "pole": {"pole", "device", "meter", "link", "runtime"},
    "vehicle": {"vehicle", "device", "meter", "link", "runtime"},
    "meter": {"meter", "device"},
    "link": {"link", "device"},
    "runtime": {"runtime", "device"},
    "parts": {"parts", "device", "runtime"},
    "boards": {"boards", "parts", "device", "runtime"},
}


@pytest.mark.parametrize(
    "path",
    [path for name in MAY_IMPORT for path in sources(FOLDERS[f"{PACKAGE}.{name}"])],
    ids=lambda path: f"{path.parent.name}/{path.name}",
)
def test_imports_point_down(path):
    names = {name: FOLDERS[f"{PACKAGE}.{name}"] for name in MAY_IMPORT}
    folder = next(name for name in names if path.is_relative_to(names[name]))
    allowed = MAY_IMPORT[folder] | ({"boards"} if path.name == "main.py" else set())
    ours = {name.partition(".")[2] for name in FOLDERS} | {"asyncio", "_thread", "threading"}
    assert packages(path) & ours <= allowed


@pytest.mark.parametrize("folder", ["shared", "firmware", "host_tools"])
def test_no_product_file_imports_from_the_tests(folder):
    modules = {path.stem for path in (ROOT / "tests").glob("*.py")} | {"tests"}
    for path in sources(folder):
        if "testkit" not in path.parts:
            assert not packages(path) & modules, path


@pytest.mark.parametrize(
    "program",
    [
        ["tests/vectors/make_protocol.py"],
        ["tests/vectors/make_ed25519.py"],
        ["-m", "joulestream.host_tools.fuzz.make_corpus"],
    ],
    ids=lambda program: program[-1].replace("/", "."),
)
def test_what_is_made_is_up_to_date(program):
    done = subprocess.run(
        [sys.executable, *program, "--check"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", ["make_protocol.py", "make_ed25519.py"])
def test_an_old_vector_file_is_noticed(name, tmp_path):
    folder = tmp_path / "tests" / "vectors"
    folder.mkdir(parents=True)
    for path in (ROOT / "tests" / "vectors").iterdir():
        if path.is_file():
            (folder / path.name).write_text(path.read_text().replace("00", "01", 1))
    code = (ROOT / "tests" / "vectors" / name).read_text()
    (folder / name).write_text(code)
    for path in (ROOT / "tests" / "vectors").glob("transcript.py"):
        (folder / path.name).write_text(path.read_text())
    done = subprocess.run(
        [sys.executable, str(folder / name), "--check"], capture_output=True, text=True
    )
    assert done.returncode == 1, done.stderr
    assert ".json is out of date" in done.stderr


@pytest.mark.parametrize("name", FILES)
def test_dual_runtime_files_import_what_both_runtimes_have(name):
    allowed = {
        "binascii",
        "gc",
        "hashlib",
        "json",
        "os",
        "struct",
        "sys",
        "dual_runtime",
        "micropython",
        "_ed25519",
    }
    allowed |= {"cryptolib", "joulestream", *MAY_IMPORT}
    assert packages(ROOT / "tests" / name) <= allowed


# Files that still have to be rewritten.
STILL_REACH = {"test_journal.py", "journal.py"}


def private_names(path):
    """Return the accesses to names with one leading underscore on anything but self or cls."""
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        if not isinstance(node, ast.Attribute) or not re.match("_[a-z]", node.attr):
            continue
        base = node.value
        is_super = isinstance(base, ast.Call) and getattr(base.func, "id", "") == "super"
        if not is_super and getattr(base, "id", "") not in ("self", "cls", "os"):
            found.append((node.lineno, ast.unparse(node)))
    return found


@pytest.mark.parametrize(
    "folder",
    ["tests", "host_tools/adversaries", "host_tools/fuzz", "host_tools/simulation"],
)
def test_no_test_reaches_into_private_names(folder):
    for path in sources(folder):
        if path.name not in STILL_REACH:
            assert private_names(path) == [], path.relative_to(ROOT)


def rows_below(heading, columns):
    """Return the rows of the first table below a heading, as tuples of texts."""
    assert PROTOCOL.count(f"\n{heading}\n") == 1, heading
    rows = []
    for line in PROTOCOL.split(f"\n{heading}\n")[1].splitlines():
        if line.startswith("|"):
            rows.append(tuple(cell.strip() for cell in line.strip("|").split("|")))
        elif rows or line.startswith("#"):
            break
    assert len(rows) > 2, heading
    assert all(len(row) == columns for row in rows), heading
    return rows[2:]


def test_reasons_are_as_documented():
    rows = rows_below("## 9. Reasons", 3)
    assert [(int(code), name) for code, name, _ in rows] == list(REASONS.items())
    for code, name in REASONS.items():
        assert errors.reason_name(code) == name
    # The codes of a later version, and numbers that are a part of a code.
    for code in (0, 9, 255, 1_632):
        assert errors.reason_name(code) == f"REASON_{code}"


def size(layout):
    return sum(size for _, size, _ in layout)


def test_messages_are_as_documented():
    rows = rows_below("## 3. Messages", 5)
    expected = []
    for number, (name, sender, answer, message_class) in MESSAGES.items():
        answered = MESSAGES[answer][0].upper() if answer else "-"
        expected.append(
            (
                f"0x{number:02x}",
                name.upper(),
                SENDERS[sender],
                answered,
                str(1 + size(message_class.LAYOUT)),
            )
        )
    assert rows == expected


def documented_layout(heading):
    return [(name, int(size), kind) for name, size, kind, _ in rows_below(heading, 4)]


def layout_of(rows):
    return [(name, size, "uint" if kind == UINT else "bytes") for name, size, kind in rows]


@pytest.mark.parametrize("number", [number for number in MESSAGES if MESSAGES[number][3].LAYOUT])
def test_fields_are_as_documented(number):
    name, _, _, message_class = MESSAGES[number]
    assert documented_layout(f"#### {name.upper()}") == layout_of(message_class.LAYOUT)


def test_terms_and_certificate_are_as_documented():
    assert documented_layout("### 5.1 Terms and channel_id") == layout_of(Terms.LAYOUT)
    rest = Certificate.LAYOUT[len(Terms.LAYOUT) :]
    assert documented_layout("### 5.2 Certificate") == layout_of(rest)
    assert f"The terms are {size(Terms.LAYOUT)} bytes" in PROTOCOL
    assert f"{size(Certificate.LAYOUT)} bytes in all" in PROTOCOL


def records():
    """Return every record class of ours, from the modules that define some."""
    for name in ("messages", "channel", "device.keystore", "pole.recovery", "vehicle.wallet"):
        importlib.import_module(f"{PACKAGE}.{name}")
    found, known = [Record], []
    while found:
        known += found
        found = [each for record in found for each in record.__subclasses__()]
    return [each for each in known if each.LAYOUT]


@pytest.mark.parametrize("record", records(), ids=lambda record: record.__name__)
def test_a_record_annotates_the_fields_of_its_layout(record):
    kinds = {UINT: int, BYTES: bytes}
    expected = [(name, kinds[kind]) for name, _, kind in record.LAYOUT]
    assert list(inspect.get_annotations(record).items()) == expected


CONFIGURATIONS = (
    # (class, table, fields that the check of the whole adds)
    ("pole.config", "PoleConfig", "TABLE", {"max_power_mw", "dearest_per_kwh"}),
    (
        "vehicle.config",
        "VehicleConfig",
        "TABLE",
        {"max_power_mw", "answer_ms", "own_late_ms"},
    ),
    ("meter.config", "MeterConfig", "METER", {"reading_ms", "late_ms"}),
)


@pytest.mark.parametrize("name, checked, table, added", CONFIGURATIONS)
def test_a_configuration_annotates_the_fields_of_its_table(name, checked, table, added):
    module = importlib.import_module(f"{PACKAGE}.{name}")
    nodes = ast.walk(ast.parse(Path(module.__file__).read_text()))
    (body,) = [node.body for node in nodes if getattr(node, "name", "") == checked]
    annotated = [node.target.id for node in body if isinstance(node, ast.AnnAssign)]
    assert set(annotated) == {row[0] for row in getattr(module, table)} | added


def test_states_are_as_documented():
    numbers = {row[0].upper(): number for number, row in MESSAGES.items()}
    states = {name.upper(): state for state, name in enumerate(STATE_NAMES)}
    table = {state: {} for state in TRANSITIONS}
    for state, names, target in rows_below("### 4.1 States", 3):
        for name in names.split(", "):
            assert numbers[name] not in table[states[state]]
            table[states[state]][numbers[name]] = states[target]
    assert table == TRANSITIONS


def test_the_picture_shows_only_what_the_table_has():
    """Arrows of the mermaid picture, for messages that it names in full."""
    numbers = {row[0].upper(): number for number, row in MESSAGES.items()}
    states = {name.upper(): state for state, name in enumerate(STATE_NAMES)}
    picture = PROTOCOL.split("```mermaid\n")[1].split("```")[0]
    arrows = re.findall(r"^ +(\w+) --> (\w+): (.+)$", picture, re.MULTILINE)
    assert len(arrows) > 10
    for state, target, label in arrows:
        for word in label.replace(",", " ").split():
            if word in numbers:
                assert TRANSITIONS[states[state]][numbers[word]] == states[target], label
    drawn = {(state, target) for state, target, _ in arrows}
    for state, row in TRANSITIONS.items():
        for number, target in row.items():
            if MESSAGES[number][0] != "hello" and STATE_NAMES[state] != "receipted":
                pair = (STATE_NAMES[state].upper(), STATE_NAMES[target].upper())
                assert pair in drawn, pair


def test_limits_are_as_documented():
    assert f"A payload has 1 to {MAX_PAYLOAD} bytes" in PROTOCOL
    assert f"a frame has at most {MAX_FRAME} bytes" in PROTOCOL
    assert f"more than {MAX_FRAME - 1} bytes without a 0x00" in PROTOCOL


def test_every_section_that_is_named_exists():
    for number in set(re.findall(r"[Ss]ection (\d(?:\.\d)?)", PROTOCOL)):
        assert re.search(rf"^##+ {re.escape(number)}\.? ", PROTOCOL, re.MULTILINE), number


def test_every_reason_named_in_the_text_exists():
    names = set(REASONS.values())
    messages = {row[0].upper() for row in MESSAGES.values()}
    known = names | messages | {name.upper() for name in STATE_NAMES}
    for word in set(re.findall(r"\b[A-Z]+(?:_[A-Z]+)+\b", PROTOCOL)):
        assert word in known, word


def test_no_registry_addresses_nor_paths_of_a_machine():
    for path in tracked_files():
        if path == Path(__file__).resolve():
            continue
        try:
            text = path.read_text()
        except UnicodeDecodeError:
            continue
        found = REGISTRIES.search(text)
        assert not found, f"{path.relative_to(ROOT)}: {found.group()}"
        for word in ("/wo" + "rk/shared", "/wo" + "rk/main", "/ro" + "ot/"):
            assert word not in text, f"{path.relative_to(ROOT)}: {word}"


def test_every_configuration_field_is_documented_with_its_default():
    from joulestream.boards import machine_board, qemu, unix
    from joulestream.link import DEFAULT_KIND, can, rs485, uart
    from joulestream.meter import ina228, s0
    from joulestream.meter.config import METER
    from joulestream.pole import config as pole_config
    from joulestream.vehicle import config as vehicle_config

    text = (ROOT / "docs" / "configuration.md").read_text()
    sections = {part.partition("\n")[0]: part for part in text.split("\n## ")[1:]}
    link_table = [("kind", None, DEFAULT_KIND), *uart.TABLE, *rs485.TABLE, *can.TABLE]
    tables = {
        "Pole": pole_config.TABLE,
        "Vehicle": vehicle_config.TABLE,
        "Meter": METER,
        "INA228": ina228.FIELDS,
        "Pulses": s0.FIELDS,
        "Link": link_table,
        "Unix board": unix.TABLE,
        "Boards with a chip": [("kind", None, None), *machine_board.TABLE],
        "Emulated board": qemu.TABLE,
    }
    for name, table in tables.items():
        lines = [line for line in sections[name].splitlines() if line.startswith("| `")]
        cells = [[cell.strip(" `") for cell in line.split("|")] for line in lines]
        shown = {row[1]: row[2] for row in cells}
        has_default = {field: default for field, _, default in table}
        assert list(shown) == [field for field, _, _ in table], name
        for field, default in shown.items():
            plain = isinstance(has_default[field], (int, str))
            assert default == (str(has_default[field]) if plain else ""), (name, field)
