"""Certificates in files: read with every check, and never written over another file."""

import os
from pathlib import Path

from joulestream.channel import CERTIFICATE_SIZE, CHANNEL_ID_SIZE, Certificate, genuine_reason
from joulestream.errors import MalformedError, reason_name
from joulestream.host_tools.errors import CommandError
from joulestream.host_tools.files import FileError, create_whole, read_file, write_whole

# Far more than a certificate has, so that the usual wrong file is told by its kind.
_MOST_BYTES = 1 << 16


class CertificateError(CommandError):
    """A file holds no certificate, or cannot take one: one sentence."""


def read_certificate(path: str | Path) -> Certificate:
    """Return the certificate in a file, with its channel id and its signature verified.

    Raises CertificateError if there is none, or it is not genuine.
    """
    try:
        certificate = Certificate.from_bytes(read_file(path, _MOST_BYTES))
    except FileError as error:
        raise CertificateError(f"certificate {error}") from None
    except MalformedError:
        raise CertificateError(
            f"{path} is no certificate: one has {CERTIFICATE_SIZE} bytes"
        ) from None
    reason = genuine_reason(certificate)
    if reason:
        raise CertificateError(
            f"{path} is no genuine certificate ({reason_name(reason)}); get another"
        )
    return certificate


def channel_of(text: str) -> tuple[bytes, Certificate | None]:
    """Return a channel's id, and its certificate where one names it.

    `text` is an id of 64 hexadecimal digits, or the name of a certificate file. Text of 64
    characters is an id and never a file. Raises CertificateError, also where such a text is both
    an id and the name of a file with anything but this channel's certificate.
    """
    if len(text) == 2 * CHANNEL_ID_SIZE:
        try:
            channel_id = bytes.fromhex(text)
        except ValueError:
            raise CertificateError("the channel id must be 64 hexadecimal digits") from None
        if os.path.lexists(text) and not _is_of(text, channel_id):
            raise CertificateError(
                f"{text} is a channel id, and a file of that name is of another channel; write "
                f"./{text} for the file, or move it away"
            )
        return channel_id, None
    if not os.path.lexists(text):
        raise CertificateError(
            f"{text!r} is neither a channel id of 64 hexadecimal digits nor a certificate file"
        )
    certificate = read_certificate(text)
    return certificate.channel_id, certificate


def _is_of(path: str | Path, channel_id: bytes) -> bool:
    """Return whether a file holds a genuine certificate of this channel."""
    try:
        return read_certificate(path).channel_id == channel_id
    except CertificateError:
        return False


def check_replaceable(path: Path, channel_id: bytes) -> None:
    """Raise CertificateError if the file `path` is anything but a certificate of this channel."""
    if os.path.lexists(path) and not _is_of(path, channel_id):
        raise CertificateError(
            f"{path} exists already and is no certificate of channel {channel_id.hex()}, so it "
            "is not overwritten; name another file"
        )


def write_certificate(path: Path, certificate: Certificate) -> None:
    """Write a certificate to a new file, or over an older certificate of the same channel.

    Raises CertificateError, and then the file is as before.
    """
    check_replaceable(path, certificate.channel_id)
    try:
        if path.exists():
            write_whole(path, certificate.to_bytes())
        else:
            create_whole(path, certificate.to_bytes())
    except OSError as error:
        raise CertificateError(f"{path} cannot be written: {error.strerror}") from None
