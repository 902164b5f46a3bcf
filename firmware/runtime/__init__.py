"""What both firmwares run in: the supervisor of their loop, the watch over the heap."""
