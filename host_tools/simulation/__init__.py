"""A simulator that plays both real firmwares in one process, in virtual time.

A seed decides a plan: configurations, faults and the times of the faults. A world plays the plan:
one pole and three vehicles run step by step, with a wire, meters and flashes that can fail. After
every step the invariants check, from outside, the promises of docs/security.md. At the end the
pole's claims are paid on a real ledger. One seed always gives the same history, so a failure can
be seen again and shortened.

plan.py        a seed's decisions: parameters of a world, faults and their times
setup.py       keys, channels, certificates and configurations from a plan
parts.py       the wire and the boards
world.py       one pole, three vehicles, a cable and the energy: the state, and one step of time
events.py      the table of faults: how each kind begins and ends
history.py     the newest lines of a history, as text
invariants.py  the promises, checked after every step
settlement.py  the pole's claims, paid on a real ledger
campaign.py    many seeds on all cores; the shortest history of a seed that fails
power_cuts.py  a power cut at every operation of a flash
report.py      results as text on a terminal
"""
