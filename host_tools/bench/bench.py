"""One clock for both firmwares and the plant, and the cables between them.

Virtual time: a tick ends only when both firmwares and the plant have completed their step, and
a frame sent in one tick arrives in the next, so no figure depends on the machine's
speed. On the wall clock the firmwares run freely and the bench only carries.
"""

import selectors
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from joulestream.host_tools.bench.cables import Cable, SerialCable
from joulestream.host_tools.bench.firmware import Firmware
from joulestream.host_tools.bench.meters import MeterServer
from joulestream.host_tools.bench.pico import PicoFirmware
from joulestream.host_tools.bench.plant import Plant
from joulestream.host_tools.bench.ports import Port
from joulestream.runtime.pilot import PILOT_A, PILOT_C
from joulestream.testkit.mcp2515 import Mcp2515
from joulestream.testkit.meter import Meter
from joulestream.units import TICKS_PERIOD

UNKNOWN_TIME_S = -1
# Objects of the unix port are twice as large as those of a chip.
_HEAP, _SERVICE_HEAP = "336k", "400k"
_WALL_POLL_S = 0.02


class Bench:
    """A pole, a vehicle and a plant, wired up in `directory`.

    A caller sets faults while it runs: `link_cut`, `plant.plugged`, `pole_meter.set_fault`,
    `vehicle_meter.set_fault`; `tamper(sender, data)` may change the bytes that cross the link.
    Nobody reads what the firmwares in `unheard` send on the link. `cable` joins both links.
    The firmwares of the roles in `picos` run on an emulated Pico, with this CAN controller if it
    is not None; the others run on the unix port. `romfs`: a Pico has the packages in a ROMFS. With
    `service` each firmware on the unix port has a service UART too (service.py asks there).
    `start_ms` is the firmwares' tick at the start, `start_s` the unix time then.
    """

    def __init__(
        self,
        directory: Path,
        pole: dict[str, Any],
        vehicle: dict[str, Any],
        plant: Plant | None = None,
        step_ms: int = 20,
        start_ms: int = 1_000,
        start_s: int = 1_790_000_000,
        time_known: bool = True,
        heap: str | None = None,
        realtime: bool = False,
        cable: Cable | None = None,
        picos: Mapping[str, Mcp2515 | None] = MappingProxyType({}),
        romfs: bool = False,
        service: bool = False,
    ) -> None:
        # The firmwares work in the directory themselves.
        self.directory = directory = directory.absolute()
        self.plant = plant or Plant()
        self.pole_meter = Meter(start_mwh=123_456_000)
        self.vehicle_meter = Meter(start_mwh=7_000, gain_ppm=-4_000)
        self.plant.meters = [self.pole_meter, self.vehicle_meter]
        self.step_ms = step_ms
        self.elapsed_ms = 0
        self.link_cut = False
        self.unheard: set[str] = set()
        self.tamper: Callable[[str, bytes], bytes] | None = None
        self.realtime = realtime
        self.cable = cable or SerialCable()
        self._start_ms = start_ms
        self._start_s = start_s
        self._time_known = time_known
        self._heap = heap or (_SERVICE_HEAP if service else _HEAP)
        self._picos = picos
        self._romfs = romfs
        self._configs = {"pole": pole, "vehicle": vehicle}
        self._meters = {
            "pole": MeterServer(self.pole_meter),
            "vehicle": MeterServer(self.vehicle_meter),
        }
        names = ("link", "meter", "service")[: 3 if service else 2]
        self._ports = {role: {name: Port() for name in names} for role in ("pole", "vehicle")}
        self._came: dict[str, dict[str, int]] = {"pole": {}, "vehicle": {}}
        self._firmwares: dict[str, Firmware | PicoFirmware] = {}

    @property
    def pole(self) -> Firmware | PicoFirmware:
        """Return the pole's firmware."""
        return self._firmwares["pole"]

    @property
    def vehicle(self) -> Firmware | PicoFirmware:
        """Return the vehicle's firmware."""
        return self._firmwares["vehicle"]

    @property
    def time_s(self) -> int:
        """Return the unix time in the bench's world."""
        return self._start_s + self.elapsed_ms // 1000

    async def start(self) -> None:
        """Start the meters and boot both firmwares."""
        for meter in self._meters.values():
            await meter.start()
        for role in self._configs:
            self.boot(role)

    def boot(self, role: str) -> None:
        """Power up one firmware: with the journal it left, and nothing else."""
        if role in self._firmwares:
            self._firmwares[role].kill()
        for port in self._ports[role].values():
            port.read()
        self._came[role] = {}
        config = {**self._configs[role], "board": self._board_section(role)}
        if role in self._picos:
            self._firmwares[role] = PicoFirmware(
                role, config, self.directory, self._picos[role], self._romfs
            )
        else:
            self._firmwares[role] = Firmware(role, config, self.directory, self._heap)
        if self.realtime:
            self._set_pins(role, wants_status=True)

    def _board_section(self, role: str) -> dict[str, Any]:
        return {
            "clock": "wall" if self.realtime else "bench",
            "load": "simulated",
            "uarts": {name: port.path for name, port in self._ports[role].items()},
            "storage": str(self.directory / f"{role}.flash"),
            "device_secret": str(self.directory / f"{role}.device"),
        }

    async def stop(self) -> None:
        """Switch everything off."""
        for firmware in self._firmwares.values():
            firmware.kill()
        for meter in self._meters.values():
            await meter.stop()
        for ports in self._ports.values():
            for port in ports.values():
                port.close()

    async def tick(self, wants_status: int = 1) -> None:
        """Let one step of time pass for the plant and both firmwares.

        `wants_status` is 0, 1, or firmware.AFTER_COLLECTION.
        """
        self.elapsed_ms += self.step_ms
        self.plant.advance(self.elapsed_ms)
        for role in self._firmwares:
            self._set_pins(role, wants_status)
        for firmware in self._firmwares.values():
            firmware.await_report()
        self.plant.drive_contactor(self.pole.contactor)
        await self._carry()

    async def run(
        self,
        until: Callable[[], bool],
        limit_ms: int,
        sample: Callable[[], None] | None = None,
        sample_ms: int = 100,
    ) -> bool:
        """Run until `until()` holds, seen at every sample; return False at the limit instead."""
        if self.realtime:
            return await self._run_realtime(until, limit_ms, sample)
        stop_ms = self.elapsed_ms + limit_ms
        while self.elapsed_ms < stop_ms:
            wants_status = (self.elapsed_ms + self.step_ms) % sample_ms < self.step_ms
            await self.tick(wants_status)
            if wants_status:
                if sample is not None:
                    sample()
                if until():
                    return True
        return False

    def _set_pins(self, role: str, wants_status: int) -> None:
        now_ms = (self._start_ms + self.elapsed_ms) % TICKS_PERIOD
        time_s = self.time_s if self._time_known else UNKNOWN_TIME_S
        came = self._came[role]
        self._came[role] = {}
        pilot = PILOT_C if self.plant.plugged else PILOT_A
        self._firmwares[role].set_pins(now_ms, time_s, pilot, wants_status, came)

    async def _carry(self) -> None:
        """Carry the bytes sent in this tick to the other ends, which read them in the next."""
        sent = {}
        for role in self._configs:
            if role not in self.unheard:
                sent[role] = self._tampered(role, self._take_sent(role, "link"))
            request = self._take_sent(role, "meter")
            if request:
                self.put(role, "meter", await self._meters[role].answer(request))
        for role, data in self._cross(sent).items():
            self.put(role, "link", data)

    def take_service(self, role: str) -> bytes:
        """Return the bytes that a firmware sent on its service UART since the last call."""
        return self._take_sent(role, "service")

    def _take_sent(self, role: str, name: str) -> bytes:
        return self._ports[role][name].read_exactly(self._firmwares[role].take_sent(name))

    def _tampered(self, sender: str, data: bytes) -> bytes:
        return self.tamper(sender, data) if self.tamper and data else data

    def _cross(self, sent: dict[str, bytes]) -> dict[str, bytes]:
        """Return the bytes that come out of the cable at each role."""
        is_whole = not self.link_cut and self.plant.plugged
        return self.cable.cross(sent, self.elapsed_ms, is_whole)

    def put(self, role: str, name: str, data: bytes) -> None:
        """Let `data` arrive on a firmware's UART in the next tick."""
        if data:
            self._ports[role][name].write(data)
            self._came[role][name] = self._came[role].get(name, 0) + len(data)

    async def _run_realtime(
        self,
        until: Callable[[], bool],
        limit_ms: int,
        sample: Callable[[], None] | None,
    ) -> bool:
        selector = selectors.DefaultSelector()
        for role, firmware in self._firmwares.items():
            selector.register(firmware, selectors.EVENT_READ, (role, "pins"))
            for name, port in self._ports[role].items():
                selector.register(port, selectors.EVENT_READ, (role, name))
        begun_ms = self.elapsed_ms
        begun_s = time.monotonic()
        sampled_s = begun_s
        try:
            while self.elapsed_ms - begun_ms < limit_ms:
                ready = selector.select(_WALL_POLL_S)
                now_s = time.monotonic()
                self.elapsed_ms = begun_ms + int((now_s - begun_s) * 1000)
                self.plant.advance(self.elapsed_ms)
                for key, _ in ready:
                    await self._carry_now(*key.data)
                self._put_now({})
                if now_s - sampled_s >= 0.1:
                    sampled_s = now_s
                    for role in self._firmwares:
                        self._set_pins(role, wants_status=True)
                    if sample is not None:
                        sample()
                    if until():
                        return True
        finally:
            selector.close()
        return False

    async def _carry_now(self, role: str, name: str) -> None:
        if name == "pins":
            self._firmwares[role].poll_reports()
            if role == "pole":
                self.plant.drive_contactor(self.pole.contactor)
            return
        data = self._ports[role][name].read()
        if name == "meter":
            data = await self._meters[role].answer(data)
            self._ports[role][name].write(data)
        else:
            self._put_now({role: self._tampered(role, data)})

    def _put_now(self, sent: dict[str, bytes]) -> None:
        for role, data in self._cross(sent).items():
            self._ports[role]["link"].write(data)
