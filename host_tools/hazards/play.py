"""Plays one fault or two on a pole that charges, and measures when the heartbeat ends."""

from collections.abc import Iterator
from itertools import combinations_with_replacement
from typing import NamedTuple

from joulestream import errors
from joulestream.host_tools.hazards.faults import FAULTS, Fault
from joulestream.host_tools.hazards.plant import CONTACT_MS, GATE_MS, STEP_MS, Bench

# The heartbeat has to end so soon after a fault shows.
LIMIT_MS = 600
# One fault comes so long after the other: at a time, within a stall, and near the end of one.
_DELAYS_MS = (0, 35, 295)
_AFTER_MS = 1_200

# (fault, the time at which it comes, in ms)
Schedule = tuple[tuple[Fault, int], ...]


class Outcome(NamedTuple):
    """The outcome of a fault or a pair.

    Attributes:
        heartbeat_ms: from the moment at which the first fault shows to the last edge.
        contacts_ms: the same to the opening of the contacts; None: they stay closed.
        why: the sentence of a broken promise, or "".
    """

    heartbeat_ms: int
    contacts_ms: int | None
    why: str


def pairs() -> Iterator[tuple[Fault, Fault]]:
    """Yield every pair of faults of two parts, and every single one as a pair with itself."""
    for one, other in combinations_with_replacement(FAULTS, 2):
        if one is other or not set(one.part.split()) & set(other.part.split()):
            yield one, other


def schedules(one: Fault, other: Fault) -> list[Schedule]:
    """Return the orders in which a pair is played.

    A fault without reasons may be a stall. It comes also just before the other one shows, so that
    nobody looks at that moment.
    """
    if one is other:
        return [((one, 0),)]
    found: list[Schedule] = [((one, 0), (other, delay_ms)) for delay_ms in _DELAYS_MS]
    found += [((other, 0), (one, delay_ms)) for delay_ms in _DELAYS_MS[1:]]
    for first, second in ((one, other), (other, one)):
        if not second.ends and not second.reasons and first.shows_ms:
            found.append(((first, 0), (second, first.shows_ms - STEP_MS)))
    return found


def play(schedule: Schedule) -> Outcome:
    """Let the faults happen on a pole that charges."""
    bench = Bench()
    bench.charge(1)
    bench.step_ms = STEP_MS
    bench.run_ms(2 * CONTACT_MS)
    start_ms = bench.at_ms
    bench.reasons.clear()
    faults = [fault for fault, _ in schedule]
    allowed = {reason for fault in faults for reason in fault.reasons}
    shown = []
    opened_ms = None
    waiting = list(schedule)
    end_ms = start_ms + max(at_ms for _, at_ms in schedule) + _AFTER_MS
    while bench.at_ms < end_ms:
        while waiting and bench.at_ms >= start_ms + waiting[0][1]:
            fault, at_ms = waiting.pop(0)
            fault.happen(bench)
            shows_ms = _shows_ms(fault, faults)
            if shows_ms is not None:
                shown.append(start_ms + at_ms + shows_ms)
            if not waiting:
                if not shown:
                    # They show when the contactor opens: let the owner stop.
                    bench.payee.stop(errors.OWNER_STOP, bench.at_ms)
                    shown.append(bench.at_ms)
                    allowed.add("OWNER_STOP")
                end_ms = min(shown) + _AFTER_MS
        if opened_ms is None and not bench.plant.contact:
            opened_ms = bench.at_ms
        bench.step()
        if opened_ms is not None and bench.plant.contact:
            return Outcome(0, None, "the contacts closed again")
    first_ms = min(shown)
    heartbeat_ms = max(bench.plant.last_edge_ms - first_ms, 0)
    contacts_ms = None if opened_ms is None else max(opened_ms - first_ms, 0)
    why = ""
    if heartbeat_ms > LIMIT_MS:
        why = f"the heartbeat went on for {heartbeat_ms} ms"
    elif contacts_ms is None and not bench.plant.welded:
        why = "the contacts stayed closed"
    elif contacts_ms is not None and contacts_ms > LIMIT_MS + GATE_MS + CONTACT_MS:
        why = f"the contacts opened after {contacts_ms} ms"
    elif allowed and not bench.hangs and not bench.reasons & allowed:
        why = f"it was called {', '.join(sorted(bench.reasons)) or 'nothing'}"
    return Outcome(heartbeat_ms, contacts_ms, why)


def _shows_ms(fault: Fault, faults: list[Fault]) -> int | None:
    """Return the time until a fault shows beside the others; None: when the contactor opens."""
    if not fault.ends:
        return None
    is_hidden = any(fault.name in other.hides for other in faults)
    return fault.hidden_ms if is_hidden else fault.shows_ms
