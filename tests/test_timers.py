"""Every timer of the firmwares outlives the wrap of the ticks: a table with one row for each.

A tick wraps after 12.4 days. A timer that is compared with a sign looks like a future one from
6.2 days on. Each scenario begins shortly before a wrap, leaves its timer alone for days, and then
needs it. A timer or a comparison of ticks without a row fails.
"""

import ast
import gc
import io
import sys
from types import SimpleNamespace
from unittest import mock

import pytest

from joulestream.boards import open_board, unix
from joulestream.boards.board_clock import BoardClock
from joulestream.boards.contract import CLOCK_NETWORK
from joulestream.boards.gate import DRIVE, Gate
from joulestream.boards.told_clock import ToldClock
from joulestream.device.config import check_table
from joulestream.device.payer_record import PayerRecord
from joulestream.device.write_budget import WriteBudget
from joulestream.errors import (
    CONTACTOR_STUCK,
    CONTACTOR_WELDED,
    EMERGENCY_STOP,
    LINK_TIMEOUT,
    OVER_CURRENT,
)
from joulestream.host_tools.hardware.port import Port
from joulestream.host_tools.layout import ROOT
from joulestream.link import LINKS, check_link, open_link
from joulestream.link.isotp import PAUSE_MS, TIMEOUT_MS, IsoTp
from joulestream.messages import PAYEE, PAYER, Hello, encode
from joulestream.meter.config import METER, check_meter
from joulestream.meter.counter import open_meter
from joulestream.parts.pilot import FULL_DUTY, Pilot, duty_of
from joulestream.parts.safety_controller import SafetyController
from joulestream.pole import config as pole_config
from joulestream.pole.charger import (
    CHARGING,
    INVITED,
    PAUSING,
    RESTING,
    SUSPENDED,
    WAKING,
    Charger,
)
from joulestream.pole.clock import PoleClock
from joulestream.pole.closing import WAIT, Closing
from joulestream.pole.contactor import Contactor
from joulestream.pole.packetizer import Packetizer
from joulestream.pole.renewal import Renewal
from joulestream.pole.residual_test import ResidualTest
from joulestream.pole.welding import WeldWatch
from joulestream.runtime import BUILT_S
from joulestream.runtime.heap import HeapWatch
from joulestream.runtime.pilot import PILOT_B, PILOT_C, PILOT_F
from joulestream.runtime.supervisor import Supervisor
from joulestream.service import BUSY, NOT_ALLOWED, OK, REQUEST_HEAD, STATUS
from joulestream.session import CLOSED, OPEN, ProtocolSession
from joulestream.testkit.board import MemoryBoard, cable
from joulestream.testkit.can_pair import CanBoard, can_config
from joulestream.testkit.certificates import DAY_S, KEYS, NOW_S, certificate, terms
from joulestream.testkit.flash import RamFlash, mount
from joulestream.testkit.half_duplex import Pair as HalfDuplexPair
from joulestream.testkit.meter import Meter
from joulestream.testkit.meter_suite import Bench
from joulestream.testkit.pair import METER as PAIR_METER
from joulestream.testkit.pair import Meter as PairMeter
from joulestream.testkit.pair import Pair, pole_values
from joulestream.testkit.service_host import ServiceHost
from joulestream.units import LONGEST_MS, TICKS_PERIOD, Timer, ticks_add
from joulestream.vehicle import config as vehicle_config
from joulestream.vehicle import service as vehicle_service
from joulestream.vehicle.energy_owner import EnergyOwner
from joulestream.vehicle.own_meter import PowerBound
from joulestream.vehicle.plug import Plug
from joulestream.vehicle.visit import Visit
from test_can_driver import CANSTAT, Side

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
STARTS = (1_000, TICKS_PERIOD - 700, TICKS_PERIOD // 2 - 700)
# Half a period is 6.2 days, a whole one 12.4.
PAUSES_MS = (0, 3 * DAY_MS, 7 * DAY_MS, 12 * DAY_MS, 13 * DAY_MS, 19 * DAY_MS, 44 * DAY_MS)


class Clock:
    """A tick that wraps."""

    def __init__(self, start_ms):
        self.now_ms = start_ms

    def add(self, ms):
        """Let `ms` pass; return the tick."""
        self.now_ms = ticks_add(self.now_ms, ms % TICKS_PERIOD)
        return self.now_ms


def check_pause(clock, pause_ms, duration_ms, start, is_over):
    """Hold a timer to its duration, after it was left alone for `pause_ms` twice."""
    start(clock.now_ms)
    assert not is_over(clock.add(duration_ms - 1))
    assert is_over(clock.add(1))
    assert is_over(clock.add(pause_ms)), "what was over is over"
    start(clock.now_ms)
    clock.add(pause_ms)
    assert is_over(clock.now_ms) or is_over(clock.add(duration_ms)), "over, or soon"
    start(clock.now_ms)
    assert not is_over(clock.add(duration_ms - 1))
    assert is_over(clock.add(1))


def timer(clock, pause_ms):
    for duration_ms in (1, 500, HOUR_MS, LONGEST_MS):
        one = Timer()
        assert one.is_over(clock.add(pause_ms)), "a timer that never ran is over"

        def start(now_ms, one=one, duration_ms=duration_ms):
            one.start(now_ms, duration_ms)

        check_pause(clock, pause_ms, duration_ms, start, one.is_over)
        one.start(clock.now_ms, duration_ms)
        one.stop()
        assert one.is_over(clock.now_ms)


def renewal(clock, pause_ms):
    one = Renewal(2_000)
    one.begin()
    assert one.is_due(clock.add(pause_ms))
    check_pause(clock, pause_ms, 2_000, one.asked, one.is_due)
    one.asked(clock.now_ms)
    one.begin()
    assert one.is_due(clock.add(pause_ms)), "a new certificate's first request is due at once"


def contactor(clock, pause_ms):
    journal = mount(RamFlash())
    journal.erase_ahead()
    one = Contactor(lambda closed: None, 500, journal, clock.now_ms)
    check_pause(clock, pause_ms, 500, one.arm, one.follow)
    for _ in range(30):
        one.arm(clock.now_ms)
        assert one.closed
        one.open(clock.now_ms)
        assert not one.rests(clock.add(120_000))
        journal.erase_ahead()
    check_pause(
        clock,
        pause_ms,
        120_000,
        lambda now_ms: (one.arm(now_ms), one.open(now_ms)),
        lambda now_ms: not one.rests(now_ms),
    )
    for _ in range(17):  # a level is forgotten every two minutes, or sooner after a long pause
        clock.add(pause_ms)
        one.follow(clock.now_ms)
        one.follow(clock.add(120_000))
    one.arm(clock.now_ms)
    one.open(clock.now_ms)
    assert not one.rests(clock.now_ms)


def packetizer(clock, pause_ms):
    one = Packetizer(1_000, 1_500, 3_000, 500, 0, clock.now_ms)
    check_pause(
        clock,
        pause_ms,
        1_500,
        lambda now_ms: one.begin(0, now_ms),
        lambda now_ms: one.end_of_packet(7, now_ms) is not None,
    )
    check_pause(clock, pause_ms, 3_000, lambda now_ms: one.begin(0, now_ms), one.is_late)


def write_budget(clock, pause_ms):
    one = WriteBudget(clock.now_ms, 2_000)
    while one.take(1, clock.now_ms):
        pass
    assert one.allows(1, clock.add(pause_ms)) == (pause_ms >= 1_000)


def closing(clock, pause_ms):
    class Charging:
        unpaid = 0

    session = ProtocolSession(PAYER, 250, 2_000)
    one = Closing()
    one.settle_ms = 500  # and the contacts have 100 ms to open
    check_pause(
        clock,
        pause_ms,
        600,
        lambda now_ms: one.begin(LINK_TIMEOUT, now_ms),
        lambda now_ms: one.next_step(session, Charging(), 0, False, now_ms) != WAIT,
    )


def welding(clock, pause_ms):
    """Contacts weld after days at rest."""
    meter = PairMeter()
    meter.changed_ms = 0
    meter.power_mw = 5_000_000
    one = WeldWatch(mount(RamFlash(), 8), 0, 11_000_000)
    one.follow(True, meter, clock.now_ms)

    def follow(now_ms):
        meter.changed_ms = now_ms
        one.follow(False, meter, now_ms)

    follow(clock.add(pause_ms))
    for _ in range(6):
        assert not one.alarm
        follow(clock.add(100))
    for _ in range(4):  # one reading to begin with, and three that show the current
        assert not one.alarm
        follow(clock.add(100))
    assert one.alarm == CONTACTOR_WELDED


def welding_by_energy(clock, pause_ms):
    """Contacts weld after days at rest, and the power falls all the time."""
    meter = PairMeter()
    meter.changed_ms = 0
    meter.power_mw = 5_000_000
    one = WeldWatch(mount(RamFlash(), 8), 0, 11_000_000)
    one.follow(True, meter, clock.now_ms)
    one.follow(False, meter, clock.now_ms)
    clock.add(pause_ms)
    for _ in range(12):
        meter.changed_ms = clock.add(1_000)
        meter.power_mw -= 100_000
        meter.total_mwh += 1_000
        one.follow(False, meter, clock.now_ms)
    assert one.alarm == CONTACTOR_WELDED


def pilot(clock, pause_ms):
    duties = []
    one = Pilot(lambda: 6_000, duties.append, 16_000)
    one.pause(False, clock.now_ms)
    assert one.read(clock.add(49)) == PILOT_F
    one.read(clock.add(pause_ms))
    one.read(clock.add(1))
    one.read(clock.add(5_000))
    assert duties[-1] == duty_of(16_000), "a change that waits comes after 5 s"
    one.pause(True, clock.add(pause_ms))
    one.pause(False, clock.now_ms)
    one.read(clock.add(4_999))
    assert duties[-1] == FULL_DUTY
    one.read(clock.add(1))
    assert duties[-1] == duty_of(16_000)


def charger(clock, pause_ms):
    """A vehicle that sleeps is woken; after a fault the pole rests. Nobody looks in between."""
    bench = ChargerBench(clock)
    bench.pilot = PILOT_B
    bench.steps(2)
    assert bench.charger.state == INVITED
    clock.add(30_000 + pause_ms)
    bench.steps(1)
    assert bench.charger.state == WAKING
    clock.add(4_000 + pause_ms)
    bench.steps(1)
    clock.add(1_000 + pause_ms)
    bench.steps(1)
    assert bench.charger.state == SUSPENDED
    bench.board.hazard = lambda: EMERGENCY_STOP
    bench.steps(1)
    bench.board.hazard = int
    clock.add(4_000)
    bench.steps(1)
    assert bench.charger.state == RESTING
    clock.add(29_999)
    bench.steps(1)
    assert bench.charger.state == RESTING
    for ms in (1 + pause_ms, 300, 200):
        clock.add(ms)
        bench.steps(1)
    assert bench.charger.state == INVITED


def charger_pause(clock, pause_ms):
    """A limit of 0 ends the current, once the contactor has been closed for 2 s."""
    bench = ChargerBench(clock)
    bench.pilot = PILOT_B
    bench.steps(1)
    clock.add(pause_ms)
    bench.pilot = PILOT_C
    bench.steps(1)
    assert bench.charger.state == CHARGING
    bench.limit_mw = 0
    for _ in range(4):
        clock.add(400)
        bench.steps(1)
        assert bench.charger.state == CHARGING
    clock.add(400)
    bench.steps(1)
    assert bench.charger.state == PAUSING


def charger_feedback(clock, pause_ms):
    """The auxiliary contact has 200 ms to follow the coil."""
    bench = ChargerBench(clock)
    bench.board.contactor_feedback = lambda: False
    bench.steps(1)
    clock.add(199)
    bench.steps(1)
    assert bench.charger.reason == 0
    clock.add(1 + pause_ms % 100)
    bench.steps(1)
    assert bench.charger.reason == CONTACTOR_STUCK
    bench.board.contactor_feedback = lambda: True
    clock.add(100 + pause_ms)
    bench.steps(1)
    assert bench.charger.reason == CONTACTOR_WELDED


def charger_current(clock, pause_ms):
    """Duty and vehicle have 10 s to follow a limit."""
    bench = ChargerBench(clock)
    bench.limit_mw = 230_000 * 3 * 10
    bench.steps(1)
    bench.meter.current_ma = 13_000
    for _ in range(24):
        clock.add(450)
        bench.steps(1)
        if bench.charger.reason:
            break
    assert bench.charger.reason == OVER_CURRENT


def plug(clock, pause_ms):
    """The vehicle reads the duty once a second."""
    board = MemoryBoard()
    offers = [16_000, 0, 10_000]
    board.offered_ma = lambda: offers.pop(0)
    one = Plug(board)
    payer = SimpleNamespace(session=SimpleNamespace(state=OPEN))
    one.follow(payer, True, clock.now_ms)
    one.follow(payer, True, clock.add(999))
    assert one.asks and one.limit_ma == 16_000
    one.follow(payer, True, clock.add(1))
    assert not one.asks and one.limit_ma == 0
    clock.add(pause_ms)
    one.follow(payer, True, clock.add(1_000))
    assert one.limit_ma == 10_000


def residual_test(clock, pause_ms):
    """The test takes 7 s at most, and comes again after a day."""
    bench = ChargerBench(clock)
    bench.board.residual_tripped = lambda: bench.driven
    bench.board.test_residual = lambda driven: setattr(bench, "driven", driven)
    test = ResidualTest(bench.board)
    while test.is_due:
        test.follow(True, clock.add(1_000))
    test.follow(False, clock.add(24 * 3_600_000 - 1))
    assert not test.is_due
    test.follow(False, clock.add(1 + pause_ms))
    test.follow(False, clock.add(24 * 3_600_000))
    assert test.is_due, "a timer that nobody looked at is late by its own time at most"
    bench.board.residual_tripped = lambda: False
    test.follow(True, clock.add(1_000))
    test.follow(True, clock.add(6_999))
    assert test.result == "RUNS"
    test.follow(True, clock.add(1 + pause_ms))
    assert test.result == "FAILED"


class ChargerBench:
    """A Charger on a board in memory, with times of a real one and money for ever."""

    def __init__(self, clock):
        self._clock = clock
        self.board = MemoryBoard()
        self.board.charging_times = lambda: (2_000, 5_000, 30_000, 30_000)
        self.pilot = PILOT_C
        self.limit_mw = 11_000_000
        self.driven = False
        journal = mount(RamFlash(), 8)
        self.meter = SimpleMeter()
        config = check_table(pole_config.TABLE, pole_values(phases=3))
        config = pole_config.consistent(config)
        contactor = Contactor(self.board.contactor, 500, journal, clock.now_ms)
        welding = WeldWatch(journal, 0, 11_000_000)
        self.charger = Charger(
            config, self.board, contactor, welding, lambda: (self.limit_mw, "X"), clock.now_ms
        )
        for ms in (300, 200):  # the pilot shows -12 V, then its input settles
            self.steps(1)
            clock.add(ms)

    def steps(self, count):
        for _ in range(count):
            self.charger.step(self.pilot, True, False, self.meter, self._clock.now_ms)


class SimpleMeter:
    """The figures of a meter that a charger looks at."""

    def __init__(self):
        self.reason = self.power_mw = 0
        self.voltage_mv = 230_000
        self.current_ma = 0


def board_clock(clock, pause_ms):
    """A network tells the time once; then ticks alone carry it on, for days."""
    answers = [BUILT_S + DAY_S]
    network = SimpleNamespace(time_s=lambda: answers.pop() if answers else None)
    one = BoardClock(network, None, clock.now_ms)
    assert one.is_due(clock.now_ms)
    one.ask(clock.now_ms)
    assert not one.is_due(clock.add(HOUR_MS)) and one.is_due(clock.add(6 * HOUR_MS))
    asked = 0
    for _ in range(pause_ms // HOUR_MS):
        one.read(clock.add(HOUR_MS))  # the supervisor lets the board read it at each rest
        if one.is_due(clock.now_ms):
            one.ask(clock.now_ms)
            asked += 1
    elapsed_s = (7 + pause_ms // HOUR_MS) * 3_600
    assert one.read(clock.now_ms) == (BUILT_S + DAY_S + elapsed_s, CLOCK_NETWORK)
    assert asked == pause_ms // HOUR_MS, "a network that is silent is asked each half hour"


def machine_board(clock, pause_ms):
    """Heartbeat, LED and report of a board with a chip."""
    with Port("ESP32") as port:
        port.now_us = 1_000 * clock.now_ms
        board = open_board({"kind": "esp32", "watchdog": 0})
        shown = []

        def status():
            shown.append(clock.now_ms)
            return {"faults": 0, "board_fault": None}

        def step(closed):
            board.contactor(closed)
            board.feed_watchdog()
            board.show(status)

        for _ in range(2):
            port.now_us = 1_000 * clock.add(pause_ms)
            before = len(shown), len(port.edges)
            for _ in range(1_200):
                port.now_us = 1_000 * clock.add(5)
                step(True)
            for _ in range(1_200):
                port.now_us = 1_000 * clock.add(5)
                step(False)
            edges = [edge for edge in port.edges[before[1] :] if edge[1] == board.HEARTBEAT]
            assert 1_190 <= len(edges) <= 1_210
            lights = [edge for edge in port.edges[before[1] :] if edge[1] == board.LED]
            assert len(lights) > 2, "it blinks at rest"
            assert len(shown) > before[0]


def told_clock(clock, pause_ms):
    """An operator tells the time once; then ticks alone carry it on, for days."""
    board = MemoryBoard()
    board.tick_ms = clock.now_ms
    one = ToldClock(board)
    assert one.tell(NOW_S)
    for _ in range(pause_ms // HOUR_MS):
        one.tick(clock.add(HOUR_MS))
    assert one.read() == (NOW_S + pause_ms // HOUR_MS * 3_600, CLOCK_NETWORK)


def service(clock, pause_ms):
    """A status comes five times a second at most, and a bad signature lets the line rest."""
    operator = KEYS["issuer"]
    board = MemoryBoard()
    board.tick_ms = clock.now_ms
    board.uarts["service"], far_end = cable()
    config = SimpleNamespace(service_keys=[operator.public_key], link=None)
    one = vehicle_service.open_service(config, board, KEYS["payer"])
    loop = SimpleNamespace(status=lambda: {"role": "vehicle"})
    host = ServiceHost(far_end, one, loop, board, operator)

    def ask(now_ms, signer):
        host.now_ms, host.signer = now_ms, signer
        answer = host.exchange(host.request(STATUS, b"\0"))
        return None if answer is None else answer[REQUEST_HEAD]

    for _ in range(2):
        host.now_ms = clock.add(pause_ms + 1_000)
        assert host.hello()[REQUEST_HEAD] == OK
    host.now_ms -= 100  # `hello` itself lets 200 ms pass
    assert host.hello()[REQUEST_HEAD] == BUSY
    clock.add(pause_ms + 1_000)
    assert ask(clock.add(1_000), operator) == OK
    assert ask(clock.add(100), operator) == BUSY
    assert ask(clock.add(200), operator) == OK
    clock.add(pause_ms)
    assert ask(clock.add(1_000), KEYS["stranger"]) == NOT_ALLOWED
    assert ask(clock.add(500), operator) is None
    clock.add(pause_ms)
    assert ask(clock.add(1_000), operator) == OK


def heap(clock, pause_ms):
    one = HeapWatch(reserve=-1, every_ms=10_000)  # no heap has a piece of -1 bytes

    def is_low(now_ms):
        with mock.patch.object(gc, "mem_free", create=True):
            try:
                return one.is_low(now_ms)
            except ValueError:  # CPython's word for a size that cannot be had
                return True

    assert is_low(clock.now_ms)
    assert not is_low(clock.add(9_999)) and is_low(clock.add(1))
    clock.add(pause_ms)
    assert is_low(clock.now_ms) or is_low(clock.add(10_000))


def supervisor(clock, pause_ms):
    class Loop:
        def step(self, now_ms):
            if faulty:
                raise OSError(5)

        def record_fault(self, why):
            pass

    made = []
    faulty = True
    board = MemoryBoard()
    one = Supervisor(lambda: made.append(1) or Loop(), board)
    one.step(clock.now_ms)
    assert one.loop is None
    faulty = False
    clock.add(pause_ms)
    one.step(clock.now_ms)
    one.step(clock.add(1_000))
    assert one.loop is not None, "a new loop starts, however long nobody looked"
    one.step(clock.now_ms)
    clock.add(pause_ms)
    one.step(clock.now_ms)
    one.step(clock.add(60_000))
    faulty = True
    one.step(clock.now_ms)
    assert one.loop is None
    one.step(clock.add(1_000))
    assert one.loop is not None, "after a steady minute the pause is a second again"


def visit(clock, pause_ms):
    one = Visit(5_000, 1 << 40, bytes)
    assert one.may_greet(clock.add(pause_ms))

    def end(now_ms):
        one.end_session(LINK_TIMEOUT, False, now_ms)

    check_pause(clock, pause_ms, 5_000, end, one.may_greet)


def charge(clock, pause_ms):
    """Charge, leave both ends alone, and charge again, with an invoice that waits."""
    channel = terms(dispute_window_s=200 * DAY_S)
    pair = Pair(certificates=[certificate(channel, expires_at_s=NOW_S + 150 * DAY_S)])
    pair.now_ms = clock.now_ms
    pair.boot_pole(NOW_S)
    pair.boot_vehicle()
    for _ in range(2):
        pair.charge(3)
        pair.own_percent = 0
        pair.steps(40)
        pair.own_energy_mwh = pair.pole_energy_mwh
        pair.own_percent = 100
        packets = pair.payee.charging.packets
        pair.charge(packets + 3)
        pair.replug()
        for _ in range(pause_ms // HOUR_MS):
            pair.now_ms += HOUR_MS
            pair.clock.tick(pair.now_ms)


def energy_owner(clock, pause_ms):
    """After its session a channel owns energy for its tail and the wait of the own meter."""
    record = PayerRecord(own_mwh=0, own_total_mwh=0)
    records = SimpleNamespace(newest=None)
    wallet = SimpleNamespace(
        records=records, store=lambda *_: None, load=lambda _: record, can_store=lambda: True
    )
    config = SimpleNamespace(max_power_mw=1_000, audit_wait_ms=600, audit="meter")
    offer = SimpleNamespace(link_timeout_ms=2_000, stop_ms=300)
    meter = SimpleNamespace(total_mwh=0, step_mwh=1_000, reason=0)

    def start(now_ms):
        owner.take(bytes(32), record, offer)
        owner.end(now_ms)

    def is_over(now_ms):
        owner.step(meter, now_ms)
        return owner.channel_id is None

    owner = EnergyOwner(wallet, config)
    check_pause(clock, pause_ms, 2_900, start, is_over)


def session(clock, pause_ms):
    one = ProtocolSession(PAYER, 250, 2_000)
    hello = Hello(version=1, nonce=b"n" * 16, channel_id=bytes(32), payer_key=bytes(32))
    for _ in range(2):
        assert one.poll(clock.add(pause_ms)) == 0
        one.send(hello, clock.now_ms)
        one.outbox.clear()
        assert one.poll(clock.add(249)) == 0 and not one.outbox
        assert one.poll(clock.add(1)) == 0 and one.outbox
        assert one.poll(clock.add(1_750)) == 0
        assert one.poll(clock.add(1)) == LINK_TIMEOUT
        one.abort()
        assert one.state == CLOSED


def repeated_answer(clock, pause_ms):
    pole = ProtocolSession(PAYEE, 250, 2_000)
    hello = Hello(version=1, nonce=b"n" * 16, channel_id=bytes(32), payer_key=bytes(32))
    payload = bytes(encode(hello))
    pole.receive(payload, clock.now_ms)
    pole.stop(LINK_TIMEOUT, clock.now_ms)
    pole.outbox.clear()

    def is_answered(now_ms):
        pole.outbox.clear()
        pole.receive(payload, now_ms)
        return bool(pole.outbox)

    for _ in range(2):
        assert is_answered(clock.add(pause_ms)) or is_answered(clock.add(250))
        assert not is_answered(clock.add(249))
        assert is_answered(clock.add(1))


def pole_clock(clock, pause_ms):
    one = PoleClock(
        mount(RamFlash()), lambda: (NOW_S, 1), [KEYS["issuer"].public_key], clock.now_ms
    )
    one.begin(certificate(), clock.now_ms)
    for hour in range(pause_ms // HOUR_MS):
        one.tick(clock.add(HOUR_MS))
        assert one.time_s(clock.now_ms) == NOW_S + 3_600 * (hour + 1)


def meter(clock, pause_ms):
    """A meter without a supply for days, with and without a fault before, is trusted again."""
    for fault in ("", "backward", "damaged"):
        model = Meter()
        config = check_meter({**PAIR_METER, "frozen_ms": 2_000})
        counter = open_meter(config, MemoryBoard({"meter": model}), 11_000_000)

        def run(ms, counter=counter, model=model):
            for _ in range(ms // 20):
                model.advance(3_600_000, 20)
                counter.advance(True, clock.add(20))

        run(4_000)
        assert not counter.reason
        model.set_fault(fault)
        run(1_500)
        assert bool(counter.reason) == bool(fault)
        model.set_fault("silent")
        for _ in range(pause_ms // HOUR_MS):
            counter.advance(False, clock.add(HOUR_MS))
            assert counter.reason
        total_mwh = counter.total_mwh
        model.set_fault("")
        run(13_000)
        assert not counter.reason, (fault, pause_ms)
        assert 0 < counter.total_mwh - total_mwh <= 20_000


def desk_meter(clock, pause_ms):
    """A chip and a pulse output that were not polled for days are read at once, without power."""
    for model in ("ina228", "s0"):
        bench = Bench(model)
        world = bench.world()
        world.now_ms = clock.now_ms
        world.power_mw = 100_000
        world.run(200_000)
        assert not world.counter.reason and world.counter.power_mw > 90_000
        clock.add(200_000)
        world.power_mw = 0
        world.meter.advance(0, 20)
        reading = world.counter.driver.poll(clock.add(pause_ms + 90_000))
        assert reading is not None and reading.power_mw == 0, (model, pause_ms)


def power_bound(clock, pause_ms):
    one = PowerBound(1_000)
    one.advance(clock.now_ms)
    for _ in range(pause_ms // HOUR_MS):
        one.advance(clock.add(HOUR_MS))
    assert one.total_mwh == 1_000 * (pause_ms // HOUR_MS)


def gate(clock, pause_ms):
    one = Gate(500, lambda closed: None)

    def is_open(now_ms):
        one.follow(now_ms)
        return not one.closed

    check_pause(clock, pause_ms, 500, lambda now_ms: one.take(DRIVE, now_ms), is_open)


def unix_board(clock, pause_ms):
    stdin, stdout, time_ms = sys.stdin, sys.stdout, unix.time_ms
    sys.stdin, sys.stdout = io.StringIO("0 -1 A 0\n"), io.StringIO()
    unix.time_ms = lambda: clock.now_ms
    try:
        board = unix.Board({"uarts": {}, "storage": "-"})

        def shows(now_ms):
            before = len(sys.stdout.getvalue())
            board.show(dict)
            return len(sys.stdout.getvalue()) > before

        assert shows(clock.now_ms)
        assert not shows(clock.add(49))
        assert shows(clock.add(1))
        clock.add(pause_ms)
        assert shows(clock.now_ms) or shows(clock.add(50))
    finally:
        sys.stdin, sys.stdout, unix.time_ms = stdin, stdout, time_ms


def safety_controller(clock, pause_ms):
    """A gate that was silent for days is no gate; it is asked, and permitted to, at once."""
    board_end, other_end = cable()
    gate = SafetyController(board_end)
    buffer = bytearray(256)

    def sends(ms, limit_ma):
        gate.step(clock.add(ms), limit_ma)
        return other_end.readinto(buffer)

    for _ in range(2):
        assert sends(0, 0) > 0
        assert sends(1, 0) == 0
        assert sends(500, 0) > 0, "it asks again"
        assert sends(1, 16_000) > 0
        assert sends(1, 16_000) == 0
        assert sends(pause_ms, 16_000) > 0 or sends(500, 16_000) > 0
        assert gate.identification is None
        sends(pause_ms, 0)
        sends(500, 0)
        clock.add(500)


def isotp(clock, pause_ms):
    """A message that nobody answers, one that comes in part, and one after them."""
    sent, came = [], []
    end = IsoTp(
        lambda frame, size: sent.append(bytes(frame[:size])) is None,
        lambda: None,
        lambda message: came.append(bytes(message)),
        2,
    )

    def becomes_quiet():
        end.step(clock.now_ms)
        if not end.is_quiet:
            end.step(clock.add(TIMEOUT_MS))
        return end.is_quiet

    end.send(bytes(20))
    end.step(clock.now_ms)
    clock.add(pause_ms)
    assert becomes_quiet() and end.unsent == 1
    end.receive(b"\x10\x20abcdef", 8, clock.now_ms)
    clock.add(pause_ms)
    assert becomes_quiet() and end.broken == 1
    sent.clear()
    end.send(b"x")
    clock.add(pause_ms)
    end.step(clock.now_ms)
    end.step(clock.add(PAUSE_MS))
    assert sent == [b"\x01x"]


def mcp2515(clock, pause_ms):
    """Nobody looks for days. Then a chip is gone, and the bus of another chip is never idle."""
    side = Side()
    side.tick_ms = clock.now_ms

    def poll(ms):
        side.tick_ms = clock.add(ms)
        side.link.poll()

    poll(1)
    values = side.spi_bus.values
    kept = bytes(values)
    values[0x28:0x30] = bytes(8)
    poll(pause_ms)
    poll(100)
    assert "no MCP2515" in side.link.fault
    values[:] = kept
    values[CANSTAT] = 0x80
    poll(pause_ms)
    poll(1_000)
    poll(100)
    assert side.link.fault is None
    values[0x28:0x30] = bytes(8)
    poll(100)
    values[:] = kept
    values[CANSTAT] = 0x80
    poll(1_000)
    values[CANSTAT] = 0x80
    poll(pause_ms)
    poll(200)
    assert "never idle" in side.link.fault


def slcan(clock, pause_ms):
    """An adapter that falls silent while nobody looks."""
    board = CanBoard("slcan")
    board.tick_ms = clock.now_ms
    link = open_link(check_link(can_config("pole", "slcan")), board)
    link.poll()
    board.uarts["link"].plugged = False
    for ms in (pause_ms, 1_000, 1_000):
        board.tick_ms = clock.add(ms)
        link.poll()
    assert "no slcan adapter" in link.fault


def rs485(clock, pause_ms):
    """A side that waited for an answer for days begins again, at last after its random time."""
    wires = HalfDuplexPair()
    board = MemoryBoard({"link": wires.ends[0]})
    board.tick_ms = clock.now_ms
    link = open_link(check_link({"kind": "rs485"}), board)
    for _ in range(2):
        link.flush([b"payload"])
        before = link.bytes_sent
        wires.ends[0].came += b"noise"
        link.poll()
        board.tick_ms = clock.add(pause_ms)
        link.flush([b"more"])
        for _ in range(100):
            board.tick_ms = clock.add(1)
            link.poll()
        assert link.bytes_sent > before


# place: a scenario that drives it. A Timer is named by its attribute, other code that compares
# ticks by its function.
ROWS = {
    "shared/joulestream/units.py Timer.is_over": timer,
    "shared/joulestream/session.py ProtocolSession.poll": session,
    "shared/joulestream/session.py ProtocolSession._poll_requests": session,
    "shared/joulestream/session.py _Request.until_next_answer": repeated_answer,
    "firmware/boards/gate.py Gate._hold": gate,
    "firmware/boards/unix.py Board._pause": unix_board,
    "firmware/link/isotp.py IsoTp._gap": isotp,
    "firmware/link/isotp.py IsoTp._patience": isotp,
    "firmware/link/isotp.py IsoTp._until_late": isotp,
    "firmware/link/mcp2515.py Controller._joining": mcp2515,
    "firmware/link/mcp2515.py Controller._look": mcp2515,
    "firmware/link/mcp2515.py Controller._retry": mcp2515,
    "firmware/boards/told_clock.py ToldClock.tick": told_clock,
    "firmware/runtime/service.py Service._greeting_pause": service,
    "firmware/runtime/service.py Service._rest": service,
    "firmware/runtime/service.py Service._status_pause": service,
    "firmware/link/rs485.py Link._others": rs485,
    "firmware/link/rs485.py Link._quiet": rs485,
    "firmware/link/slcan.py Controller._ask": slcan,
    "firmware/meter/ina228.py Driver._interval": desk_meter,
    "firmware/meter/registers.py Driver._interval": meter,
    "firmware/meter/s0.py Driver._follow": desk_meter,
    "firmware/meter/s0.py Driver._interval": desk_meter,
    "firmware/meter/registers.py Driver._take": meter,
    "firmware/meter/estimate.py EnergyEstimate.advance": meter,
    "firmware/meter/modbus.py ModbusMaster._answer": meter,
    "firmware/meter/modbus.py ModbusMaster._rest": meter,
    "firmware/meter/watch.py MeterWatch.judge": meter,
    "firmware/meter/watch.py MeterWatch.reason": meter,
    "firmware/meter/watch.py MeterWatch._end_fault": meter,
    "firmware/meter/watch.py MeterWatch._fail": meter,
    "firmware/meter/watch.py MeterWatch._hears": meter,
    "firmware/meter/watch.py MeterWatch._is_starting": meter,
    "firmware/meter/watch.py MeterWatch._trust_register": meter,
    "firmware/pole/clock.py PoleClock.tick": pole_clock,
    "firmware/pole/closing.py Closing._until_meter_is_final": closing,
    "firmware/pole/contactor.py Contactor._hold": contactor,
    "firmware/pole/contactor.py Contactor._rest": contactor,
    "firmware/pole/contactor.py Contactor._until_forgotten": contactor,
    "firmware/pole/charger.py Charger._time": charger,
    "firmware/pole/charger.py Charger._on": charger_pause,
    "firmware/pole/charger.py Charger._limits_time": charger_pause,
    "firmware/pole/charger.py Charger._travel": charger_feedback,
    "firmware/pole/charger.py Charger._feedback_fault": charger_feedback,
    "firmware/pole/charger.py Charger._draws_much_time": charger_current,
    "firmware/pole/residual_test.py ResidualTest._time": residual_test,
    "firmware/pole/residual_test.py ResidualTest._fresh": residual_test,
    "firmware/pole/welding.py WeldWatch._settling": welding,
    "firmware/pole/welding.py WeldWatch._late": welding_by_energy,
    "firmware/parts/pilot.py Pilot._next_duty": pilot,
    "firmware/parts/safety_controller.py SafetyController._next_ask": safety_controller,
    "firmware/parts/safety_controller.py SafetyController._next_permit": safety_controller,
    "firmware/parts/safety_controller.py SafetyController._silence": safety_controller,
    "firmware/parts/pilot.py Pilot._settling": pilot,
    "firmware/boards/board_clock.py BoardClock._next_ask": board_clock,
    "firmware/boards/board_clock.py BoardClock.read": board_clock,
    "firmware/boards/machine_board.py MachineBoard._next_edge": machine_board,
    "firmware/boards/machine_board.py MachineBoard._next_blink": machine_board,
    "firmware/boards/machine_board.py MachineBoard._next_report": machine_board,
    "firmware/pole/packetizer.py Packetizer._longest": packetizer,
    "firmware/pole/packetizer.py Packetizer._in_time": packetizer,
    "firmware/pole/renewal.py Renewal._pause": renewal,
    "shared/device/write_budget.py WriteBudget.allows": write_budget,
    "firmware/runtime/heap.py HeapWatch._pause": heap,
    "firmware/runtime/supervisor.py Supervisor._pause": supervisor,
    "firmware/runtime/supervisor.py Supervisor._until_idle": supervisor,
    "firmware/runtime/supervisor.py Supervisor._until_steady": supervisor,
    "firmware/vehicle/energy_owner.py EnergyOwner._timer": energy_owner,
    "firmware/vehicle/own_meter.py PowerBound.advance": power_bound,
    "firmware/vehicle/payer.py Payer._audit_wait": charge,
    "firmware/vehicle/plug.py Plug._pause": plug,
    "firmware/vehicle/visit.py Visit._pause": visit,
}


def places():
    """Return the place of each Timer, and of each function that compares ticks."""
    found = set()
    for folder in ("shared", "firmware"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            name = path.relative_to(ROOT).as_posix()
            if not name.startswith(("shared/testkit", "shared/cpython")):
                found |= {f"{name} {place}" for place in places_in(path.read_text())}
    return found


def places_in(text):
    for cls in ast.walk(ast.parse(text)):
        if not isinstance(cls, ast.ClassDef):
            continue
        for function in cls.body:
            for node in ast.walk(function):
                called = getattr(getattr(node, "func", None), "id", None)
                if called == "ticks_diff" or getattr(node, "id", None) == "_TICKS_MASK":
                    yield f"{cls.name}.{function.name}"
                value = getattr(node, "value", None)
                if isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(value, ast.Call):
                    if getattr(value.func, "id", None) == "Timer":
                        target = node.targets[0] if isinstance(node, ast.Assign) else node.target
                        yield f"{cls.name}.{target.attr}"


def test_every_timer_has_a_row():
    assert places() == set(ROWS)


@pytest.mark.parametrize("start_ms", STARTS)
@pytest.mark.parametrize("scenario", dict.fromkeys(ROWS.values()), ids=lambda row: row.__name__)
def test_a_timer_that_was_left_alone_for_days_works(scenario, start_ms):
    for pause_ms in PAUSES_MS:
        scenario(Clock(start_ms), pause_ms)


def tables():
    """Return every table of a configuration."""
    links = [__import__(name, None, None, ("TABLE",)).TABLE for name in LINKS.values()]
    return [pole_config.TABLE, vehicle_config.TABLE, METER, unix.TABLE, *links]


def test_no_configured_time_is_longer_than_a_timer_can_be():
    bounded = 0
    for table in tables():
        for field, check, _ in table:
            if field.endswith("_ms"):
                bounded += 1
                with pytest.raises(ValueError):
                    check(LONGEST_MS + 1)
    assert bounded >= 12
