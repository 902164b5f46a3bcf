"""The record that tells which gate a board has: written once, and read by the firmware."""

from dual_runtime import raised
from joulestream.parts.gate_identity import (
    decode_identity,
    encode_identity,
    read_identity,
    write_identity,
)
from joulestream.testkit.eeprom import Eeprom
from test_parts import I2c

ADDRESS = 0x54
NAME = "discrete gate, 16 A, 1 phase, A1B2C3D4"


def record(rated_ma=16_000, phases=1, hold_ms=545, serial="A1B2C3D4"):
    return encode_identity(rated_ma, phases, hold_ms, serial)


def test_what_is_written_is_read():
    chip = Eeprom(ADDRESS)
    bus = I2c(chip)
    assert read_identity(bus) is None, "a new chip is no gate"
    write_identity(bus, 16_000, 1, 545, "A1B2C3D4")
    assert read_identity(bus) == (NAME, 545)
    write_identity(bus, 32_000, 3, 545, "A1B2C3D5")
    assert read_identity(bus) == ("discrete gate, 32 A, 3 phases, A1B2C3D5", 545)


def test_the_layout_is_the_documented_one():
    data = record()
    assert data[:20] == b"JSG1\x01\x01\x00\x00\x3e\x80\x02\x21A1B2C3D4" and len(data) == 24


def test_no_damaged_record_is_a_gate():
    data = record()
    assert decode_identity(data) == (NAME, 545)
    for bit in range(8 * len(data)):
        damaged = bytearray(data)
        damaged[bit // 8] ^= 1 << bit % 8
        assert decode_identity(damaged) is None, bit
    assert decode_identity(data[:-1]) is None
    for byte in (0x00, 0xFF, 0x55):
        assert decode_identity(bytes((byte,)) * 24) is None


def test_no_chip_another_chip_and_a_loose_wire_are_no_gate():
    chip = Eeprom(0x57)
    chip.data[:24] = record()
    assert read_identity(I2c(chip)) is None
    assert read_identity(I2c()) is None
    chip = Eeprom(ADDRESS)
    chip.data[:24] = record()
    chip.powered = False
    assert read_identity(I2c(chip)) is None


def test_a_record_that_no_gate_can_have_is_refused_when_it_is_written():
    for wrong in (
        {"rated_ma": 0},
        {"rated_ma": 80_001},
        {"phases": 2},
        {"hold_ms": 450},
        {"hold_ms": 601},
        {"serial": "short"},
        {"serial": "A1B2C3D\n"},
        {"serial": "A1B2C3D45"},
    ):
        error = raised(record, **wrong)
        assert isinstance(error, ValueError), wrong
        assert "\n" not in str(error)


def test_a_chip_that_does_not_answer_or_is_protected_is_told():
    chip = Eeprom(ADDRESS)
    chip.protected = True
    assert "WP" in str(raised(write_identity, I2c(chip), 16_000, 1, 545, "A1B2C3D4"))
    chip.powered = False
    assert "0x54" in str(raised(write_identity, I2c(chip), 16_000, 1, 545, "A1B2C3D4"))
