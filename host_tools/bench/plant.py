"""The bench's plant: mains, contactor, and a vehicle that charges with an AC profile."""

import random
from dataclasses import dataclass, field

from joulestream.testkit.meter import Meter
from joulestream.units import MS_PER_HOUR

_MAINS_NOISE_MV = 400


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
    """The energy that physically flows, kept in mW times ms so that no rounding loses any.

    The contactor's driver is a one-shot: the coil falls off `contactor_hold_ms` after the pole
    last drove it. The contacts follow the coil `contactor_delay_ms` late. The voltage is about
    `voltage_mv`: it is noisy, as a real meter's last digits are, and `seed` decides the noise.
    `meters` count the energy.
    """

    profile: ChargingProfile = field(default_factory=ChargingProfile)
    contactor_delay_ms: int = 20
    contactor_hold_ms: int = 500
    seed: int = 1
    voltage_mv: int = 230_000

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
        self.meters: list[Meter] = []

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
        for meter in self.meters:
            meter.advance(self.power_mw, elapsed_ms)
        if self.coil and now_ms - self._told_ms >= self.contactor_hold_ms:
            self.drive_contactor(False)
        if now_ms - self._coil_since_ms >= self.contactor_delay_ms:
            self.contact = self.coil
        flowing = self.contact and self.plugged
        self.power_mw = self.profile.power_at(self.energy_mwh) if flowing else 0
        voltage_mv = self.voltage_mv + self._random.randint(-_MAINS_NOISE_MV, _MAINS_NOISE_MV)
        for meter in self.meters:
            meter.power_mw = self.power_mw
            meter.voltage_mv = voltage_mv
