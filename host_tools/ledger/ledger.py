"""The rules of the ledger: opening, certifying, claiming and closing channels.

Every method that changes the ledger is one database transaction. The operator of the ledger
decides which people may create accounts and spend from them. A claim or a payee's request to
close needs nothing but its signature.
"""

import secrets
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

from sqlalchemy import Connection

from joulestream.channel import (
    KEY_SIZE,
    KIND_SQL,
    MAX_AMOUNT,
    SIGNATURE_SIZE,
    Certificate,
    Claim,
    Terms,
    time_bytes,
)
from joulestream.errors import LocalError
from joulestream.host_tools.ledger import book, channels
from joulestream.host_tools.ledger.book import Account
from joulestream.host_tools.ledger.channels import IS_CLOSED, IS_OPEN, Channel, Payment
from joulestream.host_tools.ledger.checks import (
    check_key,
    check_range,
    check_size,
    check_time,
    is_signed,
)
from joulestream.host_tools.ledger.conservation import LedgerCheck, check_ledger
from joulestream.host_tools.ledger.database import LOCK_TIMEOUT_S, Database
from joulestream.host_tools.ledger.errors import LedgerError, short
from joulestream.host_tools.ledger.requests import (
    ACTIONS,
    CLOSE_BY_PAYEE,
    REQUEST_VALID_S,
    close_request,
)
from joulestream.host_tools.ledger.schema import ID_SIZE, MAX_BASE_UNITS
from joulestream.messages import NONCE_SIZE, TimeProof
from joulestream.signing import Signer

SALT_SIZE = 16

# The unix time of an action. None is the clock of the database, read inside the transaction that
# holds the lock: all who use one ledger share that clock. A simulated world has its own time.
Now: TypeAlias = int | None


class Ledger:
    """A ledger on a database. Use it as a context manager, or `close` it.

    Attributes:
        number: the ledger's number, `chain_id` in a channel's terms.
        key: the ledger's public key, `contract` in a channel's terms and issuer of certificates.
        name: the ledger's location, for messages.
    """

    def __init__(self, database: Database, signer: Signer | None) -> None:
        self._database = database
        self._signer = signer
        self.name = database.name
        self.number, self.key = database.identity()
        if signer is not None and signer.public_key != self.key:
            raise LedgerError(
                f"the seed is of the key {short(signer.public_key)}, but {self.name} has the key "
                f"{short(self.key)}; use the seed file that was made with it"
            )

    @classmethod
    def create(cls, location: str | Path, number: int, signer: Signer) -> "Ledger":
        """Create an empty ledger: all of it, or nothing. `creation` also makes its seed.

        Args:
            location: path of a new SQLite file, or URL of an empty database.
            number: the ledger's number, 0 to 2^64 - 1.
            signer: the ledger's key.

        Raises LedgerError if the location is taken or the ledger cannot be created.
        """
        database = Database(location)
        database.create(number, signer.public_key)
        return cls(database, signer)

    @classmethod
    def open(
        cls,
        location: str | Path,
        signer: Signer | None = None,
        lock_timeout_s: float = LOCK_TIMEOUT_S,
    ) -> "Ledger":
        """Open a ledger.

        Args:
            location: path of its SQLite file, or its URL.
            signer: the ledger's key; needed only to issue certificates.
            lock_timeout_s: how long to wait for another process's transaction.

        Raises LedgerError if there is no ledger, or `signer` is not the ledger's key.
        """
        return cls(Database(location, lock_timeout_s), signer)

    def with_signer(self, signer: Signer) -> "Ledger":
        """Return the same ledger, on the same database, with its key.

        Raises LedgerError if `signer` is of another key.
        """
        return Ledger(self._database, signer)

    def close(self) -> None:
        """Close the database."""
        self._database.dispose()

    def __enter__(self) -> "Ledger":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # Accounts

    def create_account(
        self, name: str, asset: bytes, balance_base_units: int, now_s: Now = None
    ) -> Account:
        """Create a ledger account and issue its first balance.

        Args:
            name: unique; 1 to 48 letters, digits or "._@-".
            asset: 32 bytes, see `book.asset_id`.
            balance_base_units: 0 or more, in base units of the asset.
            now_s: see `Now`.

        Raises LedgerError for a name that is taken or not allowed, or an amount out of range.
        """
        book.check_name(name)
        check_size("asset", asset, ID_SIZE)
        check_range("balance", balance_base_units, 0, MAX_BASE_UNITS)
        identifier = book.account_id(self.key, name)
        with self._database.writing() as connection:
            at_s = self._at_s(connection, now_s)
            book.add_account(connection, Account(identifier, name, book.OWNER, asset, 0))
            if balance_base_units:
                source = book.issuance(connection, self.key, asset).id
                amounts = {source: -balance_base_units, identifier: balance_base_units}
                book.post(connection, book.ISSUE, at_s, amounts)
            return book.load_account(connection, identifier)

    def account(self, name_or_id: str | bytes) -> Account:
        """Return a ledger account by its name or its 32-byte id. Raises LedgerError."""
        with self._database.reading() as connection:
            if isinstance(name_or_id, bytes):
                return book.load_account(connection, name_or_id)
            identifier = book.account_id(self.key, name_or_id)
            return book.load_account(connection, identifier, name_or_id)

    def accounts(self) -> list[Account]:
        """Return all ledger accounts by name, including issuance and escrow accounts."""
        with self._database.reading() as connection:
            return book.list_accounts(connection)

    # Channels

    def terms(
        self,
        payer_key: bytes,
        refund_account: bytes,
        payee_key: bytes,
        payout_account: bytes,
        asset: bytes,
        dispute_window_s: int,
        base_units_per_claim_unit: int = 1,
        salt: bytes | None = None,
    ) -> Terms:
        """Return the terms of a channel on this ledger; keys, ids and asset have 32 bytes.

        `salt` has 16 bytes and makes the channel's id unique. Default: random bytes.
        """
        return Terms(
            kind=KIND_SQL,
            chain_id=self.number,
            contract=self.key,
            asset=asset,
            base_units_per_claim_unit=base_units_per_claim_unit,
            payer_key=payer_key,
            refund_account=refund_account,
            payee_key=payee_key,
            payout_account=payout_account,
            dispute_window_s=dispute_window_s,
            salt=secrets.token_bytes(SALT_SIZE) if salt is None else salt,
        )

    def open_channel(self, terms: Terms, deposit: int, now_s: Now = None) -> Channel:
        """Open a channel. The deposit moves from the refund account to a new escrow account.

        Args:
            terms: from `terms`.
            deposit: in claim units, 1 to 2^63 - 1.
            now_s: see `Now`.

        Raises LedgerError for terms of another ledger, a key outside the prime-order subgroup,
        an account that is unknown or holds another asset, a balance that is too small, or an id
        that was used before.
        """
        with self._database.writing() as connection:
            return self._open(connection, terms, deposit, self._at_s(connection, now_s))

    def open_certified(
        self, terms: Terms, deposit: int, now_s: Now, validity_s: int
    ) -> tuple[Channel, Certificate]:
        """Open a channel and issue its first certificate, in one transaction.

        Arguments and errors are those of `open_channel` and `issue_certificate`.
        """
        with self._database.writing() as connection:
            at_s = self._at_s(connection, now_s)
            channel = self._open(connection, terms, deposit, at_s)
            return channel, self._certify(connection, channel, at_s, validity_s)

    def _open(self, connection: Connection, terms: Terms, deposit: int, now_s: int) -> Channel:
        try:
            channel_id = terms.channel_id()
        except LocalError as error:
            raise LedgerError(f"the channel's terms are not valid: {error}") from None
        if (terms.kind, terms.chain_id, terms.contract) != (KIND_SQL, self.number, self.key):
            raise LedgerError(f"the channel's terms are for another ledger than {self.name}")
        check_range("deposit", deposit, 1, MAX_AMOUNT)
        check_range("dispute window", terms.dispute_window_s, 1, (1 << 32) - 1)
        check_range("base units per claim unit", terms.base_units_per_claim_unit, 1, MAX_AMOUNT)
        check_key("payer", terms.payer_key)
        check_key("payee", terms.payee_key)
        book.check_owner(connection, "refund", terms.refund_account, terms.asset)
        book.check_owner(connection, "payout", terms.payout_account, terms.asset)
        escrow_name = f"{book.ESCROW}:{channel_id.hex()}"
        escrow = book.account_id(self.key, escrow_name)
        channel = Channel(
            id=channel_id,
            terms=terms,
            escrow_account=escrow,
            deposit=deposit,
            paid=0,
            paid_signature=None,
            opened_at_s=now_s,
            certified_at_s=now_s,
            closes_at_s=None,
            closed_at_s=None,
        )
        held = channel.base_units(deposit)
        channels.check_new(connection, channel_id)
        account = Account(escrow, escrow_name, book.ESCROW, terms.asset, 0)
        book.add_account(connection, account)
        channels.add(connection, channel)
        amounts = {terms.refund_account: -held, escrow: held}
        book.post(connection, book.OPEN, now_s, amounts, channel_id)
        return channel

    def owns(self, certificate: Certificate) -> bool:
        """Return whether the certificate's channel lives on this ledger, by its terms alone."""
        named = (certificate.kind, certificate.chain_id, certificate.contract)
        return named == (KIND_SQL, self.number, self.key)

    def issued(self, certificate: Certificate) -> bool:
        """Return whether a genuine certificate is of this ledger."""
        return self.owns(certificate) and certificate.issuer_key == self.key

    def channel(self, channel_id: bytes) -> Channel:
        """Return a channel by its 32-byte id. Raises LedgerError when there is none."""
        with self._database.reading() as connection:
            return channels.load(connection, channel_id)

    def channels(self) -> list[Channel]:
        """Return all channels in the order in which they were opened."""
        with self._database.reading() as connection:
            return channels.load_all(connection)

    def issue_certificate(self, channel_id: bytes, now_s: Now, validity_s: int) -> Certificate:
        """Return a new certificate of an open channel. Older certificates stay valid.

        It tells the highest amount that the ledger accepted on the channel, and the last moment
        at which the ledger pays a claim, even if the payer asks to close at once.

        A pole accepts the certificate only if `validity_s` + the pole's `collect_within_s` fits
        into the dispute window. `validity_s` should therefore be well below the window.

        Args:
            channel_id: 32 bytes.
            now_s: time of issue, see `Now`.
            validity_s: time from issue to expiry in s, 1 to the dispute window.

        Raises LedgerError if the channel is closing or closed, if `validity_s` is out of range,
        or if the ledger was opened without its seed.
        """
        with self._database.writing() as connection:
            at_s = self._at_s(connection, now_s)
            channel = channels.load(connection, channel_id)
            if channel.state != IS_OPEN:
                raise LedgerError(
                    f"channel {short(channel_id)} is {channel.state} and gets no certificate; "
                    "open another channel"
                )
            return self._certify(connection, channel, at_s, validity_s)

    def certify_collected(
        self, channel_id: bytes, now_s: Now = None, validity_s: int | None = None
    ) -> Certificate:
        """Return a certificate that tells a pole what this ledger has paid on a channel.

        That of a channel which is closing or closed has expired when it is issued: it still
        proves the payment, and nobody charges on it any more.

        Args:
            channel_id: 32 bytes.
            now_s: see `Now`.
            validity_s: of an open channel's certificate; None: half the dispute window.

        Raises LedgerError for an unknown channel, or if the ledger was opened without its seed.
        """
        with self._database.writing() as connection:
            at_s = self._at_s(connection, now_s)
            channel = channels.load(connection, channel_id)
            window_s = channel.terms.dispute_window_s
            if validity_s is None or validity_s > window_s:
                validity_s = max(window_s // 2, 1)
            return self._certify(connection, channel, at_s, validity_s)

    def _certify(
        self, connection: Connection, channel: Channel, now_s: int, validity_s: int
    ) -> Certificate:
        """Sign a channel's present state, in a transaction that writes."""
        signer = self._need_signer("certify")
        check_range("validity in s", validity_s, 1, channel.terms.dispute_window_s)
        expires_s, claimable_s = now_s + validity_s, now_s + channel.terms.dispute_window_s
        if channel.state != IS_OPEN:
            expires_s, claimable_s = now_s, channel.closed_at_s or channel.closes_at_s or 0
        fields = {
            **vars(channel.terms),
            "channel_id": channel.id,
            "capacity": channel.deposit,
            "claimed": channel.paid,
            "issued_at_s": now_s,
            "expires_at_s": expires_s,
            "claimable_until_s": claimable_s,
            "return_capacity": 0,
            "return_channel_id": bytes(ID_SIZE),
            "issuer_key": self.key,
        }
        unsigned = Certificate(**fields, signature=bytes(SIGNATURE_SIZE))
        signature = signer.sign(unsigned.signed_bytes())
        certified_at_s = max(channel.certified_at_s, now_s)
        channels.save(connection, replace(channel, certified_at_s=certified_at_s))
        return Certificate(**fields, signature=signature)

    def claim(
        self, channel_id: bytes, amount: int, signature: bytes, now_s: Now = None
    ) -> Payment:
        """Pay a claim to the channel's payout account. Anybody may bring the claim.

        Claims are cumulative: the ledger pays `amount` less the total that it paid before on the
        channel, and nothing if that is not above 0. A claim is paid until the rest is refunded.

        Args:
            channel_id: 32 bytes.
            amount: the total ever paid, in claim units.
            signature: the payer's signature of the 44-byte claim, 64 bytes.
            now_s: see `Now`.

        Raises LedgerError for an unknown channel, a signature that does not verify, an amount
        above the deposit, or a closed channel that paid less.
        """
        check_range("amount", amount, 0, MAX_AMOUNT)
        with self._database.writing() as connection:
            at_s = self._at_s(connection, now_s)
            channel = channels.load(connection, channel_id)
            message = bytes(Claim(channel_id).message(amount))
            if not is_signed(channel.terms.payer_key, message, signature):
                raise LedgerError(
                    f"the payer of channel {short(channel_id)} did not sign a claim of {amount}; "
                    "check amount and signature"
                )
            if amount <= channel.paid:
                return Payment(channel, 0, 0)
            if channel.state == IS_CLOSED:
                raise LedgerError(
                    f"channel {short(channel_id)} is closed at {channel.paid} claim units; "
                    f"a claim of {amount} comes too late"
                )
            if amount > channel.deposit:
                raise LedgerError(
                    f"a claim of {amount} is above the deposit of {channel.deposit} claim units "
                    f"of channel {short(channel_id)}; the rest is not covered"
                )
            paid_now = amount - channel.paid
            base_units = channel.base_units(paid_now)
            changed = replace(channel, paid=amount, paid_signature=bytes(signature))
            channels.save(connection, changed)
            amounts = {
                channel.escrow_account: -base_units,
                channel.terms.payout_account: base_units,
            }
            book.post(connection, book.CLAIM, at_s, amounts, channel_id)
            return Payment(changed, paid_now, base_units)

    def close_channel(
        self, channel_id: bytes, action: int, time_s: int, signature: bytes, now_s: Now = None
    ) -> Channel:
        """Close a channel at the signed request of its payer or payee.

        The payer's request starts the dispute window, in which the payee can still claim. A
        second request of the payer changes nothing. The payee's request refunds the rest at once.

        Args:
            channel_id: 32 bytes.
            action: requests.CLOSE_BY_PAYER or requests.CLOSE_BY_PAYEE.
            time_s: unix time in the request, within `REQUEST_VALID_S` of the ledger's time.
            signature: of `requests.close_request(terms, action, time_s)`, 64 bytes.
            now_s: see `Now`.

        Returns the changed channel. Raises LedgerError for an unknown or closed channel, a time
        too far off, or a signature that does not verify.
        """
        if action not in ACTIONS:
            raise LedgerError(f"there is no closing action {action}; it is 1 or 2")
        side, key_name = ACTIONS[action]
        with self._database.writing() as connection:
            at_s = self._at_s(connection, now_s)
            earliest_s = max(at_s - REQUEST_VALID_S, 0)
            check_range("the request's time", time_s, earliest_s, at_s + REQUEST_VALID_S)
            channel = self._unclosed(connection, channel_id)
            message = close_request(channel.terms, action, time_s).signed_bytes()
            if not is_signed(getattr(channel.terms, key_name), message, signature):
                raise LedgerError(
                    f"the {side} of channel {short(channel_id)} did not sign this request; "
                    "check its key and time"
                )
            if action == CLOSE_BY_PAYEE:
                return self._refund(connection, channel, at_s)
            if channel.state == IS_OPEN:
                # A certificate promises the whole window from its issue on. The newest issue may
                # lie in the future, because the clock of the ledger's computer may be set back.
                start_s = max(at_s, channel.certified_at_s)
                channel = replace(channel, closes_at_s=start_s + channel.terms.dispute_window_s)
                channels.save(connection, channel)
            return channel

    def finalise(self, channel_id: bytes, now_s: Now = None) -> Channel:
        """Refund the rest of a channel after its dispute window. Anybody may ask.

        The window includes its last second. Returns the changed channel. Raises LedgerError for
        an unknown or closed channel, while the window lasts, or if it was never started.
        """
        with self._database.writing() as connection:
            at_s = self._at_s(connection, now_s)
            channel = self._unclosed(connection, channel_id)
            if channel.closes_at_s is None:
                raise LedgerError(
                    f"nobody asked to close channel {short(channel_id)}; request it first"
                )
            if at_s <= channel.closes_at_s:
                raise LedgerError(
                    f"the dispute window of channel {short(channel_id)} lasts for another "
                    f"{channel.closes_at_s - at_s + 1} s; try again then"
                )
            return self._refund(connection, channel, at_s)

    # Time

    def time_s(self, now_s: Now = None) -> int:
        """Return the ledger's unix time."""
        with self._database.reading() as connection:
            return self._at_s(connection, now_s)

    def sign_time(self, payee_nonce: bytes, payee_key: bytes, now_s: Now = None) -> TimeProof:
        """Return the TIME message with which a payee without a clock learns the time.

        Args:
            payee_nonce: the nonce of the payee's OFFER, 16 bytes.
            payee_key: the payee's public key, 32 bytes.
            now_s: see `Now`.

        Raises LedgerError if the ledger was opened without its seed.
        """
        check_size("payee's nonce", payee_nonce, NONCE_SIZE)
        check_size("payee's key", payee_key, KEY_SIZE)
        signer = self._need_signer("sign a time")
        at_s = self.time_s(now_s)
        signature = signer.sign(time_bytes(payee_nonce, payee_key, at_s))
        return TimeProof(issuer_key=self.key, time_s=at_s, signature=signature)

    def _need_signer(self, purpose: str) -> Signer:
        if self._signer is None:
            raise LedgerError(f"{self.name} was opened without its seed, so it cannot {purpose}")
        return self._signer

    def _at_s(self, connection: Connection, now_s: Now) -> int:
        """Return the time of a transaction that has begun."""
        if now_s is None:
            return self._database.clock_s(connection)
        check_time(now_s)
        return now_s

    # Checks

    def check(self) -> LedgerCheck:
        """Check that the ledger conserves money, see `conservation.check_ledger`."""
        with self._database.reading() as connection:
            return check_ledger(connection, self.number, self.key)

    def _unclosed(self, connection: Connection, channel_id: bytes) -> Channel:
        channel = channels.load(connection, channel_id)
        if channel.state == IS_CLOSED:
            raise LedgerError(f"channel {short(channel_id)} is closed already, for ever")
        return channel

    def _refund(self, connection: Connection, channel: Channel, now_s: int) -> Channel:
        rest = channel.base_units(channel.deposit - channel.paid)
        channel = replace(channel, closed_at_s=now_s)
        channels.save(connection, channel)
        if rest:
            amounts = {channel.escrow_account: -rest, channel.terms.refund_account: rest}
            book.post(connection, book.REFUND, now_s, amounts, channel.id)
        return channel
