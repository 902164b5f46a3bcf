"""MicroPython programs that a check runs on the board: device.py sends their text."""
