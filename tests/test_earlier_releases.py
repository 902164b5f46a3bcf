"""Flash that earlier releases wrote: today's firmware reads it, or refuses it unharmed.

tests/vectors/make_images.py wrote the images, once for each release.
"""

import base64
import json
import zlib
from binascii import crc32
from pathlib import Path

import pytest

from joulestream.device import journal_keys
from joulestream.device.payee_records import PayeeRecord, PayeeRecords
from joulestream.device.payer_record import PayerRecord, PayerRecords
from joulestream.fields import UINT
from joulestream.host_tools.collect import collect
from joulestream.host_tools.wallet import show
from joulestream.testkit.certificates import NOW_S, certificate, terms
from joulestream.testkit.flash import RamFlash, mount
from joulestream.testkit.pair import Pair

VECTORS = Path(__file__).resolve().parent / "vectors"
FILES = sorted(VECTORS.glob("images-*.json"))
CASES = [(path.stem, image) for path in FILES for image in json.loads(path.read_text())["images"]]
POLES = [case for case in CASES if case[1]["role"] == "pole"]
VEHICLES = [case for case in CASES if case[1]["role"] == "vehicle"]


def names(cases):
    return [f"{release} {image['name']} {image['role']}" for release, image in cases]


def raw(image):
    return zlib.decompress(base64.b64decode(image["flash"]))


def flash_of(image):
    """Return a flash with the image in it."""
    flash = RamFlash(image["blocks"], image["block_size"])
    data = raw(image)
    for number in range(image["blocks"]):
        at = number * image["block_size"]
        flash.data[number][:] = data[at : at + image["block_size"]]
    return flash


def figures(layout, record):
    return {
        name: getattr(record, name) if kind == UINT else bytes(getattr(record, name)).hex()
        for name, _, kind in layout
    }


def test_there_is_an_image_of_each_role():
    assert POLES and VEHICLES and len(POLES) == len(VEHICLES)


@pytest.mark.parametrize("release, image", POLES, ids=names(POLES))
def test_a_pole_reads_every_figure(release, image):
    journal = mount(flash_of(image), journal_keys.key_count(journal_keys.POLE, 2))
    assert journal.damaged == 0
    assert sorted(key[:1].decode() for key in journal.keys()) == image["entries"]
    records = PayeeRecords(journal, 2)
    assert records.count_unreadable() == 0
    found = {
        channel_id.hex(): figures(PayeeRecord.LAYOUT, records.load(channel_id))
        | {
            "collected": records.standing(channel_id).collected,
            "certificate": records.certificate(channel_id).to_bytes().hex(),
        }
        for channel_id in records
    }
    assert found == image["channels"] and found


@pytest.mark.parametrize("release, image", VEHICLES, ids=names(VEHICLES))
def test_a_vehicle_reads_every_figure(release, image):
    journal = mount(flash_of(image), journal_keys.key_count(journal_keys.VEHICLE))
    assert journal.damaged == 0
    assert sorted(key[:1].decode() for key in journal.keys()) == image["entries"]
    records = PayerRecords(journal)
    assert records.unreadable == []
    found = {
        channel_id.hex(): figures(PayerRecord.LAYOUT, records.load(channel_id))
        for channel_id in records
    }
    assert found == image["channels"] and found


@pytest.mark.parametrize("release, image", CASES, ids=names(CASES))
def test_the_host_tools_read_the_image_and_change_nothing(release, image, tmp_path):
    path = tmp_path / "device.flash"
    path.write_bytes(raw(image))
    shape = image["blocks"], image["block_size"]
    if image["role"] == "pole":
        claims = {claim.channel_id.hex(): claim for claim in collect(path, *shape)}
        assert {name: claim.amount for name, claim in claims.items()} == {
            name: row["amount"] for name, row in image["channels"].items()
        }
        assert not any(claim.error for claim in claims.values())
    else:
        rows = {row["channel_id"]: row for row in show(path, [], *shape)}
        assert {name: row["signed_claim_units"] for name, row in rows.items()} == {
            name: row["signed"] for name, row in image["channels"].items()
        }
    assert path.read_bytes() == raw(image)


PAIRS = [(pole[0], pole[1], vehicle[1]) for pole, vehicle in zip(POLES, VEHICLES, strict=True)]


@pytest.mark.parametrize("release, pole, vehicle", PAIRS, ids=names(POLES))
def test_both_sides_charge_on_from_there(release, pole, vehicle):
    channel_id = terms().channel_id()
    before = pole["channels"][channel_id.hex()]
    world = Pair(
        certificates=[certificate(issued_at_s=NOW_S + 50)],
        time_s=NOW_S + 1_000,
        flash=(flash_of(pole), flash_of(vehicle)),
    )
    world.charge(3)
    after = world.payee_records.load(channel_id)
    assert after.amount > before["amount"] and after.energy_mwh > before["energy_mwh"]
    assert after.amount_due >= before["amount_due"]
    standing = world.payee_records.standing(channel_id)
    assert standing.collected == before["collected"]


@pytest.mark.parametrize("release, image", CASES, ids=names(CASES))
def test_an_image_of_the_format_before_is_refused_and_not_a_byte_changes(release, image):
    """The format of the journal before the first release; its head has 24 bytes."""
    flash = flash_of(image)
    for block in flash.data:
        if block[:4] == b"ERSD":
            head = b"JNL2" + bytes(block[8:24])
            block[34:64] = b"\xff" * 30  # it had no second head
            block[4:28] = head + crc32(head).to_bytes(4, "big")
    kept = [bytes(block) for block in flash.data]
    for role in (journal_keys.POLE, journal_keys.VEHICLE):
        with pytest.raises(ValueError, match="older version's journal; collect with that version"):
            mount(flash, journal_keys.key_count(role, 2))
    assert [bytes(block) for block in flash.data] == kept
