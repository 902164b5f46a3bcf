"""The requests that a vehicle answers on its service line: one function each, and their table."""

import os

from joulestream import errors
from joulestream.channel import CHANNEL_ID_SIZE, Certificate, genuine_reason
from joulestream.compat import const
from joulestream.errors import MalformedError
from joulestream.link.uart import Link
from joulestream.runtime.service import Refused, Service, status
from joulestream.service import (
    ABSENT,
    BUSY,
    CERTIFICATE,
    REFUSED,
    STATUS,
    TAKE,
    VEHICLE,
    WALLET,
)

TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from joulestream.boards.contract import Board
    from joulestream.signing import Signer
    from joulestream.vehicle.config import VehicleConfig
    from joulestream.vehicle.loop import VehicleLoop


def open_service(config: "VehicleConfig", board: "Board", signer: "Signer") -> Service:
    """Return the service on the board's UART "service"."""
    link = Link(config.link, board, "service")
    return Service(link, VEHICLE, signer, config, board.random, HANDLERS)


def wallet(service: Service, loop: "VehicleLoop | None", body: memoryview, out: memoryview) -> int:
    """Tell the record of the channel that follows the one in the body; no body at the end."""
    if loop is None:
        raise Refused(BUSY)
    records = loop.payer.wallet.records
    after = bytes(body)
    channel_id = None
    for each in records:
        if each > after and (channel_id is None or each < channel_id):
            channel_id = each
    if channel_id is None:
        return 0
    record = records.load(channel_id)
    assert record is not None
    data = record.to_bytes()
    out[:CHANNEL_ID_SIZE] = channel_id
    out[CHANNEL_ID_SIZE : CHANNEL_ID_SIZE + len(data)] = data
    return CHANNEL_ID_SIZE + len(data)


def certificate(
    service: Service, loop: "VehicleLoop | None", body: memoryview, out: memoryview
) -> int:
    """Tell the certificate that the wallet uses for a channel."""
    if loop is None:
        raise Refused(BUSY)
    channel_id = bytes(body)
    for held in loop.payer.wallet.certificates:
        if held.channel_id == channel_id:
            data = held.to_bytes()
            out[: len(data)] = data
            return len(data)
    raise Refused(ABSENT)


def take(service: Service, loop: "VehicleLoop | None", body: memoryview, out: memoryview) -> int:
    """Write a new certificate over the older one of its channel, or into a file that is missing.

    The next greeting or renewal reads it. A file system may erase flash, which takes long, so
    nothing is written while a session is open.
    """
    if loop is None or not loop.is_at_rest():
        raise Refused(BUSY)
    new = Certificate.from_bytes(body)
    reason = genuine_reason(new)
    if new.payer_key != loop.payer.wallet.public_key:
        reason = reason or errors.WRONG_CHANNEL
    if reason:
        raise Refused(REFUSED, reason)
    path = _file_for(new, service.config.certificates)
    # The old one stays until the new one is whole.
    with open(path + ".new", "wb") as file:
        file.write(bytes(body))
    os.rename(path + ".new", path)
    return 0


def _file_for(new: Certificate, paths: "list[str]") -> str:
    """Return the file that takes a certificate, one of `paths`. Raises Refused if none may."""
    free = None
    for path in paths:
        try:
            with open(path, "rb") as file:
                old = Certificate.from_bytes(file.read())
        except OSError:
            free = free or path
            continue
        except MalformedError:
            continue  # it is something else, and not ours to overwrite
        if old.channel_id == new.channel_id:
            if old.issued_at_s >= new.issued_at_s:
                raise Refused(REFUSED, errors.CERTIFICATE_OLD)
            return path
    if free is None:
        raise Refused(ABSENT)
    return free


HANDLERS = {STATUS: status, CERTIFICATE: certificate, WALLET: wallet, TAKE: take}
