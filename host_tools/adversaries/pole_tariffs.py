"""Poles that bill energy at a price that did not hold when the energy flowed."""

from joulestream.host_tools.adversaries.liar import ATTEMPTS, POLE, Liar
from joulestream.host_tools.adversaries.lying_pole import (
    DEAR_PRICE,
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
    MAX_POWER_W,
    PACKET_MWH,
    PRICE,
)

# Each invoice is rounded up to a claim unit.
_ROUNDING = 0.01
# The energy that flows while an invoice may wait for the vehicle's meter, in packets.
_LATE = MAX_POWER_W * AUDIT_WAIT_MS / 3_600 / PACKET_MWH
# Honest packets at the start of a session in which a percentage of them is the lie.
_LONG_SESSION = 20


class ChangesTheTariffAfterTheFact(LyingPole):
    """Sends no invoice for two packets, then announces a higher price from before them."""

    reason = "BAD_FIELD"

    def attempt(self, play: Play) -> None:
        self.withholds = False
        super().attempt(play)

    def lie(self) -> None:
        self.withholds = self.generous = True
        hidden_mwh = self.counted_mwh() + 2 * PACKET_MWH
        self.stage.run(lambda: self.counted_mwh() >= hidden_mwh)
        self.generous = False
        self.change_tariff(DEAR_PRICE, self.invoiced_mwh)


class ChangesTheTariffWithinTolerance(LyingPole):
    """Leaves out as much energy as two meters may differ by, and raises its price."""

    def attempt(self, play: Play) -> None:
        stage = self.stage
        self.withholds, self.delivers = False, True
        stage.price_per_kwh = PRICE
        self.charge(_LONG_SESSION)
        withheld_mwh = (self.invoiced_mwh - self.start_mwh) * AUDIT_PERCENT // 100
        self.withholds = self.generous = True
        until_mwh = self.invoiced_mwh + withheld_mwh
        stage.run(lambda: self.counted_mwh() >= until_mwh)
        self.delivers = self.generous = False
        self.raise_price(self.invoiced_mwh)
        self.withholds = False
        if not self.stop_reason:
            self.invoice(self.counted_mwh())
            stage.run(lambda: not self.waiting)
            self.vanish()
        play.take_stock()
        assert stage.last_stop() == "BAD_FIELD"
        stage.replug()

    def raise_price(self, from_energy_mwh: int) -> None:
        """Announce a dearer price from `from_energy_mwh` on, and wait for the answer."""
        self.change_tariff(DEAR_PRICE, from_energy_mwh)
        self.stage.run(lambda: self.tariff.next_price_per_kwh or self.stop_reason)


class BillsAtTheDearerPrice(ChangesTheTariffWithinTolerance):
    """Counts too little while its price is low, and bills the rest when its price is high."""

    def attempt(self, play: Play) -> None:
        stage = self.stage
        self.delivers, self.lying = True, False
        stage.price_per_kwh = PRICE
        self.charge(_LONG_SESSION)
        stage.run(lambda: not self.waiting)
        self.raise_price(self.invoiced_mwh + PACKET_MWH)
        self.charge(self.packets + 2)
        stage.run(lambda: not self.waiting)
        stage.price_per_kwh = DEAR_PRICE
        self.lying = True
        self.delivers = False
        for _ in range(_LONG_SESSION):
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
    """Leaves energy without an invoice, and bills it in a new session at a higher price."""

    def attempt(self, play: Play) -> None:
        stage = self.stage
        # The vehicle forgets more than one step of its meter at the end of a session.
        self.hide(STEP_MWH)
        self.meet()
        self.charge(1)
        stage.run(lambda: not self.waiting)
        self.invoice(self.energy_mwh + STEP_MWH)
        stage.run(lambda: not self.waiting)
        self.vanish()
        play.take_stock()


class CarriesOverAtAPriceOfLater(LyingPole):
    """Delivers on credit, and carries the debt over at a price agreed for later energy."""

    later_price = DEAR_PRICE

    def attempt(self, play: Play) -> None:
        stage = self.stage
        self.delivers, self.withholds = True, False
        self.meet()
        self.charge(HONEST_PACKETS)
        self.withholds = True
        self.change_tariff(self.later_price, self.invoiced_mwh + 100 * PACKET_MWH)
        stage.run(lambda: self.tariff.next_price_per_kwh is not None)
        stage.run(lambda: not stage.contact_closed)
        self.carry_over(play, self.later_price)

    def carry_over(self, play: Play, price_per_kwh: int) -> None:
        """Fall silent, then offer all unpaid energy as debt at the price `price_per_kwh`."""
        gap_mwh = self.counted_mwh() - self.energy_mwh
        assert gap_mwh > PACKET_MWH // 2
        self.vanish()
        honest = self.energy_mwh, self.amount_due
        self.energy_mwh += gap_mwh
        self.amount_due += gap_mwh * price_per_kwh // 1_000_000
        self.delivers = False
        self.meet()
        if self.stop_reason:
            # A vehicle that took a part on trust before prepays less: too little for a packet.
            assert self.stage.last_stop() in ("CARRIED_DEBT", "PREPAY_TOO_SMALL")
            self.energy_mwh, self.amount_due = honest
            self.amount_due += gap_mwh * PRICE // 1_000_000
            self.energy_mwh += gap_mwh
        else:
            self.vanish()
        play.take_stock()
        self.stage.replug()


class CarriesOverAtAPriceOfBefore(CarriesOverAtAPriceOfLater):
    """Delivers in a session without any invoice, and carries the debt over at an earlier price."""

    def attempt(self, play: Play) -> None:
        stage = self.stage
        self.delivers, self.withholds, self.generous = True, False, False
        for price_per_kwh in (PRICE, DEAR_PRICE):
            self.price_per_kwh = stage.price_per_kwh = price_per_kwh
            self.meet()
            if self.stop_reason:
                # The vehicle took a debt on trust, so it prepays less: too little for this price.
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
        self.carry_over(play, DEAR_PRICE)

    def pass_energy(self, energy_mwh: int) -> None:
        """Wait until `energy_mwh` more has flowed."""
        until_mwh = self.stage.flowed_mwh + energy_mwh
        self.stage.run(lambda: self.stage.flowed_mwh >= until_mwh)

    def invoice(self, energy_mwh: int) -> None:
        if not self.lying:
            super().invoice(energy_mwh)


LIARS = (
    Liar(
        "raises its price for energy that flowed already",
        POLE,
        "Sends no invoice for two packets, then announces a higher price from before them.",
        "stops with BAD_FIELD: a new price must begin after the energy that its own meter counted",
        PREPAID,
        again(ChangesTheTariffAfterTheFact),
    ),
    Liar(
        "raises its price for energy within the tolerance",
        POLE,
        "Leaves out as much energy as two meters may differ by in a long session, and raises its "
        "price from before that energy.",
        "tolerates a percentage of the energy since the last invoice, not of the session, and "
        "stops with BAD_FIELD",
        PREPAID,
        again(ChangesTheTariffWithinTolerance),
    ),
    Liar(
        "leaves energy out until its price is higher",
        POLE,
        f"Counts {AUDIT_PERCENT} % too little, raises its price, and bills the rest then.",
        "tolerates no difference from before the rise of a price, and stops with OVERBILLED",
        PREPAID + ATTEMPTS * (STEP + _LATE) * (DEAR_PRICE / PRICE - 1) + _ROUNDING,
        again(BillsAtTheDearerPrice),
        "on top of the prepayment, one step of the meter and the energy that flows while an "
        "invoice may wait, at the difference of the prices, for each rise of the price: "
        f"{ATTEMPTS} here",
    ),
    Liar(
        "raises its price through a reconnect",
        POLE,
        "Leaves energy without an invoice, and bills it in a new session at a higher price.",
        "forgets energy that its session did not bill, except one step of its meter",
        PREPAID + ATTEMPTS * STEP * (DEAR_PRICE / PRICE - 1),
        again(RaisesItsPriceThroughAReconnect),
        "on top of the prepayment, one step of the meter at the difference of the prices for each "
        "reconnect: the vehicle cannot tell it from energy of the new session",
    ),
    Liar(
        "carries a debt over at a later price",
        POLE,
        "Delivers on credit, and carries the debt over at the price agreed for later energy.",
        "computes the debt at the price agreed for its energy, and stops with CARRIED_DEBT",
        PREPAID,
        again(CarriesOverAtAPriceOfLater),
    ),
    Liar(
        "carries a debt over at an earlier price",
        POLE,
        "Delivers in a session without any invoice, and carries the debt over at the higher price "
        "of the session before.",
        "stores the price of a session before it accepts it; takes the difference on trust, once",
        PREPAID,
        again(CarriesOverAtAPriceOfBefore),
    ),
)
