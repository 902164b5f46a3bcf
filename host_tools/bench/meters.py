"""The bench's meters: pymodbus serves a model's registers over a pseudo-terminal."""

import asyncio
import struct
from typing import Any

from pymodbus.constants import ExcCodes
from pymodbus.framer import FramerType
from pymodbus.server import ModbusSerialServer
from pymodbus.simulator import DataType, SimData, SimDevice

from joulestream.host_tools import progress
from joulestream.host_tools.bench.ports import Port
from joulestream.testkit.meter import Meter

_EXCEPTION_BIT = 0x80
_EXCEPTION_SIZE = 5
_UNIT = 1
_EVERY_UNIT = 0


class MeterServer:
    """One pymodbus RTU server in front of a testkit.meter.Meter.

    Args:
        meter: the model that holds the figures and the faults. Another one of the same model may
            take its place.
        unit: the meter's address on the line.
    """

    def __init__(self, meter: Meter, unit: int = _UNIT) -> None:
        self.port = Port()
        self.meter = meter
        self._unit = unit
        self._server: ModbusSerialServer | None = None

    async def start(self) -> None:
        """Open the server's serial port and listen."""
        zeros = [
            SimData(0, values=[0] * (self.meter.last_register + 1), datatype=DataType.REGISTERS)
        ]
        device = SimDevice(self._unit, simdata=zeros, action=self._refresh)
        self._server = ModbusSerialServer(device, framer=FramerType.RTU, port=self.port.path)
        await self._server.serve_forever(background=True)
        # pymodbus opens the port in a callback; a server stopped before that would complain.
        await asyncio.sleep(0)

    async def answer(self, request: bytes) -> bytes:
        """Return the bytes that arrive in answer to `request`: none from a silent meter.

        Raises:
            TimeoutError: no whole answer came at `progress.ASLEEP_LOOKS` looks. The server runs
                in this event loop, so it had its turn before each of them.
        """
        self.port.write(request)
        response = b""
        loop = asyncio.get_running_loop()
        arrived = asyncio.Event()
        loop.add_reader(self.port.fileno(), arrived.set)
        try:
            looks = 0
            while len(response) < _EXCEPTION_SIZE or len(response) < _size_of(response):
                try:
                    # Python 3.11's wait_for() swallows an interrupt that comes with the answer.
                    async with asyncio.timeout(progress.LOOK_S):
                        await arrived.wait()
                except TimeoutError:
                    looks += 1
                    if looks >= progress.ASLEEP_LOOKS:
                        raise
                    continue
                arrived.clear()
                response += self.port.read()
        finally:
            loop.remove_reader(self.port.fileno())
        return self.meter.transmit(response)

    async def stop(self) -> None:
        """Close the server and its port."""
        if self._server is not None:
            await self._server.shutdown()
        self.port.close()

    async def _refresh(
        self,
        function_code: int,
        start_address: int,
        address: int,
        count: int,
        current_registers: list[int],
        set_values: list[int] | list[bool] | None,
    ) -> ExcCodes | None:
        """Put the model's registers in place before pymodbus answers from them."""
        code = self.meter.exception or self.meter.refusal(function_code, address, count)
        if code:
            return ExcCodes(code)
        words = struct.unpack(f">{count}H", self.meter.registers(address, count))
        at = address - start_address
        current_registers[at : at + count] = words
        return None


class ServedMeter(Meter):
    """A meter in virtual time. pymodbus gives its answers, from the maker's register map."""

    def __init__(self, served: "ServedMeters", **arguments: Any) -> None:
        super().__init__(**arguments)
        self._served = served

    def answer(self, request: bytes) -> bytes:
        """Return the bytes that arrive in answer to a request."""
        if self.unit not in (None, request[0]) or self.is_down():
            return b""
        return self._served.answer(self, request)


class ServedMeters:
    """Makes ServedMeters of one model. One pymodbus server answers for all of them."""

    def __init__(self, model: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._server = MeterServer(Meter(model=model), _EVERY_UNIT)
        self._loop.run_until_complete(self._server.start())

    def make(self, **arguments: Any) -> ServedMeter:
        """Return a new meter; called as Meter."""
        return ServedMeter(self, **arguments)

    def answer(self, meter: ServedMeter, request: bytes) -> bytes:
        """Return the server's answer for `meter`."""
        self._server.meter = meter
        return self._loop.run_until_complete(self._server.answer(request))

    def close(self) -> None:
        """Stop the server."""
        self._loop.run_until_complete(self._server.stop())
        self._loop.close()


def _size_of(response: bytes) -> int:
    """Return the whole length of a read response or an exception, from its first bytes."""
    return _EXCEPTION_SIZE if response[1] & _EXCEPTION_BIT else 3 + response[2] + 2
