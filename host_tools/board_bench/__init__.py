"""Named checks on a connected board: what `joulestream bench run` does.

checks.py has the table of all checks. A check runs a probe on the board (the folder probes), and
judges here what the probe has measured. device.py talks to the board, operator.py to the person
beside it, report.py writes what was found.
"""
