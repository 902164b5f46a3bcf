"""The promises that always hold in a simulated world, checked from outside.

Energy is the meters' own count without their faults; amounts are read from the flashes.
"""

from struct import pack
from typing import Any

from joulestream.channel import Claim
from joulestream.errors import reason_name
from joulestream.host_tools.simulation.plan import Event
from joulestream.messages import INVOICE, RECEIPT, STOP, UPDATE
from joulestream.session import OPEN
from joulestream.signing import verify

_MWH_PER_KWH = 1_000_000
_MS_PER_HOUR = 3_600_000
# Why a vehicle may rightly not charge any more, in a world where nothing goes wrong.
_TERMINAL = (
    "BUDGET_EXHAUSTED",
    "CAPACITY_EXHAUSTED",
    "CERTIFICATE_EXPIRED",
    "CERTIFICATE_WINDOW",
    "PREPAY_TOO_SMALL",
    "CARRIED_DEBT",
    "OWNER_STOP",
)


# The exceptions of a driver or a flash that fails. A firmware gives up for nothing else.
_EXPECTED_FAULTS = ("CrashError", "OSError", "JournalFull", "MEMORY_LOW")
# An honest pair quarrels only about energy that a meter made up. OVERBILLED is not among these:
# meters far apart may make an honest pole stop, see docs/security.md.
_QUARRELS = ("WRONG_AMOUNT", "CARRIED_DEBT")


class Violation(BaseException):
    """A promise was broken: one sentence that says which, and by how much.

    No Exception, for a firmware's supervisor would take it for a fault of its loop.
    """


class Invariants:
    """Watches a world; raises Violation. See World for the callers."""

    def begin(self, world: Any) -> None:
        """Take up a world that is about to start."""
        figures = world.figures
        config = world.pole_config
        self._dearest = max(row["price_per_kwh"] for row in figures["prices"])
        # One register step, as the driver sees it, and the rounding of a float32 register.
        self._step_mwh = max(figures["register_step_mwh"], 1_000) + 200
        self._contactor_ms = figures["contactor_delay_ms"] + 2 * world.plan.step_ms
        self._late_ms = config.meter.interval_ms + 2 * self._contactor_ms
        self._meter_ms = config.meter.timeout_ms + config.meter.frozen_ms
        self._cut_ms = (
            config.meter.timeout_ms + 2 * config.link_timeout_ms + config.contactor_hold_ms
        )
        self._meter_faults = 0
        self._best: dict[bytes, int] = {}
        self._signed: dict[bytes, int] = {}
        self._channels = [certificates[0].channel_id for certificates in world.certificates]
        self._names = {
            channel_id: world.vehicles[number].name
            for number, channel_id in enumerate(self._channels)
        }
        # channel id: energy, amount due and best amount, as the pole has them now
        self._books: dict[bytes, tuple[int, int, int]] = {}
        self._stale = False
        self._last_session: Any = None
        self._last_packets = 0

    def meter_fault(self, world: Any, event: Event) -> None:
        """A meter goes wrong from now on: energy may flow unpaid until the fault is noticed."""
        self._meter_faults += 1

    def may_erase(self, world: Any, side: Any) -> bool:
        """A flash is about to be erased, which takes long: not while a packet is under way."""
        loop = side.loop
        if loop is None:
            return True
        if side is world.pole:
            return not (side.board.contactor_closed and loop.payee.is_in_packet())
        return not loop.payer.is_in_packet() or not loop.payer.can_store()

    def booted(self, world: Any, side: Any) -> None:
        """A side has power again: it must still hold all that it held before."""
        if side is world.pole:
            records = side.loop.payee.books.records
            self._stale = True
            for channel_id, amount in self._best.items():
                held = records.load(channel_id).amount
                if held < amount:
                    self._fail(f"the pole forgot a claim: {held} after {amount}")
            return
        channel_id = self._channels[side.number]
        wallet = side.loop.payer.wallet
        channel = wallet.load(channel_id)
        signed = 0 if channel is None else channel.signed
        if signed < self._signed.get(channel_id, 0):
            self._fail(f"{side.name} forgot what it signed: {signed}, {self._signed[channel_id]}")
        budget = world.figures["budgets"][side.number]
        if wallet.budget_left > budget - self._signed.get(channel_id, 0):
            self._fail(f"{side.name}'s budget grew to {wallet.budget_left}")

    def gave_up(self, side: Any, why: str) -> None:
        """A side's loop starts anew: its board must be the cause."""
        if why.split(" ")[0] not in _EXPECTED_FAULTS:
            self._fail(f"{side.name} gave up: {why}")

    def sent(self, world: Any, sender: str, message: Any) -> None:
        """A message leaves: the claim that it acknowledges or gives away is stored already."""
        number = message.number
        if number == STOP:
            reason = reason_name(message.reason)
            if reason in _QUARRELS and not self._meter_faults:
                self._fail(f"{sender} stops with {reason}, and both are honest")
        elif number == UPDATE:
            side = next(side for side in world.vehicles if side.name == sender)
            channel_id = self._channels[side.number]
            self._signed[channel_id] = max(self._signed.get(channel_id, 0), message.amount)
            record = b"c" + channel_id + pack(">Q", message.amount)
            if not any(record in block for block in side.board.flash.data):
                self._fail(f"{sender} gave a claim for {message.amount} away before it stored it")
        elif number in (INVOICE, RECEIPT):
            record = world.pole.loop.payee.last_charging.record
            if record.amount and not any(
                bytes(record.signature) in block for block in world.pole.board.flash.data
            ):
                self._fail(f"the pole acknowledged {record.amount} before it stored it")

    def after_step(self, world: Any) -> None:
        """Hold both sides to all that they promise."""
        pole = world.pole.loop
        charge = pole.payee.charging if pole else None
        self._count(world, charge)
        self._check_claims(charge)
        self._check_exposure(world, pole, charge)
        self._check_wallet(world)
        self._check_contactor(world, pole, charge)

    def end(self, world: Any, paid: int) -> None:
        """The calm is over: charging went on, and every claim can be settled."""
        if not paid and world.vehicles[world.plugged].why() not in _TERMINAL:
            self._fail(f"nothing was paid in the calm: {world.why()}")
        self.check_flash(world)

    def check_flash(self, world: Any) -> None:
        """The pole's flash holds each claim that it acknowledged, and a ledger takes it."""
        records = world.payee_records()
        for channel_id in records:
            record = records.load(channel_id)
            amount = self._best.get(channel_id, 0)
            if record.amount < amount:
                self._fail(f"the flash holds {record.amount}, {amount} was acknowledged")
            payer_key = records.certificate(channel_id).payer_key
            claim = Claim(channel_id).message(record.amount)
            if record.amount and not verify(payer_key, claim, record.signature):
                self._fail("the best claim does not verify")

    def _count(self, world: Any, charge: Any) -> None:
        if charge is None:
            self._last_session = None
            return
        if charge is not self._last_session:
            self._last_session = charge
            self._last_packets = 0
            world.sessions += 1
        world.packets += charge.packets - self._last_packets
        self._last_packets = charge.packets

    def _check_claims(self, charge: Any) -> None:
        """Claims only grow, and pay no more than a payer signed."""
        if charge is None:
            return
        channel_id = charge.certificate.channel_id
        amount = charge.record.amount
        if amount < self._best.get(channel_id, 0):
            self._fail(f"a claim of {amount} replaced one of {self._best[channel_id]}")
        if amount > self._signed.get(channel_id, 0):
            self._fail(f"the pole holds {amount}, the vehicle signed {self._signed}")
        self._best[channel_id] = amount

    def _check_exposure(self, world: Any, pole: Any, charge: Any) -> None:
        """Energy is billed, but for the delay that a pole may have, and bills are paid."""
        if pole is None:
            return
        config = world.pole_config
        payee = pole.payee
        late_ms = self._late_ms + (self._meter_ms if self._meter_faults else 0)
        late_mwh = config.max_power_mw * late_ms // _MS_PER_HOUR + 3 * self._step_mwh
        flowed_mwh = world.pole.board.meter.energy_mwh
        if charge is not None:
            channel_id = charge.certificate.channel_id
            self._books[channel_id] = (
                charge.energy_mwh,
                charge.amount_due,
                charge.record.amount,
            )
        elif self._stale:
            self._read_books(payee)
        self._stale = charge is not None or not payee.books.is_recovered
        billed_mwh = 0
        for energy_mwh, amount_due, amount in self._books.values():
            billed_mwh += energy_mwh
            most = min(config.credit, amount) + self._price(late_mwh)
            if amount_due - amount > most:
                self._fail(f"{amount_due - amount} unpaid on a channel, {most} at most")
        if payee.books.is_recovered and flowed_mwh - billed_mwh > late_mwh:
            self._fail(f"{flowed_mwh - billed_mwh} mWh flowed unbilled, {late_mwh} at most")
        # A register may stand just below its next step, and the pole be nearly a step ahead of it.
        # Energy made up by a register while the pole had no power looks like real energy.
        made_up_mwh = 2 * self._step_mwh
        if self._meter_faults:
            made_up_mwh += config.max_power_mw * max(late_ms, self._cut_ms) // _MS_PER_HOUR
            made_up_mwh += config.packet_energy_mwh
        if billed_mwh - flowed_mwh > made_up_mwh:
            self._fail(f"{billed_mwh - flowed_mwh} mWh were billed that never flowed")

    def _read_books(self, payee: Any) -> None:
        """Read the records of every channel in the pole's journal."""
        for channel_id in payee.books.records:
            record = payee.books.records.load(channel_id)
            self._books[channel_id] = (record.energy_mwh, record.amount_due, record.amount)

    def _check_wallet(self, world: Any) -> None:
        """No vehicle signed more than its own meter, budget and capacity justify."""
        figures = world.figures
        for number, channel_id in enumerate(self._channels):
            signed = self._signed.get(channel_id, 0)
            if not signed:
                continue
            side = world.vehicles[number]
            own_mwh = side.board.meter.energy_mwh
            justified_mwh = own_mwh * 103 // 100 + 3 * self._step_mwh
            most = self._price(justified_mwh) + figures["vehicle_prepay"]
            limit = min(most, figures["budgets"][number], figures["capacities"][number])
            if signed > limit:
                self._fail(f"{side.name} signed {signed}, {limit} at most")

    def _check_contactor(self, world: Any, pole: Any, charge: Any) -> None:
        """The contactor is closed only while all is in order."""
        board = world.pole.board
        if not board.contactor_closed:
            return
        stalled = world.now_ms < world.pole.stalled_until_ms
        if pole is None or charge is None:
            self._fail("the contactor is closed, and there is no session")
        if stalled:
            return  # its one-shot driver would have opened it by now
        payee = pole.payee
        if payee.session.state != OPEN or pole.meter.reason or not board.is_plugged:
            self._fail(f"the contactor is closed: {pole.status()}")
        time_s = board.unix_s
        certificate = charge.certificate
        if time_s is not None and time_s >= certificate.expires_at_s + 1:
            self._fail("the contactor is closed beyond the certificate's end")
        if charge.unpaid >= max(charge.credit, 1) and charge.unpaid > 0:
            self._fail(f"the contactor is closed with {charge.unpaid} unpaid")

    def _price(self, energy_mwh: int) -> int:
        return -(-energy_mwh * self._dearest // _MWH_PER_KWH)

    def _fail(self, text: str) -> None:
        raise Violation(text)
