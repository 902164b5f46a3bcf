"""How long a pole's flash lasts under attack: attacks are played, and their bytes counted.

A scripted vehicle with an earned credit plays each attack in virtual time. It begins with what the
pole's budget of unpaid writes allows at once, and the quarter of an hour after that counts. The
worst attack decides. Beside it stands paid traffic of one packet a second, played the same way.
"""

from collections.abc import Callable

from joulestream.device import journal_format, journal_keys
from joulestream.testkit.flash import NorFlash
from joulestream.testkit.pole_bench import PoleBench

# The pole's journal of docs/reliability.md: a flash of 256 KB with 64 channels.
_CHANNELS = 64
_BLOCKS = 64
_BLOCK_SIZE = 4_096
_ERASES = 100_000
_YEAR_H = 365.25 * 24
_BEGIN_MS = 300_000
_PLAY_MS = 900_000
_HOUR_MS = 3_600_000


class CountingFlash(NorFlash):
    """A flash that counts the bytes of its records."""

    def __init__(self) -> None:
        super().__init__(_BLOCKS, _BLOCK_SIZE)
        self.record_bytes = 0

    def writeblocks(
        self, block: int, buffer: bytes | bytearray | memoryview, offset: int = 0
    ) -> None:
        """Program `buffer`, and count it if it is a record."""
        if offset >= journal_format.POINTERS_AT + journal_format.POINTER_SIZE:
            self.record_bytes += len(buffer)
        super().writeblocks(block, buffer, offset)


def pays(bench: PoleBench) -> None:
    """Pay one packet a second."""
    bench.run_ms(1_000)


def connects_again(bench: PoleBench) -> None:
    """Open a session, let energy flow on credit for a moment, and begin anew."""
    bench.greet()
    bench.accept()
    bench.run_ms(100)


def raises_by_a_unit(bench: PoleBench) -> None:
    """Draw nothing, and pay one claim unit more on every invoice that comes by its time."""
    bench.outlet.power_mw = 0
    bench.prepay += 1
    bench.run_ms(20)


def renews(bench: PoleBench) -> None:
    """Send one renewed certificate after the other, each a second newer."""
    bench.outlet.power_mw = 0
    bench.renew(1 + bench.at_ms // 100)
    bench.run_ms(100)


ATTACKS: dict[str, Callable[[PoleBench], None]] = {
    "connects again": connects_again,
    "raises by a unit": raises_by_a_unit,
    "renews": renews,
}


def record_bytes_per_hour(
    act: Callable[[PoleBench], None], begin_ms: int = _BEGIN_MS, play_ms: int = _PLAY_MS
) -> int:
    """Return the bytes of records that a pole writes in an hour while a vehicle does `act`.

    Args:
        act: pays, or one of ATTACKS.
        begin_ms: virtual time before the bytes are counted.
        play_ms: virtual time in which they are counted.
    """
    flash = CountingFlash()
    # 3,600 W: a packet of 1 Wh a second. An attack wants invoices as often as it can get them.
    packet_ms = 1_500 if act is pays else 1_000
    bench = PoleBench(flash=flash, packet_ms=packet_ms, credit=1_000_000)
    bench.outlet.power_mw = 3_600_000
    bench.charge()
    stop_ms = bench.at_ms + begin_ms
    while bench.at_ms < stop_ms:
        act(bench)
    begun_ms, begun = bench.at_ms, flash.record_bytes
    while bench.at_ms < begun_ms + play_ms:
        act(bench)
    return (flash.record_bytes - begun) * _HOUR_MS // (bench.at_ms - begun_ms)


def years(bytes_per_hour: int) -> float:
    """Return the years until each sector of the flash was erased 100,000 times."""
    keys = journal_keys.key_count(journal_keys.POLE, _CHANNELS)
    capacity = _BLOCK_SIZE - journal_format.records_at(keys)
    live_bytes = journal_keys.live_bytes(journal_keys.POLE, _CHANNELS)
    # The newest records of each channel are copied once a round of the ring.
    share = 1 - live_bytes / (_BLOCKS * capacity)
    return _BLOCKS * capacity * share * _ERASES / bytes_per_hour / _YEAR_H


def measure() -> dict[str, float]:
    """Return the bytes an hour, and the years of the flash, under attack and under payment."""
    attacked = max(record_bytes_per_hour(act) for act in ATTACKS.values())
    paid = record_bytes_per_hour(pays)
    return {
        "flash_bytes_per_hour_under_attack": attacked,
        "flash_bytes_per_hour_paid": paid,
        "flash_years_under_attack": round(years(attacked), 1),
        "flash_years_paid": round(years(paid), 1),
    }
