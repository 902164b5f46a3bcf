"""The hardware that board files are written for, as far as a computer can judge it.

chips.py        which pins a chip has, and what each must not be used for
wiring.py       the wiring tables of docs/hardware.md, and the faults of a board file
signatures.py   what MicroPython's ports take: their published stubs and their own argument tables
peripherals.py  models of a port's peripherals, which refuse what the port refuses
port.py         a port with one chip, on which a board file runs in virtual time

None of this was compared with hardware.
"""
