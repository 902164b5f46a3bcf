"""The end of every history: the pole's flash is collected and settled on a real ledger."""

import tempfile
from pathlib import Path
from typing import Any

from joulestream.host_tools.ledger import Ledger
from joulestream.host_tools.ledger.requests import CLOSE_BY_PAYEE, close_request
from joulestream.host_tools.simulation.invariants import Violation
from joulestream.host_tools.simulation.plan import START_S
from joulestream.host_tools.simulation.setup import (
    ASSET,
    LEDGER_NUMBER,
    PAYOUT_NAME,
    SIGNERS,
    VEHICLE_NAMES,
    account_id,
    terms,
)

_BALANCE = 1 << 60


class Bank:
    """A ledger in a file that is gone with this process; one world after the other uses it."""

    def __init__(self) -> None:
        self._directory = tempfile.TemporaryDirectory(prefix="joulestream-simulation-")
        path = Path(self._directory.name) / "ledger.sqlite"
        self._ledger = Ledger.create(path, LEDGER_NUMBER, SIGNERS["issuer"])
        for name, balance in (*((name, _BALANCE) for name in VEHICLE_NAMES), (PAYOUT_NAME, 0)):
            account = self._ledger.create_account(name, ASSET, balance, START_S)
            assert account.id == account_id(name), "the ledger names its accounts otherwise"

    def settle(self, world: Any) -> None:
        """Open the world's channels, pay their best claims, close them; hold money to account.

        Raises Violation when a claim is refused, or a unit is lost or made.
        """
        payee_records = world.payee_records()
        before = self._balances()
        paid = dict.fromkeys(before, 0)
        for number, name in enumerate(VEHICLE_NAMES):
            its_terms = terms(world.plan.seed, name)
            channel_id = its_terms.channel_id()
            amount = payee_records.load(channel_id).amount
            if not amount:
                continue
            signature = payee_records.load(channel_id).signature
            self._ledger.open_channel(its_terms, world.figures["capacities"][number], START_S)
            self._ledger.claim(channel_id, amount, signature, START_S)
            request = close_request(its_terms, CLOSE_BY_PAYEE, START_S)
            consent = SIGNERS["pole"].sign(request.signed_bytes())
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
