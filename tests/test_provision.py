"""`joulestream provision` and `update` on a board, through the real mpremote.

The board is MicroPython's unix port with this tree's whole firmware (repl_board.py). Releases are
signed by the real ssh-keygen, and the board checks them with its own Ed25519.
"""

import json
import os
import re
import shutil
import subprocess

import pytest
from typer.testing import CliRunner

from flashed_board import write_board
from joulestream.host_tools.build.board import make_image
from joulestream.host_tools.cli import app
from joulestream.host_tools.flashing.device import Device, Refused
from joulestream.host_tools.flashing.flash import content_of_tree
from joulestream.host_tools.flashing.install import look, program_in
from joulestream.host_tools.flashing.update import update
from joulestream.host_tools.release.bundles import archive
from joulestream.host_tools.release.listing import listing
from joulestream.host_tools.release.signature import sign
from joulestream.testkit.pair import pole_values
from repl_board import ReplBoard

pytestmark = pytest.mark.xdist_group("repl board")

BOARD, ROLE = "unix-x64", "pole"
SHAPE = (4096, 400, 256)
# A board in a user's own file. Its parts are in memory: the unix board needs the REPL's terminal.
OWN_BOARD = """
import os
from joulestream.boards import contract
from joulestream.device.ram_flash import RamFlash
from joulestream.parts.device_secret import read_device_secret

class Board(contract.Board):
    def __init__(self, config):
        self._config = config

    def storage(self):
        return RamFlash(64, 4096)

    def random(self, size):
        return os.urandom(size)

    def contactor(self, closed):
        pass

    def secret(self, source):
        return read_device_secret(self._config["device_secret"])
"""


def quiet(sentence):
    pass


def make_key(path):
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(path)], check=True
    )
    return path


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A directory with a flashed board, the release key, and a pole's configuration."""
    home = tmp_path_factory.mktemp("home")
    (home / "files").mkdir()
    (home / "files" / "own_board.py").write_text(OWN_BOARD)
    entries = write_board(home / "files", content_of_tree(BOARD, ROLE, None))
    make_image(entries, home / "flash.bin", SHAPE)
    make_key(home / "key")
    values = pole_values(board={"kind": "own_board"})
    del values["seed_file"]
    (home / "pole.json").write_text(json.dumps(values))
    return home


def provision(home, board, *words):
    """Run the command; return its report."""
    found = CliRunner().invoke(
        app,
        [
            *("provision", "--port", board.port, "--config", str(home / "pole.json")),
            *("--release-key", str(home / "key.pub"), "--json", *words),
        ],
    )
    assert found.exit_code == 0, found.stderr
    return json.loads(found.stdout)


@pytest.fixture(scope="module")
def provisioned(home, tmp_path_factory):
    """The flash of a board that was provisioned, and the report."""
    path = shutil.copy(home / "flash.bin", tmp_path_factory.mktemp("board"))
    with ReplBoard(path) as board:
        return path, provision(home, board)


@pytest.fixture
def copy(provisioned, tmp_path):
    return shutil.copy(provisioned[0], tmp_path / "flash.bin")


READ = """
with open(path) as file:
    return file.read()
"""


def read(board, path):
    return Device(board.port).run(f"path = {path!r}\n{READ}")


def test_a_board_makes_its_key_and_tells_the_public_one(provisioned, copy, home):
    _, report = provisioned
    assert report["self_test"] == dict.fromkeys(
        ("native module", "configuration", "board", "storage", "random numbers", "key"), "passed"
    )
    with ReplBoard(copy) as board:
        secret = read(board, "/device.secret")
        assert re.fullmatch("[0-9a-f]{64}", secret) and secret not in json.dumps(report)
        assert len(set(bytes.fromhex(secret))) > 16
        config = json.loads(read(board, "/b/config.json"))
        assert config["seed_file"] == "/pole.seed"
        assert config["board"]["device_secret"] == "/device.secret"
        again = provision(home, board)
        assert again["public_key"] == report["public_key"]
        assert read(board, "/device.secret") == secret


def test_two_boards_have_two_keys(provisioned, home, tmp_path):
    with ReplBoard(shutil.copy(home / "flash.bin", tmp_path)) as board:
        assert provision(home, board)["public_key"] != provisioned[1]["public_key"]


def test_no_secret_crosses_the_wire(home, tmp_path, monkeypatch):
    """All that mpremote says, and all that it is told, has neither the secret nor the seed."""
    said = []
    plain = Device.mpremote

    def heard(self, *words):
        said.extend(words)
        for word in words:
            if os.path.isfile(word):
                with open(word, "rb") as file:
                    said.append(file.read().hex())
        said.append(plain(self, *words))
        return said[-1]

    with ReplBoard(shutil.copy(home / "flash.bin", tmp_path)) as board:
        with monkeypatch.context() as patched:
            patched.setattr(Device, "mpremote", heard)
            report = provision(home, board)
        secret = read(board, "/device.secret")
        seed = Device(board.port).run(program_in("/b", SEED))
    text = "\n".join(said)
    assert report["public_key"] in text, "the recording works"
    for hidden in (secret, seed):
        assert len(hidden) == 64 and hidden not in text
        assert hidden not in text.encode().hex()


SEED = """
from joulestream.device.keystore import open_sealed
from joulestream.parts.device_secret import read_device_secret
with open("/pole.seed", "rb") as file:
    return bytes(open_sealed(file.read(), read_device_secret("/device.secret"))).hex()
"""


def release(directory, key, version="0.2.0", board=BOARD, role=ROLE):
    """Write a release with another version; return the path of its list."""
    directory.mkdir()
    files = dict(content_of_tree(BOARD, ROLE, None).files)
    files["joulestream/new.mpy"] = files["joulestream/units.mpy"]
    path = directory / f"joulestream-{version}-{board}-{role}.release"
    path.write_bytes(listing(version, board, role, files))
    packed = archive({f"lib/{name}": data for name, data in files.items()})
    (directory / f"joulestream-{version}-{board}.tar").write_bytes(packed)
    if key is not None:
        sign([path], key)
    return path


def test_a_signed_release_is_taken_on_trial(home, copy, tmp_path):
    release(tmp_path / "release", home / "key")
    with ReplBoard(copy) as board:
        report = update(Device(board.port), tmp_path / "release", quiet)
        # The file is new, but its content is on the board under another name of the release.
        assert report["copied_files"] == 1 and report["self_test"]["key"] == "passed"
        about = look(Device(board.port), BOARD).about
        number = about["target"] ^ 1
        assert about["releases"][number]["version"] == "0.2.0"
        assert about["releases"][number]["wrong"] == []
        assert read(board, "/start.state") == str(number | 2)
        # The configuration goes along.
        assert about["releases"][0]["config"] == about["releases"][1]["config"] is not None


REFUSED = {
    "unsigned": ({"key": None}, "the release is not signed"),
    "another signer": ({"key": "other"}, "not signed with the board's release key"),
    "older": ({"version": "0.0.9"}, "is older than this board's 0.1.0"),
    "another board": ({"board": "esp32s3"}, "is for the board 'esp32s3'"),
    "another role": ({"role": "vehicle"}, "is for the role 'vehicle'"),
}


def test_releases_that_the_board_refuses(home, copy, tmp_path):
    make_key(tmp_path / "other")
    with ReplBoard(copy) as board:
        before = look(Device(board.port), BOARD).about
        for name, (changes, words) in REFUSED.items():
            key = changes.pop("key", "key")
            place = {"key": home, "other": tmp_path}.get(key)
            path = release(tmp_path / name, place and place / key, **changes)
            with pytest.raises(Refused, match=words):
                update(Device(board.port), path, quiet)
        after = look(Device(board.port), BOARD).about
        assert before["state"] == after["state"] and before["target"] == after["target"]
        own = before["target"] ^ 1
        assert before["releases"][own] == after["releases"][own]


def test_a_list_that_was_changed_after_it_was_signed_is_refused(home, copy, tmp_path):
    path = release(tmp_path / "release", home / "key")
    path.write_bytes(path.read_bytes().replace(b"version 0.2.0", b"version 9.2.0"))
    with ReplBoard(copy) as board:
        with pytest.raises(Refused, match="not signed with the board's release key"):
            update(Device(board.port), path, quiet)


def test_a_board_that_was_never_flashed_is_one_sentence(home, tmp_path):
    with ReplBoard(tmp_path / "flash.bin") as board:
        for words in (
            ("provision", "--config", str(home / "pole.json")),
            ("update", str(home)),
        ):
            found = CliRunner().invoke(app, [*words, "--port", board.port])
            assert found.exit_code == 1 and found.stderr.count("\n") == 1
            assert "no release" in found.stderr, found.stderr
