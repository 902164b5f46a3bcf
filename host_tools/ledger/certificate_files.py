"""Certificates in files: read with every check, and never written over another file."""

import os
from pathlib import Path

from joulestream.channel import CERTIFICATE_SIZE, Certificate, genuine_reason
from joulestream.errors import MalformedError, reason_name
from joulestream.host_tools.files import FileError, create_whole, read_file, write_whole
from joulestream.host_tools.ledger.errors import LedgerError, short

# Far more than a certificate has, so that the usual wrong file is told by its kind.
_MOST_BYTES = 1 << 16


def read_certificate(path: str | Path) -> Certificate:
    """Return the certificate in a file, with its channel id and its signature verified.

    Raises LedgerError if there is none, or it is not genuine.
    """
    try:
        certificate = Certificate.from_bytes(read_file(path, _MOST_BYTES))
    except FileError as error:
        raise LedgerError(f"certificate {error}") from None
    except MalformedError:
        raise LedgerError(f"{path} is no certificate: one has {CERTIFICATE_SIZE} bytes") from None
    reason = genuine_reason(certificate)
    if reason:
        raise LedgerError(f"{path} is no genuine certificate ({reason_name(reason)}); get another")
    return certificate


def check_replaceable(path: Path, channel_id: bytes) -> None:
    """Raise LedgerError if the file at `path` is anything but a certificate of this channel."""
    if not os.path.lexists(path):
        return
    try:
        ours = read_certificate(path).channel_id == channel_id
    except LedgerError:
        ours = False
    if not ours:
        raise LedgerError(
            f"{path} exists already and is no certificate of channel {short(channel_id)}, so it "
            "is not overwritten; name another file"
        )


def write_certificate(path: Path, certificate: Certificate) -> None:
    """Write a certificate to a new file, or over an older certificate of the same channel.

    Raises LedgerError, and then the file is as before.
    """
    check_replaceable(path, certificate.channel_id)
    try:
        if path.exists():
            write_whole(path, certificate.to_bytes())
        else:
            create_whole(path, certificate.to_bytes())
    except OSError as error:
        raise LedgerError(f"{path} cannot be written: {error.strerror}") from None
