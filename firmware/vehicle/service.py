"""The requests that a vehicle answers on its service line: one function each, and their table."""

from joulestream.channel import CHANNEL_ID_SIZE
from joulestream.compat import const
from joulestream.link.uart import Link
from joulestream.runtime.service import Refused, Service, status
from joulestream.service import BUSY, STATUS, VEHICLE, WALLET

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


HANDLERS = {STATUS: status, WALLET: wallet}
