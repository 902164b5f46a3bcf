"""`joulestream wallet`: a stopped vehicle's channels, its certificates, and refused debts."""

import json

import pytest
from typer.testing import CliRunner

from joulestream.device.journal_keys import PAYER_RECORD, VEHICLE, key_count
from joulestream.device.payer_record import PayerRecord, PayerRecords
from joulestream.host_tools.cli import app
from joulestream.host_tools.flash_image import FlashImage
from joulestream.testkit.certificates import NOW_S, certificate, terms
from joulestream.testkit.flash import mount

BLOCKS, BLOCK_SIZE = 8, 4096
SIZE = ("--blocks", BLOCKS, "--block-size", BLOCK_SIZE)
CHANNELS = [terms(salt=bytes([number]) * 16) for number in range(3)]
IDS = [channel.channel_id() for channel in CHANNELS]


def run(*words):
    result = CliRunner().invoke(app, ["wallet", *map(str, words)])
    assert isinstance(result.exception, SystemExit | None), result.exception
    return result.exit_code, result.stdout, result.stderr


def told(*words):
    status, out, err = run(*words, *SIZE, "--json")
    assert (status, err) == (0, ""), err
    return {row["channel_id"]: row for row in json.loads(out)}


def refused(*words):
    status, out, err = run(*words, *SIZE)
    assert (status, out, err.count("\n")) == (1, "", 1), (status, out, err)
    return err


@pytest.fixture
def image(tmp_path, monkeypatch):
    """The flash of a vehicle with two channels; on the first it refused a debt of 40."""
    monkeypatch.chdir(tmp_path)
    flash = FlashImage(b"\xff" * BLOCKS * BLOCK_SIZE, BLOCK_SIZE)
    records = PayerRecords(mount(flash, key_count(VEHICLE)), bytes(8))
    for channel_id, signed, refused_amount in ((IDS[0], 500, 40), (IDS[1], 70, 0)):
        values = dict.fromkeys((name for name, _, _ in PayerRecord.LAYOUT), 0)
        values |= {"period": bytes(8), "price_per_kwh": 1, "next_price_per_kwh": 1}
        values |= {"signed": signed, "amount_due": signed - 10, "refused_amount": refused_amount}
        records.store(channel_id, PayerRecord(**values))
    path = tmp_path / "vehicle.flash"
    path.write_bytes(flash.data())
    return path


def write(name, number, **changes):
    with open(name, "wb") as file:
        file.write(certificate(CHANNELS[number], **changes).to_bytes())
    return name


def test_a_record_of_another_version_hides_no_other(image):
    flash = FlashImage(image.read_bytes(), BLOCK_SIZE)
    journal = mount(flash, key_count(VEHICLE))
    journal.put(PAYER_RECORD + IDS[1], journal.get(PAYER_RECORD + IDS[1])[:-1])
    image.write_bytes(flash.data())
    rows = told(image)
    shown = [(rows[name.hex()]["signed_claim_units"], rows[name.hex()]["why"]) for name in IDS[:2]]
    assert shown == [(500, ""), (0, "the record is of another version")]
    # Nobody can read in this record how much was spent. So the command refuses to pay.
    before = image.read_bytes()
    assert "not readable" in refused(image, "--pay", IDS[0].hex())
    assert image.read_bytes() == before


def test_it_shows_each_channel_with_its_certificate(image):
    before = image.read_bytes()
    write("one.cert", 0, capacity=9_000)
    write("three.cert", 2, capacity=8_000)
    files = ("--certificate", "one.cert", "--certificate", "three.cert", "--certificate", "none")
    rows = told(image, *files)
    assert set(rows) == {channel_id.hex() for channel_id in IDS}
    first, second, third = (rows[channel_id.hex()] for channel_id in IDS)
    assert (first["capacity_claim_units"], first["signed_claim_units"]) == (9_000, 500)
    assert (first["due_claim_units"], first["prepaid_claim_units"]) == (490, 10)
    assert (first["refused_claim_units"], second["refused_claim_units"]) == (40, 0)
    assert (second["capacity_claim_units"], second["signed_claim_units"]) == (None, 70)
    assert (third["capacity_claim_units"], third["signed_claim_units"]) == (8_000, 0)
    status, out, _ = run(image, *files, *SIZE)
    assert status == 0 and IDS[0].hex() in out and "9,000" in out
    assert image.read_bytes() == before


@pytest.mark.parametrize("option, due, left", [("--pay", 530, 0), ("--leave", 530, 40)])
def test_a_refused_debt_is_paid_or_left_once(image, option, due, left):
    write("one.cert", 0)
    row = told(image, option, "one.cert")[IDS[0].hex()]
    assert (row["due_claim_units"], row["left_claim_units"]) == (due, left)
    assert (row["signed_claim_units"], row["refused_claim_units"]) == (500, 0)
    assert told(image)[IDS[0].hex()] == {**row, "capacity_claim_units": None, "expires_at_s": None}
    before = image.read_bytes()
    for channel in (IDS[0].hex(), IDS[1].hex(), IDS[2].hex()):
        refused(image, option, channel)
    refused(image, "--pay", IDS[0].hex(), "--leave", IDS[0].hex())
    assert image.read_bytes() == before


def test_a_new_certificate_replaces_the_older_one_of_its_channel(image, tmp_path):
    write("one.cert", 0)
    write("two.cert", 1)
    two = (tmp_path / "two.cert").read_bytes()
    files = ("--certificate", "two.cert", "--certificate", "one.cert", "--certificate", "free")
    write("new", 0, issued_at_s=NOW_S + 5, capacity=2_000)
    assert told(image, *files, "--take", "new")[IDS[0].hex()]["capacity_claim_units"] == 2_000
    assert (tmp_path / "one.cert").read_bytes() == (tmp_path / "new").read_bytes()
    assert "as new" in refused(image, *files, "--take", "new")
    write("third", 2)
    told(image, *files, "--take", "third")
    assert (tmp_path / "free").read_bytes() == (tmp_path / "third").read_bytes()
    (tmp_path / "third").write_bytes(two[:-1] + b"x")
    assert "genuine" in refused(image, *files, "--take", "third")
    write("fourth", 2)
    assert "no file can take" in refused(image, "--certificate", "two.cert", "--take", "fourth")
    assert (tmp_path / "two.cert").read_bytes() == two


def test_a_pole_s_image_is_no_wallet(image, tmp_path):
    journal = mount(FlashImage.read(image, BLOCKS, BLOCK_SIZE))
    assert len(journal.keys()) == 2
    flash = FlashImage(b"\xff" * BLOCKS * BLOCK_SIZE, BLOCK_SIZE)
    mount(flash).put(b"c" + bytes(32), bytes(90))
    (tmp_path / "pole.flash").write_bytes(flash.data())
    for option in ((), ("--pay", "00" * 32)):
        assert "not a vehicle's" in refused(tmp_path / "pole.flash", *option)
