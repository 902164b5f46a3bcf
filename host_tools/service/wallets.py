"""The wallet of a vehicle that runs, read over its service line."""

from joulestream.channel import CHANNEL_ID_SIZE, Certificate
from joulestream.device.payer_record import PayerRecord
from joulestream.errors import MalformedError
from joulestream.host_tools.service.client import Client, Exchange, ServiceError
from joulestream.host_tools.wallet import Channel
from joulestream.service import TAKE, WALLET


def read_wallet(client: Client) -> Exchange[list[Channel]]:
    """Ask a vehicle for its channels. Raises ServiceError."""
    yield from _greet_vehicle(client)
    found: list[Channel] = []
    after = bytes(CHANNEL_ID_SIZE)
    while body := (yield from client.ask(WALLET, after)):
        channel_id = body[:CHANNEL_ID_SIZE]
        if len(channel_id) < CHANNEL_ID_SIZE or channel_id <= after:
            raise ServiceError("the vehicle tells its channels out of order; do not trust it")
        try:
            record = PayerRecord.from_bytes(body[CHANNEL_ID_SIZE:])
        except MalformedError:
            raise ServiceError("the vehicle's record has another length; update it") from None
        after = channel_id
        found.append(Channel(channel_id, record, False))
    newest = max((channel.record.number for channel in found), default=0)
    return [
        Channel(channel.channel_id, channel.record, channel.record.number == newest)
        for channel in found
    ]


def send_certificate(client: Client, certificate: Certificate) -> Exchange[None]:
    """Give a vehicle a new certificate. Raises ServiceError."""
    yield from _greet_vehicle(client)
    yield from client.ask(TAKE, certificate.to_bytes())


def _greet_vehicle(client: Client) -> Exchange[None]:
    yield from client.greet()
    if client.role != "vehicle":
        raise ServiceError(f"the device is a {client.role} and no vehicle; check the port")
