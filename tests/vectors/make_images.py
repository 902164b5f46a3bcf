"""Writes images-VERSION.json: flash of poles and vehicles as this release's firmware wrote it.

    python tests/vectors/make_images.py

VERSION is that of pyproject.toml. Such a file is never written again: it stands for the devices
that are in use, and tests/test_earlier_releases.py holds every later firmware to it. An image
is compressed with zlib, in base64. Beside it stand the figures that the image holds.
"""

import base64
import json
import sys
import tomllib
import zlib
from pathlib import Path

from joulestream import errors
from joulestream.device.payee_records import PayeeRecord
from joulestream.device.payer_record import PayerRecord
from joulestream.fields import UINT
from joulestream.pole.contactor import Contactor
from joulestream.runtime.fault import store_fault
from joulestream.testkit.certificates import NOW_S, certificate, terms
from joulestream.testkit.pair import Pair

HERE = Path(__file__).resolve().parent
SETTINGS = tomllib.loads((HERE.parents[1] / "pyproject.toml").read_text())
OTHER = terms(salt=b"second channel!!")


def ended(world):
    """Let the session of a pair end in order."""
    world.payer.stop(errors.OWNER_STOP, world.now_ms)
    world.run_to_stop()


def visit():
    """One session, ended in order."""
    world = Pair()
    world.charge(5)
    ended(world)
    return world


def cut():
    """A power cut in the middle of a session, at both sides."""
    world = Pair()
    world.charge(5)
    return world


def collected():
    """Two channels of one vehicle, the first of them collected, and all other entries."""
    world = visit()
    amount = world.payee_records.load(terms().channel_id()).amount
    world.pole_journal.erase_ahead()
    world.payee_records.collect(certificate(claimed=amount, issued_at_s=NOW_S + 10))
    world.certificates = [certificate(OTHER)]
    world.boot_pole(NOW_S + 100)
    world.boot_vehicle()
    world.charge(3)
    ended(world)
    store_fault(world.pole_journal, "OSError in loop.py, line 7")
    store_fault(world.vehicle_journal, "OSError in loop.py, line 8")
    contactor = Contactor(lambda closed: None, 500, world.pole_journal, world.now_ms)
    for _ in range(3):
        contactor.arm(world.now_ms)
        contactor.open(world.now_ms)
        world.now_ms += 130_000
    world.pole_journal.erase_ahead()
    return world


def figures(layout, record):
    """Return the fields of a record by name; bytes are hexadecimal."""
    return {
        name: getattr(record, name) if kind == UINT else bytes(getattr(record, name)).hex()
        for name, _, kind in layout
    }


def image(name, role, flash, channels, journal):
    """Return one image with the figures that stand in it."""
    data = b"".join(map(bytes, flash.data))
    return {
        "name": name,
        "role": role,
        "blocks": flash.blocks,
        "block_size": flash.size,
        "flash": base64.b64encode(zlib.compress(data, 9)).decode(),
        "channels": channels,
        "entries": sorted(key[:1].decode() for key in journal.keys()),
    }


def images():
    """Return the images of all histories."""
    found = []
    for history in (visit, cut, collected):
        world = history()
        records = world.payee_records
        channels = {
            channel_id.hex(): figures(PayeeRecord.LAYOUT, records.load(channel_id))
            | {
                "collected": records.standing(channel_id).collected,
                "certificate": records.certificate(channel_id).to_bytes().hex(),
            }
            for channel_id in sorted(records)
        }
        name = history.__name__
        found.append(image(name, "pole", world.pole_flash, channels, world.pole_journal))
        wallet = world.wallet.records
        channels = {
            channel_id.hex(): figures(PayerRecord.LAYOUT, wallet.load(channel_id))
            for channel_id in sorted(wallet)
        }
        found.append(image(name, "vehicle", world.vehicle_flash, channels, world.vehicle_journal))
    return found


def main():
    """Write the file of this version, unless there is one; return the exit status."""
    version = SETTINGS["project"]["version"]
    path = HERE / f"images-{version}.json"
    if path.exists():
        print(f"{path.name} stands for devices in use; raise the version first", file=sys.stderr)
        return 1
    document = {"release": version, "images": images()}
    path.write_text(json.dumps(document, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
