"""The real ledger of a play: it holds the channels, and only money that it pays counts."""

from hashlib import sha256
from pathlib import Path

from joulestream.channel import Certificate, Terms
from joulestream.host_tools.collect import collect
from joulestream.host_tools.files import scratch_directory
from joulestream.host_tools.ledger import Ledger, LedgerError, book
from joulestream.host_tools.ledger.requests import CLOSE_BY_PAYER, close_request
from joulestream.host_tools.ledger.settlement_ledger import SqlSettlementLedger
from joulestream.host_tools.settlement import Settlement, settle
from joulestream.signing import Signer
from joulestream.testkit.flash import NorFlash

START_S = 1_790_000_000
DAY_S = 86_400
WINDOW_S = 7 * DAY_S
# A pole's claims are collected at least this often.
COLLECT_WITHIN_S = 2 * DAY_S
VALID_S = DAY_S
LEDGER_NUMBER = 1
ASSET = book.asset_id("uEUR")
CAPACITY = 1_000_000
_BALANCE = 1 << 40
_NAMES = ("pole", "another pole", "vehicle", "another vehicle", "issuer", "stranger")
SEEDS = {name: sha256(f"adversaries {name}".encode()).digest() for name in _NAMES}
SIGNERS = {name: Signer(seed) for name, seed in SEEDS.items()}
# Two accounts: one of all payers, and one that all poles are paid to.
PAYOUT = "operator"
_REFUND = "fleet"
PAYOUT_ACCOUNT = book.account_id(SIGNERS["issuer"].public_key, PAYOUT)


class Bank:
    """A ledger in a temporary file. It issues the certificates of its channels."""

    def __init__(self) -> None:
        self._directory = scratch_directory("adversaries")
        self._path = Path(self._directory.name)
        self.ledger = Ledger.create(self._path / "ledger.db", LEDGER_NUMBER, SIGNERS["issuer"])
        self.ledger.create_account(_REFUND, ASSET, _BALANCE, START_S)
        self.ledger.create_account(PAYOUT, ASSET, 0, START_S)

    def terms(self, number: int = 0, payer: str = "vehicle", payee: str = "pole") -> Terms:
        """Return the terms of a channel; `number` separates channels between the same parties."""
        return self.ledger.terms(
            SIGNERS[payer].public_key,
            book.account_id(self.ledger.key, _REFUND),
            SIGNERS[payee].public_key,
            PAYOUT_ACCOUNT,
            ASSET,
            WINDOW_S,
            salt=number.to_bytes(16, "big"),
        )

    def open(
        self, terms: Terms, capacity: int = CAPACITY, valid_s: int = VALID_S, now_s: int = START_S
    ) -> Certificate:
        """Open a channel with a deposit of `capacity`; return its certificate."""
        self.ledger.open_channel(terms, capacity, now_s)
        return self.ledger.issue_certificate(terms.channel_id(), now_s, valid_s)

    def certify(self, terms: Terms, now_s: int, valid_s: int = VALID_S) -> Certificate:
        """Return a new certificate of an open channel. It says what the ledger has paid."""
        return self.ledger.issue_certificate(terms.channel_id(), now_s, valid_s)

    def close_behind_the_poles_back(self, terms: Terms, payer: str, now_s: int) -> None:
        """Let the payer ask for the rest of the deposit, which starts the dispute window."""
        request = close_request(terms, CLOSE_BY_PAYER, now_s)
        consent = SIGNERS[payer].sign(request.signed_bytes())
        self.ledger.close_channel(terms.channel_id(), CLOSE_BY_PAYER, now_s, consent, now_s)

    def finalise(self, terms: Terms, now_s: int) -> bool:
        """Ask for the rest of a closing channel; return whether the ledger refunded it."""
        try:
            self.ledger.finalise(terms.channel_id(), now_s)
        except LedgerError:
            return False
        return True

    def settle(self, flash: NorFlash, now_s: int) -> list[Settlement]:
        """Collect the claims in a pole's flash and settle them, as the pole's operator does."""
        image = self._path / "pole.flash"
        image.write_bytes(b"".join(flash.data))
        claims = collect(image, flash.blocks, flash.size)
        return settle(claims, [SqlSettlementLedger(self.ledger)], now_s)

    def paid(self) -> int:
        """Return the sum that the poles' operator has been paid, in claim units."""
        return self.ledger.account(PAYOUT).balance_base_units

    def close(self) -> None:
        """Check that the ledger conserved money, and delete it. Raises AssertionError."""
        faults = self.ledger.check().faults
        self.ledger.close()
        self._directory.cleanup()
        assert not faults, faults[0]
