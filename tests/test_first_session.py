"""The page of the first session: its configurations load, its commands run as they stand."""

import importlib
import json
import re
import shlex

import pytest
import typer
from typer.testing import CliRunner

from joulestream.boards import machine_board
from joulestream.channel import Certificate, genuine_reason
from joulestream.device.config import ConfigError
from joulestream.host_tools import keys
from joulestream.host_tools.cli import app
from joulestream.host_tools.commands import COMMANDS
from joulestream.host_tools.layout import ROOT

PAGE = (ROOT / "docs" / "first-session.md").read_text()
# A meter for a tree without the driver of the page's one.
OTHER_METER = {"model": "sdm120", "step_mwh": 1, "refresh_ms": 50}


def command_lines():
    """Return the page's commands, each as its words behind `joulestream`."""
    text = re.sub(r"\\\n *", "", PAGE)
    return [shlex.split(line)[1:] for line in re.findall(r"^    (joulestream .+)$", text, re.M)]


def known_options(words):
    """Return the options of a command line's command; None if this tree has no such command."""
    if words[0] not in COMMANDS:
        return None
    command = typer.main.get_command(importlib.import_module(COMMANDS[words[0]].module).app)
    for word in words[1:]:
        if word not in getattr(command, "commands", {}):
            break
        command = command.commands[word]
    return {name for parameter in command.params for name in parameter.opts}


def test_the_page_goes_through_all_steps():
    first = [words[0] for words in command_lines()]
    order = ("flash", "ledger", "keys", "provision", "bench", "monitor", "settle")
    assert sorted(order, key=first.index) == list(order)
    assert len(first) > 12


@pytest.mark.parametrize("words", command_lines(), ids=" ".join)
def test_each_option_of_the_page_exists(words):
    options = known_options(words)
    if options is not None:
        used = {word for word in words if word.startswith("--")}
        # The service line has its commands where `monitor` is.
        later = set() if "monitor" in COMMANDS else {"--port", "--key"}
        assert used <= options | later, used - options


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("JOULESTREAM_LEDGER", raising=False)
    monkeypatch.setenv("JOULESTREAM_PASSPHRASE", "a long enough passphrase")
    return tmp_path


def run(words):
    done = CliRunner().invoke(app, [*words, *(["--json"] if "issuer" not in words else [])])
    assert done.exit_code == 0, (words, done.output)
    return json.loads(done.stdout)


def run_ledger(home):
    """Run the page's ledger commands with fresh keys; return their results by their names."""
    for name in ("CAR_KEY", "POLE_KEY"):
        keys.write_seed(f"{name}.seed", keys.new_seed())
    public = {
        name: keys.read_signer(f"{name}.seed").public_key.hex() for name in ("CAR_KEY", "POLE_KEY")
    }
    results = {}
    for words in command_lines():
        if words[0] == "ledger":
            values = [public.get(word, word) for word in words]
            results[" ".join(words[1:4])] = run(values)
    return public, results


def test_the_ledger_s_commands_run_as_they_stand(home):
    public, results = run_ledger(home)
    certificate = Certificate.from_bytes((home / "channel.cert").read_bytes())
    assert genuine_reason(certificate) == 0
    assert certificate.payer_key.hex() == public["CAR_KEY"]
    assert certificate.payee_key.hex() == public["POLE_KEY"]
    assert results["account create shop"]["id"] == certificate.payout_account.hex()
    accounts = results["account list --ledger"]
    balances = {row["name"]: row["balance_base_units"] for row in accounts}
    assert (balances["shop"], balances["driver"]) == (0, 9_000_000)


def test_the_host_s_key_is_made_as_it_stands(home):
    (words,) = [words for words in command_lines() if words[0] == "keys"]
    run([*words, "--iterations", "1000"])
    assert (home / words[-1]).is_file()


def configurations():
    """Return the page's two configurations: of the pole, and of the vehicle."""
    return [json.loads(text) for text in re.findall(r"```json\n(.+?)```", PAGE, re.S)]


def load(role, values, home):
    """Load a configuration as the firmware does."""
    known = {field for field, _, _ in machine_board.TABLE}
    board = {name: value for name, value in values["board"].items() if name in known}
    machine_board.check_table(machine_board.TABLE, board)
    values = {**values, "seed_file": f"/{role}.seed", "board": {"kind": "esp32s3", **board}}
    path = home / f"{role}.json"
    path.write_text(json.dumps(values))
    return importlib.import_module(f"joulestream.{role}.config").load_config(str(path))


def load_with_a_meter(role, values, home):
    try:
        return load(role, values, home)
    except ConfigError as error:
        assert "model" in str(error), error
        return load(role, {**values, "meter": OTHER_METER}, home)


def test_both_configurations_load_and_fit_together(home):
    _, results = run_ledger(home)
    pole_values, car_values = configurations()
    assert pole_values["payout_account"] == "PAYOUT_ACCOUNT"
    assert pole_values["issuers"] == ["ISSUER"]
    pole_values["payout_account"] = results["account create shop"]["id"]
    pole_values["issuers"] = [results["issuer --ledger desk.db"]]
    car_values["certificates"] = ["/channel.cert"]
    pole = load_with_a_meter("pole", pole_values, home)
    car = load_with_a_meter("vehicle", car_values, home)
    (price,) = {row["price_per_kwh"] for row in pole_values["prices"]}
    assert price <= car.max_price_per_kwh
    assert pole.prepay <= car.prepay
    assert car.energy_wanted_mwh == 1_000, "the first watt-hour"
    certificate = Certificate.from_bytes((home / "channel.cert").read_bytes())
    assert certificate.expires_at_s + pole.collect_within_s <= certificate.claimable_until_s
    # The cost of the watt-hour, as the page tells it.
    assert f"{price // 1_000} millionths of a euro" in PAGE
