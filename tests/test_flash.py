"""`joulestream flash`, `provision` and `update` through the real mpremote.

Most tests take MicroPython's unix port as the board (repl_board.py): a real interpreter and a real
littlefs in a file, that starts in milliseconds and loses power at a chosen write.
"""

import hashlib
import os
import shutil
import threading

import pytest

from joulestream.host_tools.flashing.device import Device, Lost
from joulestream.host_tools.flashing.flash import content_of_tree, flash
from joulestream.host_tools.flashing.install import Content, look
from joulestream.host_tools.flashing.targets import BoardError
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
    """Return a firmware of a few files, whose self-test is a function alone."""
    files = {name: whole.files[name] for name in SMALL}
    files["joulestream/pole/__init__.py"] = b""
    files["joulestream/pole/main.py"] = TESTED % repr(fault).encode()
    files |= {name.replace("__", "/"): data for name, data in more.items()}
    return Content(listing(version, BOARD, ROLE, files), files)


def put(board, content, tell=quiet):
    return flash(Device(board.port, [board.process.pid]), BOARD, ROLE, content, tell)


def started(board):
    """Return the directory that the board would start, its state, and what is wrong there."""
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


@pytest.mark.parametrize("writes", [2, 9, 17, 24, 33, 41, 47])
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
    for stop_at in range(2, 20, 3):
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
