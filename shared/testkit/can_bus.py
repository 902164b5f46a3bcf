"""A CAN bus in virtual time: exact bit times, arbitration, acknowledgement, errors and bus-off.

Controllers, adapters and peers are nodes on a CanBus. A frame takes as many bit times as its own
bits, stuff bits included (ISO 11898-1:2015, 10.4 and 10.5). Fault confinement follows its section
12.1.4. Left out, since no test asks for it: the overload frame, and the eight bit times that an
error-passive node waits between two frames of its own.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

WARNING = 96
PASSIVE = 128
BUS_OFF = 256
# Eleven recessive bits, so often, end the state bus-off.
_RECOVERY_SEQUENCES = 128
_SEQUENCE_BITS = 11
_INTERMISSION_BITS = 3
# CRC delimiter, acknowledge slot and delimiter, end of frame: never stuffed.
_TAIL_BITS = 1 + 2 + 7
# An error is seen after some bits of the frame; then two error flags and a delimiter follow.
_BITS_TO_ERROR = 20
_ERROR_FRAME_BITS = 6 + 6 + 8
_CRC_POLYNOMIAL = 0x4599
# A node in the state error passive goes back below the limit with the first good frame.
_REC_AFTER_GOOD_FRAME = 120
_MOST_REC = 255
_NS_PER_S = 1_000_000_000


class Frame(NamedTuple):
    """A data or remote frame of up to 8 bytes."""

    identifier: int
    data: bytes
    extended: bool = True
    remote: bool = False


@lru_cache(maxsize=65536)
def frame_bits(frame: Frame) -> int:
    """Return the bits of `frame` on the wire, from its start to its end, stuff bits included."""
    bits = _stuffed_part(frame)
    bits += f"{crc15(bits):015b}"
    stuff = 0
    last = ""
    run = 0
    for bit in bits:
        run = run + 1 if bit == last else 1
        last = bit
        if run == 5:
            # The stuff bit has the other value, and the next run begins with it.
            stuff += 1
            last = "0" if bit == "1" else "1"
            run = 1
    return len(bits) + stuff + _TAIL_BITS


def crc15(bits: str) -> int:
    """Return CAN's CRC of `bits`, a text of ones and zeros."""
    crc = 0
    for bit in bits:
        crc <<= 1
        if (crc >> 15) ^ (bit == "1"):
            crc ^= _CRC_POLYNOMIAL
        crc &= 0x7FFF
    return crc


def _stuffed_part(frame: Frame) -> str:
    """Return start of frame, arbitration, control and data as digits, before stuffing."""
    remote = int(frame.remote)
    if frame.extended:
        base, low = frame.identifier >> 18, frame.identifier & 0x3FFFF
        head = f"0{base:011b}11{low:018b}{remote}00"
    else:
        head = f"0{frame.identifier:011b}{remote}00"
    data = b"" if frame.remote else frame.data
    return head + f"{len(frame.data):04b}" + "".join(f"{byte:08b}" for byte in data)


def _arbitration_key(frame: Frame) -> int:
    """Return the arbitration field as an integer: the lowest one wins the bus."""
    remote = int(frame.remote)
    if frame.extended:
        base, low = frame.identifier >> 18, frame.identifier & 0x3FFFF
        return base << 21 | 3 << 19 | low << 1 | remote
    return frame.identifier << 21 | remote << 20


class Node:
    """What every node has: a bit rate, error counters, frames to send and frames received.

    Attributes:
        bit_rate: in bit/s; 0: the node is not on the bus.
        silent: the node only listens: it sends neither frames nor acknowledgements nor errors.
        tec, rec: the transmit and the receive error counter.
        bus_off: whether the node left the bus, after too many errors as a transmitter.
    """

    def __init__(self, bit_rate: int) -> None:
        self.bit_rate = bit_rate
        self.silent = False
        self.tec = 0
        self.rec = 0
        self.bus_off = False
        self.recessive_sequences = 0
        self.idle_ns = 0  # of the sequence of recessive bits that has begun

    def is_present(self) -> bool:
        """Return whether the node takes part in the bus's traffic."""
        return bool(self.bit_rate) and not self.bus_off

    def is_passive(self) -> bool:
        """Return whether the node is in the state error passive."""
        return self.tec >= PASSIVE or self.rec >= PASSIVE

    def pending(self) -> Frame | None:
        """Return the frame that the node wants to send first, or None."""
        return None

    def begun(self) -> None:
        """Note that the pending frame won the bus and is now on the wire."""

    def beaten(self) -> None:
        """Note that the pending frame lost the arbitration."""

    def sent(self) -> None:
        """Note that the frame on the wire was sent and acknowledged."""

    def received(self, frame: Frame) -> None:
        """Take a good frame of another node."""

    def erred(self, transmitting: bool) -> None:
        """Note an error on the bus; the counters have been moved already."""

    def recovered(self) -> None:
        """Note the end of the state bus-off."""

    def count_transmit_error(self) -> None:
        """Add a transmitter's error to the counters."""
        self.tec += 8
        if self.tec >= BUS_OFF:
            self.bus_off = True
            self.recessive_sequences = 0
        self.erred(True)

    def count_receive_error(self, weight: int) -> None:
        """Add a receiver's error to the counters."""
        self.rec = min(self.rec + weight, _MOST_REC)
        self.erred(False)

    def _count_good(self, transmitting: bool) -> None:
        if transmitting:
            self.tec = max(self.tec - 1, 0)
        elif self.rec >= PASSIVE:
            self.rec = _REC_AFTER_GOOD_FRAME
        else:
            self.rec = max(self.rec - 1, 0)

    def see_recessive(self, sequences: int) -> None:
        """Count `sequences` of eleven recessive bits on the way back from bus-off."""
        self.recessive_sequences += sequences
        if self.recessive_sequences >= _RECOVERY_SEQUENCES:
            self.bus_off = False
            self.tec = self.rec = 0
            self.recovered()

    def finish(self, frame: Frame) -> None:
        """Count and take a good frame of another node."""
        self._count_good(transmitting=False)
        self.received(frame)

    def finish_own(self) -> None:
        """Count the own frame that was sent."""
        self._count_good(transmitting=True)
        self.sent()


class Peer(Node):
    """A node that sends what `send` queues, and keeps all that comes in `came`."""

    def __init__(self, bit_rate: int) -> None:
        super().__init__(bit_rate)
        self.queue: list[Frame] = []
        self.came: list[Frame] = []

    def send(self, frame: Frame) -> None:
        """Queue `frame`."""
        self.queue.append(frame)

    def pending(self) -> Frame | None:
        """Return the oldest frame of the queue."""
        return self.queue[0] if self.queue else None

    def sent(self) -> None:
        """Drop the frame that was sent from the queue."""
        self.queue.pop(0)

    def received(self, frame: Frame) -> None:
        """Keep `frame`."""
        self.came.append(frame)


class Flood(Node):
    """A node that always has a frame to send: `make(number)` returns the next one."""

    def __init__(self, bit_rate: int, make: Callable[[int], Frame]) -> None:
        super().__init__(bit_rate)
        self._make = make
        self._next = make(0)
        self.count = 0

    def pending(self) -> Frame | None:
        """Return the next frame."""
        return self._next

    def sent(self) -> None:
        """Go on to the next frame."""
        self.count += 1
        self._next = self._make(self.count)


class CanBus:
    """Two wires with nodes on them. Time passes in `advance` only.

    A node changes what it wants to send at any time between two calls of `advance`. A frame that
    is on the wire ends at its own time, in a later call.

    Attributes:
        now_ns: the bus's time.
        terminated: False: the reflections of an open end destroy every frame.
        fault: called with every frame that goes on the wire; True destroys that frame.
        taps: functions called with every frame on the wire, its bits and whether it was good.
        busy_bits: the bit times of all frames and error frames so far, with the gap behind each.
    """

    def __init__(self, *nodes: Node) -> None:
        self.nodes = list(nodes)
        self.now_ns = 0
        self.terminated = True
        self.fault: Callable[[Frame], bool] | None = None
        self.taps: list[Callable[[Frame, int, bool], None]] = []
        self.busy_bits = 0
        self._winner: Node | None = None
        self._frame: Frame | None = None
        self._contenders: list[Node] = []
        self._destroyed = False
        self._bits = 0
        self._end_ns = 0

    @property
    def is_idle(self) -> bool:
        """Whether no frame is on the wire."""
        return self._winner is None

    def next_ns(self) -> int | None:
        """Return the time at which the frame on the wire ends, or None without one."""
        return None if self._winner is None else self._end_ns

    def advance(self, until_ns: int) -> None:
        """Let time pass until `until_ns`."""
        while self.now_ns < until_ns:
            if self._winner is None and not self._begin():
                self._rest(until_ns)
            elif self._end_ns <= until_ns:
                self.now_ns = self._end_ns
                self._finish()
            else:
                self.now_ns = until_ns
        if self._winner is None:
            self._begin()

    def _begin(self) -> bool:
        """Put the frame that wins the arbitration on the wire; return whether there is one."""
        contenders: list[tuple[int, int, Node, Frame]] = []
        for node in self.nodes:
            if node.bit_rate and not node.bus_off and not node.silent:
                frame = node.pending()
                if frame is not None:
                    contenders.append((_arbitration_key(frame), len(contenders), node, frame))
        if not contenders:
            return False
        _, _, winner, frame = min(contenders)
        self._winner, self._frame = winner, frame
        self._contenders = [node for _, _, node, _ in contenders]
        self._bits = frame_bits(frame)
        self._destroyed = self._is_destroyed(frame)
        if self._destroyed:
            self._bits = min(self._bits, _BITS_TO_ERROR) + _ERROR_FRAME_BITS
        for node in self._contenders:
            if node is winner:
                node.begun()
            else:
                node.beaten()
        bit_ns = _NS_PER_S // winner.bit_rate
        self._end_ns = self.now_ns + (self._bits + _INTERMISSION_BITS) * bit_ns
        return True

    def _is_destroyed(self, frame: Frame) -> bool:
        """Return whether an error flag ends the frame on the wire."""
        assert self._winner is not None
        if not self.terminated or (self.fault is not None and self.fault(frame)):
            return True
        for node in self.nodes:
            if node.bit_rate != self._winner.bit_rate and node.is_present() and not node.silent:
                # It takes the frame for errors. Only an error-active node sends dominant flags.
                if node in self._contenders or not node.is_passive():
                    return True
        return False

    def _finish(self) -> None:
        winner, frame = self._winner, self._frame
        assert winner is not None and frame is not None
        self._winner = None
        self.busy_bits += self._bits + _INTERMISSION_BITS
        others = [node for node in self.nodes if node is not winner and node.is_present()]
        hearing = [node for node in others if node.bit_rate == winner.bit_rate]
        acknowledged = not self._destroyed and any(not node.silent for node in hearing)
        for node in self.nodes:
            if node.bus_off:
                node.idle_ns = 0  # a dominant bit ended the sequence that had begun
                node.see_recessive(1)
        if acknowledged:
            winner.finish_own()
        elif self._destroyed or not winner.is_passive():
            winner.count_transmit_error()
        else:
            # An error-passive node alone on the bus stays there (exception 1 of 12.1.4.2).
            winner.erred(True)
        for node in others:
            if node.silent and node.bit_rate != winner.bit_rate:
                continue
            if node.bit_rate != winner.bit_rate:
                # The first to send an error flag sees dominant bits after its own: 1 and 8.
                node.count_receive_error(9)
            elif acknowledged:
                node.finish(frame)
            elif self._destroyed:
                node.count_receive_error(1)
        for tap in self.taps:
            tap(frame, self._bits, acknowledged)

    def _rest(self, until_ns: int) -> None:
        """Let the bus be idle until `until_ns`, or until a node comes back from bus-off."""
        waiting = [node for node in self.nodes if node.bus_off and node.bit_rate]
        for node in waiting:
            sequence_ns = _SEQUENCE_BITS * _NS_PER_S // node.bit_rate
            missing = _RECOVERY_SEQUENCES - node.recessive_sequences
            until_ns = min(until_ns, self.now_ns + missing * sequence_ns - node.idle_ns)
        idle_ns = until_ns - self.now_ns
        self.now_ns = until_ns
        for node in waiting:
            sequence_ns = _SEQUENCE_BITS * _NS_PER_S // node.bit_rate
            sequences, node.idle_ns = divmod(node.idle_ns + idle_ns, sequence_ns)
            node.see_recessive(sequences)
