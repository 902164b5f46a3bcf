"""Fuzz target: the real payee and the real payer, while one of them or the wire lies.

An input is the parameters of a pair, its liar, and its acts. A liar changes, repeats, delays or
invents messages, and signs them with its own key. After every step the honest side must keep its
promises of docs/security.md. When the lies are over, charging must go on, or the session must have
stopped for a reason that the lies can cause.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from joulestream import errors, messages
from joulestream.channel import SIGNED_PREFIX, Claim
from joulestream.errors import MalformedError
from joulestream.host_tools.fuzz import lies
from joulestream.host_tools.fuzz.choices import Choices, fail_unless
from joulestream.messages import ACCEPT, INVOICE, MESSAGES, RECEIPT, UPDATE
from joulestream.session import OPEN
from joulestream.signing import Signer, verify
from joulestream.testkit.certificates import KEYS, NOW_S, certificate
from joulestream.testkit.flash import NorFlash
from joulestream.testkit.pair import PRICE, Pair

if TYPE_CHECKING:
    from joulestream.fields import Buffer

POLE, VEHICLE, WIRE = "pole", "vehicle", "wire"
_BLOCKS, _BLOCK_SIZE = 8, 2_048
_TICKS = 1 << 30
_MAX_PRICE = 400_000
_PREPAY = 640
_BUDGETS = (500_000, 3_000)
_CAPACITIES = (1_000_000, 4_000)
# Energy that a pole adds to its invoices when these follow its lies, in mWh.
_EXTRA_MWH = (0, 1, 900, 5_000, 1_000_000)
_NUMBERS = tuple(MESSAGES)
_MAX_STEPS = 600
_CALM_STEPS = 500
# Energy of one step of 20 ms: 60 mWh are 10.8 kW, 400 mWh are 72 kW.
_STEPS_MWH = (60, 7, 400)
_PERCENTS = (100, 102, 110)
_MAX_STEP_MWH = 400 * 110 // 100
_PAYER_CLAIM = Claim(lies.CERTIFICATES[0].channel_id)
# Reasons for which charging may rightly not go on after the lies.
_LASTING_REASONS = (
    errors.BUDGET_EXHAUSTED,
    errors.CAPACITY_EXHAUSTED,
    errors.CARRIED_DEBT,
    errors.PREPAY_TOO_SMALL,
    errors.CHANNELS_FULL,
    errors.ISSUER_LIMIT,
    errors.OVERBILLED,
    errors.PRICE_TOO_HIGH,
    errors.CERTIFICATE_EXPIRED,
    errors.CERTIFICATE_WINDOW,
)


class _WatchedSigner:
    """A signer that first shows the bytes to `watch`."""

    def __init__(self, signer: Signer, watch: Callable[[bytes], None]) -> None:
        self._signer = signer
        self._watch = watch
        self.public_key = signer.public_key

    def sign(self, message: "Buffer") -> bytes:
        self._watch(bytes(message))
        return self._signer.sign(message)

    def sign_into(self, message: "Buffer", out: bytearray) -> Any:
        self._watch(bytes(message))
        return self._signer.sign_into(message, out)


class _LyingPair(Pair):
    """A pair of payee and payer whose `liar` lies as `choices` decide."""

    def __init__(self, choices: Choices) -> None:
        self._choices = choices
        self.liar = choices.one_of((POLE, VEHICLE, WIRE))
        # (sender, payload): messages that the liar holds back, and messages sent before.
        self._held: list[tuple[str, bytes]] = []
        self._sent: list[tuple[str, bytes]] = []
        # number of a message: its last payload
        self._last_payloads: dict[int, bytes] = {}
        # (amount, signature) of each claim that the vehicle gave away
        self.claims: list[tuple[int, bytes]] = []
        # numbers of the messages to lie in next; None: in any message
        self._lies_ahead: list[int | None] = []
        self.signed = 0
        # the latest time that the pole knew
        self._time_s = NOW_S
        self.vehicle_boots = 0
        # channel id: energy that flowed in its sessions
        self._flowed: dict[bytes, int] = {}
        # channel id: (amount, signature) that the pole stored last
        self._best: dict[bytes, tuple[int, bytes | None]] = {}
        self.packets = 0
        # The most by which an amount due that a vehicle stated was above the price of the energy.
        self._most_stated = 0
        self._last_charging: Any = None
        self._last_packets = 0
        prices = [{"from_s": 0, "price_per_kwh": PRICE}]
        if choices.below(4) == 0:
            dearer = choices.one_of((PRICE // 2, 400_000, 400_001))
            from_s = NOW_S + choices.below(16)
            prices.append({"from_s": from_s, "price_per_kwh": dearer})
        self._prices = [row["price_per_kwh"] for row in prices]
        pole = {
            "prices": prices,
            "credit": choices.one_of((960, 0, 5_000)),
            "prepay": 401,
        }
        self._budget = choices.one_of(_BUDGETS)
        self._capacity = choices.one_of(_CAPACITIES)
        flash = NorFlash(_BLOCKS, _BLOCK_SIZE), NorFlash(_BLOCKS, _BLOCK_SIZE)
        vehicle = {"reconnect_ms": 100, "prepay": _PREPAY, "budget": self._budget}
        certificates = [certificate(capacity=self._capacity)]
        super().__init__(pole, vehicle, certificates, flash=flash)
        self.step_energy_mwh = choices.one_of(_STEPS_MWH)
        self.pole_percent = choices.one_of(_PERCENTS)
        if choices.below(4) == 0:
            self.now_ms = _TICKS - 4_000
            self.boot_pole(NOW_S)
        # Whether a pole's invoices follow its lies, as those of a pole that wants the money do.
        self._follows_lies = self.liar == POLE and choices.below(2) == 1
        self._extra_mwh = choices.one_of(_EXTRA_MWH) if self._follows_lies else 0

    # Signatures

    def pole_signer(self, name: str) -> Any:
        return _WatchedSigner(KEYS[name], self._watch_pole)

    def boot_vehicle(self) -> None:
        self.signer = _WatchedSigner(KEYS["payer"], self._watch_wallet)
        super().boot_vehicle()
        self.vehicle_boots += 1

    def _watch_pole(self, message: bytes) -> None:
        fail_unless(message[:4] == SIGNED_PREFIX and len(message) != 44, "the pole signs a claim")

    def _watch_wallet(self, message: bytes) -> None:
        """Check that the wallet signs a statement, or a claim that it stored and may give."""
        if message[:4] == SIGNED_PREFIX:
            fail_unless(len(message) != 44, "the vehicle signs a statement as long as a claim")
            return
        amount = int.from_bytes(message[-8:], "big")
        fail_unless(
            message == bytes(_PAYER_CLAIM.message(amount)), "the vehicle signs other bytes"
        )
        record = b"c" + message[4:]
        stored = any(record in block for block in self.vehicle_flash.data)
        fail_unless(stored, "a claim is signed before it is stored")
        if self.liar == VEHICLE:
            return  # the liar signs with the same key
        fail_unless(amount >= self.signed, "the vehicle signs less than before")
        self.signed = amount
        # A step of the own meter for each start. A step of the pole's register may cost as much as
        # the prepayment.
        justified_mwh = self.own_energy_mwh * 103 // 100 + 1_000 * self.vehicle_boots
        fail_unless(
            amount <= justified_mwh * _MAX_PRICE // 1_000_000 + 2 * _PREPAY,
            "the vehicle signs more than its own meter justifies",
        )
        fail_unless(amount <= self._budget, "the vehicle signs more than its budget")
        fail_unless(
            amount <= self._most_capacity(), "the vehicle signs more than the channel's capacity"
        )

    def _most_capacity(self) -> int:
        return max(each.capacity for each in self.certificates + self.renewals)

    # The wire

    def _carry(self, sender: str, outbox: list[Any], receiver: Any) -> None:
        payloads = [bytes(payload) for payload in outbox]
        outbox.clear()
        for payload in payloads:
            self._check_sent(sender, payload)
            for data in self._arriving(sender, payload):
                self.deliver(sender, data)

    def deliver(self, sender: str, payload: bytes) -> None:
        """Hand a payload from `sender` to the other side. A malformed one is dropped."""
        receiver = self.payer if sender == POLE else self.payee
        if sender == VEHICLE and payload[0] == ACCEPT:
            self._watch_stated(payload)
        try:
            receiver.receive(memoryview(payload), self.now_ms)
        except MalformedError:
            pass

    def _watch_stated(self, payload: bytes) -> None:
        """Note by how much a vehicle may raise the amount due: it remembers lies, or lies."""
        try:
            accept: Any = messages.decode(payload)
        except MalformedError:
            return
        flowed_mwh = self._flowed.get(self.payee.session.channel_id, 0)
        stated = accept.amount_due - _lowest_price(flowed_mwh, self._prices)
        self._most_stated = max(self._most_stated, stated)

    def _check_sent(self, sender: str, payload: bytes) -> None:
        number = payload[0]
        message: Any = messages.decode(payload)
        if number == UPDATE:
            self.claims.append((message.amount, message.signature))
        charging = self.payee.charging
        if number in (INVOICE, RECEIPT) and charging is not None and charging.record.amount:
            signature = bytes(charging.record.signature)
            stored = any(signature in block for block in self.pole_flash.data)
            fail_unless(stored, "a claim is acknowledged before it is stored")
        self._last_payloads[number] = payload
        self._sent = (self._sent + [(sender, payload)])[-16:]

    def _following_lies(self, payload: bytes) -> bytes:
        """Return an invoice that continues the false offer and bills extra energy."""
        payer = self.payer
        invoice: Any = messages.decode(payload)
        if payer.payments is None or self.payee.charging is None:
            return payload
        real_mwh = invoice.energy_mwh - self.payee.charging.start_energy_mwh
        billed_mwh = payer.payments.start_energy_mwh + real_mwh + self._extra_mwh
        energy_mwh = max(billed_mwh, payer.payments.energy_mwh)
        assert payer.tariff is not None
        due = payer.tariff.amount_due(energy_mwh)
        if energy_mwh < 1 << 48 and due < 1 << 64:
            invoice.energy_mwh, invoice.amount_due = energy_mwh, due
        return bytes(messages.encode(invoice))

    def _arriving(self, sender: str, payload: bytes) -> list[bytes]:
        """Return the payloads that arrive in place of one payload."""
        if self._follows_lies and payload[0] == INVOICE:
            payload = self._following_lies(payload)
        if self._follows_lies and payload[0] == ACCEPT:
            # The pole behind the liar must see its own offer accepted, not the false one.
            accept = messages.decode(payload)
            lies.sign_proof(accept, self.payee.session, KEYS["payer"])
            payload = bytes(messages.encode(accept))
        if not self._lies_ahead or self.liar not in (sender, WIRE):
            return [payload]
        number = self._lies_ahead[0]
        if number not in (payload[0], None):
            return [payload]
        del self._lies_ahead[0]
        choices = self._choices
        lie = choices.below(8)
        if lie == 5:
            return []
        if lie == 6:
            self._held.append((sender, payload))
            return []
        if lie == 7:
            return [payload, payload]
        return [self._lie(sender, payload, payload[0])]

    def _lie(self, sender: str, payload: bytes | None, number: int) -> bytes:
        choices = self._choices
        receiver = self.payer if sender == POLE else self.payee
        lie = lies.message(choices, payload, number, receiver.session)
        if self.liar == POLE:
            lies.sign_as_pole(choices, lie, self.payer.session, self.claims)
        elif self.liar == VEHICLE:
            lies.sign_as_vehicle(choices, lie, self.payee.session)
        return bytes(messages.encode(lie))

    # Acts

    def act(self) -> int:
        """Do the next act of the input; return the number of steps that passed."""
        choices = self._choices
        act = choices.below(16)
        if act < 4:
            return self.watched_steps(1 + choices.below(64))
        if act < 7:
            self._lies_ahead.append(choices.one_of(_NUMBERS) if act < 6 else None)
            return self.watched_steps(1 + choices.below(16))
        sender = self.liar
        if sender == WIRE:
            sender = choices.one_of((POLE, VEHICLE))
        if act < 9:
            number = choices.one_of(_NUMBERS)
            self.deliver(sender, self._lie(sender, self._last_payloads.get(number), number))
        elif act == 9 and self._sent:
            again = choices.one_of(self._sent)
            if again[0] == sender:
                self.deliver(*again)
        elif act == 10 and self._held:
            self.deliver(*self._held.pop(choices.below(len(self._held))))
        elif act == 11:
            self.deliver(sender, choices.bytes(1 + choices.below(16)))
        elif act == 12:
            if choices.below(2):
                self.boot_pole(choices.one_of((self._time_s, None)))
            else:
                self.boot_vehicle()
        elif act == 13:
            self.plugged = choices.below(4) > 0
            self.meter_reason = choices.one_of((0, 0, errors.METER_SILENT, errors.METER_FROZEN))
        elif act == 14:
            self.now_ms += choices.one_of((100, 600, 1_000, 2_001))
            self.step_energy_mwh = choices.one_of((0, *_STEPS_MWH))
        elif act == 15:
            stopped = choices.below(3)
            if stopped == 2:
                self.renewals = [lies.CERTIFICATES[1]]
            else:
                (self.payee, self.payer)[stopped].stop(errors.OWNER_STOP, self.now_ms)
        return self.watched_steps(1)

    def watched_steps(self, count: int) -> int:
        """Let `count` steps pass, check both sides after each, and return `count`."""
        for _ in range(count):
            self._watched_step()
        return count

    def _watched_step(self) -> None:
        charging: Any = self.payee.charging
        before_mwh = self.pole_energy_mwh
        self.step()
        self.now_ms %= _TICKS
        flowed_mwh = self.pole_energy_mwh - before_mwh
        if flowed_mwh:
            channel_id = charging.certificate.channel_id
            self._flowed[channel_id] = self._flowed.get(channel_id, 0) + flowed_mwh
        if charging is not None:
            self._time_s = self.clock.time_s(self.now_ms)
        self._check_contactor()
        self._check_books()
        self._count_packets()

    def _count_packets(self) -> None:
        charging = self.payee.charging
        if charging is not self._last_charging:
            self._last_charging, self._last_packets = charging, 0
        if charging is not None:
            self.packets += charging.packets - self._last_packets
            self._last_packets = charging.packets

    def _check_contactor(self) -> None:
        payee = self.payee
        if not payee.may_energise() or not self.plugged or self.meter_reason:
            return  # the pole's loop keeps the contactor open for the same conditions
        charging: Any = payee.charging
        fail_unless(charging is not None, "the contactor is closed without a session")
        fail_unless(payee.session.state == OPEN, "the contactor is closed outside a session")
        credit = min(self.pole_config.credit, charging.record.amount)
        unpaid = charging.amount_due() - charging.record.amount
        fail_unless(unpaid < credit, "the contactor is closed beyond the credit")
        time_s = self.clock.time_s(self.now_ms)
        fail_unless(time_s <= charging.certificate.expires_at_s, "the certificate is over")

    def _check_books(self) -> None:
        """Energy is billed once; all but the credit is paid; claims grow."""
        payee: Any = self.payee
        records = self.payee_records
        open_id = payee.charging.certificate.channel_id if payee.charging else None
        for channel_id in records:
            record = payee.charging.record if channel_id == open_id else records.load(channel_id)
            self._check_claim(channel_id, record)
            if channel_id == open_id:
                energy_mwh, due = payee.charging.energy_mwh(), payee.charging.amount_due()
            elif payee.books.is_recovered:
                energy_mwh, due = record.energy_mwh, record.amount_due
            else:
                continue
            billed_mwh = self._flowed.get(channel_id, 0)
            fail_unless(
                energy_mwh == billed_mwh, "the billed energy is not the energy that flowed"
            )
            lowest, highest = (
                _lowest_price(billed_mwh, self._prices),
                _highest_price(billed_mwh, self._prices),
            )
            highest += self._most_stated
            fail_unless(lowest <= due <= highest, "the energy that flowed has another price")
            credit = min(self.pole_config.credit, record.amount)
            limit = credit + _highest_price(_MAX_STEP_MWH, self._prices)
            fail_unless(due - record.amount <= limit, "more is unpaid than the credit")

    def _check_claim(self, channel_id: bytes, record: Any) -> None:
        amount, signature = record.amount, bytes(record.signature)
        known = self._best.get(channel_id, (0, None))
        fail_unless(amount >= known[0], "the best claim shrinks")
        if amount and (amount, signature) != known:
            certificate = self.payee_records.certificate(channel_id)
            fail_unless(certificate is not None, "a claim is stored without its certificate")
            payer_key = certificate.payer_key if certificate else b""
            message = Claim(channel_id).message(amount)
            fail_unless(
                verify(payer_key, message, signature), "a claim is stored that does not verify"
            )
            self._best[channel_id] = amount, signature

    def calm(self) -> None:
        """Check that charging goes on without lies and faults, or has a reason not to."""
        self._lies_ahead.clear()
        self.liar = self.liar if self.liar == VEHICLE else WIRE
        self._follows_lies = False
        self.step_energy_mwh = 60
        self.meter_reason = 0
        self.plugged = False
        self.set_clock(self._time_s)
        self.watched_steps(8)
        self.boot_vehicle()
        self.plugged = True
        before = self.packets
        for _ in range(_CALM_STEPS // 20):
            self.watched_steps(20)
            if self.packets > before + 1:
                return
        reasons = (self.payee.last_stop, self.payer.last_stop)
        lasting = any(reason in _LASTING_REASONS for reason in reasons)
        fail_unless(lasting, "charging does not go on: reasons %s and %s" % reasons)


def _lowest_price(energy_mwh: int, prices: list[int]) -> int:
    return energy_mwh * min(prices) // 1_000_000


def _highest_price(energy_mwh: int, prices: list[int]) -> int:
    return energy_mwh * max(prices) // 1_000_000 + 1


def check(data: bytes) -> None:
    """Check one input."""
    choices = Choices(data)
    pair = _LyingPair(choices)
    steps = 0
    while choices and steps < _MAX_STEPS:
        steps += pair.act()
    pair.calm()
