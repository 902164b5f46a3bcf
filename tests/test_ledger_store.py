"""The ledger's database: concurrent writers, sudden deaths, damage, files that are no ledger."""

import multiprocessing
import os
import sqlite3
import threading

import pytest

from joulestream.channel import Claim
from joulestream.host_tools.ledger import Ledger, LedgerError, book, requests
from ledger_scenario import (
    LEDGER,
    NOW_S,
    PAYER,
    STRANGER,
    balances,
    claim,
    close,
    opened,
    refused,
    snapshot,
)


@pytest.fixture
def ledger(tmp_path):
    with Ledger.create(tmp_path / "ledger.db", 7, LEDGER) as opened:
        yield opened


def claim_rising(location, channel_id, first, errors):
    """Claim every third amount from `first` on, from another connection."""
    try:
        with Ledger.open(location) as ledger:
            for amount in range(first, 91, 3):
                signature = PAYER.sign(Claim(channel_id).message(amount))
                ledger.claim(channel_id, amount, signature, NOW_S)
    except Exception as error:
        errors.append(error)


def test_three_connections_claim_at_once(ledger, tmp_path):
    channel = opened(ledger)
    errors = []
    threads = [
        threading.Thread(
            target=claim_rising, args=(tmp_path / "ledger.db", channel.id, first, errors)
        )
        for first in (1, 2, 3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert ledger.channel(channel.id).paid == 90 and balances(ledger) == (999_000, 90)
    assert ledger.check().faults == []


def test_a_failure_in_mid_transaction_leaves_nothing(ledger, monkeypatch):
    channel = opened(ledger)
    before = snapshot(ledger)
    post = book.post

    def fail_after(*arguments):
        post(*arguments)
        raise RuntimeError("power cut")

    monkeypatch.setattr(book, "post", fail_after)
    with pytest.raises(RuntimeError):
        claim(ledger, channel, 10)
    with pytest.raises(RuntimeError):
        close(ledger, channel, requests.CLOSE_BY_PAYEE)
    with pytest.raises(RuntimeError):
        opened(ledger, salt=b"x" * 16)
    assert snapshot(ledger) == before
    monkeypatch.undo()
    assert claim(ledger, channel, 10).paid_now == 10 and ledger.check().faults == []


def die_while_claiming(location, channel_id):
    """End this process, without any clean-up, after a claim's postings are written."""
    post = book.post

    def die_after(*arguments):
        post(*arguments)
        os._exit(9)

    book.post = die_after
    signature = PAYER.sign(Claim(channel_id).message(10))
    Ledger.open(location).claim(channel_id, 10, signature, NOW_S)


def test_a_killed_process_leaves_nothing(ledger, tmp_path):
    channel = opened(ledger)
    before = snapshot(ledger)
    ledger.close()  # SQLite allows no connection to pass a fork.
    arguments = (tmp_path / "ledger.db", channel.id)
    process = multiprocessing.get_context("fork").Process(
        target=die_while_claiming, args=arguments
    )
    process.start()
    process.join()
    assert process.exitcode == 9
    assert snapshot(ledger) == before
    assert claim(ledger, channel, 10).paid_now == 10


def test_a_check_finds_every_kind_of_damage(tmp_path):
    damages = (
        ("balance", "UPDATE account SET balance_base_units = '5' WHERE name = 'pole'"),
        ("sum to zero", "UPDATE posting SET amount_base_units = '1' WHERE entry_id = 3"),
        ("sum to zero", "DELETE FROM posting WHERE entry_id = 2"),
        ("without a signed claim", "UPDATE channel SET paid_signature = zeroblob(64)"),
        ("without a signed claim", "UPDATE channel SET paid_signature = NULL"),
        ("entries of", "UPDATE channel SET paid_claim_units = '9'"),
        ("in escrow", "UPDATE channel SET deposit_claim_units = '1001'"),
        ("of a deposit", "UPDATE channel SET deposit_claim_units = '9'"),
        ("id of its terms", "UPDATE channel SET dispute_window_s = '1'"),
        ("id of its terms", "UPDATE channel SET salt = zeroblob(3)"),
        ("for no channel", "UPDATE entry SET channel_id = NULL WHERE kind = 'claim'"),
        ("another ledger", "UPDATE channel SET chain_id = '1'"),
        ("is missing", "DELETE FROM account WHERE name = 'pole'"),
        ("were issued", "UPDATE entry SET kind = 'gift' WHERE kind = 'issue'"),
        ("below zero", "UPDATE account SET balance_base_units = '-1' WHERE name = 'pole'"),
    )
    for at, (part, statement) in enumerate(damages):
        path = tmp_path / f"{at}.db"
        with Ledger.create(path, 7, LEDGER) as ledger:
            claim(ledger, opened(ledger), 10)
            assert ledger.check().faults == []
            connection = sqlite3.connect(path)
            with connection:
                assert connection.execute(statement).rowcount > 0, statement
            connection.close()
            faults = ledger.check().faults
            assert any(part in fault for fault in faults), (statement, faults)


def test_a_file_that_is_not_a_ledger_is_refused(tmp_path):
    def reason(path, **options):
        with pytest.raises(LedgerError) as caught:
            Ledger.open(path, **options)
        assert "\n" not in str(caught.value)
        return str(caught.value)

    (tmp_path / "text").write_text("hello, this is not a database at all\n" * 100)
    (tmp_path / "empty").write_bytes(b"")
    sqlite3.connect(tmp_path / "other").execute("CREATE TABLE meta (schema_version TEXT)")
    assert "no file" in reason(tmp_path / "missing")
    assert not (tmp_path / "missing").exists()
    assert "no file" in reason(tmp_path)
    for name in ("text", "empty"):
        assert "is not a Joulestream ledger" in reason(tmp_path / name)
    assert "schema" in reason(tmp_path / "other")
    assert "URL" in reason("nonsense://user:secret@host/x")
    path = tmp_path / "ledger.db"
    Ledger.create(path, 7, LEDGER).close()
    assert "the seed is of the key" in reason(path, signer=STRANGER)
    with pytest.raises(LedgerError, match="exists already"):
        Ledger.create(path, 7, LEDGER)
    with pytest.raises(LedgerError, match="cannot be created"):
        Ledger.create(tmp_path / "no" / "ledger.db", 7, LEDGER)
    connection = sqlite3.connect(path)
    connection.execute("UPDATE meta SET schema_version = 99").connection.commit()
    connection.close()
    assert "schema [99]" in reason(path)


def test_a_locked_ledger_says_so(ledger, tmp_path):
    channel = opened(ledger)
    connection = sqlite3.connect(tmp_path / "ledger.db")
    connection.execute("BEGIN IMMEDIATE")
    with Ledger.open(tmp_path / "ledger.db", lock_timeout_s=0.05) as other:
        with pytest.raises(LedgerError, match="locked by another process"):
            claim(other, channel, 10)
        connection.rollback()
        assert claim(other, channel, 10).paid_now == 10
    connection.close()


def test_without_its_seed_a_ledger_pays_but_does_not_certify(ledger, tmp_path):
    channel = opened(ledger)
    with Ledger.open(tmp_path / "ledger.db") as other:
        assert claim(other, channel, 10).paid_now == 10
        refused(other, "without its seed", other.issue_certificate, channel.id, NOW_S, 60)
