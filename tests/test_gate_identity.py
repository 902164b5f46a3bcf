"""The record that tells which gate a board has: written once, and read by the firmware."""

from dual_runtime import raised
from joulestream.parts.gate_identity import (
    ADDRESS,
    EMERGENCY,
    RESIDUAL,
    TEMPERATURE,
    identity,
    read_identity,
)
from joulestream.parts.gate_writer import write_identity
from joulestream.testkit.eeprom import Eeprom
from joulestream.testkit.i2c import I2c

NAME = "discrete 16 A 7"
PARTS = RESIDUAL | EMERGENCY | TEMPERATURE


def test_what_is_written_is_read():
    chip = Eeprom(ADDRESS)
    bus = I2c(chip)
    assert read_identity(bus) is None, "a new chip is no gate"
    write_identity(bus, NAME, PARTS)
    assert read_identity(bus) == (NAME, PARTS)
    write_identity(bus, "g", 0)
    assert read_identity(bus) == ("g", 0)


def test_no_damaged_record_is_a_gate():
    chip = Eeprom(ADDRESS)
    data = identity(NAME, PARTS)
    for bit in range(8 * len(data)):
        chip.data[: len(data)] = data
        chip.data[bit // 8] ^= 1 << bit % 8
        assert read_identity(I2c(chip)) is None, bit
    for byte in (0x00, 0xFF, 0x55):
        chip.data[:32] = bytes((byte,)) * 32
        assert read_identity(I2c(chip)) is None


def test_another_address_and_a_loose_wire_are_no_gate():
    chip = Eeprom(0x57)
    chip.data[:24] = identity(NAME, PARTS)
    assert read_identity(I2c(chip)) is None
    assert read_identity(I2c()) is None
    chip = Eeprom(ADDRESS)
    chip.data[:24] = identity(NAME, PARTS)
    chip.powered = False
    assert read_identity(I2c(chip)) is None


def test_a_name_that_does_not_fit_is_refused_before_the_chip_is_touched():
    chip = Eeprom(ADDRESS)
    for name in ("", "sixteen letters!"):
        error = raised(write_identity, I2c(chip), name, 0)
        assert isinstance(error, ValueError) and "\n" not in str(error)
    assert bytes(chip.data) == b"\xff" * 256


def test_a_chip_that_does_not_answer_or_is_protected_is_told():
    chip = Eeprom(ADDRESS)
    chip.protected = True
    assert "WP" in str(raised(write_identity, I2c(chip), NAME, PARTS))
    chip.powered = False
    assert "0x56" in str(raised(write_identity, I2c(chip), NAME, PARTS))
