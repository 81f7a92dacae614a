"""A serial line with DL/T 645, CJ/T 188 and Modbus RTU meters on it, at a pty or behind a TCP serial server.

Every meter hears every request; at most one answers. Knows descriptors and sockets; the meters' answers are theirs.
"""

from __future__ import annotations

import asyncio
import os
import struct
from collections.abc import Callable, Sequence
from functools import partial

from pymodbus.exceptions import NoSuchIdException

from simulators.errors import SimulatorError
from simulators.frame_meter import FrameMeter
from simulators.meter_device import MeterDevice
from simulators.meter_frames import crc, next_request
from simulators.pty_line import PtyLine

CHUNK = 4096
Send = Callable[[bytes], object]


class MeterLine:
    """The line; ``shutdown`` ends it. Answers are tasks, so that a slow meter holds up nobody but its master."""

    def __init__(self, frame_meters: Sequence[FrameMeter], modbus_meters: Sequence[MeterDevice]) -> None:
        self._frame_meters, self._modbus_meters = frame_meters, modbus_meters
        self._tasks: set[asyncio.Task[None]] = set()
        self._clients: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None
        self._descriptor: int | None = None

    def serve_pty(self, line: PtyLine) -> None:
        """Listen at a line's server end."""
        descriptor = os.open(line.server_path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        buffer = bytearray()

        def readable() -> None:
            self._hear(buffer, os.read(descriptor, CHUNK), partial(os.write, descriptor))

        asyncio.get_running_loop().add_reader(descriptor, readable)
        self._descriptor = descriptor

    async def serve_tcp(self, host: str, port: int) -> int:
        """Listen as a serial server does; returns the port. Raises SimulatorError when it is taken."""
        try:
            self._server = await asyncio.start_server(self._client, host, port)
        except OSError as error:
            raise SimulatorError(
                f"cannot listen on {host} port {port}; stop what uses it or change the bus"
            ) from error
        listening: int = self._server.sockets[0].getsockname()[1]
        return listening

    async def shutdown(self) -> None:
        if self._descriptor is not None:
            asyncio.get_running_loop().remove_reader(self._descriptor)
            os.close(self._descriptor)
            self._descriptor = None
        if self._server is not None:
            self._server.close()
        for writer in self._writers:
            writer.close()
        for task in self._tasks:
            task.cancel()
        if ending := self._tasks | self._clients:
            await asyncio.wait(ending)

    async def _client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        buffer = bytearray()
        self._writers.add(writer)
        if (task := asyncio.current_task()) is not None:
            self._clients.add(task)
            task.add_done_callback(self._clients.discard)
        try:
            while data := await reader.read(CHUNK):
                self._hear(buffer, data, writer.write)
        except ConnectionError:
            pass  # the gateway is gone; it comes again
        finally:
            self._writers.discard(writer)
            writer.close()

    def _hear(self, buffer: bytearray, data: bytes, send: Send) -> None:
        buffer += data
        while (request := next_request(buffer)) is not None:
            task = asyncio.ensure_future(self._answer(request, send))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _answer(self, request: bytes, send: Send) -> None:
        if len(request) == 8:
            reply = await self._modbus(request)
        else:
            reply = None
            for meter in self._frame_meters:
                reply = reply or await meter.reply(request)
        if reply is not None:
            send(reply)

    async def _modbus(self, request: bytes) -> bytes | None:
        unit_id, function, address, count = struct.unpack(">BBHH", request[:6])
        meter = next((one for one in self._modbus_meters if one.unit_id == unit_id), None)
        if meter is None:
            return None
        words = [0] * count
        try:
            refusal = await meter.act(function, address, address, count, words, None)
        except NoSuchIdException:
            return None
        if refusal is not None:
            body = bytes((unit_id, function | 0x80, refusal.value))
        else:
            body = struct.pack(f">BBB{count}H", unit_id, function, 2 * count, *words)
        return body + crc(body)
