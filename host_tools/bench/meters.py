"""Eastron meters as pymodbus RTU servers on pseudo-terminals."""

import asyncio
import struct

from pymodbus.constants import ExcCodes
from pymodbus.framer import FramerType
from pymodbus.server import ModbusSerialServer
from pymodbus.simulator import DataType, SimData, SimDevice

from joulestream.host_tools import progress
from joulestream.host_tools.bench.plant import MeterModel
from joulestream.host_tools.bench.ports import Port

_INPUT_REGISTERS = 4
_REGISTERS = 0x50
_LEAST_SIZE = 5

# Eastron's input register addresses of voltage, current, power, frequency, import.
# source: Eastron SDM120 and SDM630 Modbus protocol documents
_ADDRESSES = {
    "sdm120": (0x00, 0x06, 0x0C, 0x46, 0x48),
    "sdm220": (0x00, 0x06, 0x0C, 0x46, 0x48),
    "sdm230": (0x00, 0x06, 0x0C, 0x46, 0x48),
    "sdm630": (0x00, 0x06, 0x34, 0x46, 0x48),
    "sdm72d-v2": (0x00, 0x06, 0x34, 0x46, 0x48),
}


class MeterServer:
    """One pymodbus RTU server that answers from a MeterModel, read when a request comes."""

    def __init__(self, model: MeterModel, name: str, unit: int = 1) -> None:
        self.model = model
        self.port = Port()
        self._addresses = _ADDRESSES[name]
        self._unit = unit
        self._server: ModbusSerialServer | None = None

    async def start(self) -> None:
        """Open the server's serial port and listen."""
        zeros = [SimData(0, values=[0] * _REGISTERS, datatype=DataType.REGISTERS)]
        device = SimDevice(self._unit, simdata=zeros, action=self._refresh)
        self._server = ModbusSerialServer(device, framer=FramerType.RTU, port=self.port.path)
        await self._server.serve_forever(background=True)
        # pymodbus opens the port in a callback; a server stopped before that would complain.
        await asyncio.sleep(0)

    async def answer(self, request: bytes) -> bytes:
        """Return what the server answers to `request`; empty when the meter is silent.

        Raises:
            TimeoutError: no whole answer came at `progress.ASLEEP_LOOKS` looks. The server runs
                in this event loop, so it had its turn before each of them.
        """
        if self.model.fault == "silent":
            return b""
        self.port.write(request)
        response = b""
        loop = asyncio.get_running_loop()
        arrived = asyncio.Event()
        loop.add_reader(self.port.fileno(), arrived.set)
        try:
            looks = 0
            while len(response) < _LEAST_SIZE or len(response) < _size_of(response):
                try:
                    await asyncio.wait_for(arrived.wait(), progress.LOOK_S)
                except TimeoutError:
                    looks += 1
                    if looks >= progress.ASLEEP_LOOKS:
                        raise
                    continue
                arrived.clear()
                response += self.port.read()
        finally:
            loop.remove_reader(self.port.fileno())
        if self.model.fault == "stale":
            response = response[:-1] + bytes([response[-1] ^ 0xFF])
        return response

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
        if function_code != _INPUT_REGISTERS:
            return ExcCodes.ILLEGAL_FUNCTION
        for at, value in zip(self._addresses, self.model.values(), strict=True):
            words = struct.unpack(">HH", struct.pack(">f", value))
            current_registers[at - start_address : at - start_address + 2] = words
        return None


def _size_of(response: bytes) -> int:
    """Return the whole length of a read response or an exception, from its first bytes."""
    return 5 if response[1] & 0x80 else 3 + response[2] + 2
