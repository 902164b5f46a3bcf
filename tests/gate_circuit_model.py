"""The discrete gate's window watchdog, run in steps of time: each element on its own.

It shares the values and the bounds with host_tools/hardware/gate_circuit.py, and none of its
formulas. All quantities are arrays, one element for each circuit that is run beside the others.
"""

import numpy as np

from joulestream.host_tools.hardware.gate_circuit import LOGIC_V, Corner
from joulestream.host_tools.hardware.materials import gate_parts

STEP_S = 2e-5


class Watchdog:
    """Circuits with the values of some corners, all at the same time."""

    def __init__(self, corners: list[Corner]) -> None:
        parts = gate_parts()
        self.values = {
            name: np.array([getattr(corner, name) for corner in corners])
            for name in Corner.__dataclass_fields__
        }
        v = self.values
        count = len(corners)
        self._low_pass = 1 - np.exp(-STEP_S / (v["r1"] * v["c1"]))
        self._delay = 1 - np.exp(-STEP_S / (v["r2"] * v["c2"]))
        self._ohm = v["r3"] + v["driver_ohm"]
        self._mean = 1 - np.exp(-STEP_S / (parts["R7"].number * parts["C5"].number))
        self._clean_v = np.zeros(count)
        self._is_high = np.zeros(count, bool)
        self._late_v = np.full(count, LOGIC_V)
        self._is_late_high = np.ones(count, bool)
        self._coupling_v = np.zeros(count)
        self.held_v = np.zeros(count)
        self._mean_v = np.zeros(count)

    def _schmitt(self, node_v, was_high):
        v = self.values
        return np.where(was_high, node_v > v["falling_v"], node_v > v["rising_v"])

    def step(self, level):
        """Take the level of HEARTBEAT, an array of 0 and 1; return which circuits are closed."""
        v = self.values
        self._clean_v += (level * LOGIC_V - self._clean_v) * self._low_pass
        self._is_high = self._schmitt(self._clean_v, self._is_high)
        first = ~self._is_high  # U1A
        self._late_v += (first * LOGIC_V - self._late_v) * self._delay
        self._is_late_high = self._schmitt(self._late_v, self._is_late_high)
        pulse = ~first != ~self._is_late_high  # U1C and U1B, into U2A
        driver_v = pulse * v["supply_v"]
        # The pump: charge flows through D2 into C4, or through D1 back into C3.
        node_v = driver_v - self._coupling_v
        push_v = np.maximum(node_v - v["diode_v"] - self.held_v, 0)
        charge = push_v * v["c4"] * (1 - np.exp(-STEP_S / (self._ohm * v["c4"])))
        pull_v = np.maximum(-v["coupling_v"] - node_v, 0)
        back = pull_v * v["c3"] * (1 - np.exp(-STEP_S / (self._ohm * v["c3"])))
        self._coupling_v += (charge - back) / v["c3"]
        self.held_v += charge / v["c4"]
        self.held_v -= STEP_S * (self.held_v / v["r4"] + v["leakage_a"]) / v["c4"]
        self.held_v = np.maximum(self.held_v, 0)
        self._mean_v += (driver_v - self._mean_v) * self._mean
        is_held = self.held_v > v["supply_v"] * v["hold_ratio"] + v["offset_v"]
        return is_held & (self._mean_v < v["supply_v"] * v["rate_ratio"])

    def run(self, seconds, level):
        """Run with `level(s)`, the level at a time in s; return the last answer of `step`."""
        closed = None
        for index in range(round(seconds / STEP_S)):
            closed = self.step(level(index * STEP_S))
        return closed
