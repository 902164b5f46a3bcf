"""`joulestream flash`, `provision` and `update` through the real mpremote.

Most tests take MicroPython's unix port as the board (repl_board.py): a real interpreter and a real
littlefs in a file, that starts in milliseconds and loses power at a chosen write.
"""

import fcntl
import hashlib
import json
import os
import pty
import select
import shutil
import threading
import tty
from contextlib import suppress

import pytest
from typer.testing import CliRunner

from joulestream.boards import KINDS
from joulestream.host_tools.cli import app
from joulestream.host_tools.flashing.device import Device, Lost, check_port
from joulestream.host_tools.flashing.flash import content_of_tree, flash
from joulestream.host_tools.flashing.install import Content, look
from joulestream.host_tools.flashing.targets import TARGETS, BoardError, check
from joulestream.host_tools.release.bundles import BUNDLES
from joulestream.host_tools.release.listing import listing
from repl_board import ReplBoard

pytestmark = pytest.mark.xdist_group("repl board")

BOARD, ROLE = "unix-x64", "pole"
# The parts of a firmware that an installation needs on the board; they take a second to bring.
SMALL = (
    "joulestream/__init__.mpy",
    "joulestream/compat.mpy",
    "joulestream/runtime/__init__.mpy",
    "joulestream/runtime/chooser.mpy",
    "joulestream/runtime/installer.mpy",
)
TESTED = b"""
def self_test(path, last=None):
    return [("native module", %s)]
"""

BY_HAND = """
with open("/a/joulestream/pole/main.py", "a") as file:
    file.write("# mine")
"""


def quiet(sentence):
    pass


@pytest.fixture(scope="module")
def whole():
    """This tree's firmware."""
    return content_of_tree(BOARD, ROLE, None)


def small(whole, fault=None, version="0.1.0", **more):
    """Return a firmware of a few files. Its self-test is one function."""
    files = {name: whole.files[name] for name in SMALL}
    files["joulestream/pole/__init__.py"] = b""
    files["joulestream/pole/main.py"] = TESTED % repr(fault).encode()
    files |= {name.replace("__", "/"): data for name, data in more.items()}
    return Content(listing(version, BOARD, ROLE, files), files)


def put(board, content, tell=quiet):
    return flash(Device(board.port, [board.process.pid]), BOARD, ROLE, content, tell)


def started(board):
    """Return the directory that the board would start, its state, and the faults in it."""
    about = look(Device(board.port, [board.process.pid]), BOARD).about
    number = about["target"] ^ 1
    release = about["releases"][number]
    return number, release and release["digest"], release and release["wrong"]


def digest(content):
    return hashlib.sha256(content.listing).hexdigest()


@pytest.fixture(scope="module")
def flashed(whole, tmp_path_factory):
    """The flash of a board that has the small firmware, to be copied."""
    path = tmp_path_factory.mktemp("board") / "flash.bin"
    with ReplBoard(path) as board:
        report = put(board, small(whole))
        assert report["copied_files"] == len(small(whole).files)
        assert started(board) == (0, digest(small(whole)), [])
    return path


@pytest.fixture
def copy(flashed, tmp_path):
    return shutil.copy(flashed, tmp_path / "flash.bin")


def test_the_second_flash_copies_nothing(copy, whole):
    with ReplBoard(copy) as board:
        report = put(board, small(whole))
    assert (report["copied_files"], report["copied_bytes"]) == (0, 0)
    assert "directory" not in report


def test_only_a_changed_file_crosses_the_wire(copy, whole):
    new = small(whole, extra__x=b"x = 1\n" * 40)
    with ReplBoard(copy) as board:
        report = put(board, new)
        assert report["directory"] == "/b"
        assert (report["copied_files"], report["copied_bytes"]) == (1, 240)
        assert started(board) == (1, digest(new), [])


def test_a_board_changed_by_hand_is_noticed_and_mended(copy, whole):
    with ReplBoard(copy) as board:
        Device(board.port).run(BY_HAND)
        said = []
        report = put(board, small(whole), said.append)
        assert report["changed_by_hand"] == ["joulestream/pole/main.py"]
        assert any("changed by hand" in sentence for sentence in said)
        assert report["copied_files"] == 1
        assert started(board) == (1, digest(small(whole)), [])


def test_a_failing_self_test_keeps_the_old_release(copy, whole):
    with ReplBoard(copy) as board:
        with pytest.raises(BoardError, match="self-test of its native module fails: it is broken"):
            put(board, small(whole, "it is broken"))
        assert started(board) == (0, digest(small(whole)), [])


def test_too_little_flash_is_one_sentence(copy, whole):
    with ReplBoard(copy) as board:
        with pytest.raises(BoardError, match="bytes free and the release needs"):
            put(board, small(whole, big=os.urandom(2_000_000)))
        assert started(board) == (0, digest(small(whole)), [])


@pytest.mark.parametrize("writes", [2, 17, 33, 41])
def test_a_power_cut_leaves_a_board_that_starts_and_a_second_run_finishes(copy, whole, writes):
    new = small(whole, extra__x=bytes(range(256)) * 20)
    with ReplBoard(copy, writes=writes) as board:
        try:
            put(board, new)
            cut = False
        except BoardError as error:
            cut = True
            assert "run the command again" in str(error), error
    with ReplBoard(copy) as board:
        number, found, wrong = started(board)
        assert wrong == [] and (number, found) in [(0, digest(small(whole))), (1, digest(new))]
        assert cut or number == 1
        put(board, new)
        assert started(board)[1:] == (digest(new), [])


def test_an_interrupted_command_can_be_run_again(copy, whole, monkeypatch):
    """Ctrl-C comes before each call of mpremote, one after the other."""
    new = small(whole, extra__x=b"x = 1\n")
    calls = 0
    for stop_at in range(2, 12, 3):
        with ReplBoard(copy) as board:
            device = Device(board.port, [board.process.pid])
            plain = Device.run

            def interrupted(self, lines, stop_at=stop_at, plain=plain):
                if self.calls >= stop_at:
                    raise KeyboardInterrupt
                return plain(self, lines)

            with monkeypatch.context() as patched:
                patched.setattr(Device, "run", interrupted)
                try:
                    flash(device, BOARD, ROLE, new, quiet)
                except KeyboardInterrupt:
                    calls += 1
            assert started(board)[1:] in [(digest(small(whole)), []), (digest(new), [])]
    assert calls >= 2
    with ReplBoard(copy) as board:
        put(board, new)
        assert started(board)[1:] == (digest(new), [])


def test_a_cable_pulled_in_mid_copy_is_one_sentence(copy, whole, monkeypatch):
    new = small(whole, extra__x=os.urandom(60_000))
    with ReplBoard(copy) as board:
        plain = Device.copy

        def pulled(self, files, folder):
            if folder == "/b/extra":
                threading.Timer(0, board.cut_power).start()
            plain(self, files, folder)

        monkeypatch.setattr(Device, "copy", pulled)
        with pytest.raises(Lost, match="it still has the firmware from before"):
            put(board, new)
        monkeypatch.undo()
    with ReplBoard(copy) as board:
        assert started(board) == (0, digest(small(whole)), [])


def test_a_wrong_port_is_one_sentence(tmp_path):
    with pytest.raises(BoardError, match="no such port; is the board plugged in"):
        check_port(str(tmp_path / "ttyUSB9"))
    with pytest.raises(BoardError, match="is no serial port"):
        (tmp_path / "file").write_text("x")
        check_port(str(tmp_path / "file"))
    with pytest.raises(BoardError, match="has no name"):
        check_port("")
    with pytest.raises(BoardError, match="no such port, or another program uses it"):
        look(Device("COM99"), BOARD)


def test_a_port_that_is_busy_is_one_sentence(tmp_path):
    with ReplBoard(tmp_path / "flash.bin") as board, open(board.port, "rb", 0) as holder:
        fcntl.flock(holder, fcntl.LOCK_EX)
        with pytest.raises(BoardError, match="is in use by another program"):
            Device(board.port)


PACE_S = 0.2


class Chatter:
    """A terminal. Its other end repeats the same words for ever, and never listens."""

    def __init__(self, words):
        self._master, slave = pty.openpty()
        tty.setraw(slave)
        self.port, self._slave = os.ttyname(slave), slave
        os.set_blocking(self._master, False)
        self._words = words
        self._end_read, self._end = os.pipe()
        self._thread = threading.Thread(target=self._talk)

    def _talk(self):
        # mpremote first drops all that has come, so a flood would keep it there for ever.
        while not select.select([self._end_read], [], [], PACE_S)[0]:
            with suppress(BlockingIOError):
                os.write(self._master, self._words)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        os.write(self._end, b"x")
        self._thread.join()
        for end in (self._master, self._slave, self._end_read, self._end):
            os.close(end)


@pytest.mark.parametrize(
    "heard, words",
    [
        (b"rst:0x3 (RTC_SW_SYS_RST),boot:0x8\r\nESP-ROM:esp32s3-20210327\r\n", "resets in a loop"),
        (b"NMEA $GPGGA,123519\r\n", "no MicroPython answers"),
    ],
    ids=["resets", "another device"],
)
def test_a_port_without_micropython_is_one_sentence(heard, words):
    with Chatter(heard) as other, pytest.raises(BoardError, match=words):
        look(Device(other.port), BOARD)


PICO = {
    "implementation": "micropython",
    "version": [1, 25, 0],
    "platform": "rp2",
    "machine": "Raspberry Pi Pico with RP2040",
    "mpy": 4 << 10 | 0x206,
}
C3 = {
    **PICO,
    "platform": "esp32",
    "machine": "ESP32C3 module with ESP32C3FH4",
    "mpy": 11 << 10 | 0x306,
}


@pytest.mark.parametrize(
    "board, about, words",
    [
        ("rp2040", {**PICO, "version": [1, 24, 1]}, "MicroPython 1.24.1 is too old"),
        ("rp2040", {**PICO, "implementation": "circuitpython"}, "put MicroPython on it"),
        ("esp32s3", PICO, "is 'Raspberry Pi Pico with RP2040' and no esp32s3"),
        ("rp2040", {**PICO, "machine": "Raspberry Pi Pico2 with RP2350"}, "and no rp2040"),
        ("esp32", C3, "and no esp32"),
        ("rp2040", {**PICO, "mpy": 7 << 10}, "a rp2040 needs armv6m"),
        ("esp32c3", {**C3, "mpy": 10 << 10}, "machine code of xtensawin"),
    ],
)
def test_another_board_is_one_sentence(board, about, words):
    with pytest.raises(BoardError, match=words) as found:
        check(board, "/dev/ttyACM0", about)
    assert str(found.value).startswith("/dev/ttyACM0: ")


def test_the_right_board_is_taken():
    check("rp2040", "port", PICO)
    check("esp32c3", "port", C3)
    check("esp32c3", "port", {**C3, "machine": "Own board with ESP32C3"})


def test_every_bundle_can_be_flashed_and_has_its_own_machine_code():
    assert {name: row.arch for name, row in TARGETS.items()} == {
        name: row.arch for name, row in BUNDLES.items()
    }
    assert {row.kind for row in TARGETS.values()} - {None} == set(KINDS)


def test_the_command_prints_its_report_as_json(copy, whole, monkeypatch):
    monkeypatch.setattr(
        "joulestream.host_tools.flashing.flash.content_of_tree", lambda *_: small(whole)
    )
    with ReplBoard(copy) as board:
        words = ["flash", "--role", ROLE, "--board", BOARD, "--port", board.port, "--json"]
        found = CliRunner().invoke(app, words)
    assert found.exit_code == 0, found.stderr
    assert json.loads(found.stdout)["copied_files"] == 0
    assert "nothing has changed" in found.stderr
