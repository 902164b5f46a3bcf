"""The time and the prices of a pole that runs, read and set over its service line."""

from pathlib import Path
from typing import Any

from joulestream.errors import LocalError, MalformedError
from joulestream.host_tools.errors import CommandError
from joulestream.host_tools.files import read_json
from joulestream.host_tools.service.client import Client, Exchange, ServiceError
from joulestream.service import (
    MOST_PRICES,
    PRICE_SIZE,
    PRICES,
    PRICES_IN_PART,
    SET_PRICES,
    SET_TIME,
    TIME,
    PriceRow,
    TimeNow,
)

_HEAD = 2
_SOURCES = ("nothing", "a real-time clock", "a network or an operator")


def read_time(client: Client) -> Exchange[dict[str, Any]]:
    """Ask a pole for its time. Raises ServiceError."""
    body = yield from client.ask(TIME)
    try:
        now = TimeNow.from_bytes(body)
    except MalformedError:
        raise ServiceError("the pole's time has another length; update the pole") from None
    known = now.quality < len(_SOURCES)
    source = _SOURCES[now.quality] if known else f"quality {now.quality}"
    return {"time_s": now.time_s, "quality": now.quality, "told_by": source}


def write_time(client: Client, time_s: int) -> Exchange[None]:
    """Set a pole's time. Raises ServiceError."""
    if time_s >= 1 << 64:
        raise ServiceError(f"{time_s} is no time; give seconds since 1970")
    yield from client.ask(SET_TIME, time_s.to_bytes(8, "big"))


def read_prices(client: Client) -> Exchange[list[dict[str, int]]]:
    """Ask a pole for its schedule. Raises ServiceError."""
    rows: list[dict[str, int]] = []
    total = 1
    while len(rows) < total:
        body = yield from client.ask(PRICES, bytes((len(rows),)))
        count, rest = divmod(len(body) - _HEAD, PRICE_SIZE)
        if count < 1 or rest or body[1] != len(rows) + count or body[0] < body[1]:
            raise ServiceError("the pole's prices are not readable; update the pole")
        total = body[0]
        for at in range(_HEAD, len(body), PRICE_SIZE):
            row = PriceRow.from_bytes(body[at : at + PRICE_SIZE])
            rows.append({"from_s": row.from_s, "price_per_kwh": row.price_per_kwh})
    return rows


def write_prices(client: Client, rows: list[PriceRow]) -> Exchange[None]:
    """Give a pole another schedule. Raises ServiceError."""
    for first in range(0, len(rows), PRICES_IN_PART):
        part = rows[first : first + PRICES_IN_PART]
        body = b"".join(row.to_bytes() for row in part)
        yield from client.ask(SET_PRICES, bytes((len(rows), first)) + body)


def load_prices(path: Path) -> list[PriceRow]:
    """Return the schedule in a JSON file. Raises CommandError."""
    values = read_json(path)
    if not isinstance(values, list) or not 1 <= len(values) <= MOST_PRICES:
        raise CommandError(f"{path} must hold a list of 1 to {MOST_PRICES} prices")
    rows = []
    for number, value in enumerate(values, 1):
        try:
            if set(value) != {"from_s", "price_per_kwh"}:
                raise ValueError
            if not all(isinstance(each, int) and each >= 0 for each in value.values()):
                raise ValueError
            row = PriceRow(**value)
            row.to_bytes()
        except (AttributeError, LocalError, TypeError, ValueError):
            raise CommandError(
                f"{path}, entry {number}: give 'from_s' and 'price_per_kwh' as whole numbers "
                "below 2^48"
            ) from None
        rows.append(row)
    return rows
