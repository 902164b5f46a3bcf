"""A new file is whole or not there at all, and a command removes only its own files.

A disk is full here when a file may not grow beyond a limit of the system (RLIMIT_FSIZE).
"""

import hashlib
import json
import os
import resource
import signal
from contextlib import contextmanager

import pytest
from typer.testing import CliRunner

from joulestream.boards.file_flash import FileFlash
from joulestream.host_tools import demo, keys
from joulestream.host_tools.certificate_files import read_certificate
from joulestream.host_tools.cli import app
from joulestream.host_tools.files import NewFile, create_whole, write_whole
from joulestream.host_tools.ledger import Ledger, LedgerError
from joulestream.host_tools.ledger.creation import create_ledger
from joulestream.host_tools.ledger.database import Database
from joulestream.host_tools.ledger.errors import CommitUncertain
from joulestream.host_tools.own_files import OwnFilesError, own_files
from joulestream.host_tools.unlock import Unlock
from joulestream.testkit.flash import mount

NOW_S = 1_800_000_000


@contextmanager
def full_disk(free_bytes=0):
    """Let no file grow beyond `free_bytes`."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (free_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def run(*words):
    """Run a command; return its exit status and stderr."""
    result = CliRunner().invoke(app, [str(word) for word in words])
    assert isinstance(result.exception, SystemExit | None), result.exception
    return result.exit_code, result.stderr


def done(*words):
    assert run(*words) == (0, ""), words


def refused(*words):
    status, err = run(*words)
    assert status == 1 and err.count("\n") == 1, (words, status, err)
    return err


def tree(directory):
    """Return the hash of each file below a directory, by its path."""
    return {
        str(path.relative_to(directory)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in directory.rglob("*")
        if path.is_file()
    }


def open_channel(certificate, salt_of="car"):
    return (
        *("ledger", "open", "--deposit", 100, "--dispute-window-s", 3600, "--now-s", NOW_S),
        *("--payer-key", keys.read_signer("car.seed").public_key.hex(), "--refund-account", "car"),
        *("--payee-key", keys.read_signer("pole.seed").public_key.hex()),
        *("--payout-account", "pole", "--certificate", certificate),
    )


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("JOULESTREAM_PASSPHRASE", "correct horse battery")
    monkeypatch.setenv("JOULESTREAM_NEW_PASSPHRASE", "correct horse battery")
    monkeypatch.delenv("JOULESTREAM_LEDGER", raising=False)
    for name in ("car", "pole"):
        keys.write_seed(f"{name}.seed", keys.new_seed())
    done("ledger", "init")
    done("ledger", "account", "create", "car", "--balance", 1000)
    done("ledger", "account", "create", "pole")
    done(*open_channel("car.cert"))
    return tmp_path


CREATING = {
    "ledger init": ("ledger", "init", "--ledger", "new.db"),
    "ledger init URL": ("ledger", "init", "--ledger", "sqlite:///new.db", "--seed-file", "s"),
    "keys new": ("keys", "new", "new.key", "--iterations", 1000),
    "keys device-secret": ("keys", "device-secret", "new.secret"),
    "keys reseal": ("keys", "reseal", "car.seed", "new.key", "--iterations", 1000),
    "ledger open": None,
    "ledger certificate": ("ledger", "certificate", "car.cert", "--certificate", "new.cert"),
    "ledger certificate again": ("ledger", "certificate", "car.cert", "--certificate", "car.cert"),
    "simulate": ("simulate", "--sessions", 1, "--jobs", 1, "--resume", "new/totals.json"),
}


@pytest.mark.parametrize("words", CREATING.values(), ids=CREATING)
def test_a_command_that_finds_the_disk_full_leaves_nothing_and_can_be_repeated(words, home):
    words = words or open_channel("new.cert")
    before = tree(home)
    # Limits below the size of each file, up to pages of a database.
    for free_bytes in (0, 1, 64, 100, 4096, 16384, 40960):
        with full_disk(free_bytes):
            status, err = run(*words)
        if status == 0:
            break
        assert err.count("\n") == 1, err
        after = tree(home)
        if "certificate" in words:  # the ledger's own file may keep the time of the issue
            after["ledger.db"] = before["ledger.db"]
        assert after == before, (free_bytes, err)
    else:
        done(*words)
    assert free_bytes > 0 and not list(home.rglob(".joulestream-*"))


def test_a_full_disk_opens_no_channel_without_its_certificate(home):
    with Ledger.open("ledger.db") as ledger:
        before = [channel.id for channel in ledger.channels()]
    with full_disk(300):
        assert "cannot be written" in refused(*open_channel("new.cert"))
    with Ledger.open("ledger.db") as ledger:
        assert [channel.id for channel in ledger.channels()] == before


def test_a_ledger_at_an_sqlite_url_is_the_file(home):
    words = ("--ledger", f"sqlite:///{home}/url.db")
    done("ledger", "init", *words, "--seed-file", "url.seed")
    assert (home / "url.seed").exists()
    done("ledger", "account", "create", "car", *words)
    done("ledger", "check", "--ledger", "url.db")
    for url in ("sqlite://", "sqlite:///:memory:", "sqlite:///x.db?mode=ro"):
        assert "name the path" in refused("ledger", "show", "--ledger", url)
    assert "no file" in refused("ledger", "show", "--ledger", "sqlite:///missing.db")
    assert not (home / "missing.db").exists()


def test_a_ledger_has_the_same_name_in_all_commands(home):
    """`ledger init --ledger sql:x.db` made a file that `settle` did not find."""
    done("ledger", "init", "--ledger", "sql:named.db")
    assert (home / "named.db").exists() and (home / "named.db.seed").exists()
    assert not list(home.glob("sql:*"))
    done("ledger", "check", "--ledger", "named.db")
    assert "names no ledger" in refused("ledger", "init", "--ledger", "sql:")


def test_a_seed_is_kept_when_its_ledger_may_exist(home, monkeypatch):
    def uncertain(*_):
        raise CommitUncertain("the line broke")

    def failed(*_):
        raise LedgerError("the line is down")

    monkeypatch.setattr(Database, "create", failed)
    refused("ledger", "init", "--ledger", "new.db")
    assert not (home / "new.db.seed").exists()
    monkeypatch.setattr(Database, "create", uncertain)
    assert "is kept" in refused("ledger", "init", "--ledger", "new.db")
    seed = (home / "new.db.seed").read_bytes()
    monkeypatch.undo()
    os.chdir(home)
    done("ledger", "init", "--ledger", "new.db")
    assert (home / "new.db.seed").read_bytes() == seed
    with Ledger.open("new.db") as ledger:
        assert ledger.key == keys.read_signer("new.db.seed").public_key


def test_a_seed_that_was_there_before_stays(home):
    keys.write_seed("old.seed", keys.new_seed())
    seed = (home / "old.seed").read_bytes()
    with full_disk(4096):
        refused("ledger", "init", "--ledger", "new.db", "--seed-file", "old.seed")
    with pytest.raises(LedgerError):
        create_ledger("ledger.db", 1, home / "old.seed", Unlock())
    assert (home / "old.seed").read_bytes() == seed


def test_a_certificate_replaces_only_a_certificate_of_its_channel(home):
    done(*open_channel("other.cert"))
    (home / "text").write_text("not mine")
    (home / "dir").mkdir()
    before = tree(home)
    for name in ("car.cert", "other.cert", "text", "dir", "car.seed", "ledger.db", "/dev/null"):
        refused(*open_channel(name))
    for name in ("other.cert", "text", "dir", "car.seed", "ledger.db", "/dev/null"):
        refused("ledger", "certificate", "car.cert", "--certificate", name)
    assert tree(home) == before
    torn = (home / "car.cert").read_bytes()
    (home / "torn.cert").write_bytes(torn[:-1] + bytes([torn[-1] ^ 1]))
    for words in (("show", "torn.cert"), ("certificate", "torn.cert", "--certificate", "x")):
        assert "no genuine certificate (CERTIFICATE_FORGED)" in refused("ledger", *words)
    refused("ledger", "certificate", "car.cert", "--certificate", "torn.cert")
    words = ("--certificate", "car.cert", "--now-s", NOW_S + 7)
    done("ledger", "certificate", "car.cert", *words)
    assert read_certificate("car.cert").issued_at_s == NOW_S + 7


def test_an_id_is_never_taken_for_a_file_nor_a_file_for_an_id(home):
    channel_id = read_certificate("car.cert").channel_id
    done(*open_channel("other.cert"))
    other = (home / "other.cert").read_bytes()
    # A file named like the first channel's id, with the other channel's certificate in it.
    (home / channel_id.hex()).write_bytes(other)
    for text in (channel_id.hex(), channel_id.hex().upper()):
        (home / text).write_bytes(other)
        assert f"write ./{text} for the file" in refused("ledger", "show", text)
    (home / channel_id.hex().upper()).write_bytes((home / "car.cert").read_bytes())
    shown = CliRunner().invoke(app, ["ledger", "show", channel_id.hex().upper(), "--json"])
    assert json.loads(shown.stdout)["channel_id"] == channel_id.hex()
    shown = CliRunner().invoke(app, ["ledger", "show", f"./{channel_id.hex()}", "--json"])
    other_id = read_certificate("other.cert").channel_id.hex()
    assert json.loads(shown.stdout)["channel_id"] == other_id
    assert "not the name of a file" in refused(
        *("ledger", "claim", channel_id.hex(), 1, "other.cert")
    )
    done("ledger", "init", "--ledger", "second.db", "--number", 2)
    assert "another ledger" in refused("ledger", "show", "car.cert", "--ledger", "second.db")


def test_totals_replace_only_totals(home):
    (home / "figures.json").write_text('{"next_seed": 1, "mine": true}')
    (home / "figures.new").write_text("mine too")
    before = tree(home)
    words = ("simulate", "--sessions", 1, "--jobs", 1, "--resume", "figures.json")
    assert "no totals" in refused(*words)
    assert tree(home) == before


def test_a_benchmark_replaces_only_its_own_figures(home, monkeypatch):
    from joulestream.host_tools.benchmarks import run as benchmarks

    class Part:
        measure = staticmethod(lambda: {"sign": 1})

    monkeypatch.setattr(benchmarks, "import_module", lambda name: Part)
    monkeypatch.setattr(benchmarks, "misses", lambda name, figures: [])
    monkeypatch.setattr(benchmarks, "TABLES", dict.fromkeys(benchmarks.TABLES, str))
    (home / "taken").mkdir()
    (home / "taken" / "ed25519.json").write_text('{"mine": 1}')
    before = tree(home)
    words = ("benchmark", "--only", "ed25519", "--directory")
    assert "no benchmark wrote" in refused(*words, "taken")
    (home / "taken" / "machine.json").write_text("[]")
    assert "no benchmark wrote" in refused(*words, "taken")
    (home / "taken" / "machine.json").unlink()
    assert tree(home) == before
    for _ in range(2):
        done(*words, "figures")
    assert json.loads((home / "figures" / "ed25519.json").read_text()) == {"sign": 1}


def test_the_demo_takes_no_directory_with_files_of_others(home, monkeypatch):
    def no_demo(self):
        raise AssertionError("the demo began")

    monkeypatch.setattr(demo.Demo, "_run", no_demo)
    for name in ("pole.seed", "vehicle.flash", "ledger.sqlite", "channel.cert", "manifest.json"):
        directory = home / f"with {name}"
        directory.mkdir()
        (directory / name).write_bytes(b"mine")
        (directory / "notes").write_bytes(b"mine as well")
        before = tree(directory)
        err = refused("demo", "--directory", directory)
        assert name in err and "another directory" in err
        assert tree(directory) == before
    (home / "a file").write_bytes(b"")
    refused("demo", "--directory", home / "a file")


def test_files_of_a_run_are_replaced_while_they_are_as_it_left_them(tmp_path):
    place = tmp_path / "deep" / "place"
    for content in (b"one", b"two"):
        with own_files(place, ["a", "b", "c"]):
            assert not (place / "a").exists() and not (place / "b").exists()
            (place / "a").write_bytes(content)
            (place / "b").write_bytes(content)
    assert set(tree(place)) == {"a", "b", "manifest.json"}
    (place / "notes").write_bytes(b"mine")
    for change in (
        lambda: (place / "b").write_bytes(b"changed"),
        lambda: (place / "c").write_bytes(b"new"),
        lambda: (place / "c").symlink_to(place / "notes"),
    ):
        change()
        before = tree(place)
        with pytest.raises(OwnFilesError, match="not as this command left it"):
            with own_files(place, ["a", "b", "c"]):
                raise AssertionError("it began")
        assert tree(place) == before
        (place / "b").write_bytes(b"two")
        (place / "c").unlink(missing_ok=True)
    # A name that an earlier version made is removed too, and nothing outside the directory.
    with own_files(place, ["a"]):
        pass
    assert set(tree(place)) == {"notes", "manifest.json"}
    manifest = {"kind": "joulestream-files", "sha256": {"../outside": ""}}
    (place / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(OwnFilesError, match="not written by this command"):
        with own_files(place, ["a"]):
            raise AssertionError("it began")


def test_a_run_that_fails_leaves_nothing(tmp_path):
    place = tmp_path / "deep" / "place"
    for error in (ValueError, KeyboardInterrupt):
        with pytest.raises(error):
            with own_files(place, ["a", "b"]):
                (place / "a").write_bytes(b"part")
                raise error
        assert list(tmp_path.iterdir()) == []
    with pytest.raises(OSError), full_disk(3):
        with own_files(place, ["a", "b"]):
            (place / "a").write_bytes(b"one")
    assert list(tmp_path.iterdir()) == []


def killed(place, *names):
    """Let a run write files and be killed."""
    process = os.fork()
    if not process:
        with own_files(place, ["a", "b", "c"]):
            for name in names:
                (place / name).write_bytes(b"part")
            os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(process, 0)


def test_a_run_that_was_killed_is_repeated_in_its_directory(tmp_path):
    place = tmp_path / "place"
    for names in (("a", "b"), (), ("c",)):
        killed(place, *names)
        assert set(tree(place)) == {*names, "manifest.json"}
        (place / "notes").write_bytes(b"mine")
        with own_files(place, ["a", "b"]):
            assert set(tree(place)) == {"notes", "manifest.json"}
            (place / "a").write_bytes(b"whole")
        assert set(tree(place)) == {"a", "notes", "manifest.json"}
        (place / "notes").unlink()


def test_a_file_that_came_after_a_killed_run_is_not_touched(tmp_path):
    place = tmp_path / "place"
    killed(place, "a", "b")
    ended_s = (place / "manifest.json").stat().st_mtime - 60
    os.utime(place / "manifest.json", (ended_s, ended_s))
    # A file's own time can be set, as `cp -p` does. That of its last change cannot.
    os.utime(place / "a", (ended_s, ended_s))
    before = tree(place)
    with pytest.raises(OwnFilesError, match="a is not as this command left it"):
        with own_files(place, ["a", "b"]):
            raise AssertionError("it began")
    assert tree(place) == before


def test_two_runs_in_one_directory_leave_each_other_alone(tmp_path):
    with own_files(tmp_path, ["a"]):
        (tmp_path / "a").write_bytes(b"first")
        with pytest.raises(OwnFilesError, match="in use"):
            with own_files(tmp_path, ["a"]):
                raise AssertionError("it began")
        assert (tmp_path / "a").read_bytes() == b"first"


def test_a_new_file_never_replaces_another(tmp_path, monkeypatch):
    path = tmp_path / "file"
    with pytest.raises(FileExistsError):
        with NewFile(path) as new:
            new.write(b"late")
            path.write_bytes(b"first")
            new.publish()
    assert tree(tmp_path) == {"file": hashlib.sha256(b"first").hexdigest()}
    with pytest.raises(FileExistsError):
        create_whole(path, b"second")

    def no_links(*_):
        raise PermissionError(1, "no links here")

    monkeypatch.setattr(os, "link", no_links)
    with pytest.raises(FileExistsError):
        with NewFile(tmp_path / "other") as new:
            (tmp_path / "other").write_bytes(b"first")
            new.publish()
    create_whole(tmp_path / "third", b"third", 0o600)
    assert (tmp_path / "third").stat().st_mode & 0o777 == 0o600
    with full_disk(2), pytest.raises(OSError):
        write_whole(tmp_path / "third", b"longer")
    assert (tmp_path / "third").read_bytes() == b"third" and len(list(tmp_path.iterdir())) == 3


def test_a_flash_is_made_whole_or_not_at_all(tmp_path):
    path = tmp_path / "pole.flash"
    for free_bytes in (0, 256, 4096, 8 * 4096 - 1):
        with full_disk(free_bytes), pytest.raises(OSError):
            FileFlash(str(path), 8, 4096)
        assert list(tmp_path.iterdir()) == []
    # The remains of a start that was killed stand in nobody's way.
    (tmp_path / "pole.flash.joulestream-new").write_bytes(b"\xff" * 100)
    FileFlash(str(path), 8, 4096)
    assert path.read_bytes() == b"\xff" * 8 * 4096 and len(list(tmp_path.iterdir())) == 1
    with pytest.raises(ValueError, match="not 9 blocks"):
        FileFlash(str(path), 9, 4096)
    assert path.read_bytes() == b"\xff" * 8 * 4096


def test_a_file_that_is_no_flash_is_never_erased(tmp_path):
    path = tmp_path / "photos.tar"
    path.write_bytes(b"photos of last summer".ljust(8 * 4096, b"\xff"))
    before = path.read_bytes()
    with pytest.raises(ValueError, match="holds no journal"):
        FileFlash(str(path), 8, 4096)
    assert path.read_bytes() == before
    path.unlink()
    journal = mount(FileFlash(str(path), 8, 4096))
    FileFlash(str(path), 8, 4096)  # before its first record
    journal.put(b"k", b"value")
    assert mount(FileFlash(str(path), 8, 4096)).get(b"k") == b"value"


def test_a_flash_that_cannot_be_opened_is_never_made_anew(tmp_path, monkeypatch):
    """A file that may be written and not read was emptied."""
    path = tmp_path / "pole.flash"
    path.write_bytes(b"claims")

    real_open = open

    def no_reading(name, mode="r", **options):
        if "r" in mode:
            raise PermissionError(13, "Permission denied")
        return real_open(name, mode, **options)

    monkeypatch.setattr("builtins.open", no_reading)
    with pytest.raises(OSError):
        FileFlash(str(path), 8, 4096)
    monkeypatch.undo()
    assert path.read_bytes() == b"claims"


def test_a_file_that_is_written_again_keeps_its_owner(tmp_path, monkeypatch):
    """`sudo joulestream settle` must not take the flash away from the pole's user."""
    path = tmp_path / "pole.flash"
    path.write_bytes(b"old")
    path.chmod(0o640)
    own = path.stat()
    other = os.stat_result((*own[:4], own.st_uid + 1, own.st_gid + 2, *own[6:]))
    asked = []
    monkeypatch.setattr(os, "chown", lambda _, uid, gid: asked.append((uid, gid)))
    write_whole(path, b"new", like=own)
    assert path.read_bytes() == b"new" and path.stat().st_mode & 0o777 == 0o640 and not asked
    write_whole(path, b"newer", like=other)
    assert path.read_bytes() == b"newer" and asked == [(own.st_uid + 1, own.st_gid + 2)]

    def refuse(path, uid, gid):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "chown", refuse)
    with pytest.raises(PermissionError):
        write_whole(path, b"newest", like=other)
    assert path.read_bytes() == b"newer" and list(tmp_path.iterdir()) == [path]
