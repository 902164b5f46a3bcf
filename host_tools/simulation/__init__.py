"""A deterministic simulator: both real firmwares in one process, virtual time, one seed.

plan.py        what a seed decides: the world's figures, and what goes wrong in it, when
parts.py       wire, meters and boards, that can fail
world.py       both firmwares, the plant and the parts, step by step
invariants.py  what must hold after every step
campaign.py    many seeds, the shortest history of one that fails
"""
