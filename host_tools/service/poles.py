"""The claims of a pole, from where they are: a stopped pole's flash image, or a pole that runs.

Both kinds of pole give the same ChannelClaims, and take the ledger's word on them.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from joulestream.channel import CHANNEL_ID_SIZE, Certificate
from joulestream.errors import MalformedError
from joulestream.host_tools import collect as images
from joulestream.host_tools.collect import NotMarked
from joulestream.host_tools.service.client import Client, Exchange, RequestRefused, ServiceError
from joulestream.host_tools.service.line import ServiceLine
from joulestream.host_tools.settlement import ChannelClaim
from joulestream.service import (
    CERTIFICATE,
    CERTIFICATE_READABLE,
    CLAIM,
    CLAIM_READABLE,
    COLLECTED,
    HAS_CERTIFICATE,
    ClaimRow,
)

_OTHER_VERSION = "in the pole's flash is of another version"


class Pole(Protocol):
    """A pole that a host collects from.

    Attributes:
        name: the image's file or the port.
    """

    name: str

    def claims(self) -> list[ChannelClaim]:
        """Return the best claim of each channel, in the order of their ids."""

    def mark(self, certificates: Sequence[Certificate]) -> None:
        """Note the amounts that the ledger has paid.

        Raises NotMarked if some channels are not marked, another CommandError if none are.
        """


class ImagePole:
    """A pole that is stopped: its flash image is the file `path`."""

    def __init__(self, path: Path, blocks: int, block_size: int) -> None:
        self.name = str(path)
        self._path = path
        self._shape = blocks, block_size

    def claims(self) -> list[ChannelClaim]:
        """Return the claims in the image."""
        return images.collect(self._path, *self._shape)

    def mark(self, certificates: Sequence[Certificate]) -> None:
        """Write the marks into the image."""
        images.mark_collected(self._path, certificates, *self._shape)


class RunningPole:
    """A pole that runs, at the other end of a line."""

    def __init__(self, line: ServiceLine, client: Client) -> None:
        self.name = line.path
        self._line = line
        self._client = client

    def claims(self) -> list[ChannelClaim]:
        """Ask for the claims."""
        return self._line.run(read_claims(self._client))

    def mark(self, certificates: Sequence[Certificate]) -> None:
        """Send the marks."""
        self._line.run(send_marks(self._client, certificates))


def read_claims(client: Client) -> Exchange[list[ChannelClaim]]:
    """Ask a pole for the best claim of each channel. Raises ServiceError."""
    yield from _greet_pole(client)
    claims = []
    after = bytes(CHANNEL_ID_SIZE)
    while body := (yield from client.ask(CLAIM, after)):
        try:
            row = ClaimRow.from_bytes(body)
        except MalformedError:
            raise ServiceError("the pole's claim has another length; update the pole") from None
        if row.channel_id <= after:
            raise ServiceError("the pole tells its channels out of order; do not trust it")
        after = row.channel_id
        claims.append((yield from _claim(client, row)))
    return claims


def _claim(client: Client, row: ClaimRow) -> Exchange[ChannelClaim]:
    """Return a channel's claim, with its certificate."""
    certificate = None
    error = ""
    if row.state & CERTIFICATE_READABLE:
        data = yield from client.ask(CERTIFICATE, row.channel_id)
        try:
            certificate = Certificate.from_bytes(data)
        except MalformedError:
            raise ServiceError("a certificate has another length; update the pole") from None
        assert client.welcome is not None
        if (certificate.channel_id, certificate.payee_key) != (row.channel_id, client.welcome.key):
            raise ServiceError("the pole tells a certificate of another channel; do not trust it")
    elif row.state & HAS_CERTIFICATE:
        error = f"the certificate {_OTHER_VERSION}"
    else:
        error = "the pole's flash holds no certificate of this channel"
    if not row.state & CLAIM_READABLE:
        return ChannelClaim(row.channel_id, certificate, 0, b"", f"the claim {_OTHER_VERSION}")
    return ChannelClaim(
        row.channel_id, certificate, row.amount, row.signature, error, row.collected
    )


def send_marks(client: Client, certificates: Sequence[Certificate]) -> Exchange[None]:
    """Send the ledger's word on claims to a pole.

    Raises NotMarked if the pole refused some of them, ServiceError if it cannot be asked.
    """
    yield from _greet_pole(client)
    faults: dict[bytes, str] = {}
    for certificate in certificates:
        try:
            yield from client.ask(COLLECTED, certificate.to_bytes())
        except RequestRefused as refused:
            faults[certificate.channel_id] = f"channel {certificate.channel_id.hex()}: {refused}"
    if faults:
        first = next(iter(faults.values()))
        raise NotMarked(f"{len(faults)} of {len(certificates)} channels: {first}", set(faults))


def _greet_pole(client: Client) -> Exchange[None]:
    yield from client.greet()
    if client.role != "pole":
        raise ServiceError(f"the device is a {client.role} and no pole; check the port")
