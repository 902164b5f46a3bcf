"""Drivers of the parts of a board: UART, flash, FRAM, clocks, random numbers. They know no pins."""
