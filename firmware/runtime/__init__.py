"""Runs a firmware: the run loop, the supervisor, the watch over the heap, the last fault."""

from joulestream.compat import const

# No true time lies before the firmware was written: 2026-09-01 0:00 UTC. Each release raises it.
BUILT_S = const(1_788_220_800)
