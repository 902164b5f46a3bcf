"""The simulated plant: mains, contactor and a vehicle that charges with an AC profile."""

import random
from dataclasses import dataclass, field

from joulestream.units import MS_PER_HOUR, MWH_PER_WH

_MAINS_MV = 230_000
_MAINS_NOISE_MV = 400
_FREQUENCY_MHZ = 50_000


@dataclass
class ChargingProfile:
    """An on-board AC charger: full power, then a linear taper to `end_power_mw`.

    The taper begins once `taper_from_mwh` has flowed and ends at `taper_to_mwh`.
    """

    power_mw: int = 11_000_000
    taper_from_mwh: int = 1_800_000
    taper_to_mwh: int = 2_600_000
    end_power_mw: int = 1_400_000

    def power_at(self, energy_mwh: int) -> int:
        """Return the power in mW that the charger draws after `energy_mwh`."""
        if energy_mwh <= self.taper_from_mwh:
            return self.power_mw
        if energy_mwh >= self.taper_to_mwh:
            return self.end_power_mw
        done = energy_mwh - self.taper_from_mwh
        width = self.taper_to_mwh - self.taper_from_mwh
        return self.power_mw - (self.power_mw - self.end_power_mw) * done // width


@dataclass
class Plant:
    """What physically flows. Energy is kept in mW times ms, so nothing is lost to rounding.

    The contactor's driver is a retriggerable one-shot: the coil stays on for `contactor_hold_ms` after it
    was last told to. The contacts follow it `contactor_delay_ms` late. Mains voltage is noisy from a
    seeded generator, as a real meter's last digits are.
    """

    profile: ChargingProfile = field(default_factory=ChargingProfile)
    contactor_delay_ms: int = 20
    contactor_hold_ms: int = 500
    seed: int = 1

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)
        self._flowed = 0
        self._coil_since_ms = 0
        self._told_ms = 0
        self._now_ms = 0
        self.coil = False
        self.contact = False
        self.plugged = True
        self.power_mw = 0
        self.voltage_mv = _MAINS_MV
        self.frequency_mhz = _FREQUENCY_MHZ

    @property
    def energy_mwh(self) -> int:
        """Return what has flowed since the start, in mWh."""
        return self._flowed // MS_PER_HOUR

    def drive_contactor(self, closed: bool) -> None:
        """Trigger the contactor's coil, or switch it off."""
        self._told_ms = self._now_ms
        if closed != self.coil:
            self.coil = closed
            self._coil_since_ms = self._now_ms

    def advance(self, now_ms: int) -> None:
        """Let the plant run up to `now_ms`, which does not wrap here."""
        elapsed_ms = now_ms - self._now_ms
        self._now_ms = now_ms
        self._flowed += self.power_mw * elapsed_ms
        if self.coil and now_ms - self._told_ms >= self.contactor_hold_ms:
            self.drive_contactor(False)
        if now_ms - self._coil_since_ms >= self.contactor_delay_ms:
            self.contact = self.coil
        flowing = self.contact and self.plugged
        self.power_mw = self.profile.power_at(self.energy_mwh) if flowing else 0
        self.voltage_mv = _MAINS_MV + self._random.randint(-_MAINS_NOISE_MV, _MAINS_NOISE_MV)


@dataclass
class MeterModel:
    """A meter in the plant: counts whole steps, with a gain error; can be made to fail.

    `fault` is "" or one of "silent", "stale" (answers, but damaged), "frozen", "backward",
    "jump". `gain_ppm` is the meter's error; `start_mwh` where its register began.
    """

    plant: Plant
    gain_ppm: int = 0
    step_mwh: int = MWH_PER_WH
    start_mwh: int = 123_456_000
    fault: str = ""
    _frozen: tuple[float, float, float, float, float] | None = None

    def values(self) -> tuple[float, float, float, float, float]:
        """Return voltage (V), current (A), power (W), frequency (Hz) and import (kWh)."""
        if self.fault == "frozen" and self._frozen is not None:
            return self._frozen
        plant = self.plant
        power_w = plant.power_mw * (1_000_000 + self.gain_ppm) / 1e9
        voltage_v = plant.voltage_mv / 1e3
        energy_mwh = plant.energy_mwh * (1_000_000 + self.gain_ppm) // 1_000_000
        energy_mwh = (self.start_mwh + energy_mwh) // self.step_mwh * self.step_mwh
        if self.fault == "backward":
            energy_mwh -= 50 * self.step_mwh
        elif self.fault == "jump":
            energy_mwh += 500 * self.step_mwh
        self._frozen = (
            voltage_v,
            power_w / voltage_v,
            power_w,
            plant.frequency_mhz / 1e3,
            energy_mwh / 1e6,
        )
        return self._frozen
