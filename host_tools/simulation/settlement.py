"""The end of every history: the pole's claims are paid on a real ledger.

The records are read from the pole's flash by the host's own code. Each channel is opened, its best
claim is paid, and the channel is closed. Then every balance must have changed by exactly the
claims: a refused claim, or money lost or made, is a Violation.
"""

from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

from joulestream.host_tools.files import scratch_directory
from joulestream.host_tools.ledger import Ledger
from joulestream.host_tools.ledger.requests import CLOSE_BY_PAYEE, close_request
from joulestream.host_tools.simulation.invariants import Violation
from joulestream.host_tools.simulation.plan import START_S
from joulestream.host_tools.simulation.setup import (
    ASSET,
    LEDGER_NUMBER,
    PAYOUT_NAME,
    POLE_KEYS,
    SIGNERS,
    VEHICLE_NAMES,
    account_id,
    terms,
)

if TYPE_CHECKING:
    from joulestream.host_tools.simulation.world import World

# More than all channels of a long campaign take together.
_BALANCE = 1 << 60


class Bank:
    """A ledger in a temporary file; one world after the other uses it."""

    def __init__(self) -> None:
        self._directory = scratch_directory("simulation")
        path = Path(self._directory.name) / "ledger.sqlite"
        self._ledger = Ledger.create(path, LEDGER_NUMBER, SIGNERS["issuer"])
        for name, balance in (*((name, _BALANCE) for name in VEHICLE_NAMES), (PAYOUT_NAME, 0)):
            account = self._ledger.create_account(name, ASSET, balance, START_S)
            assert account.id == account_id(name), "the ledger names its accounts otherwise"

    def settle(self, world: "World") -> None:
        """Open the world's channels, pay their best claims, close them, compare the balances.

        Raises Violation when a balance is wrong, LedgerError when a claim is refused.
        """
        before = self._balances()
        paid = dict.fromkeys(before, 0)
        for key, (number, name) in product(POLE_KEYS, enumerate(VEHICLE_NAMES)):
            payee_records = world.payee_records(key)
            channel_terms = terms(world.plan.seed, name, key)
            channel_id = channel_terms.channel_id()
            amount = payee_records.load(channel_id).amount
            if not amount:
                continue
            signature = payee_records.load(channel_id).signature
            capacity = world.plan.parameters.capacities[number]
            self._ledger.open_channel(channel_terms, capacity, START_S)
            self._ledger.claim(channel_id, amount, signature, START_S)
            request = close_request(channel_terms, CLOSE_BY_PAYEE, START_S)
            consent = SIGNERS[key].sign(request.signed_bytes())
            self._ledger.close_channel(channel_id, CLOSE_BY_PAYEE, START_S, consent, START_S)
            paid[name] -= amount
            paid[PAYOUT_NAME] += amount
        after = self._balances()
        for name, balance in after.items():
            if balance != before[name] + paid[name]:
                raise Violation(f"{name} has {balance} after settling, not {before[name]}")

    def check(self) -> None:
        """Check the whole ledger. Raises Violation."""
        faults = self._ledger.check().faults
        if faults:
            raise Violation(f"the ledger is not sound: {faults[0]}")

    def close(self) -> None:
        """Throw the ledger away."""
        self._ledger.close()
        self._directory.cleanup()

    def _balances(self) -> dict[str, int]:
        names = (*VEHICLE_NAMES, PAYOUT_NAME)
        return {name: self._ledger.account(name).balance_base_units for name in names}
