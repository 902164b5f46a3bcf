"""The link over CAN on a modelled bus: floods, faults of bus and chip, and sentences about them."""

import pytest

from joulestream import errors
from joulestream.device.config import ConfigError
from joulestream.link import check_link, open_link
from joulestream.link.can import BIT_RATES, identifier
from joulestream.link.isotp import MAX_MESSAGE, TIMEOUT_MS
from joulestream.testkit import mcp2515
from joulestream.testkit.board import MemoryBoard
from joulestream.testkit.can_bus import CanBus, Flood, Frame, Peer
from joulestream.testkit.can_pair import CanBoard, CanLoops, CanPair, can_config

CONTROLLERS = ("mcp2515", "slcan")
TO_POLE = 0x18DA56F4
TO_VEHICLE = 0x18DAF456


def pattern(size):
    return bytes((at * 11 + at // 256) & 0xFF for at in range(size))


def is_one_sentence(text):
    return bool(text) and "\n" not in text and text[-1] != "." and len(text) < 160


def wait_for(pair, condition, limit_ms=20_000, **how):
    for _ in range(limit_ms):
        if condition():
            return
        pair.step(**how)
    raise AssertionError([(link.fault, link.dropped, link.unsent) for link in pair.links.values()])


def speaks(pair):
    """Check that a payload crosses in both directions."""
    for sender, receiver in (("pole", "vehicle"), ("vehicle", "pole")):
        pair.came[receiver].clear()
        pair.links[sender].flush([pattern(77)])
        wait_for(pair, lambda came=pair.came[receiver]: came == [pattern(77)])


def test_the_identifiers_are_those_of_the_protocol():
    assert identifier(0x56, 0xF4) == TO_POLE and identifier(0xF4, 0x56) == TO_VEHICLE


@pytest.mark.parametrize("pole", CONTROLLERS)
@pytest.mark.parametrize("vehicle", CONTROLLERS)
def test_the_longest_payloads_cross_in_both_directions_at_once(pole, vehicle):
    pair = CanPair(pole, vehicle)
    pair.run(3)
    for link in pair.links.values():
        link.flush([pattern(560), pattern(19)])
    wait_for(pair, lambda: all(len(came) == 2 for came in pair.came.values()))
    for role, came in pair.came.items():
        assert came == [pattern(560), pattern(19)], role
        link = pair.links[role]
        assert (link.dropped, link.unsent, link.overruns, link.fault) == (0, 0, 0, None)


@pytest.mark.parametrize("crystal_mhz", [8, 16])
@pytest.mark.parametrize("bit_rate", BIT_RATES)
def test_every_bit_rate_works_with_every_crystal_that_can_make_it(bit_rate, crystal_mhz):
    change = {"bit_rate": bit_rate, "crystal_mhz": crystal_mhz}
    if (bit_rate, crystal_mhz) == (1_000_000, 8):
        with pytest.raises(ValueError, match="needs a crystal of 16 MHz") as caught:
            CanPair(pole_link=change, vehicle_link=change)
        assert is_one_sentence(str(caught.value))
        return
    pair = CanPair("mcp2515", "slcan", pole_link=change, vehicle_link={"bit_rate": bit_rate})
    assert pair.boards["pole"].node.bit_rate == bit_rate
    pair.run(3)
    speaks(pair)


def flood(number):
    """Return a frame that differs from a message to the pole or the vehicle in one bit."""
    ours = TO_POLE if number % 2 else TO_VEHICLE
    return Frame(ours ^ 1 << number // 2 % 29, pattern(8))


@pytest.mark.parametrize("pole", CONTROLLERS)
def test_a_full_bus_of_other_identifiers_costs_no_frame(pole):
    """One bit beside ours, some of higher priority; frames of our identifiers still get through."""
    noise = Flood(500_000, flood)
    pair = CanPair(pole, "mcp2515", others=(noise,))
    pair.run(3)
    sent = 0
    for number in range(40):
        for link in pair.links.values():
            link.flush([pattern(20 + number)])
        sent += 1
        wait_for(pair, lambda sent=sent: all(len(came) == sent for came in pair.came.values()))
    assert noise.count > 1_000
    assert pair.bus.busy_bits * 2_000 >= pair.bus.now_ns * 99 // 100, "the bus is full"
    for link in pair.links.values():
        assert (link.dropped, link.unsent, link.overruns) == (0, 0, 0)


def test_frames_keep_their_order_through_both_receive_buffers():
    """A stranger's sender may ignore the block size; the driver still reads in order."""
    board = CanBoard("mcp2515")
    peer = Peer(500_000)
    bus = CanBus(board.node, peer)
    link = open_link(check_link(can_config("pole", "mcp2515")), board)
    taken = []
    controller = link._controller
    for number in range(200):
        for part in range(number % 3):
            peer.send(Frame(TO_POLE, bytes((number, part))))
        bus.advance(bus.now_ns + 700_000)
        board.tick_ms = bus.now_ns // 1_000_000
        controller.receive(lambda data, size, now_ms: taken.append(bytes(data[:size])), 1)
    bus.advance(bus.now_ns + 5_000_000)
    controller.receive(lambda data, size, now_ms: taken.append(bytes(data[:size])), 1)
    assert taken == sorted(taken) and len(taken) == 199
    assert controller.overruns == 0


def test_a_frame_that_comes_between_two_reads_does_not_overtake():
    """A frame comes into RXB1 while RXB0 is read, then another one into RXB0."""
    board = CanBoard("mcp2515")
    peer = Peer(500_000)
    bus = CanBus(board.node, peer)

    class Slow(mcp2515.Spi):
        """An SPI on which a bit takes 2 us, so that a frame passes while one is read."""

        def __init__(self, chip):
            super().__init__(chip, lambda bits: bus.advance(bus.now_ns + 2_000 * bits))

    chip = board.node
    board.spi = lambda name: (Slow(chip), lambda level: chip.select(bool(level)), lambda: 0)
    link = open_link(check_link(can_config("pole", "mcp2515")), board)
    taken = []
    for number in range(60):
        peer.send(Frame(TO_POLE, bytes((number,))))
    while peer.queue or chip.register(mcp2515.CANINTF) & 3:
        link._controller.receive(lambda data, size, now_ms: taken.append(data[0]), 1)
    assert taken == sorted(taken)


def test_more_frames_than_buffers_are_counted_as_overruns():
    pair = CanPair()
    pair.run(5)
    peer = Peer(500_000)
    pair.bus.nodes.append(peer)
    for _ in range(5):
        peer.send(Frame(TO_POLE, b"\x01x"))
    pair.bus.advance(pair.bus.now_ns + 5_000_000)
    pair.run(300)
    assert pair.links["pole"].overruns >= 1
    speaks(pair)


def test_transmit_buffers_keep_the_order_of_frames():
    pair = CanPair("mcp2515", "slcan")
    pair.run(5)
    order = []
    pair.bus.taps.append(lambda frame, bits, good: order.append(frame.data))
    pair.links["pole"].flush([pattern(200)])
    wait_for(pair, lambda: pair.came["vehicle"])
    numbers = [data[0] & 15 for data in order if data[0] >> 4 == 2]
    assert numbers == [(1 + at) & 15 for at in range(len(numbers))]


def test_a_message_with_a_wrong_crc_is_dropped():
    """An SPI without a checksum damages a byte, or 16 frames are lost in a row."""
    board = CanBoard("mcp2515")
    peer = Peer(500_000)
    bus = CanBus(board.node, peer)
    link = open_link(check_link(can_config("pole", "mcp2515")), board)
    came = []
    link.attach(lambda payload: came.append(bytes(payload)))
    for data in (b"\x05\x01\0\0\0\0", b"\x04abcd", b"\x05\x20\xe9\x6c\xcd\xf1"):
        peer.send(Frame(TO_POLE, data))
        bus.advance(bus.now_ns + 5_000_000)
        board.tick_ms += 5
        link.poll()
    assert link.dropped == 3 - len(came) and link.dropped >= 2


# Faults of the bus


def test_a_wrong_bit_rate_is_said_by_both_sides_and_mends_itself():
    pair = CanPair(vehicle_link={"bit_rate": 250_000})
    pair.run(5)
    for _ in range(8):
        for link in pair.links.values():
            link.flush([pattern(60)])
        pair.run(400)
    assert pair.came == {"pole": [], "vehicle": []}
    assert all(is_one_sentence(link.fault) for link in pair.links.values())
    assert any("bit rate" in link.fault for link in pair.links.values())
    assert all(link.unsent for link in pair.links.values())


@pytest.mark.parametrize("controller", CONTROLLERS)
def test_without_termination_the_bus_goes_off_is_said_and_recovers(controller):
    pair = CanPair(controller, "mcp2515")
    pair.run(5)
    pair.bus.terminated = False
    link = pair.links["pole"]
    link.flush([pattern(60)])
    if controller == "mcp2515":
        wait_for(pair, lambda: link._controller.bus_offs == 1)
        assert "left the bus" in link.fault
    wait_for(pair, lambda: link.fault)
    assert is_one_sentence(link.fault) and "termination" in link.fault
    pair.run(2_000)
    assert link.unsent
    pair.bus.terminated = True
    pair.run(2 * TIMEOUT_MS)
    speaks(pair)
    pair.run(1_500)
    assert link.fault is None


def test_nobody_acknowledges_is_said_and_ends_when_the_other_side_comes():
    pair = CanPair()
    pair.run(5)
    vehicle = pair.boards["vehicle"].node
    pair.bus.nodes.remove(vehicle)
    link = pair.links["pole"]
    link.flush([pattern(60)])
    wait_for(pair, lambda: link.fault)
    assert is_one_sentence(link.fault) and "acknowledges" in link.fault
    wait_for(pair, lambda: link.unsent)
    pair.run(20)
    assert not vehicle.mode and pair.boards["pole"].node.pending() is None, "nothing stale waits"
    pair.bus.nodes.append(vehicle)
    speaks(pair)
    pair.run(200)
    assert link.fault is None


def test_single_damaged_frames_cost_nothing():
    pair = CanPair()
    pair.run(5)
    counts = [0]

    def every_twelfth(frame):
        """Fewer than one in nine, so that the transmit error counter does not climb."""
        counts[0] += 1
        return counts[0] % 12 == 0

    pair.bus.fault = every_twelfth
    for _ in range(20):
        speaks(pair)
    assert all((link.dropped, link.unsent) == (0, 0) for link in pair.links.values())


# Faults of the chip


def test_a_board_without_an_spi_and_one_without_a_chip_are_told_apart():
    config = check_link(can_config("pole", "mcp2515"))
    with pytest.raises(ValueError, match="no SPI") as no_spi:
        open_link(config, MemoryBoard())
    board = CanBoard("mcp2515")
    board.node.powered = False
    with pytest.raises(ValueError, match="no MCP2515 answers") as no_chip:
        open_link(config, board)
    for caught in (no_spi, no_chip):
        assert is_one_sentence(str(caught.value))


@pytest.mark.parametrize("stuck", [0x00, 0xFF])
def test_a_wire_that_is_stuck_is_no_chip(stuck):
    board = CanBoard("mcp2515")
    board.node.exchange = lambda byte: stuck
    with pytest.raises(ValueError, match="no MCP2515 answers"):
        open_link(check_link(can_config("pole", "mcp2515")), board)


@pytest.mark.parametrize("harm", ["power", "reset", "sleep", "timing"])
def test_a_chip_that_fails_at_work_is_said_and_set_up_anew(harm):
    pair = CanPair()
    pair.run(5)
    speaks(pair)
    chip, link = pair.boards["pole"].node, pair.links["pole"]
    if harm == "power":
        chip.powered = False
    elif harm == "reset":
        chip.reset()
    elif harm == "sleep":
        chip.select(False)
        for byte in (mcp2515.WRITE, mcp2515.CANCTRL, mcp2515.SLEEP << 5):
            chip.exchange(byte)
        chip.select(True)
    else:
        chip._registers[mcp2515.CNF2] ^= 8
    wait_for(pair, lambda: link.fault, 300)
    assert "no MCP2515 answers" in link.fault
    pair.run(1_500)
    if harm == "power":
        assert link.fault
        chip.reset()
        chip.powered = True
        pair.run(1_500)
    assert link._controller.restarts >= 1
    speaks(pair)
    pair.run(200)
    assert link.fault is None


def test_a_bus_that_is_never_idle_is_said():
    board = CanBoard("mcp2515")
    board.node.joins = False
    bus = CanBus(board.node, Peer(500_000))
    link = open_link(check_link(can_config("pole", "mcp2515")), board)
    for _ in range(300):
        bus.advance(bus.now_ns + 1_000_000)
        board.tick_ms += 1
        link.poll()
    assert is_one_sentence(link.fault) and "never idle" in link.fault
    link.flush([pattern(20)])
    for _ in range(TIMEOUT_MS + 5):
        board.tick_ms += 1
        link.poll()
    assert link.unsent == 1


def test_an_adapter_that_is_unplugged_is_said_and_opened_anew():
    pair = CanPair("slcan", "slcan")
    pair.run(5)
    speaks(pair)
    link, uart = pair.links["pole"], pair.boards["pole"].uarts["link"]
    uart.plugged = False
    wait_for(pair, lambda: link.fault, 2_500)
    assert is_one_sentence(link.fault) and "no slcan adapter" in link.fault
    pair.boards["pole"].node.__init__()
    uart.plugged = True
    pair.run(2_500)
    assert link.fault is None
    speaks(pair)


def test_an_interrupt_pin_that_is_not_wired_is_no_fault():
    board, peer = CanBoard("mcp2515"), Peer(500_000)
    bus = CanBus(board.node, peer)
    wired = board.spi
    board.spi = lambda name: (*wired(name)[:2], lambda: 0)
    link = open_link(check_link(can_config("pole", "mcp2515")), board)
    came = []
    link.attach(lambda payload: came.append(bytes(payload)))
    link.poll()
    peer.send(Frame(TO_POLE, bytes.fromhex("0661628e2e8f8f")))
    bus.advance(1_000_000)
    link.poll()
    assert link.dropped + len(came) == 1


# Bad peers


def test_a_peer_that_sends_first_frames_and_stops_holds_up_nothing_for_long():
    peer = Peer(500_000)
    pair = CanPair(others=(peer,))
    pair.run(5)
    for _ in range(20):
        peer.send(Frame(TO_POLE, b"\x10\x20abcdef"))
        pair.run(30)
    pair.links["pole"].flush([pattern(19)])
    wait_for(pair, lambda: pair.came["vehicle"], TIMEOUT_MS + 100)
    assert pair.links["pole"].dropped >= 19
    speaks(pair)


def test_a_session_over_can_ends_with_a_receipt_while_the_bus_is_full():
    loops = CanLoops(others=(Flood(500_000, flood),))
    assert loops.run(20_000, lambda: loops.pole.status().get("packets", 0) >= 4)
    loops.pole.stop(errors.OWNER_STOP)
    assert loops.run(
        5_000,
        lambda: loops.pole.status().get("receipt") and loops.vehicle.status().get("receipt"),
    )
    status = loops.pole.status()
    assert status["last_stop"] == "OWNER_STOP" and status["link"] == "GOOD"
    assert status["receipt"] == loops.vehicle.status()["receipt"]
    assert (status["frames_dropped"], status["frames_unsent"]) == (0, 0)


@pytest.mark.parametrize("harm", ["termination", "chip", "bit rate"])
def test_a_fault_of_the_bus_opens_the_contactor_and_is_in_the_status(harm):
    loops = CanLoops()
    assert loops.run(20_000, lambda: loops.contact)
    pole_chip, vehicle_chip = loops.bus.nodes
    if harm == "termination":
        loops.bus.terminated = False
    elif harm == "chip":
        pole_chip.powered = False
    else:
        vehicle_chip.bit_rate = 125_000
    assert loops.run(3_000, lambda: not loops.contact)
    assert loops.pole.status()["last_stop"] in ("LINK_TIMEOUT", "PAYMENT_TIMEOUT")
    assert is_one_sentence(loops.pole.status()["link"])
    paid = loops.pole.status()["paid"]
    loops.bus.terminated = pole_chip.powered = True
    if harm == "bit rate":
        vehicle_chip.bit_rate = 500_000
    assert loops.run(30_000, lambda: loops.contact), "it charges again, and nothing is lost"
    assert loops.pole.status()["paid"] >= paid


# Configuration


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"bit_rate": 300_000}, "bit_rate"),
        ({"bit_rate": True}, "bit_rate"),
        ({"crystal_mhz": 20}, "crystal_mhz"),
        ({"controller": "sja1000"}, "controller"),
        ({"own_address": 256}, "own_address"),
        ({"peer_address": None}, "peer_address"),
    ],
)
def test_a_broken_field_is_named(change, field):
    with pytest.raises(ConfigError) as caught:
        check_link({**can_config("pole", "mcp2515"), **change})
    assert caught.value.field == field


def test_a_side_cannot_be_its_own_peer():
    with pytest.raises(ValueError, match="must not be the same"):
        open_link(check_link(can_config("pole", "slcan", peer_address=0x56)), CanBoard("slcan"))


def test_a_payload_that_does_not_fit_is_an_error_of_the_caller():
    link = CanPair().links["pole"]
    link.flush([bytes(MAX_MESSAGE - 4)])
    with pytest.raises(ValueError):
        link.flush([bytes(MAX_MESSAGE - 3)])
