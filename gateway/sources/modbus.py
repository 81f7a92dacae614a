"""A Modbus bus as an ``Exchange``: TCP, RTU frames over TCP, or a serial line, on pymodbus's clients.

Knows framing, connections and real time-outs (never scaled by a clock); does not know points or schedules.
Guarantees: one request in flight, no retry; a reply is given back only if unit, function and length are
those asked for; after a failed exchange under RTU framing, which has no transaction id, the line is drained
and silent before the next request, so that a late reply is never taken for another's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, cast

from pymodbus import FramerType, ModbusException
from pymodbus.client import AsyncModbusSerialClient, AsyncModbusTcpClient
from pymodbus.client.base import ModbusBaseClient
from pymodbus.pdu import DecodePDU, ModbusPDU

from edge_config.schema import SerialBus, TcpBus
from gateway.errors import NoAnswerError, NonsenseError, NotConnectedError, RefusedError
from gateway.sources import faults
from gateway.sources.request_plan import data_length
from runtime import logs

READ_FUNCTIONS: Final = frozenset({1, 2, 3, 4})
"""The gateway only ever reads."""

CONVERTER_SAYS_SILENT: Final = frozenset({0x0A, 0x0B})
"""Exceptions of a converter about a unit behind it: path unavailable, target did not respond."""

RECONNECT_S_FIRST, RECONNECT_S_MAX = 0.5, 5.0

SILENCES_UNTIL_RECONNECT: Final = 8
"""Requests in a row without a byte, from any device, after which a TCP connection is taken for dead."""

DRAIN_ROUNDS_MAX: Final = 5
NEVER_DISCONNECT: Final = 10**6
BITS_PER_CHARACTER: Final = 11
OVERHEAD_CHARACTERS: Final = 8 + 5
"""A read request, and the reply's unit id, function, byte count and checksum."""


Tap = Callable[[bool, bytes], None]
"""Told the bytes of each request sent (True), and at each piece received (False) all that is not yet understood."""


class _RawRequest(ModbusPDU):
    """A request whose bytes are already made."""

    def __init__(self, unit_id: int, function: int, body: bytes) -> None:
        super().__init__(dev_id=unit_id)
        self.function_code = function
        self._body = body

    def encode(self) -> bytes:
        return self._body


class _RawReply(ModbusPDU):
    """A reply as its bytes: function code and what follows."""

    def __init__(self, frame: bytes) -> None:
        super().__init__()
        self.frame = frame

    @classmethod
    def calculateRtuFrameSize(cls, data: bytes) -> int:  # noqa: N802 - pymodbus names it so
        return 5 if data[1] & 0x80 else data[2] + 5


class _RawDecoder(DecodePDU):
    """Leaves replies as bytes, to be judged in one place, without a list of registers made on the way.

    pymodbus's own decoder raises inside the transport at a malformed reply, which closes the connection."""

    def lookupPduClass(self, data: bytes) -> type[ModbusPDU] | None:  # noqa: N802 - pymodbus names it so
        return _RawReply if data[1] & 0x7F in READ_FUNCTIONS else None

    def decode(self, frame: bytes) -> ModbusPDU | None:
        return _RawReply(frame)


class PymodbusWire:
    """One bus. Connects at the first exchange and, with a growing pause, whenever the connection is gone."""

    def __init__(self, bus: TcpBus | SerialBus, tap: Tap | None = None) -> None:
        self._bus = bus
        self._tap = tap
        self._is_rtu = bus.kind != "modbus-tcp"
        self._client: ModbusBaseClient | None = None
        self._log = logs.get("sources.modbus").bind(bus=bus.id)
        self._retry_at, self._retry_s, self._problem = 0.0, RECONNECT_S_FIRST, ""
        self._heard, self._heard_at = b"", 0.0
        self._silences, self._is_dirty = 0, False
        self._gap_s = _gap_s(bus)

    async def exchange(self, request: bytes) -> bytes:
        """Unit id and PDU of a read to unit id and PDU of its reply.

        Raises NoAnswerError, RefusedError (with the exception code) or NonsenseError; ValueError for anything
        but a read."""
        unit_id, function, count = request[0], request[1], int.from_bytes(request[4:6], "big")
        if function not in READ_FUNCTIONS or len(request) != 6:
            raise ValueError(f"not a read request: {request.hex(' ')}")
        client = await self._connected()
        await self._wait_for_silence()
        self._heard, self._is_dirty = b"", True
        frame = await self._ask(client, _RawRequest(unit_id, function, request[2:]), count)
        self._check(frame, unit_id, function, count)
        return request[:1] + frame

    async def close(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None
            await asyncio.sleep(0)  # the transport closes its socket at the loop's next turn

    async def _ask(self, client: ModbusBaseClient, pdu: _RawRequest, count: int) -> bytes:
        client.ctx.comm_params.timeout_connect = self._timeout_s(pdu.function_code, count)
        try:
            reply = await client.execute(False, pdu)
        except ModbusException as error:
            raise self._silence(pdu.dev_id, client) from error
        self._silences = 0
        return cast("_RawReply", reply).frame

    def _check(self, frame: bytes, unit_id: int, function: int, count: int) -> None:
        self._is_dirty = False
        if len(frame) == 2 and frame[0] == function | 0x80:
            if frame[1] in CONVERTER_SAYS_SILENT:
                raise NoAnswerError(faults.not_reached(unit_id, frame[1]))
            raise RefusedError(faults.refused(unit_id, function, frame[1]), frame[1])
        size = data_length(function, count)
        if frame[:2] != bytes((function, size)) or len(frame) != size + 2:
            self._is_dirty = True
            raise NonsenseError(faults.nonsense(unit_id, frame))

    def _silence(self, unit_id: int, client: ModbusBaseClient) -> NoAnswerError | NonsenseError:
        """What a time-out was: bytes that were no reply to this request, or nothing at all."""
        self._heard_at = asyncio.get_running_loop().time()  # the silence that drains the line starts here
        if self._heard:
            return NonsenseError(faults.nonsense(unit_id, self._heard))
        self._silences += 1
        if isinstance(self._bus, TcpBus) and self._silences >= SILENCES_UNTIL_RECONNECT:
            self._silences = 0
            client.close()
        return NoAnswerError(faults.no_answer(unit_id, self._bus))

    def _timeout_s(self, function: int, count: int) -> float:
        """The bus's time-out, plus what the bytes themselves take on a serial line."""
        if isinstance(self._bus, TcpBus):
            return self._bus.timeout_s
        characters = OVERHEAD_CHARACTERS + data_length(function, count)
        return self._bus.timeout_s + characters * BITS_PER_CHARACTER / self._bus.baudrate

    async def _wait_for_silence(self) -> None:
        """Under RTU framing: a frame's gap after a clean reply, else until a time-out passed without a byte.

        Raises NonsenseError when the line never falls silent."""
        if not self._is_rtu:
            return
        now = asyncio.get_running_loop().time
        quiet_s = self._bus.timeout_s if self._is_dirty else self._gap_s
        started_at = now()
        while (wait_s := self._heard_at + quiet_s - now()) > 0:
            if now() - started_at > DRAIN_ROUNDS_MAX * self._bus.timeout_s:
                raise NonsenseError(faults.NEVER_SILENT)
            await asyncio.sleep(wait_s)

    async def _connected(self) -> ModbusBaseClient:
        """The client, connected. Raises NoAnswerError at once during the pause after a failed attempt."""
        if self._client is None:
            self._client = self._make_client()
        if self._client.connected:
            return self._client
        if asyncio.get_running_loop().time() < self._retry_at:
            raise NotConnectedError(self._problem)
        self._client.ctx.comm_params.timeout_connect = self._bus.timeout_s
        try:
            is_connected = await self._client.connect()
        except UnicodeError:  # a host name that cannot be one
            is_connected = False
        if not is_connected:
            raise self._not_connected()
        if self._problem:
            self._log.info("connected again")
        self._retry_s, self._problem, self._silences = RECONNECT_S_FIRST, "", 0
        return self._client

    def _not_connected(self) -> NotConnectedError:
        problem = faults.not_connected(self._bus)
        (self._log.debug if self._problem else self._log.warning)("no connection", why=problem)
        self._problem = problem
        self._retry_at = asyncio.get_running_loop().time() + self._retry_s
        self._retry_s = min(RECONNECT_S_MAX, 2 * self._retry_s)
        return NotConnectedError(problem)

    def _make_client(self) -> ModbusBaseClient:
        bus = self._bus
        client: ModbusBaseClient
        if isinstance(bus, TcpBus):
            client = AsyncModbusTcpClient(
                bus.host,
                port=bus.port,
                framer=FramerType.RTU if self._is_rtu else FramerType.SOCKET,
                retries=0,
                reconnect_delay=0,
                trace_packet=self._trace,
            )
        else:
            client = AsyncModbusSerialClient(
                bus.port,
                baudrate=bus.baudrate,
                parity=bus.parity,
                stopbits=bus.stopbits,
                retries=0,
                reconnect_delay=0,
                trace_packet=self._trace,
            )
        client.set_max_no_responses(NEVER_DISCONNECT)  # one dead unit must not cut the others off
        client.ctx.framer.decoder = _RawDecoder(is_server=False)
        return client

    def _trace(self, is_sending: bool, data: bytes) -> bytes:
        self._heard_at = asyncio.get_running_loop().time()
        if not is_sending:
            self._heard = data
        if self._tap is not None:
            self._tap(is_sending, data)
        return data


def _gap_s(bus: TcpBus | SerialBus) -> float:
    """Silence between two frames: 3.5 characters, 1.75 ms above 19200 baud (Modbus serial line 2.5.1.1)."""
    if isinstance(bus, TcpBus):
        return 0.0
    return max(0.00175, 3.5 * BITS_PER_CHARACTER / bus.baudrate)
