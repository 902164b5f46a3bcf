"""Runs a firmware: the run loop, the supervisor, the watch over the heap, the last fault."""
