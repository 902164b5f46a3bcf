"""A deterministic simulator: both real firmwares in one process, virtual time, one seed.

plan.py        the decisions of a seed: the world's figures, the faults and their times
setup.py       the world's keys, channels and configurations
parts.py       wire, meters and boards, which can fail
world.py       both firmwares, the plant and the parts, step by step
events.py      the faults, each with its beginning and its end
history.py     the last lines of a history, as people read them
invariants.py  the promises that must hold after every step
settlement.py  the claims of every history, paid on a real ledger
campaign.py    many seeds, and the shortest history of one that fails
power_cuts.py  the power goes at every operation of a flash
"""
