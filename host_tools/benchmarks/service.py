"""A host that collects from a pole that charges, again and again: does the session notice it?"""

import asyncio
import tempfile
from pathlib import Path
from typing import Any

from joulestream.channel import Claim
from joulestream.host_tools.bench.bench import Bench
from joulestream.host_tools.bench.service import BenchLine
from joulestream.host_tools.bench.setup import BenchSetup
from joulestream.host_tools.service.client import Client
from joulestream.host_tools.service.monitor import read_status
from joulestream.host_tools.service.poles import read_claims, send_marks
from joulestream.signing import Signer, verify

_HOST = Signer(bytes(range(32)))
_ENERGY_MWH = 60_000
_LIMIT_MS = 120_000
# The figures of a session that a lost packet would change.
_SAME = ("packets", "last_stop", "retransmissions", "frames_dropped", "frames_unsent", "receipt")


def measure() -> dict[str, Any]:
    """Return whether a session with collections in it is the same as one without, and how many."""
    with tempfile.TemporaryDirectory(prefix="joulestream-bench-") as name:
        quiet, _ = asyncio.run(_session(Path(name) / "quiet", asks=False))
        asked, claims = asyncio.run(_session(Path(name) / "asked", asks=True))
    return {
        "collect_while_charging": bool(claims) and quiet == asked,
        "claims_collected_while_charging": claims,
    }


async def _session(directory: Path, asks: bool) -> tuple[list[Any], int]:
    """Run one session; return its figures on both sides, and how many claims were collected."""
    setup = BenchSetup(directory)
    setup.write_certificate()
    keys = {"service_keys": [_HOST.public_key.hex()]}
    vehicle = setup.vehicle(energy_wanted_mwh=_ENERGY_MWH, reconnect_ms=0, **keys)
    bench = Bench(directory, setup.pole(**keys), vehicle, service=True)
    await bench.start()
    try:
        claims = 0
        await bench.run(lambda: bool(bench.pole.status.get("charging")), _LIMIT_MS)
        while asks and not bench.pole.status["last_stop"]:
            claims += await _collect(bench, setup)
        await bench.run(lambda: _is_over(bench), _LIMIT_MS)
        sides = [bench.pole.status, bench.vehicle.status]
        return [[side.get(name) for name in _SAME] for side in sides], claims
    finally:
        await bench.stop()


def _is_over(bench: Bench) -> bool:
    sides = bench.pole.status, bench.vehicle.status
    return all(side.get("last_stop") and side["state"] in ("closed", "idle") for side in sides)


async def _collect(bench: Bench, setup: BenchSetup) -> int:
    """Read the claims, send the ledger's word on them, read both sides' status."""
    line, client = BenchLine(bench, "pole"), Client(_HOST)
    claims = await line.run(read_claims(client))
    for claim in claims:
        held = claim.certificate
        message = Claim(claim.channel_id).message(claim.amount)
        if held is None or not verify(held.payer_key, message, claim.signature):
            return 0
        word = setup.issuer.certify(
            setup.terms, held.capacity, claimed=claim.amount, issued_at_s=bench.time_s
        )
        await line.run(send_marks(client, [word]))
    await line.run(read_status(client))
    await BenchLine(bench, "vehicle").run(read_status(Client(_HOST)))
    return len(claims)
