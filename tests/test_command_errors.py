"""Every command with bad inputs and in bad environments: one line at most, and no traceback.

The commands and their parameters come from the command line itself, so a new one is tried too.
The long work of a command is replaced by nothing. The tests try how the command takes its inputs.
"""

import ast
import json
import os
import resource
import sqlite3
import subprocess
import sys
from importlib import import_module

import pytest
import typer
from typer.testing import CliRunner

from joulestream.channel import Claim
from joulestream.device.payee_records import PayeeRecord, PayeeRecords
from joulestream.host_tools import keys
from joulestream.host_tools.certificate_files import read_certificate
from joulestream.host_tools.cli import app
from joulestream.host_tools.commands import COMMANDS
from joulestream.host_tools.flash_image import FlashImage
from joulestream.host_tools.layout import ROOT
from joulestream.testkit.flash import mount

NOW_S = 1_800_000_000
# A command that is not known for its kind of error says so with these words.
UNEXPECTED = "a fault of the program"


def run(*words):
    """Run a command; return its exit status, stdout and stderr."""
    result = CliRunner().invoke(app, [str(word) for word in words])
    assert isinstance(result.exception, SystemExit | None), (words, result.exception)
    return result.exit_code, result.stdout, result.stderr


def made(*words):
    status, out, err = run(*words, "--json")
    assert (status, err) == (0, ""), err
    return json.loads(out)


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A directory with a ledger, a channel, keys, a pole's flash, and files of every bad kind."""
    home = tmp_path_factory.mktemp("home")
    before = os.getcwd()
    os.chdir(home)
    yield prepare(home)
    os.chdir(before)


def prepare(home):
    for name in ("car", "pole"):
        keys.write_seed(f"{name}.seed", keys.new_seed())
    made("ledger", "init")
    made("ledger", "account", "create", "car", "--balance", 100_000)
    made("ledger", "account", "create", "pole")
    made(*open_channel("car.cert"))
    (home / "pole.flash").write_bytes(flash(300))
    (home / "pole.json").write_text(json.dumps({"board": {}, "meter": {}}))
    (home / "dir").mkdir()
    os.mkfifo("fifo")
    os.symlink("loop", "loop")
    os.symlink("nowhere", "dangling")
    (home / "empty").write_bytes(b"")
    (home / "bytes").write_bytes(bytes(range(256)) * 1024)
    (home / "text").write_text("no such thing\n")
    (home / "list.json").write_text("[1, 2]")
    (home / "deep.json").write_text("[" * 100_000)
    (home / "torn.json").write_text('{"board": {"uarts": ')
    (home / "latin.json").write_bytes('{"board": "é"}'.encode("latin-1"))
    return home


def open_channel(certificate):
    return (
        *("ledger", "open", "--deposit", 1000, "--dispute-window-s", 3600),
        *("--payer-key", keys.read_signer("car.seed").public_key.hex(), "--refund-account", "car"),
        *("--payee-key", keys.read_signer("pole.seed").public_key.hex(), "--now-s", NOW_S),
        *("--payout-account", "pole", "--certificate", certificate),
    )


def flash(amount):
    """Return a pole's flash of the default size with one claim."""
    certificate = read_certificate("car.cert")
    image = FlashImage(b"\xff" * 64 * 4096, 4096)
    record = PayeeRecord(
        amount=amount,
        signature=keys.read_signer("car.seed").sign(Claim(certificate.channel_id).message(amount)),
        amount_due=amount,
        remainder=0,
        energy_mwh=0,
    )
    PayeeRecords(mount(image), 4).admit(certificate, record)
    blocks = []
    for number in range(64):
        block = bytearray(4096)
        image.readblocks(number, block)
        blocks.append(bytes(block))
    return b"".join(blocks)


@pytest.fixture
def quick(monkeypatch):
    """Take the long work out of the commands."""
    from joulestream.host_tools import demo, emulator
    from joulestream.host_tools.benchmarks import run as benchmarks
    from joulestream.host_tools.errors import CommandError
    from joulestream.host_tools.fuzz import gather, replay
    from joulestream.host_tools.fuzz import run as fuzz
    from joulestream.host_tools.simulation import campaign

    def not_now(*_, **__):
        raise CommandError("not now")

    def no_campaign(totals, sessions, jobs=None, report=None):
        report(totals)
        return totals

    monkeypatch.setattr(demo.Demo, "_run", not_now)
    monkeypatch.setattr(emulator, "EmulatedBoard", not_now)
    monkeypatch.setattr("joulestream.host_tools.build.board.build", not_now)
    monkeypatch.setattr(benchmarks, "import_module", not_now)
    monkeypatch.setattr("joulestream.host_tools.benchmarks.document.write_documents", not_now)
    monkeypatch.setattr(fuzz, "fuzz_all", not_now)
    monkeypatch.setattr(gather, "gather", not_now)
    monkeypatch.setattr(replay, "replay", not_now)
    monkeypatch.setattr(campaign, "run_campaign", no_campaign)
    monkeypatch.setattr(campaign, "play", not_now)
    monkeypatch.setattr("joulestream.host_tools.flashing.flash.contents", lambda *_: {})
    monkeypatch.setenv("JOULESTREAM_PASSPHRASE", "correct horse battery")
    monkeypatch.setenv("JOULESTREAM_NEW_PASSPHRASE", "correct horse battery")


def leaves(words, command):
    """Yield (words, command) of each command below `command` that does something."""
    children = getattr(command, "commands", None)
    if children is None:
        yield " ".join(words), command
        return
    for name, child in children.items():
        yield from leaves((*words, name), child)


ALL = {
    line: command
    for name, row in COMMANDS.items()
    for line, command in leaves((name,), typer.main.get_command(import_module(row.module).app))
}
PATHS = (
    "no/such/file",
    "dir",
    "fifo",
    "loop",
    "dangling",
    "/dev/zero",
    "/dev/full",
    "empty",
    "bytes",
    "text",
    "list.json",
    "deep.json",
    "torn.json",
    "latin.json",
    "x" * 300,
    "\udcff",
    "a\nb",
    "",
)
TEXTS = (
    "",
    "é€\udcff",
    "x" * 10_000,
    "00" * 32,
    "g" * 64,
    "[bold]",
    "a\nb",
    "dir",
    "fifo",
    "text",
)
NUMBERS = ("-1", "0", str(1 << 63), str(1 << 64), str(1 << 200), "x", "", "1e5", "9" * 5000)
# Values of parameters that let a command go on to the one that is bad.
GOOD = {
    "channel": "car.cert",
    "amount": "10",
    "signature": "00" * 64,
    "payer_key": "11" * 32,
    "payee_key": "22" * 32,
    "refund_account": "car",
    "payout_account": "pole",
    "deposit": "10",
    "dispute_window_s": "3600",
    "certificate": "new.cert",
    "by": "payer",
    "key_file": "car.seed",
    "name": "somebody",
    "image": "pole.flash",
    "config": "pole.json",
    "role": "pole",
    "board": "rp2040",
    "port": "no-such-port",
    "release": "dir",
    "target": "framing",
    "file": "car.seed",
    "new_file": "new.key",
    "nonce": "00" * 16,
}
# Commands that make the file which their argument names.
MAKES = {"keys new", "keys device-secret"}


def good(command_line, parameter):
    if command_line in MAKES and parameter.name == "file":
        return "new.key"
    return GOOD[parameter.name]


def bad_values(parameter):
    kind = str(parameter.type_descriptor.annotation)
    for part, values in (("Path", PATHS), ("int", NUMBERS), ("bool", ()), ("str", TEXTS)):
        if part in kind:
            return values
    return "", "x"


def words_of(command_line, bad, value):
    """Return a command line in which the parameter `bad` has a value and the others are good."""
    options, arguments = [], []
    for parameter in ALL[command_line].params:
        if parameter is bad:
            given = value
        elif parameter.required:
            given = good(command_line, parameter)
        else:
            continue
        if parameter.param_type_name == "argument":
            arguments.append(given)
        else:
            options += [parameter.opts[-1], given]
    return [*command_line.split(), *options, "--", *arguments]


CASES = [
    pytest.param(line, parameter, id=f"{line} {parameter.name}")
    for line, command in ALL.items()
    for parameter in command.params
    if parameter.name not in ("help", "json") and bad_values(parameter)
]


def test_the_commands_are_all_tried():
    tried = {line.split()[0] for line in ALL}
    assert tried == set(COMMANDS) and "ledger close request" in ALL
    assert {case.values[0] for case in CASES} == set(ALL) - {"emulator"}


@pytest.mark.parametrize("line, parameter", CASES)
def test_a_bad_value_is_told_in_one_line(line, parameter, home, quick):
    for value in bad_values(parameter):
        words = words_of(line, parameter, value)
        status, out, err = run(*words)
        assert err.count("\n") <= 1 and "Traceback" not in err, (words, err)
        assert UNEXPECTED not in err, (words, err)
        assert (status == 0) == (err == ""), (words, status, err)
        assert status in (0, 1, 2), (words, status)
        # A benchmark tells its progress, and `settle` shows the claims that it could not decide.
        if status and line not in ("benchmark", "settle"):
            assert out == "", (words, out)
        for name in ("new.cert", "new.key"):
            (home / name).unlink(missing_ok=True)
    assert (home / "text").read_text() == "no such thing\n"
    assert (home / "empty").read_bytes() == b""


def joulestream(*words, environment=None, **options):
    """Run the command in a process of its own; return the finished process."""
    return subprocess.run(
        [sys.executable, "-m", "joulestream.host_tools.cli", *words],
        stdin=subprocess.DEVNULL,
        env={**os.environ, **(environment or {})},
        **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options},
    )


ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "LANG": ""}
ENVIRONMENTS = {
    "ASCII": ASCII,
    "ASCII output": {"PYTHONIOENCODING": "ascii"},
    "Latin-1 output": {"PYTHONIOENCODING": "latin-1"},
    "no such locale": {"LC_ALL": "xx_XX.UTF-99"},
    "no home": {"HOME": "/dev/null/home", "XDG_CONFIG_HOME": "", "XDG_CACHE_HOME": ""},
    "no terminal": {"TERM": "", "COLUMNS": "1", "LINES": "x"},
    "all warnings": {"PYTHONWARNINGS": "always"},
}


@pytest.mark.parametrize("environment", ENVIRONMENTS.values(), ids=ENVIRONMENTS)
def test_a_bad_environment_changes_no_more_than_letters(environment, home):
    for words in (("ledger", "show"), ("simulate", "--seed", "3"), ("settle", "pole\udcff\nx")):
        done = joulestream(*words, environment=environment)
        assert done.stderr.count(b"\n") == done.returncode, (words, done.stderr)
        assert b"Traceback" not in done.stderr and UNEXPECTED.encode() not in done.stderr
        assert (done.returncode == 0) == (words[0] != "settle"), done.stderr
        assert bool(done.stdout) == (done.returncode == 0)


PRINT = """
import sys
from joulestream.host_tools.terminal import prepare_stdout, progress_console
prepare_stdout()
progress_console(False).print("3 µ€ on é…")
print("pole\\udcff")
"""


@pytest.mark.parametrize("encoding, shown", [("ascii", b"3 uEUR on ?..."), ("latin-1", None)])
def test_a_character_that_a_terminal_lacks_is_spelled(encoding, shown):
    done = subprocess.run(
        [sys.executable, "-c", PRINT],
        capture_output=True,
        env={**os.environ, "PYTHONIOENCODING": encoding},
    )
    assert (done.returncode, done.stderr) == (0, b"")
    lines = done.stdout.splitlines()
    assert lines[0] == (shown or "3 µEUR on é...".encode("latin-1")) and lines[1] == b"pole?"


def test_output_that_cannot_be_written_is_told_in_one_line(home):
    with open("/dev/full", "wb") as full:
        done = joulestream("ledger", "show", stdout=full)
    assert done.returncode == 1
    assert done.stderr == b"joulestream: No space left on device\n"
    reader, writer = os.pipe()
    os.close(reader)
    done = joulestream("ledger", "show", stdout=writer)
    os.close(writer)
    assert (done.returncode, done.stderr) == (1, b"")


@pytest.mark.parametrize("closed", ["0<&-", ">&-", "2>&-", ">&- 2>&-"])
def test_closed_streams_are_no_fault(closed, home):
    for words in ("ledger show", "ledger show nothing"):
        line = f"exec '{sys.executable}' -m joulestream.host_tools.cli {words} {closed}"
        done = subprocess.run(["sh", "-c", line], capture_output=True)
        assert done.returncode == ("nothing" in words)
        assert done.stderr.count(b"\n") <= 1 and b"Traceback" not in done.stderr, done.stderr


def test_a_directory_that_is_gone_is_told_in_one_line(home, tmp_path):
    line = f"mkdir gone; cd gone; rmdir ../gone; '{sys.executable}' -m joulestream.host_tools.cli"
    for words in ("ledger show", "ledger init", "keys device-secret x", "settle x"):
        done = subprocess.run(
            ["sh", "-c", f"{line} {words}"], capture_output=True, text=True, cwd=tmp_path
        )
        assert (done.returncode, done.stdout) == (1, ""), done
        assert done.stderr.count("\n") == 1 and UNEXPECTED not in done.stderr, done.stderr


def test_an_unknown_fault_is_one_line_with_the_traceback_at_hand(home, monkeypatch):
    from joulestream.host_tools.ledger import views

    def fail(_):
        raise ZeroDivisionError("one\ntwo\x1b[31m")

    monkeypatch.setattr(views, "ledger_fields", fail)
    status, out, err = run("ledger", "show")
    assert (status, out, err.count("\n")) == (1, "", 1)
    assert (
        UNEXPECTED in err and "ZeroDivisionError" in err and "one two" in err and "\x1b" not in err
    )
    monkeypatch.setenv("JOULESTREAM_TRACEBACK", "1")
    status, _, err = run("ledger", "show")
    assert status == 1 and "Traceback" in err and err.splitlines()[-1].startswith("joulestream: ")


def test_a_ledger_that_does_not_work_refuses_no_claim(home):
    """Neither a locked nor a full database says that claims are bad."""
    (home / "full.flash").write_bytes(flash(999))
    before = sqlite3.connect("ledger.db").execute("SELECT * FROM entry").fetchall()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        status, out, err = run("settle", "full.flash", "--json")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    (row,) = json.loads(out)["channels"]
    assert (status, row["outcome"]) == (1, "not decided")
    assert (
        err.count("\n") == 1 and "1 of 1 claims were not decided" in err and "refused" not in err
    )
    assert sqlite3.connect("ledger.db").execute("SELECT * FROM entry").fetchall() == before


def test_every_text_file_has_an_encoding():
    """Else a name in Latin-1 letters breaks a command on a terminal that has others."""
    for path in sorted((ROOT / "host_tools").rglob("*.py")):
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute):
                continue
            if call.func.attr in ("read_text", "write_text"):
                assert any(word.arg == "encoding" for word in call.keywords), (path, call.lineno)
