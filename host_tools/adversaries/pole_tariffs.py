"""Poles that bill energy at the price of another time."""

from joulestream.host_tools.adversaries.liar import ATTEMPTS, POLE, Liar
from joulestream.host_tools.adversaries.lying_pole import (
    HONEST_PACKETS,
    PREPAID,
    STEP,
    STEP_MWH,
    LyingPole,
    again,
)
from joulestream.host_tools.adversaries.play import Play
from joulestream.host_tools.adversaries.stage import (
    AUDIT_PERCENT,
    AUDIT_WAIT_MS,
    HIGHEST_PRICE,
    MAX_POWER_W,
    PACKET_MWH,
    PRICE,
)

_ROUNDING = 0.01
# A price above PRICE at which a packet does not cost more than credit and prepayment together.
_DEAR_PRICE = PRICE * 3 // 2
# The energy that flows while an invoice may wait for the vehicle's meter.
_LATE = MAX_POWER_W * AUDIT_WAIT_MS / 3_600 / PACKET_MWH
# How many packets come first where a share of them is the lie.
_LONG = 20


class ChangesTheTariffAfterTheFact(LyingPole):
    """Withholds its invoices, then asks for a price of energy that flowed already."""

    reason = "BAD_FIELD"

    def attempt(self, play: Play) -> None:
        self.withholds = False
        super().attempt(play)

    def lie(self) -> None:
        self.withholds = self.generous = True
        hidden_mwh = self.counted_mwh() + 2 * PACKET_MWH
        self.stage.run(lambda: self.counted_mwh() >= hidden_mwh)
        self.generous = False
        self.change_tariff(_DEAR_PRICE, self.invoiced_mwh)


class ChangesTheTariffWithinTolerance(LyingPole):
    """Withholds as much as meters may disagree on in the session, and raises the price for it."""

    def attempt(self, play: Play) -> None:
        stage = self.stage
        self.withholds, self.delivers = False, True
        stage.price_per_kwh = PRICE
        self.charge(_LONG)
        withheld_mwh = (self.invoiced_mwh - self.start_mwh) * AUDIT_PERCENT // 100
        self.withholds = self.generous = True
        until_mwh = self.invoiced_mwh + withheld_mwh
        stage.run(lambda: self.counted_mwh() >= until_mwh)
        self.delivers = self.generous = False
        self.pass_on(self.invoiced_mwh)
        self.withholds = False
        if not self.stop_reason:
            self.invoice(self.counted_mwh())
            stage.run(lambda: not self.waiting)
            self.vanish()
        play.take_stock()
        assert stage.last_stop() == "BAD_FIELD"
        stage.replug()

    def pass_on(self, from_energy_mwh: int) -> None:
        """Ask for a dearer price from there on, and wait for the answer."""
        self.change_tariff(HIGHEST_PRICE, from_energy_mwh)
        self.stage.run(lambda: self.tariff.next_price_per_kwh or self.stop_reason)


class BillsAtTheDearerPrice(ChangesTheTariffWithinTolerance):
    """Counts too little while its price is low, and the rest once its price is high."""

    def attempt(self, play: Play) -> None:
        stage = self.stage
        self.delivers, self.lying = True, False
        stage.price_per_kwh = PRICE
        self.charge(_LONG)
        stage.run(lambda: not self.waiting)
        self.pass_on(self.invoiced_mwh + PACKET_MWH)
        self.charge(self.packets + 2)
        stage.run(lambda: not self.waiting)
        stage.price_per_kwh = HIGHEST_PRICE
        self.lying = True
        self.delivers = False
        for _ in range(_LONG):
            if not self.stop_reason:
                self.invoice(self.invoiced_mwh + STEP_MWH)
                stage.run(lambda: not self.waiting)
        play.take_stock()
        assert stage.last_stop() == "OVERBILLED"
        stage.replug()

    def counted_mwh(self) -> int:
        flowed_mwh = super().counted_mwh() - self.start_mwh
        return self.start_mwh + flowed_mwh * (100 - AUDIT_PERCENT) // 100


class RaisesItsPriceThroughAReconnect(LyingPole):
    """Withholds its invoices, then bills that energy in a new session at a higher price."""

    def attempt(self, play: Play) -> None:
        stage = self.stage
        self.price_per_kwh = stage.price_per_kwh = PRICE
        self.delivers, self.withholds = True, False
        self.meet()
        self.charge(HONEST_PACKETS)
        self.withholds = self.generous = True
        # More than a step of the meter would be forgotten.
        hidden_mwh = self.counted_mwh() + STEP_MWH
        stage.run(lambda: self.counted_mwh() >= hidden_mwh)
        self.delivers = self.generous = False
        self.vanish()
        self.price_per_kwh = _DEAR_PRICE
        self.meet()
        self.charge(1)
        stage.run(lambda: not self.waiting)
        self.invoice(self.energy_mwh + STEP_MWH)
        stage.run(lambda: not self.waiting)
        self.vanish()
        play.take_stock()


class CarriesOverAtAPriceOfLater(LyingPole):
    """Delivers on credit, then carries the debt over at a price that is agreed for later on."""

    price_of_later = HIGHEST_PRICE

    def attempt(self, play: Play) -> None:
        stage = self.stage
        self.delivers, self.withholds = True, False
        self.meet()
        self.charge(HONEST_PACKETS)
        self.withholds = True
        self.change_tariff(self.price_of_later, self.invoiced_mwh + 100 * PACKET_MWH)
        stage.run(lambda: self.tariff.next_price_per_kwh is not None)
        stage.run(lambda: not stage.contact_closed)
        self.carry_over(play, self.price_of_later)

    def carry_over(self, play: Play, price_per_kwh: int) -> None:
        """Fall silent, and ask for all that was delivered at `price_per_kwh`."""
        gap_mwh = self.counted_mwh() - self.energy_mwh
        assert gap_mwh > PACKET_MWH // 2
        self.vanish()
        honest = self.energy_mwh, self.amount_due
        self.energy_mwh += gap_mwh
        self.amount_due += gap_mwh * price_per_kwh // 1_000_000
        self.delivers = False
        self.meet()
        if self.stop_reason:
            assert self.stage.last_stop() == "CARRIED_DEBT"
            self.energy_mwh, self.amount_due = honest
            self.amount_due += gap_mwh * PRICE // 1_000_000
            self.energy_mwh += gap_mwh
        else:
            self.vanish()
        play.take_stock()
        self.stage.replug()


class CarriesOverAtAPriceOfBefore(CarriesOverAtAPriceOfLater):
    """Delivers in a session that never comes to an invoice, and asks for the price before it."""

    def attempt(self, play: Play) -> None:
        stage = self.stage
        self.delivers, self.withholds, self.generous = True, False, False
        for price_per_kwh in (PRICE, _DEAR_PRICE):
            self.price_per_kwh = stage.price_per_kwh = price_per_kwh
            self.meet()
            if self.stop_reason:
                # A debt taken on trust lowers the prepayment: it is too little for a dear packet.
                assert play.gains and stage.last_stop() == "PREPAY_TOO_SMALL"
                play.take_stock()
                stage.replug()
                return
            self.charge(HONEST_PACKETS)
            self.vanish()
        self.price_per_kwh = PRICE
        self.lying = self.generous = True
        greetings = self.greetings
        stage.run(lambda: self.greetings > greetings and self.is_open)
        stage.price_per_kwh = PRICE
        self.pass_energy(PACKET_MWH)
        self.lying = self.generous = False
        self.carry_over(play, _DEAR_PRICE)

    def pass_energy(self, energy_mwh: int) -> None:
        """Let that much flow."""
        until_mwh = self.stage.flowed_mwh + energy_mwh
        self.stage.run(lambda: self.stage.flowed_mwh >= until_mwh)

    def invoice(self, energy_mwh: int) -> None:
        if not self.lying:
            super().invoice(energy_mwh)


LIARS = (
    Liar(
        "changes tariff after the fact",
        POLE,
        "Withholds its invoices, then asks for a price that holds for what flowed already.",
        "stops with BAD_FIELD: a price must begin after what its own meter counted",
        PREPAID,
        again(ChangesTheTariffAfterTheFact),
    ),
    Liar(
        "changes tariff within tolerance",
        POLE,
        "Withholds as much as meters may disagree on in a long session, and raises its price.",
        "tolerates a share of what flowed since the last invoice, not of the session; BAD_FIELD",
        PREPAID,
        again(ChangesTheTariffWithinTolerance),
    ),
    Liar(
        "leaves energy out until it is dear",
        POLE,
        f"Counts {AUDIT_PERCENT} % too little, raises its price and bills what it left out.",
        "tolerates nothing of what flowed before a price rose; OVERBILLED",
        PREPAID + ATTEMPTS * (STEP + _LATE) * (HIGHEST_PRICE / PRICE - 1) + _ROUNDING,
        again(BillsAtTheDearerPrice),
        "beside the prepayment a step of the meter and what flows while an invoice may wait, at "
        f"the difference of prices, each time that the price rises: {ATTEMPTS} times here",
    ),
    Liar(
        "raises its price through a reconnect",
        POLE,
        "Withholds its invoices, then bills what flowed in a new session at a higher price.",
        "forgets what was not billed in its session, but for one step of its meter",
        PREPAID + ATTEMPTS * STEP * (_DEAR_PRICE / PRICE - 1),
        again(RaisesItsPriceThroughAReconnect),
        "beside the prepayment one step of the meter at the difference of prices, per reconnect: "
        "it is not told apart from energy of the new session",
    ),
    Liar(
        "carries a debt over at a price of later",
        POLE,
        "Delivers on credit, and asks for the price that is agreed for energy further on.",
        "prices a debt exactly as was agreed for its energy; CARRIED_DEBT",
        PREPAID,
        again(CarriesOverAtAPriceOfLater),
    ),
    Liar(
        "carries a debt over at a price of before",
        POLE,
        "Delivers in a session that never comes to an invoice, and asks for the price before it.",
        "stores a session's price before it accepts it; the rest is taken on trust, once",
        PREPAID,
        again(CarriesOverAtAPriceOfBefore),
    ),
)
