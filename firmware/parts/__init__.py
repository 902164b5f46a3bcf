"""Drivers of a board's parts: UART, flash, FRAM, clocks, random numbers. They know no pins."""
