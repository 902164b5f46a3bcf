"""Keys, terms and configurations for a pole and a vehicle on the bench."""

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from joulestream.channel import Certificate, Terms
from joulestream.device.keystore import IV_SIZE, SALT_SIZE, SOURCE_DEVICE, seal
from joulestream.signing import Signer
from joulestream.testkit.certificates import DAY_S, NOW_S, certificate, terms

START_S = NOW_S
HOUR_S = 3_600

ASSET = "EUR"
PRICE_PER_KWH = 320_000  # micro-euro
PACKET_MWH = 1_000


def account_id(name: str) -> bytes:
    """Return the 32-byte id of the account called `name` on a bench without a ledger."""
    return sha256(name.encode()).digest()


@dataclass
class Issuer:
    """The issuer of the channel's certificate. On a bench without a ledger it is only a key."""

    signer: Signer

    def certify(self, terms: Terms, capacity: int, **changes: Any) -> Certificate:
        """Return a certificate of the channel with `terms`.

        Args:
            terms: the channel's terms.
            capacity: in claim units.
            changes: fields that replace the default ones. `signature` is changed after signing,
                all others before.
        """
        after = {"signature": changes.pop("signature")} if "signature" in changes else {}
        return certificate(terms, self.signer, after, capacity=capacity, **changes)


class BenchSetup:
    """Sealed keys on disk, one channel from vehicle to pole, and both configurations.

    All secrets are derived from `seed`, so that a bench run repeats to the byte but for nonces.
    """

    def __init__(self, directory: Path, seed: str = "bench") -> None:
        # The firmwares work in the directory themselves.
        self.directory = directory = directory.absolute()
        self.seed = seed
        directory.mkdir(parents=True, exist_ok=True)
        self.payee = self.write_key("pole", self._secret("pole"))
        self.payer = self.write_key("vehicle", self._secret("vehicle"))
        self.issuer = Issuer(Signer(self._secret("issuer")))
        self.terms = terms(
            contract=self.issuer.signer.public_key,
            asset=ASSET.encode().ljust(32, b"\0"),
            payer_key=self.payer.public_key,
            refund_account=account_id("vehicle"),
            payee_key=self.payee.public_key,
            payout_account=account_id("pole"),
            salt=sha256(seed.encode()).digest()[:16],
        )
        self.certificate_path = directory / "channel.cert"

    def write_key(self, role: str, secret: bytes) -> Signer:
        """Write the sealed `secret` and the device secret that opens it; return its Signer.

        Args:
            role: "pole" or "vehicle".
            secret: the seed of the role's key, 32 bytes.
        """
        device_secret = self._secret(f"{role} device")
        salt = self._secret(f"{role} salt")[:SALT_SIZE]
        iv = self._secret(f"{role} iv")[:IV_SIZE]
        sealed = seal(secret, device_secret, SOURCE_DEVICE, 0, salt, iv)
        (self.directory / f"{role}.seed").write_bytes(sealed)
        device = self.directory / f"{role}.device"
        device.touch(0o600)
        device.write_bytes(f"{device_secret.hex()}\n".encode())
        return Signer(secret)

    def _secret(self, name: str) -> bytes:
        return sha256(f"{self.seed} {name}".encode()).digest()

    def write_certificate(self, capacity: int = 10_000_000, **changes: Any) -> Certificate:
        """Certify the channel and put the certificate where the vehicle looks for it."""
        certified = self.issuer.certify(self.terms, capacity, **changes)
        self.certificate_path.write_bytes(certified.to_bytes())
        return certified

    def pole(self, **changes: Any) -> dict[str, Any]:
        """Return the pole's configuration, with fields changed."""
        channel = self.terms
        issuer = {
            "key": self.issuer.signer.public_key.hex(),
            "limit": 1 << 52,
            "kind": "sql",
            "chain_id": channel.chain_id,
            "contract": channel.contract.hex(),
            "asset": ASSET,
            "base_units_per_claim_unit": channel.base_units_per_claim_unit,
        }
        return {
            "seed_file": str(self.directory / "pole.seed"),
            "payout_account": channel.payout_account.hex(),
            "issuers": [issuer],
            "collect_within_s": 2 * DAY_S,
            "prices": [{"from_s": 0, "price_per_kwh": PRICE_PER_KWH}],
            "credit": 3 * PRICE_PER_KWH * PACKET_MWH // 1_000_000,
            "prepay": 0,
            "packet_energy_mwh": PACKET_MWH,
            "packet_ms": 1_000,
            "max_power_w": 11_500,
            "phases": 1,
            "meter": {"model": "sdm120"},
        } | changes

    def vehicle(self, **changes: Any) -> dict[str, Any]:
        """Return the vehicle's configuration, with fields changed."""
        return {
            "seed_file": str(self.directory / "vehicle.seed"),
            "certificates": [str(self.certificate_path)],
            "budget": 700_000,
            "max_price_per_kwh": 500_000,
            "energy_wanted_mwh": 40_000_000,
            "prepay": 3 * PRICE_PER_KWH * PACKET_MWH // 1_000_000,
            "max_power_w": 11_500,
            "meter": {"model": "sdm120"},
        } | changes
