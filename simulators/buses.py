"""The site's Modbus buses, served: one TCP server or one serial line each, with a meter per unit id.

Knows pymodbus's servers; the meters' content comes from ``meter_device``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from pymodbus.framer import FramerType

from devices.profile import Cjt188Profile, Dlt645Profile, ModbusProfile
from edge_config.schema import SerialBus, TcpBus
from simulators.campus import Campus
from simulators.errors import SimulatorError
from simulators.frame_meter import FrameMeter, frame_meter
from simulators.meter_device import Fault, MeterDevice, NowMs, meter_device, nobody
from simulators.meter_line import MeterLine
from simulators.pty_line import PtyLine
from simulators.servers import SerialMeters, TcpMeters


@dataclass(slots=True)
class ServedBus:
    """One bus being served. ``port`` is the TCP port that listens, None for a serial line."""

    bus_id: str
    meters: dict[str, MeterDevice]
    server: TcpMeters | SerialMeters | MeterLine
    port: int | None = None
    line: PtyLine | None = None
    frame_meters: dict[str, FrameMeter] = field(default_factory=dict)

    async def close(self) -> None:
        await self.server.shutdown()
        if self.line is not None:
            self.line.close()


@dataclass(slots=True)
class Buses:
    """Every Modbus bus of a site; use ``async with``. ``ports`` overrides a bus's TCP port, 0 for any free one."""

    campus: Campus
    now_ms: NowMs
    faults: Mapping[str, Fault] = field(default_factory=dict)
    ports: Mapping[str, int] = field(default_factory=dict)
    served: dict[str, ServedBus] = field(default_factory=dict)

    async def __aenter__(self) -> Self:
        try:
            for bus in self.campus.site.file.buses:
                self.served[bus.id] = await self._serve(bus)
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        for bus in self.served.values():
            await bus.close()
        self.served.clear()

    def frame_meters(self) -> dict[str, FrameMeter]:
        return {name: meter for bus in self.served.values() for name, meter in bus.frame_meters.items()}

    def meters(self) -> dict[str, MeterDevice]:
        return {name: meter for bus in self.served.values() for name, meter in bus.meters.items()}

    def _meters(self, bus_id: str) -> dict[str, MeterDevice]:
        meters = {}
        for device in self.campus.site.file.devices:
            profile = self.campus.site.profiles[device.profile]
            if device.bus == bus_id and isinstance(profile, ModbusProfile):
                fault = self.faults.get(device.id)
                meters[device.id] = meter_device(self.campus.of(device.id), profile, self.now_ms, fault)
        return meters

    def _frame_meters(self, bus_id: str) -> dict[str, FrameMeter]:
        meters = {}
        for device in self.campus.site.file.devices:
            profile = self.campus.site.profiles[device.profile]
            if device.bus == bus_id and isinstance(profile, Dlt645Profile | Cjt188Profile):
                fault = self.faults.get(device.id)
                meters[device.id] = frame_meter(self.campus.of(device.id), profile, self.now_ms, fault)
        return meters

    async def _serve_line(self, bus: TcpBus | SerialBus, frame_meters: dict[str, FrameMeter]) -> ServedBus:
        """A line on which several protocols take turns."""
        modbus_meters = self._meters(bus.id)
        server = MeterLine([*frame_meters.values()], [*modbus_meters.values()])
        if isinstance(bus, SerialBus):
            line = PtyLine(serial_path(self.campus.site.folder, bus))
            server.serve_pty(line)
            return ServedBus(bus.id, modbus_meters, server, line=line, frame_meters=frame_meters)
        port = await server.serve_tcp(bus.host, self.ports.get(bus.id, bus.port))
        return ServedBus(bus.id, modbus_meters, server, port=port, frame_meters=frame_meters)

    async def _serve(self, bus: TcpBus | SerialBus) -> ServedBus:
        frame_meters = self._frame_meters(bus.id)
        if frame_meters or bus.kind in {"serial-meter", "serial-meter-over-tcp"}:
            return await self._serve_line(bus, frame_meters)
        meters = self._meters(bus.id)
        devices = [*(meter.sim_device() for meter in meters.values()), nobody()]
        if isinstance(bus, SerialBus):
            line = PtyLine(serial_path(self.campus.site.folder, bus))
            serial = SerialMeters(
                devices, port=line.server_path, baudrate=bus.baudrate, ignore_missing_devices=True
            )
            await serial.serve_forever(background=True)
            return ServedBus(bus.id, meters, serial, line=line)
        framer = FramerType.RTU if bus.kind == "modbus-rtu-over-tcp" else FramerType.SOCKET
        address = (bus.host, self.ports.get(bus.id, bus.port))
        server = TcpMeters(devices, framer=framer, address=address, ignore_missing_devices=True)
        try:
            await server.serve_forever(background=True)
        except RuntimeError as error:
            where = f"{address[0]} port {address[1]}"
            raise SimulatorError(
                f"bus {bus.id}: cannot listen on {where}; stop what uses it or change the bus"
            ) from error
        return ServedBus(bus.id, meters, server, port=_listening_port(server))


def serial_path(folder: Path, bus: SerialBus) -> Path:
    """The path of a serial bus; a relative one starts at the site file's folder."""
    return folder / bus.port


def _listening_port(server: TcpMeters) -> int:
    listener = server.transport
    if not isinstance(listener, asyncio.Server):
        raise TypeError("the server does not listen")
    port: int = listener.sockets[0].getsockname()[1]
    return port
