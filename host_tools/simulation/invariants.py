"""The promises of docs/security.md, checked in a simulated world after every step.

The checks look from outside. Energy is the meters' own count, free of their faults. Stored claims
are searched for in the bytes of the flashes. Each check has a limit: the sum of all delays that an
honest side may have. A broken promise raises Violation.
"""

from struct import pack
from typing import TYPE_CHECKING, Any

from joulestream.channel import Claim
from joulestream.errors import reason_name
from joulestream.host_tools.simulation.plan import START_S
from joulestream.host_tools.simulation.setup import AUDIT_PERCENT, POLE_KEYS
from joulestream.messages import INVOICE, RECEIPT, STOP, UPDATE
from joulestream.pole.contactor import ORDERLY_STOP_MS
from joulestream.pole.offer import stop_ms
from joulestream.session import OPEN
from joulestream.signing import verify
from joulestream.units import MS_PER_HOUR, MWH_PER_KWH, energy_from_power

if TYPE_CHECKING:
    from joulestream.device.payee_records import PayeeRecords
    from joulestream.host_tools.simulation.world import Side, World
    from joulestream.meter.config import MeterConfig
    from joulestream.pole.charging_session import ChargingSession
    from joulestream.pole.payee import Payee

# A driver reads energy in steps of 1 Wh or more.
_DRIVER_STEP_MWH = 1_000
# A float32 register of 1,024 kWh and more has steps of 0.122 Wh, rounded up.
_FLOAT_ERROR_MWH = 200
# A pole waits so long, beside the age of its figures, before it looks for welded contacts.
_SETTLE_MS = 1_000
# Reasons for which a vehicle may rightly not charge any more, though no fault is active.
_LASTING_REASONS = (
    "BUDGET_EXHAUSTED",
    "CAPACITY_EXHAUSTED",
    "CERTIFICATE_EXPIRED",
    "CERTIFICATE_WINDOW",
    "OWNER_STOP",
)
# The exceptions of a driver or a flash that fails. A loop may give up for these alone.
_EXPECTED_FAULTS = ("CrashError", "OSError", "JournalFull", "MEMORY_LOW")
QUARREL = ", and both are honest"
UNPAID = "unpaid on a channel"
# An honest pair never stops for these, unless a meter failed.
_QUARRELS = (
    "WRONG_AMOUNT",
    "OVERBILLED",
    "UNDERPAID",
    "AMOUNT_SHRINKS",
    "CARRIED_DEBT",
    "PREPAY_TOO_SMALL",
)


class Violation(BaseException):
    """A promise was broken: one sentence that names it, with the figures.

    It is no Exception, since a firmware's supervisor would take that for a fault of its loop.
    """


class Invariants:
    """Checks a world. The world calls each method at the moment that its name says."""

    def begin(self, world: "World") -> None:
        """Compute the limits for a world that is about to start."""
        parameters = world.plan.parameters
        config = world.pole_config
        meter = config.meter
        self._highest_price = max(row["price_per_kwh"] for row in parameters.prices)
        self._steps_mwh = [
            max(kind.step_mwh, _DRIVER_STEP_MWH) + _FLOAT_ERROR_MWH for kind in parameters.meters
        ]
        contactor_ms = parameters.contactor_delay_ms + 2 * world.plan.step_ms
        # How old a meter's figures may be: the pole's, then each vehicle's.
        self._ages_ms = [
            _age_ms(section, kind.refresh_ms)
            for section, kind in zip(world.meter_configs, parameters.meters, strict=True)
        ]
        # The delay until a pole bills energy: one reading, and the contact's closing and opening.
        # The loop may look at a reading a step late, by a clock that is a little slow.
        lag_ms = parameters.meters[0].lag_ms  # of the register; nobody declares it
        self._bill_delay_ms = self._ages_ms[0] + lag_ms + 2 * contactor_ms + world.plan.step_ms
        # The time until a pole notices a faulty meter.
        self._meter_delay_ms = meter.timeout_ms + meter.frozen_ms + self._ages_ms[0]
        # The longest time without readings: a meter falls silent, sessions time out, a restart.
        self._restart_ms = meter.timeout_ms + 2 * config.link_timeout_ms + config.contactor_hold_ms
        self._max_power_mw = config.max_power_mw
        self._packet_mwh = config.packet_energy_mwh
        self._meter_failed = False
        self._contactor_failed = False
        # Steps and refreshes that nobody declared are noticed late: such a pole bills too much.
        self._is_declared = all(
            kind.is_declared or (kind.step_mwh <= _DRIVER_STEP_MWH and kind.refresh_ms <= 200)
            for kind in parameters.meters
        )
        # In mW times ms: what flowed through welded contacts, and the part without any pole.
        self._welded = 0
        self._unseen = 0
        self._slow_s = 0
        # Energy that a pole billed before it lost its journal, and that its copy bills once more.
        self._forgotten_mwh = 0
        self._copied_mwh = 0
        self._forgets = 0
        # By channel id: the amount that the pole held just after the loss of its journal.
        self._lost: dict[bytes, int] = {}
        self._set_limits()
        # By channel id: the largest amount that the pole held, and that the vehicle signed.
        self._held: dict[bytes, int] = {}
        self._signed: dict[bytes, int] = {}
        self._channels = [[first.channel_id for first, _ in pairs] for pairs in world.certificates]
        # By channel id: energy, amount due and best amount, as the pole has them now.
        self._books: dict[bytes, tuple[int, int, int]] = {}
        self._must_read_books = False
        self._last_charging: ChargingSession | None = None
        self._last_packets = 0
        # The time of the newest invoice, its session and its sequence.
        self._invoiced_ms = 0
        self._invoiced: tuple[object, int] = (None, 0)

    def meter_failed(self) -> None:
        """A meter fails from now on: energy may flow unpaid until the pole notices."""
        self._meter_failed = True
        self._set_limits()

    def contactor_failed(self) -> None:
        """The contacts do not open from now on: energy flows until the pole raises its alarm."""
        self._contactor_failed = True
        self._set_limits()

    def clock_was_slow(self, off_s: int) -> None:
        """The pole's clock is slow by so much, or was when its session began."""
        self._slow_s = off_s

    def pole_forgot(self, world: "World") -> None:
        """The pole lost its journal, or has an older copy: its present records count.

        A copy that was made in a session looks like the journal of a pole that lost its power.
        """
        if world.pole.saved is not None:
            self._copied_mwh = self._energy_mwh(self._restart_ms) + self._packet_mwh
            self._set_limits()
        self._forgets += 1
        records = world.payee_records(world.pole_key)
        index = POLE_KEYS.index(world.pole_key)
        for channels in self._channels:
            channel_id = channels[index]
            record = records.load(channel_id)
            self._held[channel_id] = record.amount
            before_mwh = self._books.get(channel_id, (0, 0, 0))[0]
            self._forgotten_mwh += before_mwh - record.energy_mwh
            self._books[channel_id] = (record.energy_mwh, record.amount_due, record.amount)
            # Until it has the vehicle's claim again the pole delivers nothing.
            self._lost[channel_id] = record.amount

    def flowed_welded(self, mw_ms: int, is_seen: bool) -> None:
        """Energy flowed through contacts that should be open; `is_seen`: the pole's loop ran."""
        self._welded += mw_ms
        if not is_seen:
            self._unseen += mw_ms

    def _set_limits(self) -> None:
        """Compute the limits of energy. A faulty meter raises them until the pole notices."""
        delay_ms = self._bill_delay_ms
        if not self._is_declared:
            # The pole learns a longer refresh only after it has missed one.
            delay_ms += self._ages_ms[0]
        step_mwh = self._steps_mwh[0]
        # The register may stand just below its next step, and the estimate nearly a step ahead.
        self._most_ahead_mwh = 2 * step_mwh
        if self._meter_failed:
            delay_ms += self._meter_delay_ms
            # A jump of the register while the pole has no power looks like energy of that time.
            self._most_ahead_mwh += self._energy_mwh(max(delay_ms, self._restart_ms))
            self._most_ahead_mwh += self._packet_mwh
        # Three steps of the register: it counts in steps, and the driver only estimates between.
        self._most_late_mwh = self._energy_mwh(delay_ms) + 3 * step_mwh
        if self._contactor_failed:
            # After the session three readings raise the alarm, and a packet is billed at a time.
            self._most_late_mwh += self._energy_mwh(5 * self._ages_ms[0] + _SETTLE_MS)
            self._most_late_mwh += self._packet_mwh
        self._most_late = self._price(self._most_late_mwh)
        # After each restart a register that failed is billed up to the bound of recovery.py.
        self._most_of_restart_mwh = self._most_ahead_mwh if self._meter_failed else 0
        self._most_of_restart_mwh += self._copied_mwh

    def _energy_mwh(self, ms: int) -> int:
        """Return the energy that flows in that time at the highest power."""
        return self._max_power_mw * ms // MS_PER_HOUR

    def may_erase(self, world: "World", side: "Side") -> bool:
        """Return whether a flash may be erased now, which takes long: not during a packet."""
        loop = side.loop
        if loop is None:
            return True
        if side is world.pole:
            return not (side.board.contactor_closed and loop.payee.is_in_packet())
        return not loop.payer.is_in_packet() or not loop.payer.can_store()

    def booted(self, world: "World", side: "Side") -> None:
        """Check that a side which has power again still holds all that it held before."""
        if side.loop is None:
            return  # its flash failed at the start, and the supervisor tries again
        if side is world.pole:
            self._check_claims_kept(side)
        else:
            self._check_signed_kept(world, side)

    def _check_claims_kept(self, pole: "Side") -> None:
        self._must_read_books = True
        for channel_id in pole.loop.payee.books.records:
            amount = self._held.get(channel_id, 0)
            held = pole.loop.payee.books.records.load(channel_id).amount
            if held < amount:
                raise Violation(f"the pole forgot a claim: {held} after {amount}")

    def _check_signed_kept(self, world: "World", side: "Side") -> None:
        assert side.number is not None
        wallet = side.loop.payer.wallet
        if not side.restored:
            for channel_id in self._channels[side.number]:
                record = wallet.load(channel_id)
                stored = 0 if record is None else record.signed
                signed = self._signed.get(channel_id, 0)
                if stored < signed:
                    raise Violation(f"{side.name} forgot a signed amount: {stored} after {signed}")
            left = world.plan.parameters.budgets[side.number] - self._all_signed(side)
            if wallet.budget_left > left:
                raise Violation(f"{side.name}'s budget grew to {wallet.budget_left}")
        self._check_energy_given(world, side)

    def _all_signed(self, side: "Side") -> int:
        """Return the sum of the amounts that a vehicle signed on all its channels."""
        assert side.number is not None
        return sum(self._signed.get(channel_id, 0) for channel_id in self._channels[side.number])

    def _check_energy_given(self, world: "World", side: "Side") -> None:
        """Check that the vehicle gave its channels no more energy than flowed through the pole.

        After each start it may give them a step of its register, and the energy of a tail. A
        meter that failed may have told anything.
        """
        if self._meter_failed:
            return
        wallet = side.loop.payer.wallet
        records = [wallet.load(channel_id) for channel_id in wallet.records]
        given_mwh = sum(record.own_mwh for record in records)
        config = world.pole_config
        assert side.number is not None
        # So long an invoice may wait for the own meter.
        wait_ms = world.vehicle_configs[side.number].audit_wait_ms
        late_ms = config.link_timeout_ms + stop_ms(config) + wait_ms
        tail_mwh = energy_from_power(config.max_power_mw, late_ms)
        most_mwh = side.board.meter.energy_mwh - side.home_mwh
        most_mwh += (side.starts + 1) * (tail_mwh + self._steps_mwh[side.number + 1])
        if given_mwh > most_mwh:
            raise Violation(
                f"{side.name} gave {given_mwh} mWh to its channels, {most_mwh} at most"
            )

    def opened(self, world: "World") -> None:
        """Check that non-payment opened no contactor under load, where a stop was covered.

        A meter that failed may show at once more than any cover.
        """
        if self._meter_failed:
            return
        board = world.pole.board
        loop = world.pole.loop
        charging = None if loop is None else loop.payee.charging
        if charging is None or loop.payee.session.state != OPEN or loop.payee.may_energise():
            return
        asked_ms = world.now_ms if board.paused_ms is None else board.paused_ms
        if charging.stop_amount and world.now_ms - asked_ms < ORDERLY_STOP_MS:
            raise Violation(f"opened under load {world.now_ms - asked_ms} ms after a pause")

    def gave_up(self, side: "Side", why: str) -> None:
        """Check that a loop gave up only for a fault of its board."""
        if why.split(" ")[0] not in _EXPECTED_FAULTS:
            raise Violation(f"{side.name} gave up: {why}")

    def sent(self, world: "World", sender: str, message: Any) -> None:
        """Check a message that leaves: its claim is stored already, and no honest side accuses."""
        number = message.number
        if number == STOP:
            reason = reason_name(message.reason)
            if reason in _QUARRELS and not self._is_doubtful():
                if not self._is_forgotten(world, sender, reason):
                    raise Violation(f"{sender} stops with {reason}{QUARREL}")
        elif number == UPDATE:
            self._check_update(world, sender, message.amount)
        elif number in (INVOICE, RECEIPT):
            charging = world.pole.loop.payee.last_charging
            if number == INVOICE and self._invoiced != (charging, message.sequence):
                self._invoiced = charging, message.sequence
                self._invoiced_ms = world.now_ms
            record = charging.record
            if record.amount and not _holds(world.pole, bytes(record.signature)):
                raise Violation(f"the pole acknowledged {record.amount} before it stored it")

    def _trusts(self, side: "Side") -> bool:
        """Return whether a vehicle took a debt on the pole's word."""
        wallet = side.loop.payer.wallet
        records = [wallet.load(channel_id) for channel_id in wallet.records]
        return any(record.unproven_amount for record in records)

    def _is_doubtful(self) -> bool:
        """Return whether a part of this world failed, so that honest sides may quarrel."""
        return self._meter_failed or self._contactor_failed or not self._is_declared

    def _is_forgotten(self, world: "World", sender: str, reason: str) -> bool:
        """Return whether a lost memory excuses a stop.

        A vehicle that lost its wallet knows no debt. The debt that it takes on trust then is
        missing from its prepayment, also at a pole that lost its journal later.
        """
        if reason not in ("CARRIED_DEBT", "PREPAY_TOO_SMALL"):
            return False
        side = next((side for side in world.vehicles if side.name == sender), None)
        if side is None or side.loop is None:
            return reason == "CARRIED_DEBT"  # the pole repeats the reason of a vehicle
        if reason == "PREPAY_TOO_SMALL":
            return bool(side.restored) and self._trusts(side)
        _, amount_due, amount = self._books[side.loop.payer.session.channel_id]
        trust = world.plan.parameters.vehicle_prepay
        return bool(side.restored) and amount_due - amount > trust - side.starts

    def _check_update(self, world: "World", sender: str, amount: int) -> None:
        side = next(side for side in world.vehicles if side.name == sender)
        assert side.number is not None
        channel_id = side.loop.payer.session.channel_id
        self._signed[channel_id] = max(self._signed.get(channel_id, 0), amount)
        if not _holds(side, b"c" + channel_id + pack(">Q", amount)):
            raise Violation(f"{sender} gave a claim for {amount} away before it stored it")
        self._check_amount(world, side)

    def after_step(self, world: "World") -> None:
        """Check all promises that hold at every moment."""
        pole = world.pole.loop
        charging = pole.payee.charging if pole else None
        self._count(world, charging)
        if charging is not None:
            self._check_claim(charging)
        if pole is not None:
            self._check_exposure(world, pole.payee, charging)
            if pole.meter.alarm and not self._contactor_failed and not self._meter_failed:
                raise Violation("good contacts raised an alarm")
        if world.pole.board.contactor_closed:
            self._check_contactor(world, charging)

    def end(self, world: "World", packets: int) -> None:
        """Check that charging went on in the calm, and that every claim can be settled.

        Args:
            world: the world at the end of its calm.
            packets: packets that were paid in the calm.
        """
        assert world.plugged is not None
        side = world.vehicles[world.plugged]
        parameters = world.plan.parameters
        ends_s = START_S + parameters.expires_s
        is_over = world.unix_s >= ends_s
        if side.reason() == "CERTIFICATE_EXPIRED" and not is_over:
            raise Violation(f"a certificate of {ends_s} was over at {world.unix_s}")
        is_doubtful = side.restored or self._is_doubtful()
        lasting = _LASTING_REASONS + (("CARRIED_DEBT",) if is_doubtful else ())
        if is_doubtful and side.loop is not None and self._trusts(side):
            # Its owner frees the prepayment (joulestream wallet --pay).
            lasting += ("PREPAY_TOO_SMALL",)
        if parameters.max_channels < len(world.vehicles):
            lasting += ("CHANNELS_FULL",)
        if not self._is_declared:
            # A pole that starts anew forgets the step that it saw, and tells a shorter one.
            # The pole's payment timeout may end before the vehicle's wait for its meter.
            lasting += ("OVERBILLED", "OPEN")
        if is_doubtful and world.plan.stays_plugged:
            # One side charged the other with a fault, and nobody pulled the plug.
            lasting += _QUARRELS
        if self._contactor_failed:
            # Current at the end of the plan raises its alarm in the calm.
            lasting += ("CONTACTOR_WELDED",)
        # Without a valid certificate nothing can be paid, whatever the last reason was.
        can_pay = not is_over or parameters.renewed_s
        if not packets and can_pay and side.reason() not in lasting:
            raise Violation(f"nothing was paid in the calm: {world.reasons()}")
        for side in world.vehicles:
            if side.loop is not None:
                self._check_energy_given(world, side)
        self.check_flash(world)

    def check_flash(self, world: "World") -> None:
        """Check that the pole's flash holds each acknowledged claim, and that it verifies."""
        for key in POLE_KEYS:
            self._check_records(world.payee_records(key))

    def _check_records(self, records: "PayeeRecords") -> None:
        for channel_id in records:
            record = records.load(channel_id)
            held = self._held.get(channel_id, 0)
            if record.amount < held:
                raise Violation(f"the flash holds {record.amount}, {held} was acknowledged")
            certificate = records.certificate(channel_id)
            if certificate is None:
                raise Violation("the flash holds a claim without its certificate")
            claim = Claim(channel_id).message(record.amount)
            if record.amount and not verify(certificate.payer_key, claim, record.signature):
                raise Violation("the best claim does not verify")

    def _count(self, world: "World", charging: "ChargingSession | None") -> None:
        """Count the world's sessions and packets."""
        if charging is None:
            self._last_charging = None
            return
        if charging is not self._last_charging:
            self._last_charging = charging
            self._last_packets = 0
            self._invoiced_ms = world.now_ms
            world.sessions += 1
        world.packets += charging.packets - self._last_packets
        self._last_packets = charging.packets

    def _check_claim(self, charging: "ChargingSession") -> None:
        """Check that the claim only grows, and is not above the amount that its payer signed."""
        channel_id = charging.certificate.channel_id
        amount = charging.record.amount
        if amount < self._held.get(channel_id, 0):
            raise Violation(f"a claim of {amount} replaced one of {self._held[channel_id]}")
        signed = self._signed.get(channel_id, 0)
        if amount > signed:
            raise Violation(f"the pole holds {amount}, the vehicle signed {signed}")
        self._held[channel_id] = amount

    def _check_exposure(
        self, world: "World", payee: "Payee", charging: "ChargingSession | None"
    ) -> None:
        """Check the limits of energy not billed, bills not paid, and bills without energy."""
        credit = world.pole_config.credit
        restarts_mwh = world.pole.starts * self._most_of_restart_mwh
        restarts = self._price(restarts_mwh) if restarts_mwh else 0
        self._update_books(payee, charging)
        billed_mwh = self._forgotten_mwh
        for channel_id, (energy_mwh, amount_due, amount) in self._books.items():
            billed_mwh += energy_mwh
            if amount == self._lost.get(channel_id):
                continue
            unpaid = amount_due - amount
            limit = min(credit, amount) + self._most_late + restarts
            limit += self._price(self._welded // MS_PER_HOUR)
            if unpaid > limit:
                raise Violation(f"{unpaid} {UNPAID}, {limit} at most")
        unbilled_mwh = world.pole.board.meter.energy_mwh - billed_mwh
        if unbilled_mwh > 0:
            unbilled_mwh = max(unbilled_mwh - self._unseen // MS_PER_HOUR, 0)
        # With each start, and each loss of its journal, a pole may lose sight of a part of a step
        # of its register.
        losses = world.pole.starts + self._forgets
        most_mwh = self._most_late_mwh + losses * self._steps_mwh[0]
        if unbilled_mwh > most_mwh and payee.books.is_recovered:
            raise Violation(f"{unbilled_mwh} mWh flowed unbilled, {most_mwh} at most")
        if -unbilled_mwh > self._most_ahead_mwh + restarts_mwh:
            raise Violation(f"{-unbilled_mwh} mWh were billed that never flowed")

    def _update_books(self, payee: "Payee", charging: "ChargingSession | None") -> None:
        """Note the figures of the open session; read the journal after a session or a restart."""
        if charging is not None:
            self._books[charging.certificate.channel_id] = (
                charging.energy_mwh(),
                charging.amount_due(),
                charging.paid,
            )
        elif self._must_read_books:
            for channel_id in payee.books.records:
                record = payee.books.records.load(channel_id)
                self._books[channel_id] = (record.energy_mwh, record.amount_due, record.amount)
        self._must_read_books = (
            charging is not None or not payee.books.is_recovered or self._contactor_failed
        )

    def _check_amount(self, world: "World", side: "Side") -> None:
        """Check that a vehicle's own meter, budget and capacity justify the amount it signed.

        They never shrink, so the moment of signing is the one that matters.
        """
        number = side.number
        assert number is not None
        signed = self._all_signed(side)
        parameters = world.plan.parameters
        counted_mwh = side.board.meter.energy_mwh - side.home_mwh
        # On each channel a step of each register, and one more for restarts. A wallet that lost
        # its records takes debts on trust anew.
        lives = len(POLE_KEYS) * (1 + side.restored)
        justified_mwh = counted_mwh * (100 + AUDIT_PERCENT) // 100
        justified_mwh += 2 * lives * (self._steps_mwh[0] + self._steps_mwh[number + 1])
        limit = self._price(justified_mwh) + lives * parameters.vehicle_prepay + side.decided
        if not side.restored:
            limit = min(limit, parameters.budgets[number])
        if signed > limit:
            raise Violation(f"{side.name} signed {signed}, {limit} at most")
        for channel_id in self._channels[number]:
            amount = self._signed.get(channel_id, 0)
            if amount > min(parameters.budgets[number], parameters.capacities[number]):
                raise Violation(f"{side.name} signed {amount}, above its budget or capacity")

    def _check_contactor(self, world: "World", charging: "ChargingSession | None") -> None:
        """Check that a closed contactor has a reason: an open, valid session within its credit."""
        pole = world.pole.loop
        board = world.pole.board
        if pole is None or charging is None:
            raise Violation("the contactor is closed, and there is no session")
        if world.now_ms < world.pole.stalled_until_ms:
            return  # the one-shot driver opens it soon
        is_open = pole.payee.session.state == OPEN
        if not is_open or pole.meter.reason or not board.is_plugged:
            raise Violation(f"the contactor is closed: {pole.status()}")
        # The pole reads its clock in whole seconds, and runs on by ticks.
        if world.unix_s > charging.certificate.expires_at_s + 1 + self._slow_s:
            raise Violation("the contactor is closed beyond the certificate's end")
        # One percent for the drift of clocks, one step for the order of the parts of a step.
        late_ms = world.pole_config.link_timeout_ms * 101 // 100 + 2 * world.plan.step_ms
        if board.link.room is not None:
            # The pole's wire takes nothing, so an invoice that is cut is not seen here. It has to
            # be paid within the same time.
            self._invoiced_ms = world.now_ms
        if world.now_ms - self._invoiced_ms > late_ms:
            raise Violation(f"energy flows, and no invoice came since {self._invoiced_ms} ms")
        if charging.unpaid >= max(charging.credit, 1):
            raise Violation(f"the contactor is closed with {charging.unpaid} unpaid")

    def _price(self, energy_mwh: int) -> int:
        """Return the price of energy at the highest price of the world, rounded up."""
        return -(-energy_mwh * self._highest_price // MWH_PER_KWH)


def _age_ms(meter: "MeterConfig", refresh_ms: int) -> int:
    """Return how old the figures of a meter may be: a refresh, and the time between readings."""
    return refresh_ms + max(meter.interval_ms, meter.reading_ms) + meter.reading_ms


def _holds(side: "Side", data: bytes) -> bool:
    """Return whether a side's flash holds these bytes."""
    return any(data in block for block in side.board.flash.data)
