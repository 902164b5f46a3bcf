"""`collect`, `settle` and `monitor` ask firmwares that run, over terminals as over real ports."""

import json
import os
import selectors
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from interrupts import obey_interrupts
from joulestream.boards.file_flash import FileFlash
from joulestream.channel import Claim
from joulestream.device import journal_keys
from joulestream.device.journal import Journal
from joulestream.device.payee_records import PayeeRecords
from joulestream.host_tools import progress
from joulestream.host_tools.bench.firmware import Firmware
from joulestream.host_tools.bench.ports import Port
from joulestream.host_tools.bench.setup import BenchSetup
from joulestream.host_tools.keys import new_seed, write_seed
from joulestream.signing import Signer
from joulestream.testkit.certificates import KEYS, certificate, terms

JOULESTREAM = Path(sys.executable).parent / "joulestream"


class Cable:
    """Two terminals; bytes that come out of one go into the other."""

    def __init__(self):
        self.ends = Port(), Port()
        self._stop_reading, self._stop = os.pipe()
        self._thread = threading.Thread(target=self._carry, daemon=True)
        self._thread.start()

    def _carry(self):
        with selectors.DefaultSelector() as selector:
            selector.register(self._stop_reading, selectors.EVENT_READ, None)
            for end, other in (self.ends, self.ends[::-1]):
                selector.register(end, selectors.EVENT_READ, (end, other))
            while True:
                for key, _ in selector.select():
                    if key.data is None:
                        return
                    key.data[1].write(key.data[0].read())

    def close(self):
        os.write(self._stop, b"x")
        self._thread.join()
        for end in self.ends:
            end.close()
        os.close(self._stop)
        os.close(self._stop_reading)


class Device:
    """A firmware on the wall clock. Its service line is the terminal `port`."""

    def __init__(self, directory, role, config):
        self.cable = Cable()
        self.port = self.cable.ends[1].path
        self._others = {name: Port() for name in ("link", "meter")}
        uarts = {name: port.path for name, port in self._others.items()}
        board = {
            "clock": "wall",
            "uarts": uarts | {"service": self.cable.ends[0].path},
            "storage": str(directory / f"{role}.flash"),
            "device_secret": str(directory / f"{role}.device"),
        }
        self._firmware = Firmware(role, {**config, "board": board}, directory)
        self._firmware.set_pins(0, -1, "C", False, {})

    def close(self):
        self._firmware.kill()
        self.cable.close()
        for port in self._others.values():
            port.close()


@pytest.fixture
def setup(tmp_path):
    return BenchSetup(tmp_path)


@pytest.fixture
def key(tmp_path):
    """The key file of a host, and its public key."""
    seed = new_seed()
    write_seed(tmp_path / "host.key", seed)
    return tmp_path / "host.key", Signer(seed).public_key.hex()


def fill(setup, amount=4_000):
    """Write a claim into the flash of the pole that is not started yet; return the certificate."""
    flash = FileFlash(str(setup.directory / "pole.flash"), 64, 4096)
    journal = Journal(flash, os.urandom, journal_keys.key_count(journal_keys.POLE, 64))
    records = PayeeRecords(journal, 64)
    shown = setup.write_certificate()
    record = records.load(shown.channel_id)
    record.amount = record.amount_due = amount
    record.signature = setup.payer.sign(Claim(shown.channel_id).message(amount))
    records.admit(shown, record)
    return shown


@pytest.fixture
def pole(setup, key):
    fill(setup)
    device = Device(setup.directory, "pole", setup.pole(service_keys=[key[1]]))
    yield device
    device.close()


def run(*words, patience="600"):
    """Run the command, which waits for a busy machine; return the finished process."""
    environment = {**os.environ, "JOULESTREAM_SERVICE_PATIENCE": patience}
    return progress.run([str(JOULESTREAM), *map(str, words)], "joulestream", env=environment)


def refusal(*words, **options):
    """Return the one line that a command ends with."""
    done = run(*words, **options)
    assert done.returncode == 1 and done.stderr.count("\n") == 1, done.stdout + done.stderr
    return done.stderr


def test_a_running_pole_is_collected_as_its_image_is_and_marked(pole, setup, key, tmp_path):
    shown = json.loads(run("collect", "--port", pole.port, "--key", key[0], "--json").stdout)
    (channel,) = shown
    assert channel["channel_id"] == setup.terms.channel_id().hex()
    assert (channel["claimed_claim_units"], channel["collected_claim_units"]) == (4_000, 0)
    word = setup.issuer.certify(setup.terms, 10_000_000, claimed=4_000)
    (tmp_path / "word.cert").write_bytes(word.to_bytes())
    done = run(
        *("collect", tmp_path / "word.cert", "--port", pole.port, "--key", key[0], "--json"),
        *("--device-key", setup.payee.public_key.hex()),
    )
    assert done.returncode == 0, done.stderr
    marked = json.loads(done.stdout)
    assert marked[0]["collected_claim_units"] == 4_000
    pole.close()
    image = json.loads(run("collect", setup.directory / "pole.flash", "--json").stdout)
    assert image == marked
    pole.close = lambda: None


def test_a_host_that_may_not_ask_is_told_so_in_one_sentence(pole, setup, tmp_path):
    assert "'service_keys'" not in refusal("collect", "--port", pole.port)
    assert "--key" in refusal("collect", "--port", pole.port)
    write_seed(tmp_path / "other.key", new_seed())
    said = refusal("collect", "--port", pole.port, "--key", tmp_path / "other.key")
    assert "NOT_ALLOWED" in said and "'service_keys'" in said
    said = refusal("monitor", "--port", pole.port, "--key", tmp_path / "other.key")
    assert "NOT_ALLOWED" in said


def test_a_device_with_another_key_is_refused(pole, key):
    wanted = KEYS["stranger"].public_key.hex()
    said = refusal("collect", "--port", pole.port, "--key", key[0], "--device-key", wanted)
    assert "check the port" in said


def test_a_wrong_ledgers_word_is_told(pole, setup, key, tmp_path):
    word = setup.issuer.certify(setup.terms, 10_000_000, claimed=9, issuer_key=bytes(32))
    (tmp_path / "word.cert").write_bytes(word.to_bytes())
    said = refusal("collect", tmp_path / "word.cert", "--port", pole.port, "--key", key[0])
    assert "word.cert" in said


def test_both_sides_are_shown_live(pole, setup, key):
    vehicle = Device(setup.directory, "vehicle", setup.vehicle())
    try:
        ports = ("--port", pole.port, "--port", vehicle.port, "--key", key[0])
        done = run("monitor", *ports, "--count", 2, "--every", 0.2)
        assert done.returncode == 0, done.stderr
        lines = done.stdout.splitlines()
        assert len(lines) == 4
        assert lines[0].startswith(f"pole on {pole.port}: state idle, reason ")
        assert "the meter does not answer; check wires" in lines[0]
        assert lines[1].startswith(f"vehicle on {vehicle.port}: state ")
        done = run("monitor", *ports, "--count", 1, "--json")
        rows = [json.loads(line) for line in done.stdout.splitlines()]
        assert [row["role"] for row in rows] == ["pole", "vehicle"]
        assert rows[0]["words"].startswith("the meter does not answer")
    finally:
        vehicle.close()


def test_time_and_prices_are_read_and_set(pole, key, tmp_path):
    line = ("--port", pole.port, "--key", key[0])
    assert json.loads(run("service", "time", *line, "--json").stdout)["quality"] == 0
    assert run("service", "set-time", 1_790_000_000, *line).returncode == 0
    told = json.loads(run("service", "time", *line, "--json").stdout)
    assert told["time_s"] >= 1_790_000_000 and told["quality"] == 2
    assert "BAD_TIME" in refusal("service", "set-time", 5, *line)
    before = json.loads(run("service", "prices", *line, "--json").stdout)
    new = [{"from_s": at * 60, "price_per_kwh": 200_000 + at} for at in range(40)]
    path = tmp_path / "prices.json"
    path.write_text(json.dumps(new))
    assert run("service", "set-prices", path, *line).returncode == 0
    assert json.loads(run("service", "prices", *line, "--json").stdout) == new != before
    path.write_text(json.dumps([{"from_s": 0, "price_per_kwh": 1 << 40}]))
    assert "BAD_FIELD" in refusal("service", "set-prices", path, *line)
    for wrong in ({}, [], [1], [{"from_s": 0}], [{"from_s": -1, "price_per_kwh": 5}]):
        path.write_text(json.dumps(wrong))
        assert "prices.json" in refusal("service", "set-prices", path, *line)


def test_ctrl_c_ends_the_monitor_with_130_and_one_line(pole, key):
    process = subprocess.Popen(
        [str(JOULESTREAM), "monitor", "--port", pole.port, "--key", str(key[0])],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=obey_interrupts,
    )
    assert process.stdout.readline().startswith(b"pole on ")
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate()
    assert process.returncode == 130
    assert errors.splitlines() == [b"joulestream: interrupted"]


def test_a_line_on_which_nobody_answers_is_told(key):
    cable = Cable()
    try:
        line = ("--port", cable.ends[1].path, "--key", key[0])
        assert "no answer" in refusal("collect", *line, patience="1")
        assert "SERVICE_PATIENCE" in refusal("collect", *line, patience="soon")
    finally:
        cable.close()


def test_the_wallet_of_a_running_vehicle_is_shown(setup, key):
    shown = setup.write_certificate()
    vehicle = Device(setup.directory, "vehicle", setup.vehicle(service_keys=[key[1]]))
    line = ("--port", vehicle.port, "--key", key[0])
    try:
        done = run("wallet", *line, "--certificate", setup.certificate_path, "--json")
        (row,) = json.loads(done.stdout)
        assert row["channel_id"] == shown.channel_id.hex() and row["signed_claim_units"] == 0
        newer = setup.issuer.certify(setup.terms, 20_000_000, issued_at_s=shown.issued_at_s + 5)
        new, files = setup.directory / "new.cert", ("--certificate", setup.certificate_path)
        new.write_bytes(newer.to_bytes())
        done = run("wallet", *line, *files, "--take", new, "--json")
        assert json.loads(done.stdout)[0]["capacity_claim_units"] == 20_000_000
        assert setup.certificate_path.read_bytes() == newer.to_bytes()
        assert "CERTIFICATE_OLD" in refusal("wallet", *line, "--take", new)
        other = certificate(terms(salt=b"o" * 16, payer_key=setup.payer.public_key))
        new.write_bytes(other.to_bytes())
        assert "ABSENT" in refusal("wallet", *line, "--take", new)
        new.write_bytes(certificate().to_bytes())
        assert "WRONG_CHANNEL" in refusal("wallet", *line, "--take", new)
        assert setup.certificate_path.read_bytes() == newer.to_bytes()
        assert "stop the vehicle" in refusal("wallet", *line, "--pay", shown.channel_id.hex())
        assert "--port" in refusal("wallet")
    finally:
        vehicle.close()


def test_a_vehicle_is_no_pole(setup, key):
    setup.write_certificate()
    vehicle = Device(setup.directory, "vehicle", setup.vehicle(service_keys=[key[1]]))
    try:
        said = refusal("collect", "--port", vehicle.port, "--key", key[0])
        assert "is a vehicle and no pole" in said
    finally:
        vehicle.close()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("collect",), "--port"),
        (("settle",), "--port"),
        (("settle", "a.flash", "--port", "/dev/null"), "--port"),
        (("monitor",), "--port"),
        (("service", "time"), "--port"),
        (("collect", "--port", "/dev/no-such-port"), "no such port"),
        (("collect", "--restored", "--port", "/dev/null"), "--restored"),
        (("collect", "--port", "/dev/null", "--device-key", "xyz"), "64 hexadecimal digits"),
    ],
)
def test_a_wrong_call_is_told(words, said):
    assert said in refusal(*words)
