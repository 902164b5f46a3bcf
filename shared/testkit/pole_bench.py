"""The real PoleLoop with a Modbus meter, a contactor that switches energy, and a scripted vehicle.

Runs on CPython and on MicroPython. The vehicle says HELLO and ACCEPT only when a test asks for it.
It pays every invoice while `PoleBench.paying` is true.
"""

from joulestream import messages
from joulestream.channel import Claim
from joulestream.compat import const
from joulestream.link import open_link
from joulestream.messages import PAYER, Accept, Hello, Invoice, Offer, Renew, Stop, Update
from joulestream.meter.counter import open_meter
from joulestream.pole.loop import PoleLoop
from joulestream.session import ProtocolSession
from joulestream.session_tag import name_session
from joulestream.testkit.board import MemoryBoard, cable
from joulestream.testkit.certificates import KEYS, certificate
from joulestream.testkit.flash import RamFlash
from joulestream.testkit.meter import Meter
from joulestream.testkit.pair import STEP_MS, Pair
from joulestream.units import MS_PER_HOUR, energy_from_power

TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from joulestream.device.payee_records import PayeeRecord
    from joulestream.messages import Message

PREPAY = 960
CONTACTOR_MS = 20
NEVER_MS = 1 << 28


class Outlet:
    """A contactor and its load. Energy flows while the contacts are closed.

    Attributes:
        power_mw: the power that flows while the contacts are closed.
        coil: whether the coil is driven.
        contact: whether the contacts are closed. They follow the coil CONTACTOR_MS later.
        stuck: whether closed contacts do not open.
    """

    def __init__(self) -> None:
        self.power_mw = 11_000_000
        self.coil = False
        self.contact = False
        self.stuck = False
        self._flowed = 0

    @property
    def energy_mwh(self) -> int:
        """The energy that has flowed, in mWh."""
        return self._flowed // MS_PER_HOUR

    def advance(self) -> None:
        """Let one step of STEP_MS pass; it is as long as CONTACTOR_MS."""
        if self.contact:
            self._flowed += self.power_mw * STEP_MS
        self.contact = self.coil or (self.contact and self.stuck)


def _new_session() -> ProtocolSession:
    """Return the vehicle's side of a session, which sends nothing by itself."""
    return ProtocolSession(PAYER, NEVER_MS, NEVER_MS)


class PoleBench:
    """A pole that charges, step by step.

    Args:
        flash: the pole's flash. Default: one in memory.
        board: the pole's board. Default: a MemoryBoard.
        pole: fields of the pole's configuration that replace those of `pair.pole_values`.

    Attributes:
        world: the Pair that holds the pole's parts; its vehicle and its meters are not used.
        payee, loop, counter: the pole's protocol side, its loop and its meter's counter.
        board, link, meter, outlet: the board, the pole's end of the link, the meter, the load.
        at_ms: the time now.
        paying: whether the vehicle pays invoices.
        prepay: the amount that it pays beyond an invoice, in claim units.
        contactor_log: every state in which the pole drove the contactor, in order.
        stops: the reasons of the STOP messages that the vehicle got.
        offered: the last OFFER that the vehicle got; None since its last HELLO.
    """

    def __init__(
        self, flash: "Any" = None, board: "MemoryBoard | None" = None, **pole: "Any"
    ) -> None:
        self.board = board or MemoryBoard()
        flashes = (flash or RamFlash(), RamFlash())
        self.world = Pair(pole=pole, flash=flashes, pole_board=self.board)
        self.payee = self.world.payee
        self.outlet = Outlet()
        self.meter = Meter()
        self.link, far_end = cable()
        self.board.uarts = {"meter": self.meter, "link": self.link}
        self.board.on_contactor = self._drive
        self.contactor_log: list[bool] = []
        self.at_ms = self.board.tick_ms = self.world.now_ms
        config = self.world.pole_config
        self.counter = open_meter(config.meter, self.board, config.max_power_mw)
        self.loop = PoleLoop(
            config,
            self.board,
            self.counter,
            open_link(config.link, self.board),
            self.payee,
            self.world.pole_journal,
        )
        self.paying = True
        self.prepay = PREPAY
        self.stops: list[int] = []
        self.offered: Offer | None = None
        self._greetings = 0
        self._session = _new_session()
        self._certificate = certificate()
        self._claim = Claim(self._certificate.channel_id)
        self._vehicle_link = open_link(config.link, MemoryBoard({"link": far_end}))
        self._vehicle_link.attach(self._take)

    @property
    def record(self) -> "PayeeRecord":
        """The channel's record in the pole's journal."""
        return self.world.payee_records.load(self._certificate.channel_id)

    def step(self) -> None:
        """Let STEP_MS pass at both ends."""
        self.at_ms += STEP_MS
        outlet = self.outlet
        self.meter.advance(outlet.power_mw if outlet.contact else 0, STEP_MS)
        outlet.advance()
        self.meter.power_mw = outlet.power_mw if outlet.contact else 0
        self.loop.step(self.at_ms)
        self.loop.idle()
        self._vehicle_link.poll()

    def run_ms(self, duration_ms: int) -> None:
        """Let `duration_ms` pass."""
        for _ in range(duration_ms // STEP_MS):
            self.step()

    def run(self, condition: "Callable[[], Any]", limit_ms: int = 30_000) -> None:
        """Step until `condition()` holds; fail after `limit_ms`."""
        stop_ms = self.at_ms + limit_ms
        while not condition():
            assert self.at_ms < stop_ms, self.loop.status()
            self.step()

    def greet(self) -> None:
        """Send a HELLO with a new nonce and wait for the offer."""
        self.send_hello()
        self.run(lambda: self.offered is not None)

    def send_hello(self) -> None:
        """Send a HELLO with a new nonce."""
        self._greetings += 1
        self.offered = None
        self._session = _new_session()
        hello = Hello(
            version=messages.VERSION,
            nonce=self._greetings.to_bytes(16, "little"),
            channel_id=self._certificate.channel_id,
            payer_key=KEYS["payer"].public_key,
        )
        self._session.send(hello, self.at_ms)
        self._send(hello)

    def accept(self) -> None:
        """Accept the offer with the channel's certificate."""
        data = self._certificate.to_bytes()
        accept = Accept(
            certificate=data,
            prepay=PREPAY,
            amount_due=0,
            remainder=0,
            link_timeout_ms=NEVER_MS,
            signature=b"",
        )
        accept.signature = KEYS["payer"].sign(self._session.signed_text(accept))
        self._send(accept)

    def renew(self, later_s: int) -> None:
        """Send a certificate that was issued `later_s` after the first, and ends as much later."""
        first = certificate()
        data = certificate(
            issued_at_s=first.issued_at_s + later_s, expires_at_s=first.expires_at_s + later_s
        ).to_bytes()
        self._send(Renew(certificate=data))

    def charge(self, packets: int = 14) -> None:
        """Open a session; run until `packets` are paid and the contacts are closed."""
        self.run(lambda: not self.counter.reason)
        self.greet()
        self.accept()
        self.run(
            lambda: (
                self.payee.charging is not None
                and self.payee.charging.packets >= packets
                and self.outlet.contact
            )
        )

    def bound(self) -> int:
        """Return the most that may ever be unpaid, in claim units.

        It is the credit and the price of the energy that flows at full power from an unpaid
        reading until the contacts open: meter interval + link timeout + CONTACTOR_MS.
        """
        config = self.world.pole_config
        lag_ms = config.meter.interval_ms + config.link_timeout_ms + CONTACTOR_MS
        lag_mwh = energy_from_power(config.max_power_mw, lag_ms)
        return config.credit + self.amount(lag_mwh)

    def amount(self, energy_mwh: int) -> int:
        """Return the price of `energy_mwh`, in claim units."""
        return energy_mwh * self.world.pole_config.prices[0].price_per_kwh // 1_000_000

    def _drive(self, closed: bool) -> None:
        self.contactor_log.append(closed)
        self.outlet.coil = closed

    def _send(self, message: "Message") -> None:
        name_session(message, self._session.tag)
        self._vehicle_link.flush([messages.encode(message)])

    def _take(self, payload: memoryview) -> None:
        message = messages.decode(bytes(payload))
        if isinstance(message, Offer):
            self._session.receive(bytes(payload), self.at_ms)
            self.offered = message
        elif isinstance(message, Stop):
            self.stops.append(message.reason)
        elif isinstance(message, Invoice) and self.paying:
            amount = message.amount_due + self.prepay
            signature = KEYS["payer"].sign(self._claim.message(amount))
            self._send(Update(sequence=message.sequence, amount=amount, signature=signature))
