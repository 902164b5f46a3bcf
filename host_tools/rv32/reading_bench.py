"""Runs on the emulated board: counts the instructions of one whole meter reading.

An SDM120's answers wait on the line whenever its driver polls. A reading is all polls from the
first question to the Reading: two questions, two answers. Prints a `name value` line.
"""

import gc
import struct

import board

from joulestream.meter.config import check_meter
from joulestream.meter.drivers import open_driver
from joulestream.native import crc16
from joulestream.testkit.board import MemoryBoard

WARM_UP = 4
READINGS = 16
INTERVAL_MS = 1_000
# Registers of the meter: V, A, W, Hz, kWh.
FIGURES = {0x00: 230.1, 0x06: 47.8, 0x0C: 11_000.5, 0x46: 50.01, 0x48: 1_234.567}


def answer(request: bytearray) -> bytes:
    """Return a meter's answer to a Modbus request for input registers."""
    unit, function, address, registers = struct.unpack(">BBHH", request[:6])
    frame = struct.pack(">BBB", unit, function, 2 * registers)
    for register in range(address, address + registers, 2):
        frame += struct.pack(">f", FIGURES.get(register, 0.0))
    return frame + struct.pack("<H", crc16(frame, len(frame), 0))


def main() -> None:
    """Measure and print."""
    near, far = board.cable()
    driver = open_driver(check_meter({"model": "sdm120"}), MemoryBoard({"meter": near}))
    request = bytearray(8)
    now_ms = 0
    total = 0
    gc.collect()
    gc.disable()
    for number in range(WARM_UP + READINGS):
        reading = None
        now_ms += INTERVAL_MS
        while reading is None:
            before = board.instructions()
            reading = driver.poll(now_ms)
            taken = (board.instructions() - before) & 0x3FFFFFFF
            if far.readinto(request):
                far.write(answer(request))
                now_ms += INTERVAL_MS
            if number >= WARM_UP:
                total += taken
        assert reading.energy_mwh // 1_000 == 1_234_567
    gc.enable()
    print("meter_reading", total // READINGS)


main()
