"""The bench: a simulated plant, Modbus meters and both firmwares as MicroPython processes."""
