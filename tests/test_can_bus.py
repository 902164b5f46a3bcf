"""The modelled CAN bus and the modelled MCP2515 behave as ISO 11898-1 and DS20001801J say."""

import pytest

from joulestream.testkit import mcp2515
from joulestream.testkit.can_bus import CanBus, Flood, Frame, Peer, crc15, frame_bits
from joulestream.testkit.mcp2515 import (
    BIT_MODIFY,
    CANCTRL,
    CANINTE,
    CANINTF,
    CANSTAT,
    CNF1,
    CNF2,
    CNF3,
    EFLG,
    LOAD_TX,
    READ,
    READ_RX,
    READ_STATUS,
    RESET,
    RTS,
    RX_STATUS,
    WRITE,
    Mcp2515,
    identifier_bytes,
)

RATE = 500_000
MS = 1_000_000
TIMING_500K = (0x02, 0xB4, 0x40)  # CNF3, CNF2, CNF1 with a crystal of 16 MHz
ID = 0x18DAF456


def spi(chip, *sent, more=0):
    """Do one instruction; return the bytes that came out, those of the instruction included."""
    chip.select(False)
    came = [chip.exchange(byte) for byte in (*sent, *[0] * more)]
    chip.select(True)
    return came


def write(chip, address, *values):
    spi(chip, WRITE, address, *values)


def read(chip, address):
    return spi(chip, READ, address, more=1)[2]


def running(chip, timing=TIMING_500K, filters=(ID,) * 6, roll_over=True, mode=mcp2515.NORMAL):
    """Set up a chip: exact filters, then the mode."""
    spi(chip, RESET)
    write(chip, CNF3, *timing)
    for first, numbers in ((0x00, (0, 1, 2)), (0x10, (3, 4, 5))):
        for at, number in enumerate(numbers):
            write(chip, first + 4 * at, *identifier_bytes(filters[number], True))
    write(chip, 0x20, *b"\xff\xe3\xff\xff" * 2)
    write(chip, 0x60, 0x04 if roll_over else 0)
    write(chip, CANCTRL, mode << 5)
    return chip


def bus_of(*nodes):
    return CanBus(*nodes)


def load(chip, number, frame):
    head = identifier_bytes(frame.identifier, frame.extended)
    spi(chip, LOAD_TX | number << 1, *head, len(frame.data), *frame.data)
    spi(chip, RTS | 1 << number)


def test_the_crc_is_that_of_can():
    """CRC-15/CAN of "123456789" is 0x059E (catalogue of parametrised CRC algorithms)."""
    assert crc15("".join(f"{byte:08b}" for byte in b"123456789")) == 0x059E


def test_a_frame_has_its_bits_and_its_stuff_bits():
    for extended, head in ((True, 64), (False, 44)):
        for size in range(9):
            plain = head + 8 * size
            for fill in (0x00, 0xFF, 0x55, 0x0F):
                frame = Frame(0x155, bytes((fill,)) * size, extended)
                # The last ten bits are never stuffed.
                assert plain <= frame_bits(frame) <= plain + (plain - 11) // 4
    # 15 zeros, a DLC of 1000, 64 zeros: a stuff bit after each five of 15 and of 67 zeros.
    assert frame_bits(Frame(0, bytes(8), extended=False)) == 108 + 3 + 13


def test_the_lowest_identifier_wins_and_a_standard_frame_beats_an_extended_one():
    first, second, third, ear = (Peer(RATE) for _ in range(4))
    bus = bus_of(first, second, third, ear)
    first.send(Frame(0x100 << 18, b"e"))
    second.send(Frame(0x100, b"s", extended=False))
    third.send(Frame(0x0FF << 18 | 0x3FFFF, b"l"))
    bus.advance(5 * MS)
    assert [frame.data for frame in ear.came] == [b"l", b"s", b"e"]


def test_a_lone_sender_gets_no_acknowledgement_and_stays_error_passive():
    alone = Peer(RATE)
    bus = bus_of(alone)
    alone.send(Frame(ID, b"x"))
    bus.advance(100 * MS)
    assert (alone.tec, alone.bus_off) == (128, False)
    assert alone.queue, "it sends again for ever"
    other = Peer(RATE)
    bus.nodes.append(other)
    bus.advance(102 * MS)
    assert other.came == [Frame(ID, b"x")] and not alone.queue


def test_without_termination_a_sender_leaves_the_bus_and_comes_back_after_128_sequences():
    first, second = Peer(RATE), Peer(RATE)
    bus = bus_of(first, second)
    bus.terminated = False
    first.send(Frame(ID, b"x"))
    while not first.bus_off:
        bus.advance(bus.now_ns + 10_000)
    off_ns = bus.now_ns
    bus.terminated = True
    while first.bus_off:
        bus.advance(bus.now_ns + 1_000)
    assert 128 * 11 * 2_000 <= bus.now_ns - off_ns + 10_000 <= 128 * 11 * 2_000 + 20_000
    bus.advance(bus.now_ns + MS)
    assert second.came == [Frame(ID, b"x")]


def test_a_node_with_another_bit_rate_destroys_frames_until_it_is_error_passive():
    first, second, stranger = Peer(RATE), Peer(RATE), Peer(250_000)
    bus = bus_of(first, second, stranger)
    first.send(Frame(ID, b"x"))
    bus.advance(20 * MS)
    assert stranger.rec >= 128 and stranger.came == []
    assert second.came == [Frame(ID, b"x")]
    assert first.tec > 100


def test_a_full_bus_has_no_idle_bit():
    flood, ear = Flood(RATE, lambda number: Frame(0x1FFFFFFF - number % 7, bytes(8))), Peer(RATE)
    bus = bus_of(flood, ear)
    bus.advance(100 * MS)
    assert 50_000 - 200 <= bus.busy_bits <= 50_000
    assert flood.count == len(ear.came) > 300


# The chip


def test_a_reset_leads_to_the_mode_configuration_with_default_registers():
    chip = Mcp2515()
    assert (read(chip, CANSTAT), read(chip, CANCTRL)) == (0x80, 0x87)
    running(chip)
    assert chip.mode == mcp2515.NORMAL
    spi(chip, RESET)
    assert (read(chip, CANSTAT), read(chip, CNF2), read(chip, 0x60)) == (0x80, 0, 0)
    assert read(chip, 0x7E) == 0x80, "CANSTAT stands in every row"


def test_timing_filters_and_masks_can_only_be_written_in_the_mode_configuration():
    chip = running(Mcp2515())
    for address in (CNF1, CNF2, CNF3, 0x00, 0x10, 0x1B, 0x20, 0x27):
        before = read(chip, address)
        write(chip, address, before ^ 0x41)
        assert read(chip, address) == before, hex(address)


def test_bit_modify_changes_bits_of_some_registers_and_whole_bytes_of_others():
    chip = Mcp2515()
    write(chip, CANINTE, 0xF0)
    spi(chip, BIT_MODIFY, CANINTE, 0x3C, 0x0F)
    assert read(chip, CANINTE) == 0xCC
    write(chip, 0x36, 0xF0)
    spi(chip, BIT_MODIFY, 0x36, 0x3C, 0x0F)
    assert read(chip, 0x36) == 0x0F


@pytest.mark.parametrize(
    ("crystal_hz", "timing", "rate"),
    [
        (16_000_000, (0x02, 0xB4, 0x40), 500_000),
        (8_000_000, (0x02, 0xB4, 0x40), 250_000),
        (16_000_000, (0x01, 0x91, 0x00), 1_000_000),
        (16_000_000, (0x02, 0xB4, 0x43), 125_000),
        (8_000_000, (0x00, 0x80, 0x00), 0),  # PS2 of one quantum
        (16_000_000, (0x02, 0xB4, 0x80), 0),  # a jump as long as PS2
        (16_000_000, (0x07, 0x80, 0x00), 0),  # PS2 longer than the rest
    ],
)
def test_the_bit_rate_follows_from_the_crystal_and_the_timing(crystal_hz, timing, rate):
    assert running(Mcp2515(crystal_hz), timing).bit_rate == rate


def test_frames_go_out_by_priority_and_then_from_the_highest_buffer():
    chip, ear = running(Mcp2515()), Peer(RATE)
    bus = bus_of(chip, ear)
    for number in (0, 1, 2):
        load(chip, number, Frame(ID, bytes((number,))))
    bus.advance(5 * MS)
    # Buffer 0 was on the wire before the others were loaded: it had no rival then.
    assert [frame.data[0] for frame in ear.came] in ([2, 1, 0], [0, 2, 1])
    assert spi(chip, READ_STATUS, more=1)[1] == 0xA8
    ear.came.clear()
    write(chip, 0x30, 0x03)
    for number in (2, 0):
        spi(chip, LOAD_TX | number << 1, *identifier_bytes(ID, True), 1, number)
    spi(chip, RTS | 5)
    bus.advance(10 * MS)
    assert [frame.data[0] for frame in ear.came] == [0, 2]


def test_received_frames_roll_over_and_a_third_one_is_an_overflow():
    for roll_over, flags, overflow in ((True, 3, 0x80), (False, 1, 0x40)):
        chip, peer = running(Mcp2515(), roll_over=roll_over), Peer(RATE)
        bus = bus_of(chip, peer)
        for number in range(3):
            peer.send(Frame(ID, bytes((number, 0xAA))))
        bus.advance(5 * MS)
        assert read(chip, CANINTF) & 3 == flags
        assert read(chip, EFLG) & 0xC0 == overflow
        came = spi(chip, READ_RX, more=13)[1:]
        assert came[:4] == list(identifier_bytes(ID, True)) and came[4:7] == [2, 0, 0xAA]
        assert read(chip, CANINTF) & 1 == 0, "the end of the instruction clears the flag"
        spi(chip, BIT_MODIFY, EFLG, 0xC0, 0)
        assert read(chip, EFLG) == 0


def test_rx_status_tells_buffer_kind_and_filter():
    chip, peer = running(Mcp2515(), filters=(1, 2, 3, 4, 5, 6)), Peer(RATE)
    bus = bus_of(chip, peer)
    for identifier, status in ((2, 0x51), (6, 0x95), (4, 0x93)):
        peer.send(Frame(identifier, b""))
        bus.advance(bus.now_ns + MS)
        assert spi(chip, RX_STATUS, more=1)[1] == status, identifier
        write(chip, CANINTF, 0)
    for identifier, status in ((1, 0x50), (1, 0xD0)):
        peer.send(Frame(identifier, b""))
        bus.advance(bus.now_ns + MS)
        assert spi(chip, RX_STATUS, more=1)[1] == status
    spi(chip, READ_RX)
    assert spi(chip, RX_STATUS, more=1)[1] == 0x96, "filter 0, rolled over"


def test_only_the_exact_identifier_passes():
    chip, peer = running(Mcp2515()), Peer(RATE)
    bus = bus_of(chip, peer)
    strangers = [Frame(ID ^ 1 << bit, b"") for bit in range(29)]
    strangers += [Frame(ID >> 18, b"", extended=False), Frame(ID & 0x7FF, b"", extended=False)]
    for frame in strangers:
        peer.send(frame)
    bus.advance(50 * MS)
    assert not peer.queue and read(chip, CANINTF) == 0
    peer.send(Frame(ID, b""))
    bus.advance(51 * MS)
    assert read(chip, CANINTF) == 1


def test_the_interrupt_pin_follows_enabled_flags():
    chip, peer = running(Mcp2515()), Peer(RATE)
    bus = bus_of(chip, peer)
    peer.send(Frame(ID, b""))
    bus.advance(MS)
    assert chip.interrupt
    write(chip, CANINTE, 1)
    assert not chip.interrupt
    assert read(chip, CANSTAT) >> 1 & 7 == 6
    spi(chip, READ_RX)
    assert chip.interrupt


def test_error_flags_follow_the_counters_up_to_bus_off():
    chip = running(Mcp2515())
    bus = bus_of(chip, Peer(RATE))
    bus.terminated = False
    load(chip, 0, Frame(ID, b"x"))
    seen = []
    while not chip.bus_off:
        bus.advance(bus.now_ns + 50_000)
        if read(chip, EFLG) not in seen:
            seen.append(read(chip, EFLG))
    assert seen[-3:] == [0x05, 0x15, 0x35]
    assert read(chip, CANINTF) & 0xA0 == 0xA0
    bus.terminated = True
    bus.advance(bus.now_ns + 5 * MS)
    assert read(chip, EFLG) == 0 and read(chip, mcp2515.TEC) == 0


def test_a_waiting_frame_can_be_aborted():
    chip = running(Mcp2515())
    bus = bus_of(chip)
    load(chip, 0, Frame(ID, b"x"))
    bus.advance(MS)
    assert read(chip, 0x30) & 0x08
    write(chip, 0x30, 0)
    bus.advance(2 * MS)
    assert read(chip, 0x30) == 0x50, "aborted, after an error"


def test_listen_only_and_loopback_send_nothing():
    chip, ear = running(Mcp2515(), mode=mcp2515.LISTEN_ONLY), Peer(RATE)
    bus = bus_of(chip, ear)
    load(chip, 0, Frame(ID, b"x"))
    ear.send(Frame(ID, b"y"))
    bus.advance(5 * MS)
    assert not ear.came and ear.queue, "nobody acknowledges"
    chip = running(Mcp2515(), mode=mcp2515.LOOPBACK)
    load(chip, 0, Frame(ID, b"z"))
    assert spi(chip, READ_RX, more=6)[6] == ord("z")


def test_without_power_every_byte_reads_as_ones():
    chip = running(Mcp2515())
    chip.powered = False
    assert spi(chip, READ, CANSTAT, more=2) == [0xFF] * 4
