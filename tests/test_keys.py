"""`joulestream keys`, and firmware that refuses a bad key file, in real processes.

After every error the key file is unchanged and no secret was shown.
"""

import hashlib
import hmac
import io
import json
import os
import pty
import random
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC
from typer.testing import CliRunner

from bench_scenario import Scenario, charging, stopped, until
from joulestream.boards import unix
from joulestream.device.kdf import hmac_sha256, pbkdf2_sha256
from joulestream.device.keyfile import open_signer
from joulestream.device.keystore import (
    MAX_ITERATIONS,
    SEALED_SIZE,
    SOURCE_DEVICE,
    SOURCE_PASSPHRASE,
    KeystoreError,
    seal,
)
from joulestream.host_tools import keys, progress
from joulestream.host_tools.bench.firmware import ROOT, FirmwareError
from joulestream.host_tools.cli import app
from joulestream.host_tools.unlock import Unlock
from joulestream.signing import Signer

PASSPHRASE = "correct horse battery"
OTHER_PASSPHRASE = "incorrect pony accumulator"
FEW = ("--iterations", "1000")
SEED = bytes(range(0x21, 0x41))
DEVICE_SECRET = bytes(range(0xA0, 0xC0))


@pytest.fixture
def home(tmp_path, monkeypatch):
    """An empty directory to work in, with a passphrase in the environment."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("JOULESTREAM_PASSPHRASE", PASSPHRASE)
    monkeypatch.delenv("JOULESTREAM_NEW_PASSPHRASE", raising=False)
    return tmp_path


def run(*words):
    """Run `joulestream keys`; return its exit status, stdout and stderr, which show no secret."""
    result = CliRunner().invoke(app, ["keys", *map(str, words)])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    shows_no_secret((result.stdout + result.stderr).encode())
    return result.exit_code, result.stdout, result.stderr


def told(*words):
    """Run a command with --json that must succeed; return its data."""
    status, out, err = run(*words, "--json")
    assert (status, err) == (0, ""), err
    return json.loads(out)


def refused(*words):
    """Run a command that must fail with one line and leave all files alone; return the line."""
    before = files()
    status, out, err = run(*words)
    assert (status, out) == (1, ""), (status, out, err)
    assert err.startswith("joulestream: ") and err.count("\n") == 1, err
    assert files() == before
    return err


def files():
    """Return the contents of all files here."""
    return {path: path.read_bytes() for path in Path.cwd().iterdir()}


def shows_no_secret(data, *more):
    """Check that no known secret, nor those that are named, stands in `data` (bytes)."""
    known = [PASSPHRASE.encode(), OTHER_PASSPHRASE.encode(), SEED, DEVICE_SECRET, *more]
    for secret in known:
        for form in (secret, secret.hex().encode(), secret.hex().upper().encode()):
            assert form not in data


def hash_like_cpython(seed, secret, source, iterations, salt, iv):
    """Return the bytes that seal() must return, computed with other code."""
    main = secret
    if source == SOURCE_PASSPHRASE:
        main = hashlib.pbkdf2_hmac("sha256", secret, salt, iterations)
    cipher_key, tag_key = (
        hmac.digest(main, b"joulestream keystore " + label + salt + b"\1", "sha256")
        for label in (b"cipher", b"tag")
    )
    covered = b"JSK1" + bytes([source]) + iterations.to_bytes(4, "big") + salt + iv
    covered += Cipher(AES(cipher_key), CBC(iv)).encryptor().update(seed)
    return covered + hmac.digest(tag_key, covered, "sha256")


def test_a_seal_is_the_same_bytes_as_other_code_makes():
    numbers = random.Random(6)
    for _ in range(60):
        size = numbers.randrange(1, 200)
        key, message = numbers.randbytes(size), numbers.randbytes(numbers.randrange(300))
        assert hmac_sha256(key, message) == hmac.digest(key, message, "sha256")
        count = numbers.randrange(1, 50)
        expected = hashlib.pbkdf2_hmac("sha256", key, message, count)
        assert pbkdf2_sha256(key, message, count) == expected
    for size in (1, 20, 64, 65, 1024):
        seed, salt, iv = numbers.randbytes(32), numbers.randbytes(16), numbers.randbytes(16)
        rest = (SOURCE_PASSPHRASE, 1000 + size, salt, iv)
        secret = numbers.randbytes(size)
        assert seal(seed, secret, *rest) == hash_like_cpython(seed, secret, *rest)
        rest = (SOURCE_DEVICE, 0, salt, iv)
        secret = numbers.randbytes(32)
        assert seal(seed, secret, *rest) == hash_like_cpython(seed, secret, *rest)


def test_a_new_key_is_sealed_and_can_be_shown(home):
    made = told("new", "a.key", *FEW)
    assert made == {
        "file": "a.key",
        "public_key": keys.read_signer("a.key").public_key.hex(),
        "sealed_with": "passphrase",
        "iterations": 1000,
    }
    seed = keys.read_seed("a.key")
    data = Path("a.key").read_bytes()
    assert len(data) == SEALED_SIZE and stat.S_IMODE(os.stat("a.key").st_mode) == 0o600
    shows_no_secret(data, seed)
    assert told("show", "a.key") == made
    status, out, _ = run("show", "a.key")
    assert status == 0 and made["public_key"] in out and "passphrase" in out
    shows_no_secret(out.encode(), seed)
    # Two keys have nothing in common, nor has one key that is sealed twice.
    told("new", "b.key", *FEW)
    assert keys.read_seed("b.key") != seed
    keys.write_sealed("c.key", seed, Unlock(), 1000)
    again = Path("c.key").read_bytes()
    assert all(again[at : at + 16] != data[at : at + 16] for at in (9, 25, 41, 57, 73, 89))


def test_the_default_count_of_iterations_is_the_documented_one(home):
    assert told("new", "a.key")["iterations"] == keys.DEFAULT_ITERATIONS
    security = (ROOT / "docs" / "security.md").read_text()
    assert f"{keys.DEFAULT_ITERATIONS:,} iterations" in security


def test_a_key_is_sealed_with_a_device_secret(home, monkeypatch):
    monkeypatch.delenv("JOULESTREAM_PASSPHRASE")
    assert told("device-secret", "board.secret") == {"file": "board.secret"}
    assert stat.S_IMODE(os.stat("board.secret").st_mode) == 0o600
    made = told("new", "a.key", "--device-secret", "board.secret")
    assert (made["sealed_with"], made["iterations"]) == ("device secret", 0)
    assert told("show", "a.key", "--device-secret", "board.secret") == made
    assert "--device-secret" in refused("show", "a.key")
    run("device-secret", "other.secret")
    assert "device secret is wrong" in refused("show", "a.key", "--device-secret", "other.secret")
    assert "no key of 64" in refused("show", "a.key", "--device-secret", "a.key")
    assert "cannot be read" in refused("show", "a.key", "--device-secret", "missing")
    assert "exists already" in refused("device-secret", "board.secret")


def test_a_key_is_resealed_into_another_file(home, monkeypatch):
    public_key = told("new", "a.key", *FEW)["public_key"]
    before = Path("a.key").read_bytes()
    run("device-secret", "board.secret")
    by_device = told("reseal", "a.key", "b.key", "--new-device-secret", "board.secret")
    assert (by_device["public_key"], by_device["sealed_with"]) == (public_key, "device secret")
    monkeypatch.setenv("JOULESTREAM_NEW_PASSPHRASE", OTHER_PASSPHRASE)
    words = ("reseal", "b.key", "c.key", "--device-secret", "board.secret", *FEW)
    assert told(*words)["sealed_with"] == "passphrase"
    assert "passphrase is wrong" in refused("show", "c.key")
    monkeypatch.setenv("JOULESTREAM_PASSPHRASE", OTHER_PASSPHRASE)
    assert told("show", "c.key")["public_key"] == public_key
    assert Path("a.key").read_bytes() == before


def test_a_plain_key_is_sealed_but_stays(home, monkeypatch):
    keys.write_seed("plain.seed", SEED)
    plain = {
        "file": "plain.seed",
        "public_key": Signer(SEED).public_key.hex(),
        "sealed_with": None,
        "iterations": None,
    }
    assert told("show", "plain.seed") == plain
    monkeypatch.setenv("JOULESTREAM_NEW_PASSPHRASE", PASSPHRASE)
    assert told("reseal", "plain.seed", "a.key", *FEW)["public_key"] == plain["public_key"]
    assert keys.read_seed("a.key") == SEED and keys.read_seed("plain.seed") == SEED


def test_nothing_is_overwritten(home, monkeypatch):
    told("new", "a.key", *FEW)
    told("new", "b.key", *FEW)
    monkeypatch.setenv("JOULESTREAM_NEW_PASSPHRASE", OTHER_PASSPHRASE)
    assert "exists already" in refused("new", "a.key", *FEW)
    assert "exists already" in refused("reseal", "a.key", "b.key", *FEW)
    assert "exists already" in refused("reseal", "a.key", "a.key", *FEW)
    assert "cannot be written" in refused("new", "no/where.key", *FEW)


def test_bad_key_files_are_refused(home, monkeypatch):
    told("new", "a.key", *FEW)
    data = Path("a.key").read_bytes()
    cases = {
        "cut short or too long": data[:-1],
        "cut short or too": data + b"\n",
        "the passphrase is wrong or the file was changed": data[:-1] + bytes([data[-1] ^ 1]),
        "too few or too many": data[:5] + b"\xff" * 4 + data[9:],
        "not known": data[:4] + b"\7" + data[5:],
        "no key of 64": b"JSK2" + data[4:],
    }
    for part, broken in cases.items():
        Path("bad.key").write_bytes(broken)
        for words in (("show", "bad.key"), ("reseal", "bad.key", "new.key", *FEW)):
            said = refused(*words)
            assert part in said and "bad.key" in said
        Path("bad.key").unlink()
    monkeypatch.setenv("JOULESTREAM_PASSPHRASE", OTHER_PASSPHRASE)
    assert "the passphrase is wrong" in refused("show", "a.key")
    assert "cannot be read" in refused("show", "missing.key")


def test_short_or_missing_passphrases_are_refused(home, monkeypatch):
    monkeypatch.setenv("JOULESTREAM_PASSPHRASE", "shorter")
    said = refused("new", "a.key", *FEW)
    assert "8 characters" in said and "shorter" not in said
    monkeypatch.setenv("JOULESTREAM_PASSPHRASE", "x" * 1025)
    said = refused("new", "a.key", *FEW)
    assert "too short or too long" in said and "xxx" not in said
    monkeypatch.delenv("JOULESTREAM_PASSPHRASE")
    assert "JOULESTREAM_PASSPHRASE" in refused("new", "a.key", *FEW)
    for count in (999, MAX_ITERATIONS + 1):
        assert run("new", "a.key", "--iterations", count)[0] == 2
    assert files() == {}


def test_a_passphrase_is_asked_for_twice_without_an_echo(home, monkeypatch):
    monkeypatch.delenv("JOULESTREAM_PASSPHRASE")
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "joulestream.host_tools.cli",
            "keys",
            "new",
            str(home / "a.key"),
            *FEW,
        ],
        cwd=ROOT,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    shown = b""
    for prompt, answer in (
        (b"Passphrase: ", OTHER_PASSPHRASE),
        (b"confirmation: ", PASSPHRASE),
        (b"do not match.\r\nPassphrase: ", PASSPHRASE),
        (b"confirmation: ", PASSPHRASE),
        (b"iterations", ""),
    ):
        until = shown.count(prompt) + 1
        while shown.count(prompt) < until:
            shown += os.read(ours, 1)
        os.write(ours, answer.encode() + b"\n")
    assert progress.wait(process, "joulestream keys new") == 0
    os.close(ours)
    shows_no_secret(shown)
    monkeypatch.setenv("JOULESTREAM_PASSPHRASE", PASSPHRASE)
    assert len(keys.read_seed(home / "a.key")) == 32


def test_the_commands_of_the_ledger_take_sealed_keys(home):
    told("new", "ledger.db.seed", *FEW)
    run("device-secret", "pole.secret")
    pole = told("new", "pole.key", "--device-secret", "pole.secret")
    car = told("new", "car.key", *FEW)

    def ledger(*words):
        result = CliRunner().invoke(app, ["ledger", *map(str, words), "--json"])
        assert result.exit_code == 0, result.stderr
        return json.loads(result.stdout)

    made = ledger("init")
    assert made["key"] == keys.read_signer("ledger.db.seed").public_key.hex()
    for name in ("car", "pole"):
        ledger("account", "create", name, "--balance", 1000)
    ledger(
        "open",
        *("--payer-key", car["public_key"], "--refund-account", "car"),
        *("--payee-key", pole["public_key"], "--payout-account", "pole"),
        *("--deposit", 100, "--dispute-window-s", 3600, "--certificate", "car.cert"),
    )
    closed = ledger(
        *("close", "request", "car.cert", "--by", "payee"),
        *("--key-file", "pole.key", "--device-secret", "pole.secret"),
    )
    assert closed["state"] == "closed"


def test_open_signer_opens_good_key_files_and_refuses_others(home):
    keys.write_sealed("a.key", SEED, Unlock(), 1000)
    asked = []

    def secret_of(source):
        asked.append(source)
        return PASSPHRASE.encode()

    assert open_signer("a.key", secret_of).public_key == Signer(SEED).public_key
    assert asked == [SOURCE_PASSPHRASE]
    for path in ("missing.key", "."):
        with pytest.raises(KeystoreError, match=f"{path} cannot be read"):
            open_signer(path, secret_of)
    with pytest.raises(KeystoreError, match=r"a\.key: the passphrase is wrong"):
        open_signer("a.key", lambda source: OTHER_PASSPHRASE.encode())
    Path("plain.seed").write_text(SEED.hex() + "\n")
    with pytest.raises(KeystoreError, match=r"plain\.seed: .*keys reseal"):
        open_signer("plain.seed", secret_of)
    assert len(asked) == 1


def seal_by_passphrase(scenario, role):
    """Seal a role's key with a passphrase in place of its device secret."""
    path = scenario.setup.directory / f"{role}.seed"
    seed = secrets_of(scenario, role)[0]
    path.unlink()
    keys.write_sealed(path, seed, Unlock(), 1000)


def secrets_of(scenario, role):
    """Return a role's seed and its device secret."""
    directory = scenario.setup.directory
    unlock = Unlock(directory / f"{role}.device")
    return keys.read_seed(directory / f"{role}.seed", unlock), unlock.secret(SOURCE_DEVICE)


@pytest.mark.parametrize("source", ["passphrase", "device secret"])
def test_a_session_shows_no_secret_anywhere(tmp_path, monkeypatch, source):
    monkeypatch.setenv("JOULESTREAM_PASSPHRASE", PASSPHRASE)
    scenario = Scenario(tmp_path, vehicle={"energy_wanted_mwh": 20_000})
    secrets = secrets_of(scenario, "pole") + secrets_of(scenario, "vehicle")
    if source == "passphrase":
        for role in ("pole", "vehicle"):
            seal_by_passphrase(scenario, role)
    crossed = bytearray()

    def overhear(sender, data):
        crossed.extend(data)
        return data

    scenario.bench.tamper = overhear
    statuses = []
    scenario.run(
        charging(3),
        until(lambda s: statuses.append(json.dumps([s.pole, s.vehicle])) or stopped(s)),
    )
    assert scenario.pole["last_stop"] == "ENERGY_REACHED" and len(crossed) > 1000
    shows_no_secret(bytes(crossed), *secrets)
    shows_no_secret("".join(statuses).encode(), *secrets)
    written = [path for path in tmp_path.iterdir() if path.suffix != ".device"]
    assert {path.suffix for path in written} >= {".seed", ".json", ".log", ".flash"}
    for path in written:
        shows_no_secret(path.read_bytes(), *secrets)


def change_key(change):
    """Return a change of a scenario: to the bytes of a role's key file."""

    def changes(scenario, role):
        path = scenario.setup.directory / f"{role}.seed"
        path.write_bytes(change(path.read_bytes()))

    return changes


def plain_key(scenario, role):
    path = scenario.setup.directory / f"{role}.seed"
    path.write_text(secrets_of(scenario, role)[0].hex() + "\n")


def no_key(scenario, role):
    (scenario.setup.directory / f"{role}.seed").unlink()


def other_device(scenario, role):
    (scenario.setup.directory / f"{role}.device").write_text(DEVICE_SECRET.hex() + "\n")


def broken_device(scenario, role):
    (scenario.setup.directory / f"{role}.device").write_text(DEVICE_SECRET.hex()[:-1])


def no_device(scenario, role):
    (scenario.setup.directory / f"{role}.device").unlink()


def other_passphrase(scenario, role):
    seal_by_passphrase(scenario, role)
    os.environ["JOULESTREAM_PASSPHRASE"] = OTHER_PASSPHRASE


def no_passphrase(scenario, role):
    seal_by_passphrase(scenario, role)
    del os.environ["JOULESTREAM_PASSPHRASE"]


def absurd_iterations(scenario, role):
    seal_by_passphrase(scenario, role)
    change_key(lambda data: data[:5] + b"\xff" * 4 + data[9:])(scenario, role)


REFUSALS = {
    "another passphrase": (other_passphrase, "{key}: the passphrase is wrong or the file"),
    "no passphrase": (no_passphrase, "set JOULESTREAM_PASSPHRASE"),
    "absurd iterations": (absurd_iterations, "{key}: 4294967295 iterations are too few or too"),
    "another device": (other_device, "{key}: the device secret is wrong or the file was changed"),
    "a broken device secret": (broken_device, "{device} holds no device secret of 64"),
    "no device secret": (no_device, "the device secret in {device} cannot be read"),
    "tampered": (change_key(lambda data: data[:50] + b"?" + data[51:]), "{key}: the device secre"),
    "truncated": (change_key(lambda data: data[:-1]), "{key}: the sealed key is cut short or too"),
    "empty": (change_key(lambda data: b""), "{key}: this is no sealed key"),
    "extended": (change_key(lambda data: data * 2), "{key}: the sealed key is cut short or too"),
    "plain": (plain_key, "{key}: this is no sealed key; `joulestream keys reseal` seals a plain"),
    "missing": (no_key, "{key} cannot be read"),
}


@pytest.mark.parametrize("role", ["pole", "vehicle"])
@pytest.mark.parametrize("case", REFUSALS)
def test_firmware_refuses_a_bad_key(tmp_path, monkeypatch, role, case):
    monkeypatch.setenv("JOULESTREAM_PASSPHRASE", PASSPHRASE)
    spoil, expected = REFUSALS[case]
    scenario = Scenario(tmp_path)
    secrets = secrets_of(scenario, role)
    spoil(scenario, role)
    key = tmp_path / f"{role}.seed"
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(FirmwareError) as caught:
        scenario.run(until(stopped))
    said = str(caught.value)
    expected = expected.format(key=key, device=tmp_path / f"{role}.device")
    assert said.startswith(f"{role}: ") and expected in said, said
    ending = {"pole": "the contactor stays open", "vehicle": "nothing is paid"}[role]
    assert said.endswith(f"; {ending}") and "\n" not in said
    assert not scenario.bench.pole.contactor and not scenario.bench.plant.contact
    shows_no_secret(said.encode(), *secrets)
    shows_no_secret((tmp_path / f"{role}.log").read_bytes(), *secrets)
    assert not (tmp_path / f"{role}.flash").exists()
    for path, data in before.items():
        assert path.read_bytes() == data


def test_a_board_without_a_secret_names_the_missing_one(monkeypatch):
    monkeypatch.delenv("JOULESTREAM_PASSPHRASE", raising=False)
    monkeypatch.setattr(sys, "stdin", io.StringIO("0 0 0 0\n"))
    board = unix.Board({"uarts": {}, "storage": "unused"})
    with pytest.raises(ValueError, match="set JOULESTREAM_PASSPHRASE"):
        board.secret(SOURCE_PASSPHRASE)
    with pytest.raises(ValueError, match=r"'board\.device_secret'"):
        board.secret(SOURCE_DEVICE)


def test_a_refusal_leaves_the_journal_as_it_was(tmp_path):
    scenario = Scenario(tmp_path, vehicle={"energy_wanted_mwh": 5_000}).run(until(stopped))
    before = {path: path.read_bytes() for path in tmp_path.glob("*.flash")}
    assert len(before) == 2
    again = Scenario(tmp_path)
    other_device(again, "pole")
    with pytest.raises(FirmwareError, match="device secret is wrong"):
        again.run(until(stopped))
    assert (tmp_path / "pole.flash").read_bytes() == before[tmp_path / "pole.flash"]
    assert scenario.record().amount > 0
