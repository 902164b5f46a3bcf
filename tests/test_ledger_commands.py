"""The commands `ledger ...` and `settle`: JSON that adds up, and errors of one line, status 1."""

import json
import os
import stat

import pytest
from typer.testing import CliRunner

from joulestream.channel import CERTIFICATE_SIZE, Certificate, Claim, genuine_reason
from joulestream.device.payee_records import PayeeRecord, PayeeRecords
from joulestream.host_tools import keys
from joulestream.host_tools.cli import app
from joulestream.testkit.flash import mount

NOW_S = 1_800_000_000


def run(*words):
    """Run a command; return its exit status, stdout and stderr."""
    result = CliRunner().invoke(app, [str(word) for word in words])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.stdout, result.stderr


def told(*words):
    """Run a command with --json that must succeed; return its data."""
    status, out, err = run(*words, "--json")
    assert (status, err) == (0, ""), err
    return json.loads(out)


def refused(*words):
    """Run a command that must fail with one line; return that line."""
    status, _, err = run(*words)
    assert status == 1 and err.startswith("joulestream: ") and err.count("\n") == 1, (status, err)
    return err


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A directory with a ledger, two accounts, two keys and a channel's certificate."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("JOULESTREAM_LEDGER", raising=False)
    for name in ("car", "pole"):
        keys.write_seed(f"{name}.seed", keys.new_seed())
    told("ledger", "init", "--number", 5)
    told("ledger", "account", "create", "car", "--balance", 10_000)
    told("ledger", "account", "create", "pole")
    told("ledger", "open", *open_options())
    return tmp_path


def open_options(**changes):
    options = {
        "--payer-key": keys.read_signer("car.seed").public_key.hex(),
        "--payee-key": keys.read_signer("pole.seed").public_key.hex(),
        "--refund-account": "car",
        "--payout-account": "pole",
        "--deposit": 1000,
        "--dispute-window-s": 3600,
        "--base-units-per-claim-unit": 2,
        "--certificate": "car.cert",
        "--now-s": NOW_S,
    }
    options.update({"--" + name.replace("_", "-"): value for name, value in changes.items()})
    return [word for pair in options.items() for word in pair]


def signature(amount, channel_id=None):
    channel_id = channel_id or certificate().channel_id
    return keys.read_signer("car.seed").sign(Claim(channel_id).message(amount))


def certificate():
    with open("car.cert", "rb") as file:
        return Certificate.from_bytes(file.read())


def flash(amount, amount_signature):
    """Write a pole's flash of the default size that holds one claim."""
    from joulestream.host_tools.flash_image import FlashImage

    image = FlashImage(b"\xff" * 64 * 4096, 4096)
    journal = mount(image)
    records = PayeeRecords(journal, 4)
    record = PayeeRecord(
        amount=amount,
        signature=amount_signature,
        amount_due=amount,
        remainder=0,
        energy_mwh=0,
    )
    records.admit(certificate(), record)
    with open("pole.flash", "wb") as file:
        for number in range(64):
            block = bytearray(4096)
            image.readblocks(number, block)
            file.write(block)


def test_a_session_from_init_to_refund(home):
    assert os.path.getsize("car.cert") == CERTIFICATE_SIZE
    assert genuine_reason(certificate()) == 0
    shown = told("ledger", "show")
    assert certificate().contract.hex() == shown["key"] and shown["number"] == 5
    assert told("ledger", "show", "car.cert") == shown["channels"][0]
    flash(300, signature(300))
    paid = told("settle", "pole.flash", "--now-s", NOW_S)
    assert paid["paid_now_base_units"] == 600
    assert paid["channels"][0]["paid_now_claim_units"] == 300
    assert told("settle", "pole.flash")["paid_now_base_units"] == 0
    claimed = told("ledger", "claim", "car.cert", 400, signature(400).hex())
    assert claimed["paid_now_claim_units"] == 100 and claimed["paid_now_base_units"] == 200
    renewed = told("ledger", "certificate", "car.cert", "--certificate", "new.cert")
    assert renewed["expires_at_s"] == renewed["issued_at_s"] + 1800
    asked = told(
        *("ledger", "close", "request", shown["channels"][0]["channel_id"]),
        *("--by", "payer", "--key-file", "car.seed", "--now-s", NOW_S + 9_000_000),
    )
    assert asked["state"] == "closing"
    end_s = asked["closes_at_s"]
    assert "another 1 s" in refused(*("ledger", "close", "finalise", "car.cert", "--now-s", end_s))
    closed = told("ledger", "close", "finalise", "car.cert", "--now-s", end_s + 1)
    assert (closed["state"], closed["refunded_claim_units"]) == ("closed", 600)
    accounts = {
        row["name"]: row["balance_base_units"] for row in told("ledger", "account", "list")
    }
    assert (accounts["car"], accounts["pole"]) == (9_200, 800)
    assert told("ledger", "check")["faults"] == []


def test_people_see_tables(home):
    flash(300, signature(300))
    status, out, _ = run("settle", "pole.flash")
    assert status == 0 and "300" in out and certificate().channel_id.hex() in out
    for words in (("show",), ("show", "car.cert"), ("account", "list"), ("check",)):
        status, out, _ = run("ledger", *words)
        assert status == 0 and len(out.splitlines()) > 3
    assert "8,000" in run("ledger", "show")[1]


def test_the_payee_closes_with_a_request_signed_elsewhere(home):
    from joulestream.host_tools.ledger.requests import CLOSE_BY_PAYEE, close_request

    request = close_request(certificate(), CLOSE_BY_PAYEE, NOW_S)
    signed = keys.read_signer("pole.seed").sign(request.signed_bytes()).hex()
    words = ["ledger", "close", "request", "car.cert", "--by", "payee", "--now-s", NOW_S + 5]
    assert "either" in refused(*words)
    assert "either" in refused(*words, "--signature", signed)
    assert "by" in refused(*words[:5], "nobody", "--key-file", "pole.seed")
    assert "did not sign" in refused(*words, "--signature", signed, "--time-s", NOW_S + 1)
    closed = told(*words, "--signature", signed, "--time-s", NOW_S)
    assert closed["state"] == "closed" and closed["refunded_claim_units"] == 1000


def test_errors_are_one_line(home):
    (home / "text").write_text("no database\n" * 100)
    good = signature(10).hex()
    cases = (
        ("exists already", "ledger", "init"),
        ("no file", "ledger", "show", "--ledger", "missing.db"),
        ("not a Joulestream ledger", "ledger", "check", "--ledger", "text"),
        ("not a Joulestream ledger", "settle", "pole.flash", "--ledger", "text"),
        ("cannot be read", "settle", "pole.flash"),
        ("blocks", "settle", "text"),
        ("no account", "ledger", "open", *open_options(certificate="x", refund_account="nobody")),
        ("account id", "ledger", "open", *open_options(certificate="x", refund_account="g" * 64)),
        ("payer key", "ledger", "open", *open_options(certificate="x", payer_key="xyz")),
        ("subgroup", "ledger", "open", *open_options(certificate="x", payee_key="00" * 32)),
        ("asset", "ledger", "open", *open_options(certificate="x", asset="XAU")),
        ("cannot be written", "ledger", "open", *open_options(certificate="no/where.cert")),
        ("exists already", "ledger", "open", *open_options()),
        (
            "not the name of a file",
            "ledger",
            "open",
            *open_options(certificate="x", payer_key="car.seed"),
        ),
        ("validity", "ledger", "open", *open_options(certificate="x", validity_s=9999)),
        ("signature must be", "ledger", "claim", "car.cert", 10, good[:-1]),
        ("signature must be", "ledger", "claim", "car.cert", 10, "g" + good[1:]),
        ("did not sign", "ledger", "claim", "car.cert", 11, good),
        ("neither", "ledger", "claim", "missing.cert", 10, good),
        ("no certificate", "ledger", "claim", "text", 10, good),
        ("channel id", "ledger", "show", "g" * 64),
        ("not on this ledger", "ledger", "show", "00" * 32),
        ("cannot be read", "ledger", "certificate", "car.cert")
        + ("--certificate", "x", "--seed-file", "missing"),
        ("the seed is of", "ledger", "certificate", "car.cert")
        + ("--certificate", "x", "--seed-file", "car.seed"),
        ("--seed-file", "ledger", "init", "--ledger", "sqlite:///x.db"),
        ("must be from", "ledger", "account", "create", "x", "--balance", -1),
        ("time", "ledger", "account", "create", "x", "--now-s", 1 << 60),
    )
    for part, *words in cases:
        assert part in refused(*words), words
    flash(300, signature(10))
    assert "did not sign" in refused("settle", "pole.flash")
    assert not (home / "missing.db").exists()
    assert not (home / "x").exists()
    assert told("ledger", "check")["faults"] == []


def test_an_unsound_ledger_fails_the_check(home):
    import sqlite3

    with sqlite3.connect("ledger.db") as connection:
        connection.execute("UPDATE account SET balance_base_units = '7' WHERE name = 'pole'")
    assert "not sound" in refused("ledger", "check")
    with sqlite3.connect("ledger.db") as connection:
        connection.execute("UPDATE account SET balance_base_units = 'x' WHERE name = 'pole'")
    assert "an amount belongs" in refused("ledger", "show")


def test_seed_files_are_private_and_never_overwritten(home):
    assert stat.S_IMODE(os.stat("car.seed").st_mode) == 0o600
    assert stat.S_IMODE(os.stat("ledger.db.seed").st_mode) == 0o600
    seed = keys.read_seed("car.seed")
    assert len(seed) == 32 and keys.new_seed() != keys.new_seed()
    for call, arguments in (
        (keys.write_seed, ("car.seed", bytes(32))),
        (keys.write_seed, ("no/dir.seed", bytes(32))),
        (keys.write_seed, ("x.seed", bytes(31))),
        (keys.read_seed, ("missing.seed",)),
        (keys.read_seed, (".",)),
        (keys.read_seed, ("car.cert",)),
    ):
        with pytest.raises(keys.KeyFileError):
            call(*arguments)
    assert keys.read_seed("car.seed") == seed
    for text in (seed.hex()[:-1], seed.hex() + "0", "g" * 64, ""):
        (home / "bad.seed").write_text(text)
        with pytest.raises(keys.KeyFileError) as caught:
            keys.read_seed("bad.seed")
        assert seed.hex()[:16] not in str(caught.value)
    # A failed init takes its new seed away again.
    (home / "taken.db").write_bytes(b"")
    assert "exists already" in refused("ledger", "init", "--ledger", "taken.db")
    assert not (home / "taken.db.seed").exists()


def test_the_issuer_s_block_is_what_a_pole_takes(home, tmp_path):
    from joulestream.pole.config import load_config

    block = json.loads(run("ledger", "issuer", "--base-units-per-claim-unit", 2)[1])
    assert block == told("ledger", "issuer", "--base-units-per-claim-unit", 2)
    assert block["asset"] == "uEUR" and block["chain_id"] == 5
    pole = {
        "board": {},
        "seed_file": "pole.seed",
        "payout_account": certificate().payout_account.hex(),
        "issuers": [block],
        "collect_within_s": 60,
        "prices": [{"from_s": 0, "price_per_kwh": 320_000}],
        "credit": 960,
        "prepay": 0,
        "max_power_w": 11_500,
        "meter": {"model": "sdm120"},
    }
    (home / "pole.json").write_text(json.dumps(pole))
    issuer = load_config("pole.json").issuers[0]
    for name in ("kind", "chain_id", "contract", "asset", "base_units_per_claim_unit"):
        assert getattr(issuer, name) == getattr(certificate(), name), name
    assert issuer.key == certificate().issuer_key
    assert "asset name" in refused("ledger", "issuer", "--asset", "two words")
    assert "must be from" in refused("ledger", "issuer", "--base-units-per-claim-unit", 0)


def test_the_ledger_signs_the_time_for_a_pole_s_nonce(home):
    from joulestream.channel import time_bytes
    from joulestream.messages import decode
    from joulestream.signing import verify

    nonce, key = bytes(range(16)), certificate().payee_key
    words = ("ledger", "time", nonce.hex(), "--payee-key", key.hex())
    shown = told(*words, "--now-s", NOW_S)
    message = decode(bytes.fromhex(shown["message"]))
    assert (shown["time_s"], message.time_s) == (NOW_S, NOW_S)
    assert message.issuer_key == certificate().issuer_key
    assert verify(message.issuer_key, time_bytes(nonce, key, NOW_S), message.signature)
    assert abs(told(*words)["time_s"] - database_time()) <= 600
    assert "nonce must be 32" in refused("ledger", "time", "00", "--payee-key", key.hex())
    assert "payee key" in refused("ledger", "time", nonce.hex(), "--payee-key", "00")


def database_time():
    import sqlite3

    return int(sqlite3.connect(":memory:").execute("SELECT strftime('%s', 'now')").fetchone()[0])


def test_a_certificate_tells_the_ledger_s_time_and_what_it_paid(home, monkeypatch):
    """The clock of the computer that runs the command plays no part in it."""
    import time

    monkeypatch.setattr(time, "time", lambda: 5.0)
    told("ledger", "claim", "car.cert", 40, signature(40).hex())
    before_s = database_time()
    told("ledger", "certificate", "car.cert", "--certificate", "car.cert", "--validity-s", 100)
    new = certificate()
    assert before_s <= new.issued_at_s <= database_time()
    assert new.expires_at_s == new.issued_at_s + 100
    assert (new.claimed, new.claimable_until_s) == (40, new.issued_at_s + 3600)
    assert genuine_reason(new) == 0


def test_the_time_of_an_action_is_read_under_the_lock(home):
    """A transaction that waited for its lock is not as old as its beginning."""
    from sqlalchemy import Engine, event

    from joulestream.host_tools.ledger import Ledger

    statements = []

    def note(connection, cursor, statement, *_):
        statements.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        with Ledger.open("ledger.db", keys.read_signer("ledger.db.seed")) as ledger:
            statements.clear()
            ledger.issue_certificate(certificate().channel_id, None, 100)
    finally:
        event.remove(Engine, "before_cursor_execute", note)
    clock = [at for at, statement in enumerate(statements) if "strftime" in statement]
    assert statements[0] == "BEGIN IMMEDIATE" and len(clock) == 1
    assert any("UPDATE channel" in statement for statement in statements[clock[0] :])
