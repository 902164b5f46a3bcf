"""An INA228 and a pulse output on boards with a `machine` module, on models of their ports."""

import importlib

import pytest

from joulestream import boards
from joulestream.boards import open_board
from joulestream.host_tools.hardware.port import Port
from joulestream.meter.config import check_meter
from joulestream.meter.drivers import open_driver
from joulestream.meter.reading import CURRENT, VOLTAGE
from joulestream.testkit.ina228 import Ina228


@pytest.fixture(params=sorted(boards.KINDS))
def board(request, tmp_path):
    """A board on its port: (port, class, board)."""
    kind = importlib.import_module(boards.KINDS[request.param]).Board
    secret = tmp_path / "device.secret"
    secret.write_text("5e" * 32)
    with Port(kind.MCU) as port:
        yield port, kind, open_board({"kind": request.param, "device_secret": str(secret)})


def test_a_chip_is_read_over_the_boards_bus(board):
    port, _, opened = board
    chip = Ina228()
    chip.current_ma = 4_000
    port.i2c_devices = [chip]
    driver = open_driver(check_meter({"model": "ina228"}), opened)
    assert driver.poll(0) is None  # it sets the chip up
    chip.advance(1_000)
    reading = driver.poll(1_000)
    assert reading.voltage_mv == driver.figure(VOLTAGE) == 11_999 or reading.voltage_mv == 12_000
    assert abs(driver.figure(CURRENT) - 4_000) <= 1
    assert 13 <= reading.energy_mwh <= 14  # 48 W for a second


def test_pulses_come_in_on_the_pin_of_the_meters_line(board):
    port, kind, opened = board
    pin = kind.UARTS["meter"][2]
    driver = open_driver(check_meter({"model": "s0"}), opened)
    for number in range(1, 11):
        port.pulse(pin)
        reading = driver.poll(number * 1_000)
        assert reading.energy_mwh == number * 1_000
    assert reading.power_mw == 3_600_000
    irq = [call for call in port.calls if call[1] == "irq"]
    assert len(irq) == 1, "the port was asked for one interrupt"
