"""The requests that a pole answers on its service line: one function each, and their table."""

from joulestream import errors
from joulestream.channel import Certificate, genuine_reason
from joulestream.compat import const
from joulestream.device.own_record import UnreadableRecord
from joulestream.link.uart import Link
from joulestream.pole.price_schedule import is_in_order
from joulestream.pole.slots import least_capacity
from joulestream.runtime.service import Refused, Service, status
from joulestream.service import (
    ABSENT,
    BAD_REQUEST,
    BUSY,
    CERTIFICATE,
    CERTIFICATE_READABLE,
    CLAIM,
    CLAIM_READABLE,
    COLLECTED,
    HAS_CERTIFICATE,
    MOST_PRICES,
    POLE,
    PRICE_SIZE,
    PRICES,
    PRICES_IN_PART,
    REFUSED,
    SET_PRICES,
    SET_TIME,
    STATUS,
    TIME,
    ClaimRow,
    PriceRow,
    TimeNow,
)

TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from typing import Any

    from joulestream.boards.contract import Board
    from joulestream.device.payee_records import PayeeRecords
    from joulestream.pole.config import PoleConfig
    from joulestream.pole.loop import PoleLoop
    from joulestream.signing import Signer

_PART_HEAD = const(2)


def open_service(config: "PoleConfig", board: "Board", signer: "Signer", clock: "Any") -> Service:
    """Return the service on the board's UART "service". `clock` is the pole's ToldClock."""
    link = Link(config.link, board, "service")
    return Service(link, POLE, signer, config, board.random, HANDLERS, clock)


def claim(service: Service, loop: "PoleLoop | None", body: memoryview, out: memoryview) -> int:
    """Tell the best claim of the channel that follows the one in the body; no body at the end."""
    records = _records(loop)
    channel_id = records.after(bytes(body))
    if channel_id is None:
        return 0
    row = ClaimRow(channel_id=channel_id, amount=0, signature=bytes(64), collected=0, state=0)
    try:
        if records.certificate(channel_id) is not None:
            row.state = HAS_CERTIFICATE | CERTIFICATE_READABLE
    except UnreadableRecord:
        row.state = HAS_CERTIFICATE
    try:
        record = records.load(channel_id)
        row.state |= CLAIM_READABLE
        row.amount = record.amount
        row.signature = record.signature
        if row.state & CERTIFICATE_READABLE:
            row.collected = min(records.standing(channel_id).collected, record.amount)
    except UnreadableRecord:
        pass
    return _write(row, out)


def certificate(
    service: Service, loop: "PoleLoop | None", body: memoryview, out: memoryview
) -> int:
    """Tell the certificate of a channel."""
    try:
        held = _records(loop).certificate(bytes(body))
    except UnreadableRecord:
        held = None
    if held is None:
        raise Refused(ABSENT)
    return _write(held, out)


def collected(service: Service, loop: "PoleLoop | None", body: memoryview, out: memoryview) -> int:
    """Take the ledger's word that a channel's claim was paid, as collect.py writes it."""
    records = _records(loop)
    word = Certificate.from_bytes(body)
    try:
        held = records.certificate(word.channel_id)
    except UnreadableRecord:
        held = None
    if held is None or not records.is_readable(word.channel_id):
        raise Refused(ABSENT)
    reason = genuine_reason(word)
    if held.issuer_key != word.issuer_key:
        reason = reason or errors.UNTRUSTED_ISSUER
    if reason:
        raise Refused(REFUSED, reason)
    assert loop is not None
    # The room that the next claim needs stays free, and no invoice waits for this write.
    if loop.payee.is_in_packet() or not records.can_admit():
        raise Refused(BUSY)
    records.collect(word)
    return 0


def prices(service: Service, loop: "PoleLoop | None", body: memoryview, out: memoryview) -> int:
    """Tell the rows of the price schedule from a number on."""
    rows = _schedule(loop).rows
    first = body[0]
    out[0] = len(rows)
    end = min(first + PRICES_IN_PART, len(rows))
    out[1] = end
    size = _PART_HEAD
    for at in range(first, end):
        row = PriceRow(from_s=rows[at].from_s, price_per_kwh=rows[at].price_per_kwh)
        size += _write(row, out[size:])
    return size


def set_prices(
    service: Service, loop: "PoleLoop | None", body: memoryview, out: memoryview
) -> int:
    """Take a part of a new schedule: its length, its first row's number, rows.

    With its last row the schedule holds, all of it or nothing.
    """
    source = _schedule(loop)
    count, rest = divmod(len(body) - _PART_HEAD, PRICE_SIZE)
    if count < 1 or rest or not 0 < body[0] <= MOST_PRICES or body[1] + count > body[0]:
        raise Refused(BAD_REQUEST)
    if body[1] == 0:
        service.schedule = []
    if body[1] != len(service.schedule):
        raise Refused(BAD_REQUEST)
    for at in range(_PART_HEAD, len(body), PRICE_SIZE):
        service.schedule.append(PriceRow.from_bytes(body[at : at + PRICE_SIZE]))
    if len(service.schedule) == body[0]:
        rows = service.schedule
        service.schedule = []
        if not _fits(service.config, rows):
            raise Refused(REFUSED, errors.BAD_FIELD)
        source.take(rows)
    return 0


def time(service: Service, loop: "PoleLoop | None", body: memoryview, out: memoryview) -> int:
    """Tell the time of the pole's clock, and its quality."""
    time_s, quality = service.clock.read()
    return _write(TimeNow(time_s=time_s, quality=quality), out)


def set_time(service: Service, loop: "PoleLoop | None", body: memoryview, out: memoryview) -> int:
    """Take the time from the operator. The next OFFER is made with it."""
    if not service.clock.tell(int.from_bytes(body, "big")):
        raise Refused(REFUSED, errors.BAD_TIME)
    return 0


HANDLERS = {
    STATUS: status,
    CLAIM: claim,
    CERTIFICATE: certificate,
    COLLECTED: collected,
    PRICES: prices,
    SET_PRICES: set_prices,
    TIME: time,
    SET_TIME: set_time,
}


def _records(loop: "PoleLoop | None") -> "PayeeRecords":
    """Return the pole's records. While a new loop is about to start, the host asks again."""
    if loop is None:
        raise Refused(BUSY)
    return loop.payee.books.records


def _schedule(loop: "PoleLoop | None") -> "Any":
    """Return the price source, if it takes a schedule."""
    if loop is None:
        raise Refused(BUSY)
    source = loop.payee.prices
    if not hasattr(source, "take"):
        raise Refused(ABSENT)
    return source


def _fits(config: "PoleConfig", rows: "list[Any]") -> bool:
    """Return whether the pole can follow the rows, which come in place of those of its start.

    Credit and prepayment cover the dearest price of the configuration and no dearer one, and an
    issuer must be trusted with a new channel.
    """
    cheapest = min([row.price_per_kwh for row in rows])
    most = max([issuer.limit for issuer in config.issuers])
    return (
        is_in_order(rows)
        and cheapest > 0
        and max([row.price_per_kwh for row in rows]) <= config.dearest_per_kwh
        and least_capacity(config, cheapest) <= most
    )


def _write(record: "Any", out: memoryview) -> int:
    """Write a record to the start of `out`; return its size."""
    data = record.to_bytes()
    out[: len(data)] = data
    return len(data)
