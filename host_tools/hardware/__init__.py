"""The hardware that board files are written for, as far as a computer can judge it.

chips.py        the pins of each chip, and the uses that each pin forbids
wiring.py       the wiring tables of docs/hardware.md, and the faults of a board file
signatures.py   names and arguments of MicroPython's ports, by their stubs and argument tables
peripherals.py  models of a port's peripherals, which refuse the values that the port refuses
port.py         a port with one chip, on which a board file runs in virtual time

None of this was compared with hardware.
"""
