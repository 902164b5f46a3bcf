"""What a pole knows of each channel, in its journal: best claim, amount due, energy."""

from joulestream.channel import KEY_SIZE, SIGNATURE_SIZE, Certificate
from joulestream.fields import BYTES, UINT, Record, size_of, write_fields
from joulestream.journal import JournalFull

_ACCOUNT_KEY = b"c"
_CERTIFICATE_KEY = b"k"


class Account(Record):
    """A channel's standing: `amount` with its `signature` is the best claim.

    `amount_due` is what all energy delivered so far costs; both are totals in claim units, and
    `remainder` is what was rounded off the latter, in millionths.
    """

    LAYOUT = (
        ("amount", 8, UINT),
        ("signature", SIGNATURE_SIZE, BYTES),
        ("amount_due", 8, UINT),
        ("remainder", 4, UINT),
        ("energy_mwh", 6, UINT),
        ("issuer_key", KEY_SIZE, BYTES),
    )


class Accounts:
    """All channels' accounts in `journal`, `most` of them at the most."""

    def __init__(self, journal, most):
        self._journal = journal
        self._most = most
        # One buffer for every packet's account.
        self._buffer = bytearray(size_of(Account.LAYOUT))
        self._channels = {}  # channel id: [journal key, issuer key, best amount]
        for key in journal.keys():
            if key[:1] == _ACCOUNT_KEY:
                account = Account.from_bytes(journal.get(key))
                self._channels[key[1:]] = [key, account.issuer_key, account.amount]

    def __iter__(self):
        return iter(list(self._channels))

    def load(self, channel_id):
        """Return the channel's account; a new one when the channel was never seen."""
        data = self._journal.get(_ACCOUNT_KEY + channel_id)
        if data is not None:
            return Account.from_bytes(data)
        return Account(
            amount=0,
            signature=bytes(SIGNATURE_SIZE),
            amount_due=0,
            remainder=0,
            energy_mwh=0,
            issuer_key=bytes(KEY_SIZE),
        )

    def certificate(self, channel_id):
        """Return the certificate the channel was last opened with, or None."""
        data = self._journal.get(_CERTIFICATE_KEY + channel_id)
        return None if data is None else Certificate.from_bytes(data)

    def admit(self, certificate, account):
        """Store `certificate` and `account`: what opens or renews a session.

        Raises JournalFull or OSError.
        """
        if certificate.channel_id not in self._channels and len(self._channels) >= self._most:
            raise JournalFull("there is no room for another channel")
        self.store_certificate(certificate)
        self.store(certificate.channel_id, account)

    def store_certificate(self, certificate):
        """Store `certificate` as its channel's newest. Raises JournalFull or OSError."""
        self._journal.put(_CERTIFICATE_KEY + certificate.channel_id, certificate.to_bytes())

    def store(self, channel_id, account):
        """Store `account`; it is safe when this returns. Raises JournalFull or OSError."""
        write_fields(Account.LAYOUT, account, self._buffer, 0)
        channel = self._channels.get(channel_id)
        if channel is None:
            channel = [_ACCOUNT_KEY + channel_id, None, 0]
        self._journal.put(channel[0], self._buffer)
        channel[1] = account.issuer_key
        channel[2] = account.amount
        self._channels[channel_id] = channel

    def uncollected(self, issuer_key, but_channel_id):
        """Return the sum of best claims on the issuer's channels, one channel left out."""
        total = 0
        for channel_id, (_, issuer, amount) in self._channels.items():
            if issuer == issuer_key and channel_id != but_channel_id:
                total += amount
        return total
