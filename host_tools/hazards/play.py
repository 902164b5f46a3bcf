"""Plays one fault or two on a pole that charges, and measures when the heartbeat ends."""

from collections.abc import Iterator, Sequence
from itertools import combinations_with_replacement
from typing import NamedTuple

from joulestream import errors
from joulestream.host_tools.hazards.faults import FAULTS, Fault
from joulestream.host_tools.hazards.plant import CONTACT_MS, GATE_MS, STEP_MS, Bench

# The heartbeat has to end so soon after a fault shows.
LIMIT_MS = 600
# The second fault comes so long after the first; not a multiple of a step or of an interval.
DELAYS_MS = (0, 35, 295)
_AFTER_MS = 1_200


class Outcome(NamedTuple):
    """What came of a fault or a pair.

    Attributes:
        heartbeat_ms: from the moment at which the first fault shows to the last edge.
        contacts_ms: the same to the opening of the contacts; None: they are welded.
        why: the sentence of a broken promise, or "".
        transitions: every (state, next state) of the charger.
    """

    heartbeat_ms: int
    contacts_ms: int | None
    why: str
    transitions: frozenset[tuple[int, int]]


def pairs() -> Iterator[tuple[Fault, Fault]]:
    """Yield every pair of faults of two parts, and every single one as a pair with itself."""
    for one, other in combinations_with_replacement(FAULTS, 2):
        if one is other or not set(one.part.split()) & set(other.part.split()):
            yield one, other


def play(faults: Sequence[Fault], delay_ms: int = 0) -> Outcome:
    """Let the faults happen on a pole that charges, the second `delay_ms` after the first."""
    bench = Bench()
    bench.charge(1)
    bench.step_ms = STEP_MS
    bench.run_ms(2 * CONTACT_MS)
    start_ms = bench.at_ms
    bench.reasons.clear()
    shown = []
    for number, fault in enumerate(dict.fromkeys(faults)):
        at_ms = start_ms + number * delay_ms
        _run_to(bench, at_ms)
        fault.happen(bench)
        is_hidden = any(fault.name in other.hides for other in faults)
        shows_ms = fault.hidden_ms if is_hidden else fault.shows_ms
        if fault.ends and shows_ms is not None:
            shown.append(at_ms + shows_ms)
    allowed = {reason for fault in faults for reason in fault.reasons}
    if not shown:
        # Faults that show when the contactor opens: let the owner stop.
        bench.payee.stop(errors.OWNER_STOP, bench.at_ms)
        shown.append(bench.at_ms)
        allowed.add("OWNER_STOP")
    first_ms = min(shown)
    opened_ms = None
    while bench.at_ms < first_ms + _AFTER_MS:
        if opened_ms is None and not bench.plant.contact:
            opened_ms = bench.at_ms
        bench.step()
        if opened_ms is not None and bench.plant.contact:
            return Outcome(0, None, "the contacts closed again", frozenset(bench.transitions))
    heartbeat_ms = max(bench.plant.last_edge_ms - first_ms, 0)
    contacts_ms = None if opened_ms is None else max(opened_ms - first_ms, 0)
    why = ""
    if heartbeat_ms > LIMIT_MS:
        why = f"the heartbeat went on for {heartbeat_ms} ms"
    elif contacts_ms is None and not bench.plant.welded:
        why = "the contacts stayed closed"
    elif contacts_ms is not None and contacts_ms > GATE_MS + CONTACT_MS + LIMIT_MS:
        why = f"the contacts opened after {contacts_ms} ms"
    elif allowed and not bench.hangs and not bench.reasons & allowed:
        why = f"it was called {', '.join(sorted(bench.reasons)) or 'nothing'}"
    return Outcome(heartbeat_ms, contacts_ms, why, frozenset(bench.transitions))


def _run_to(bench: Bench, at_ms: int) -> None:
    while bench.at_ms + STEP_MS <= at_ms:
        bench.step()
