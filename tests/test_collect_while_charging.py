"""A host collects from a pole that charges: nothing of the session changes, no packet is lost."""

import pytest

from bench_scenario import Scenario, charging, stopped, until
from joulestream.channel import KIND_SQL, Claim
from joulestream.framing import MAX_FRAME, encode
from joulestream.host_tools.bench.service import BenchLine
from joulestream.host_tools.service.client import Client, RequestRefused
from joulestream.host_tools.service.monitor import read_status
from joulestream.host_tools.service.poles import read_claims, send_marks
from joulestream.host_tools.service.wallets import read_wallet
from joulestream.service import CLAIM, HELLO, STATUS
from joulestream.signing import Signer, verify

HOST = Signer(bytes(range(32)))
ENERGY = {"energy_wanted_mwh": 60_000}


def scenario(directory):
    keys = {"service_keys": [HOST.public_key.hex()]}
    return Scenario(directory, pole=keys, vehicle=ENERGY | keys, service=True)


def same(quiet, asked):
    """Check that two sessions have the same figures on both sides."""
    for side in ("pole", "vehicle"):
        before, after = getattr(quiet, side), getattr(asked, side)
        for name in ("packets", "last_stop", "retransmissions", "frames_dropped", "receipt"):
            assert before[name] == after[name], (side, name)
    assert asked.pole["last_stop"] == "ENERGY_REACHED" and asked.pole["retransmissions"] == 0
    assert asked.record().amount == quiet.record().amount


def test_a_flood_on_the_service_line_changes_nothing_of_the_session(tmp_path):
    """Noise, greetings, forged and repeated requests, as fast as the line takes them."""
    quiet = scenario(tmp_path / "quiet")
    quiet.run(until(stopped))
    flooded = scenario(tmp_path / "flooded")
    liar = Client(Signer(b"l" * 32))

    async def flood(world):
        line = BenchLine(world.bench, "pole")
        with pytest.raises(RequestRefused):
            await line.run(liar.ask(CLAIM, bytes(32)))
        frames = b""
        out = bytearray(MAX_FRAME)
        for payload in (
            bytes((HELLO, 0, 0, 0, 1)) + bytes(49),
            bytes((CLAIM, 0, 0, 0, 9)) + bytes(96),
            bytes((STATUS, 0, 0, 0, 9)) + bytes(65),
            b"\x10" * 100,
        ):
            frames += bytes(out[: encode(payload, out)]) + b"\xff\0\x05ab\0"
        while not world.pole["last_stop"]:
            world.bench.put("pole", "service", frames)
            await world.bench.tick()
            world.bench.take_service("pole")

    flooded.run(charging(5), flood, until(stopped))
    same(quiet, flooded)


def test_a_collection_in_mid_session_changes_nothing_of_the_session(tmp_path):
    quiet = scenario(tmp_path / "quiet")
    quiet.run(until(stopped))

    asked = scenario(tmp_path / "asked")
    found = {}

    async def collect(world):
        line, client = BenchLine(world.bench, "pole"), Client(HOST)
        packets = world.pole["packets"]
        (claim,) = await line.run(read_claims(client))
        found["claim"] = claim
        word = world.setup.issuer.certify(
            world.setup.terms, 10_000_000, claimed=claim.amount, issued_at_s=world.bench.time_s
        )
        await line.run(send_marks(client, [word]))
        (again,) = await line.run(read_claims(client))
        found["again"] = again
        found["status"] = await line.run(read_status(client))
        (channel,) = await BenchLine(world.bench, "vehicle").run(read_wallet(Client(HOST)))
        assert channel.channel_id == claim.channel_id and channel.is_newest
        assert channel.record.signed >= claim.amount
        found["vehicle"] = await BenchLine(world.bench, "vehicle").run(read_status(Client(HOST)))
        assert world.pole["charging"] and world.pole["packets"] >= packets

    asked.run(charging(10), collect, until(stopped))
    claim = found["claim"]
    assert claim.amount > 0 and not claim.error and claim.collected == 0
    message = Claim(claim.channel_id).message(claim.amount)
    assert verify(claim.certificate.payer_key, message, claim.signature)
    assert claim.certificate.kind == KIND_SQL
    assert found["again"].collected == claim.amount and found["again"].amount >= claim.amount
    assert found["status"]["role"] == "pole" and found["status"]["why"] == "CHARGING"
    assert found["vehicle"]["role"] == "vehicle" and found["vehicle"]["packets"] >= 10

    same(quiet, asked)
