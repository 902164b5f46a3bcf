// MicroPython has error numbers of its own.
