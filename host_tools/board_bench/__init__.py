"""Named checks on a connected board: the work behind `joulestream bench run`.

checks.py has the table of all checks. A check runs a probe on the board (the folder probes), and
judges its figures here. device.py talks to the board, operator.py to the person
beside it, report.py writes the findings.
"""
