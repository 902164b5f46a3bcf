"""The other side is software that we did not write: python-can over slcan, and can-isotp."""

from binascii import crc32

import can
import isotp
import pytest

from joulestream.host_tools.bench.ports import Port
from joulestream.testkit.can_pair import CanPair
from joulestream.testkit.slcan_adapter import SlcanAdapter

CONTROLLERS = ("mcp2515", "slcan")
POLE, VEHICLE = 0x56, 0xF4
TO_VEHICLE = 0x18DAF456
# No verdict by time: the stack's own timeouts are longer than any test.
NEVER_MS = 10_000_000
ROUNDS = 20_000


def pattern(size):
    return bytes((at * 13 + at // 256 + 5) & 0xFF for at in range(size))


def message(payload):
    """Return what travels as an ISO-TP message: the payload and its CRC."""
    return payload + crc32(payload).to_bytes(4, "big")


class Host:
    """A bus with our pole and an slcan adapter; python-can uses the adapter's terminal."""

    def __init__(self, controller):
        self.port = Port()
        self.adapter = SlcanAdapter()
        self.pair = CanPair(pole=controller, vehicle="slcan", others=(self.adapter,))
        # The vehicle's own link leaves the bus: python-can takes its place.
        self.pair.bus.nodes.remove(self.pair.boards["vehicle"].node)
        self.link = self.pair.links["pole"]
        self.came = self.pair.came["pole"]
        self.bus = can.Bus(
            interface="slcan", channel=self.port.path, bitrate=500_000, sleep_after_open=0
        )
        self.stack = None

    def open_stack(self, **params):
        address = isotp.Address(
            isotp.AddressingMode.NormalFixed_29bits, target_address=POLE, source_address=VEHICLE
        )
        never = {
            "rx_flowcontrol_timeout": NEVER_MS,
            "rx_consecutive_frame_timeout": NEVER_MS,
        }
        self.stack = isotp.CanStack(bus=self.bus, address=address, params={**never, **params})

    def step(self):
        """Let a ms pass for the bus and the pole, and one round for the host's software."""
        self.adapter.feed(self.port.read())
        self.pair.step(roles=("pole",))
        self.port.write(self.adapter.take())
        if self.stack is not None:
            self.stack.process(rx_timeout=0)

    def until(self, condition):
        for _ in range(ROUNDS):
            found = condition()
            if found:
                return found
            self.step()
        raise AssertionError((self.link.fault, self.link.dropped, self.link.unsent, self.came))

    def close(self):
        self.bus.shutdown()
        self.port.close()


@pytest.fixture(params=CONTROLLERS)
def host(request):
    made = Host(request.param)
    made.until(lambda: made.adapter.bit_rate)
    yield made
    made.close()


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"blocksize": 1, "stmin": 3},
        {"blocksize": 4, "tx_padding": 0xCC, "tx_data_min_length": 8},
        {"blocksize": 0, "stmin": 0xF3},
    ],
)
def test_can_isotp_and_our_link_understand_each_other(host, params):
    host.open_stack(**params)
    for size in (1, 3, 4, 19, 77, 560):
        payload = pattern(size)
        host.stack.send(message(payload))
        host.until(lambda payload=payload: payload in host.came)
        host.link.flush([payload])
        came = host.until(host.stack.recv)
        assert bytes(came) == message(payload)
    assert (host.link.dropped, host.link.unsent, host.link.overruns) == (0, 0, 0)


def test_both_directions_at_once(host):
    host.open_stack(blocksize=3)
    host.link.flush([pattern(560)])
    host.stack.send(message(pattern(559)))
    came = host.until(host.stack.recv)
    assert bytes(came) == message(pattern(560))
    host.until(lambda: host.came == [pattern(559)])


def test_frames_on_the_wire_are_those_that_python_can_sees(host):
    host.link.flush([b"abc"])
    frame = host.until(lambda: host.bus.recv(timeout=0))
    assert (frame.arbitration_id, frame.is_extended_id) == (TO_VEHICLE, True)
    assert bytes(frame.data) == b"\x07" + message(b"abc")


def sends_whole(host, payload):
    """Let can-isotp send a message after all frames that lie about; only this one comes."""
    while host.bus.recv(timeout=0):
        pass
    host.open_stack()
    host.stack.send(message(payload))
    host.until(lambda: host.came == [payload])


def test_a_peer_that_sends_a_first_frame_and_stops_costs_nothing_later(host):
    first = can.Message(arbitration_id=0x18DA56F4, data=b"\x10\x50abcdef", is_extended_id=True)
    for _ in range(5):
        host.bus.send(first)
        for _ in range(30):
            host.step()
    assert host.link.dropped >= 4
    sends_whole(host, pattern(77))


def test_a_sequence_error_drops_the_message_and_the_next_one_comes(host):
    for data in (b"\x10\x0aabcdef", b"\x22ghij"):
        host.bus.send(can.Message(arbitration_id=0x18DA56F4, data=data, is_extended_id=True))
        for _ in range(20):
            host.step()
    assert host.link.dropped == 1 and host.came == []
    sends_whole(host, pattern(30))


def test_a_message_that_is_too_long_is_refused_with_an_overflow(host):
    errors = []
    host.open_stack()
    host.stack.error_handler = errors.append
    host.stack.send(bytes(565))
    host.until(lambda: errors)
    assert isinstance(errors[0], isotp.OverflowError)
    assert host.link.dropped == 1
