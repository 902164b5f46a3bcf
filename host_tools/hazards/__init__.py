"""Every fault of a charging pole, and every pair of them, in virtual time against a model plant.

plant.py    the model: pilot, vehicle, gate, contacts, residual-current device, stalls
faults.py   the table of faults
play.py     plays one fault or two on the real firmware, and measures when the heartbeat ends
"""
