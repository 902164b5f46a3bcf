"""Fuzz target: the real payee and the real payer while one side, or the wire, lies.

An input is a world's figures, the liar and the events. A lying side signs its lies with its own
key. The other side's promises in docs/security.md must hold after every step; when the lies are
over, charging goes on or is refused for a reason that the lies may have led to.
"""

from typing import Any

from joulestream import errors, messages
from joulestream.channel import SIGNED_PREFIX, Claim
from joulestream.errors import MalformedError
from joulestream.host_tools.fuzz import lies
from joulestream.host_tools.fuzz.choices import Choices, require
from joulestream.messages import ACCEPT, INVOICE, MESSAGES, RECEIPT, UPDATE
from joulestream.session import OPEN
from joulestream.signing import verify
from joulestream.testkit.certificates import KEYS, NOW_S, certificate
from joulestream.testkit.flash import NorFlash
from joulestream.testkit.pair import PRICE, Pair

POLE, VEHICLE, WIRE = "pole", "vehicle", "wire"
_BLOCKS, _BLOCK_SIZE = 8, 2_048
_TICKS = 1 << 30
_MAX_PRICE = 400_000
_PREPAY = 640
_BUDGETS = (500_000, 3_000)
_CAPACITIES = (1_000_000, 4_000)
# Energy that a pole bills on top when it keeps to its lies, in mWh.
_MORE_MWH = (0, 1, 900, 5_000, 1_000_000)
_NUMBERS = tuple(MESSAGES)
_MOST_STEPS = 600
_CALM_STEPS = 500
# At 22 kW and more, so that a step between two looks at the meter matters.
_STEPS_MWH = (60, 7, 400)
_PERCENTS = (100, 102, 110)
_MOST_STEP_MWH = 400 * 110 // 100
_PAYER_CLAIM = Claim(lies.CERTIFICATES[0].channel_id)
# Why charging may rightly not go on after lies.
_LASTING = (
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


class _Notary:
    """A signer that shows to `watch` all that it is about to sign."""

    def __init__(self, signer, watch):
        self._signer = signer
        self._watch = watch
        self.public_key = signer.public_key

    def sign(self, message):
        self._watch(bytes(message))
        return self._signer.sign(message)

    def sign_into(self, message, out):
        self._watch(bytes(message))
        return self._signer.sign_into(message, out)


class _LyingWorld(Pair):
    """A pair in which `liar` lies as `choices` decide; see Pair."""

    def __init__(self, choices):
        self._choices = choices
        self.liar = choices.one_of((POLE, VEHICLE, WIRE))
        self._held = []  # (sender, payload): delayed by the liar
        self._said = {}  # number: the last payload of it
        self._all = []  # (sender, payload): sent before, to be sent again
        self.claims = []  # (amount, signature) that the vehicle gave away
        self._lies_ahead = []  # numbers of messages to lie in
        self.signed = 0
        self._time_s = NOW_S  # the latest that the pole knew
        self.vehicle_boots = 0
        self._flowed = {}  # channel id: energy that flowed while it was energised
        self._best = {}  # channel id: (amount, signature) last seen in the pole's store
        self.packets = 0
        self._last_charge = None
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
        # Whether a pole that lied keeps to it in its invoices, as one that wants to be paid does.
        self._keeps_to_lies = self.liar == POLE and choices.below(2) == 1
        self._more_mwh = choices.one_of(_MORE_MWH) if self._keeps_to_lies else 0

    # Signing is watched

    def pole_signer(self, name):
        return _Notary(KEYS[name], self._watch_pole)

    def boot_vehicle(self):
        self.signer = _Notary(KEYS["payer"], self._watch_wallet)
        super().boot_vehicle()
        self.vehicle_boots += 1

    def _watch_pole(self, message):
        require(message[:4] == SIGNED_PREFIX and len(message) != 44, "the pole signs a claim")

    def _watch_wallet(self, message):
        """The wallet signs a statement of its own, or a claim that it may give."""
        if message[:4] == SIGNED_PREFIX:
            require(len(message) != 44, "the vehicle signs a statement as long as a claim")
            return
        amount = int.from_bytes(message[-8:], "big")
        require(message == bytes(_PAYER_CLAIM.message(amount)), "the vehicle signs anything else")
        record = b"c" + message[4:]
        stored = any(record in block for block in self.vehicle_flash.data)
        require(stored, "a claim is signed before it is stored")
        if self.liar == VEHICLE:  # then others sign with its key too
            return
        require(amount >= self.signed, "the vehicle signs less than before")
        self.signed = amount
        justified_mwh = self.own_energy_mwh * 103 // 100 + 1_000 * self.vehicle_boots
        require(
            amount <= justified_mwh * _MAX_PRICE // 1_000_000 + _PREPAY,
            "the vehicle signs more than its own meter justifies",
        )
        require(amount <= self._budget, "the vehicle signs more than its budget")
        require(
            amount <= self._most_capacity(), "the vehicle signs more than the channel's capacity"
        )

    def _most_capacity(self):
        return max(each.capacity for each in self.certificates + self.renewals)

    # The wire

    def _carry(self, sender, outbox, receiver):
        payloads = [bytes(payload) for payload in outbox]
        outbox.clear()
        for payload in payloads:
            self._check_sent(sender, payload)
            for data in self._bent(sender, payload):
                self.deliver(sender, data)

    def deliver(self, sender, payload):
        """Hand a payload from `sender` to the other side, as joulestream.link does."""
        receiver = self.payer if sender == POLE else self.payee
        try:
            receiver.receive(memoryview(payload), self.now_ms)
        except MalformedError:
            pass

    def _check_sent(self, sender, payload):
        number = payload[0]
        message: Any = messages.decode(payload)
        if number == UPDATE:
            self.claims.append((message.amount, message.signature))
        charge = self.payee.charging
        if number in (INVOICE, RECEIPT) and charge is not None and charge.record.amount:
            signature = bytes(charge.record.signature)
            stored = any(signature in block for block in self.pole_flash.data)
            require(stored, "a claim is acknowledged before it is stored")
        self._said[number] = payload
        self._all = (self._all + [(sender, payload)])[-16:]

    def _kept_to_lies(self, payload):
        """Return an invoice that fits the offer that the vehicle got, and bills more."""
        payer = self.payer
        invoice: Any = messages.decode(payload)
        if payer.payments is None or self.payee.charging is None:
            return payload
        real_mwh = invoice.energy_mwh - self.payee.charging.start_energy_mwh
        billed_mwh = payer.payments.start_energy_mwh + real_mwh + self._more_mwh
        energy_mwh = max(billed_mwh, payer.payments.energy_mwh)
        assert payer.tariff is not None
        due = payer.tariff.amount_due(energy_mwh)
        if energy_mwh < 1 << 48 and due < 1 << 64:
            invoice.energy_mwh, invoice.amount_due = energy_mwh, due
        return bytes(messages.encode(invoice))

    def _bent(self, sender, payload):
        """Return the payloads that the liar sends for a payload."""
        if self._keeps_to_lies and payload[0] == INVOICE:
            payload = self._kept_to_lies(payload)
        if self._keeps_to_lies and payload[0] == ACCEPT:
            # The liar's own pole goes on as if its offer had been taken as it made it.
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
        what = choices.below(8)
        if what == 5:
            return []
        if what == 6:
            self._held.append((sender, payload))
            return []
        if what == 7:
            return [payload, payload]
        return [self._lie(sender, payload, payload[0])]

    def _lie(self, sender, payload, number):
        choices = self._choices
        lie = lies.message(choices, payload, number)
        if self.liar == POLE:
            lies.sign_as_pole(choices, lie, self.payer.session, self.claims)
        elif self.liar == VEHICLE:
            lies.sign_as_vehicle(choices, lie, self.payee.session)
        return bytes(messages.encode(lie))

    # Events

    def happen(self):
        """Let one thing happen; return how many steps passed."""
        choices = self._choices
        what = choices.below(16)
        if what < 4:
            return self.watched_steps(1 + choices.below(64))
        if what < 7:
            self._lies_ahead.append(choices.one_of(_NUMBERS) if what < 6 else None)
            return self.watched_steps(1 + choices.below(16))
        sender = self.liar
        if sender == WIRE:
            sender = choices.one_of((POLE, VEHICLE))
        if what < 9:
            number = choices.one_of(_NUMBERS)
            self.deliver(sender, self._lie(sender, self._said.get(number), number))
        elif what == 9 and self._all:
            again = choices.one_of(self._all)
            if again[0] == sender:
                self.deliver(*again)
        elif what == 10 and self._held:
            self.deliver(*self._held.pop(choices.below(len(self._held))))
        elif what == 11:
            self.deliver(sender, choices.bytes(1 + choices.below(16)))
        elif what == 12:
            if choices.below(2):
                self.boot_pole(choices.one_of((self._time_s, None)))
            else:
                self.boot_vehicle()
        elif what == 13:
            self.plugged = choices.below(4) > 0
            self.meter_reason = choices.one_of((0, 0, errors.METER_SILENT, errors.METER_FROZEN))
        elif what == 14:
            self.now_ms += choices.one_of((100, 600, 1_000, 2_001))
            self.step_energy_mwh = choices.one_of((0, *_STEPS_MWH))
        elif what == 15:
            which = choices.below(3)
            if which == 2:
                self.renewals = [lies.CERTIFICATES[1]]
            else:
                (self.payee, self.payer)[which].stop(errors.OWNER_STOP, self.now_ms)
        return self.watched_steps(1)

    def watched_steps(self, count):
        """Let steps pass, and hold both sides to their promises after each; return `count`."""
        for _ in range(count):
            self._watched_step()
        return count

    def _watched_step(self):
        charge: Any = self.payee.charging
        before_mwh = self.pole_energy_mwh
        self.step()
        self.now_ms %= _TICKS
        flowed_mwh = self.pole_energy_mwh - before_mwh
        if flowed_mwh:
            channel_id = charge.certificate.channel_id
            self._flowed[channel_id] = self._flowed.get(channel_id, 0) + flowed_mwh
        self._time_s = self.clock.time_s(self.now_ms) or self._time_s
        self._check_contactor()
        self._check_books()
        self._count_packets()

    def _count_packets(self):
        charge = self.payee.charging
        if charge is not self._last_charge:
            self._last_charge, self._last_packets = charge, 0
        if charge is not None:
            self.packets += charge.packets - self._last_packets
            self._last_packets = charge.packets

    def _check_contactor(self):
        payee = self.payee
        if not payee.may_energise() or not self.plugged or self.meter_reason:
            return  # a pole's loop asks the same before it closes the contactor
        charge: Any = payee.charging
        require(charge is not None, "the contactor is closed without a session")
        require(payee.session.state == OPEN, "the contactor is closed outside a session")
        credit = min(self.pole_config.credit, charge.record.amount)
        unpaid = charge.amount_due - charge.record.amount
        require(unpaid < credit, "the contactor is closed beyond the credit")
        time_s: Any = self.clock.time_s(self.now_ms)
        require(time_s is not None, "the contactor is closed at an unknown time")
        require(time_s <= charge.certificate.expires_at_s, "the certificate is over")

    def _check_books(self):
        """Energy is billed once; all but the credit is paid; claims grow."""
        payee: Any = self.payee
        records = self.payee_records
        open_id = payee.charging.certificate.channel_id if payee.charging else None
        for channel_id in records:
            record = payee.charging.record if channel_id == open_id else records.load(channel_id)
            self._check_claim(channel_id, record)
            if channel_id == open_id:
                energy_mwh, due = payee.charging.energy_mwh, payee.charging.amount_due
            elif payee.books.is_recovered:
                energy_mwh, due = record.energy_mwh, record.amount_due
            else:
                continue
            billed_mwh = self._flowed.get(channel_id, 0)
            require(energy_mwh == billed_mwh, "what is billed is not what flowed")
            least, most = _cheapest(billed_mwh, self._prices), _dearest(billed_mwh, self._prices)
            require(least <= due <= most, "what flowed has another price")
            credit = min(self.pole_config.credit, record.amount)
            most = credit + _dearest(_MOST_STEP_MWH, self._prices)
            require(due - record.amount <= most, "more is unpaid than the credit")

    def _check_claim(self, channel_id, record):
        amount, signature = record.amount, bytes(record.signature)
        known = self._best.get(channel_id, (0, None))
        require(amount >= known[0], "the best claim shrinks")
        if amount and (amount, signature) != known:
            payer_key = self.payee_records.certificate(channel_id).payer_key
            message = Claim(channel_id).message(amount)
            require(
                verify(payer_key, message, signature), "a claim is stored that does not verify"
            )
            self._best[channel_id] = amount, signature

    def calm(self):
        """Let nothing lie or fail any more: charging goes on, or there is a reason."""
        self._lies_ahead.clear()
        self.liar = self.liar if self.liar == VEHICLE else WIRE
        self._keeps_to_lies = False
        self.step_energy_mwh = 60
        self.meter_reason = 0
        self.plugged = False
        self.payee.keep_time(self._time_s, self.now_ms)
        self.watched_steps(8)
        self.boot_vehicle()
        self.plugged = True
        before = self.packets
        for _ in range(_CALM_STEPS // 20):
            self.watched_steps(20)
            if self.packets > before + 1:
                return
        reasons = (self.payee.last_stop, self.payer.last_stop)
        lasting = any(reason in _LASTING for reason in reasons)
        require(lasting, "charging does not go on: reasons %d and %d" % reasons)


def _cheapest(energy_mwh, prices):
    return energy_mwh * min(prices) // 1_000_000


def _dearest(energy_mwh, prices):
    return energy_mwh * max(prices) // 1_000_000 + 1


def check(data):
    """Check one input."""
    choices = Choices(data)
    world = _LyingWorld(choices)
    steps = 0
    while choices and steps < _MOST_STEPS:
        steps += world.happen()
    world.calm()
