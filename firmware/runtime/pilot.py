"""The control pilot's states, by their letters. Source: IEC 61851-1, Annex A.

The pole drives the pilot, the vehicle loads it; both sides read the same state.
"""

PILOT_A = "A"  # 12 V: no vehicle
PILOT_B = "B"  # 9 V: a vehicle that wants no power now
PILOT_C = "C"  # 6 V: a vehicle that wants power
PILOT_D = "D"  # 3 V: a vehicle that wants power, and ventilation
PILOT_E = "E"  # 0 V: a fault, pilot and earth short-circuited
PILOT_F = "F"  # -12 V: the pole is not available

PILOT_STATES = (PILOT_A, PILOT_B, PILOT_C, PILOT_D, PILOT_E, PILOT_F)


def wants_power(state: str) -> bool:
    """Return whether the contactor may close in pilot state `state`: C or D."""
    return state == PILOT_C or state == PILOT_D


def is_connected(state: str) -> bool:
    """Return whether a vehicle is connected in pilot state `state`: B, C or D."""
    return state == PILOT_B or state == PILOT_C or state == PILOT_D
