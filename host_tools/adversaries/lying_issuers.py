"""Issuers that lie. A pole trusts each of its issuers up to a limit, and no further."""

from typing import Any

from joulestream.channel import MAX_AMOUNT, Certificate, Terms, time_bytes
from joulestream.errors import OWNER_STOP
from joulestream.host_tools.adversaries.bank import DAY_S, SIGNERS, START_S, WINDOW_S
from joulestream.host_tools.adversaries.liar import ATTEMPTS, ISSUER, Liar
from joulestream.host_tools.adversaries.lying_vehicle import CREDIT_AND_DELAY, DELAY
from joulestream.host_tools.adversaries.peers import VehiclePeer
from joulestream.host_tools.adversaries.play import Play
from joulestream.host_tools.adversaries.stage import CREDIT, PACKET, PoleStage, issuer_row
from joulestream.messages import Renew, TimeProof
from joulestream.runtime import BUILT_S
from joulestream.testkit.certificates import certificate

_CHANNELS = 3
# The capacity of each channel. The limit covers all of these channels but the last.
_PACKETS = 2
_LIMIT = (_CHANNELS - 1) * _PACKETS * PACKET
# Each channel may end in debt: its credit, and the energy that flows until the contact is open.
_MAX_GAIN = (_LIMIT + _CHANNELS * CREDIT) / PACKET + _CHANNELS * DELAY


# A channel of one claim unit is refused for one of these, or its claim is.
_REFUSED = (
    "PREPAY_TOO_SMALL",
    "CAPACITY_TOO_SMALL",
    "CAPACITY_EXHAUSTED",
    "OVER_CAPACITY",
    "ISSUER_LIMIT",
)
# NTP's first era ends then, and a clock that takes 0 for a time shows it.
_ERA_S = 2_085_978_496
# The largest value of a field for an amount.
_LARGEST_FIELD = (1 << 64) - 1


def _certify(
    terms: Terms,
    capacity: int,
    issuer: str = "issuer",
    issued_at_s: int = START_S,
    claimed: int = 0,
    window_s: int = WINDOW_S,
) -> Certificate:
    """Return a good certificate of a channel that is on no ledger."""
    return certificate(
        terms,
        SIGNERS[issuer],
        capacity=capacity,
        claimed=claimed,
        issued_at_s=issued_at_s,
        expires_at_s=issued_at_s + DAY_S,
        claimable_until_s=issued_at_s + window_s,
    )


class ToldTheTime(VehiclePeer):
    """A vehicle with a friend that issues certificates, and that tells any time.

    Attributes:
        witness: the name of the key that signs the time.
        told_s: the time, in unix seconds; None: none.
    """

    witness = "stranger"
    told_s: int | None = None

    def on_offer(self, offer: Any) -> None:
        if self.told_s is not None:
            signer = SIGNERS[self.witness]
            proof = signer.sign(time_bytes(offer.nonce, offer.payee_key, self.told_s))
            key = signer.public_key
            self.send(TimeProof(issuer_key=key, time_s=self.told_s, signature=proof))
        super().on_offer(offer)


class StatesADebt(VehiclePeer):
    """A vehicle that states any amount due, and pays it as far as its capacity goes.

    Attributes:
        stated: the amount due that it states.
    """

    stated = 0

    def stated_due(self) -> int:
        return max(self.stated, self.offer.amount_due)

    def amount(self, invoice: Any) -> int:
        amount = min(invoice.amount_due + self.prepay, self.certificate.capacity)
        self.paid = max(self.paid, amount)
        return self.paid


def _pole_with_a_small_issuer(play: Play) -> PoleStage:
    """Return a pole that trusts the honest issuer, and the liar for one claim unit."""
    return play.pole(issuers=[issuer_row("issuer"), issuer_row("stranger", limit=PACKET)])


def _tell_2036(play: Play) -> None:
    """Tell a pole without a clock that it is 2036; then an honest vehicle charges there."""
    stage = _pole_with_a_small_issuer(play)
    stage.knows_time = False
    terms = play.certificate().terms()
    for number in range(ATTEMPTS):
        stage.cut_power()
        liar = ToldTheTime(stage, _certify(terms, 1, "stranger", _ERA_S + number))
        liar.told_s = _ERA_S + number
        liar.greet()
        stage.run_to_end(*_REFUSED)
        play.take_stock()
        honest = ToldTheTime(stage, play.bank.certify(terms, stage.now_s))
        honest.witness, honest.told_s = "issuer", stage.now_s
        honest.charge(_PACKETS)
        stage.replug()
        stage.run(stage.ended)
        play.take_stock()


def _revive_an_expired_certificate(play: Play) -> None:
    """Tell any time for a friend whose certificate of the honest issuer has expired."""
    stage = _pole_with_a_small_issuer(play)
    liar = ToldTheTime(stage, play.certificate(valid_s=60))
    liar.charge(_PACKETS)
    stage.skip(3_600)
    flowed_mwh = stage.flowed_mwh
    for knows_time, reason in ((False, "TIME_UNKNOWN"), (True, "CERTIFICATE_EXPIRED")):
        stage.knows_time = knows_time
        for liar.told_s in (BUILT_S, START_S, START_S + 30):
            stage.cut_power()
            liar.greet()
            stage.run_to_end(reason)
            assert stage.flowed_mwh == flowed_mwh
            play.take_stock()


def _say_that_it_was_paid(play: Play) -> None:
    """Spend the limit on invented channels, say that all is paid, and go on."""
    stage = play.pole(limit=_LIMIT)
    for number in range(_CHANNELS):
        terms = play.bank.terms(number)
        capacity = _PACKETS * PACKET
        liar = VehiclePeer(stage, _certify(terms, capacity))
        if number < _CHANNELS - 1:
            liar.charge(_PACKETS)
            stage.run_to_end("CAPACITY_EXHAUSTED")
            # The same channel again, now with more of its capacity paid by the ledger, so it says.
            liar.certificate = _certify(terms, capacity, claimed=capacity)
            liar.greet()
            stage.run_to_end("CAPACITY_EXHAUSTED")
        else:
            liar.greet()
            stage.run_to_end("ISSUER_LIMIT")
        play.take_stock()


def _give_places_back(play: Play) -> None:
    """Say that a channel is paid and closed for good, so that its place goes to the next one."""
    stage = play.pole(
        issuers=[issuer_row("issuer"), {**issuer_row("stranger", _LIMIT), "channels": 1}]
    )
    capacity = _PACKETS * PACKET
    for number in range(_CHANNELS):
        stage.skip(60)
        terms = play.bank.terms(number)
        terms.dispute_window_s = 0
        issued_at_s = stage.now_s
        liar = VehiclePeer(stage, _certify(terms, capacity, "stranger", issued_at_s))
        if number:
            liar.greet()
            stage.run_to_end("CHANNELS_FULL")
            play.take_stock()
            continue
        liar.charge(_PACKETS)
        stage.run_to_end("CAPACITY_EXHAUSTED")
        liar.certificate = _certify(terms, capacity, "stranger", issued_at_s, capacity)
        liar.greet()
        stage.run_to_end("CAPACITY_EXHAUSTED")
        play.take_stock()


def _renew_for_each_other(play: Play) -> None:
    """Spend the limit on an invented channel; an issuer of one packet takes its debt over."""
    small = "another vehicle"
    stage = play.pole(
        issuers=[issuer_row("stranger", _PACKETS * PACKET), issuer_row(small, PACKET)]
    )
    capacity = _PACKETS * PACKET
    for number in range(_CHANNELS):
        stage.pass_time(1_000)
        terms = play.bank.terms(number)
        liar = VehiclePeer(stage, _certify(terms, capacity, "stranger", stage.now_s))
        liar.greet()
        if number:
            stage.run_to_end("ISSUER_LIMIT")
            play.take_stock()
            continue
        stage.run(lambda: stage.peer.paid >= capacity)
        newer = _certify(terms, 1, small, stage.now_s + 1)
        liar.send(Renew(certificate=newer.to_bytes()))
        stage.run_to_end("CAPACITY_EXHAUSTED")
        play.take_stock()


def _certify_all_there_is(play: Play) -> None:
    """Certify the largest capacities, and let a friend state that nearly all of it is due."""
    # The friend can still pay for a part of a packet.
    room = PACKET // 2
    for capacity in (_LARGEST_FIELD, MAX_AMOUNT + 1, MAX_AMOUNT):
        stage = play.pole(issuers=[issuer_row("stranger", MAX_AMOUNT), issuer_row("issuer")])
        for stated in (capacity - room, _LARGEST_FIELD, 0):
            terms = play.bank.terms(len(play.poles))
            liar = StatesADebt(stage, _certify(terms, capacity, "stranger", stage.now_s))
            liar.stated = stated
            liar.greet()
            stage.run_to_end("WRONG_CHANNEL", "BAD_FIELD", "CAPACITY_EXHAUSTED")
            play.take_stock()
            stage.cut_power()
            stage.pass_time(5_000)
            assert stage.supervisor is not None and not stage.supervisor.faults
        honest = VehiclePeer(stage, play.certificate(_CHANNELS + len(play.poles)))
        honest.charge(_PACKETS)
        honest.stop(OWNER_STOP)
        stage.run(stage.ended)


def _certify_fictions(play: Play) -> None:
    """Charge on one invented channel after the other, until the pole refuses the next one."""
    stage = play.pole(limit=_LIMIT)
    for number in range(_CHANNELS):
        fiction = _certify(play.bank.terms(number), _PACKETS * PACKET)
        liar = VehiclePeer(stage, fiction)
        if number < _CHANNELS - 1:
            liar.charge(_PACKETS)
            stage.run_to_end("CAPACITY_EXHAUSTED")
        else:
            flowed_mwh = stage.flowed_mwh
            liar.greet()
            stage.run_to_end("ISSUER_LIMIT")
            assert stage.flowed_mwh == flowed_mwh
        play.take_stock()


LIARS = (
    Liar(
        "certifies channels that do not exist",
        ISSUER,
        "Signs certificates of a friend's channels that are on no ledger.",
        "admits channels of an issuer up to its configured `limit`, then stops with ISSUER_LIMIT",
        _MAX_GAIN,
        _certify_fictions,
        f"the pole trusts the issuer up to a configured `limit`, {_LIMIT // PACKET} packets here; "
        "the credit of each channel comes on top",
        attempts=_CHANNELS,
    ),
    Liar(
        "says that it has paid",
        ISSUER,
        "Signs that its invented channels were paid, so that they count less against its limit.",
        "counts an amount as collected only when the operator's own host saw it arrive, and stops "
        "with ISSUER_LIMIT",
        _MAX_GAIN,
        _say_that_it_was_paid,
        f"as above: the pole trusts the issuer up to {_LIMIT // PACKET} packets",
        attempts=_CHANNELS,
    ),
    Liar(
        "gives its places back by its own word",
        ISSUER,
        "Signs that its invented channel was paid and that nobody can dispute it. So its place "
        "would go to the next one, and its debt would be forgotten with the place.",
        "gives a place back only when the operator's own host saw the amount arrive, and stops "
        "with CHANNELS_FULL",
        _MAX_GAIN,
        _give_places_back,
        f"as above: the pole trusts the issuer up to {_LIMIT // PACKET} packets",
        attempts=_CHANNELS,
    ),
    Liar(
        "takes another issuer's debt over",
        ISSUER,
        "Is trusted for one packet. Certifies a capacity of one unit on a channel that owes "
        "another issuer's whole limit, so that this limit would be free again.",
        "counts a channel's own debt for the issuer that takes it over, and stops with "
        "ISSUER_LIMIT",
        (_PACKETS * PACKET + CREDIT) / PACKET + DELAY,
        _renew_for_each_other,
        f"the pole trusts the other issuer up to {_PACKETS} packets",
        attempts=_CHANNELS,
    ),
    Liar(
        "certifies all that a field holds",
        ISSUER,
        "Is trusted for the largest limit. Certifies the largest capacities. Its friend states "
        "that nearly all of it is due, so that no field holds the next amount.",
        "takes no capacity and no amount due of 2^63 or more, so that each later amount fits its "
        "field; the next honest vehicle charges",
        CREDIT_AND_DELAY,
        _certify_all_there_is,
    ),
    Liar(
        "tells that it is 2036",
        ISSUER,
        "Is trusted for one claim unit. Tells a pole without a clock that it is 2036, so that all "
        "other certificates look expired.",
        "uses the time of an issuer for that issuer's certificates alone; the next honest vehicle "
        "charges",
        DELAY,
        _tell_2036,
    ),
    Liar(
        "tells the past for another issuer's certificate",
        ISSUER,
        "Is trusted for one claim unit. Tells a time in which its friend's certificate of another "
        "issuer was still valid.",
        "stops with TIME_UNKNOWN without a clock, and with CERTIFICATE_EXPIRED with one",
        DELAY,
        _revive_an_expired_certificate,
    ),
)
