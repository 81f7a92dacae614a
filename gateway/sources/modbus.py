"""A Modbus bus as an ``Exchange``: TCP, RTU frames over TCP, or a serial line.

Knows connections, real time-outs (never scaled by a clock) and what a reply must be; does not know framing (``modbus_link``
does), points or schedules. Guarantees: one request in flight, no retry; a reply is given back only if unit, function and
length are those asked for; after a failed exchange under RTU framing, which has no transaction id, the line is drained
and silent before the next request, so that a late reply is never taken for another's.
"""

from __future__ import annotations

import asyncio
from typing import Final

from edge_config.schema import SerialBus, TcpBus
from gateway.errors import NoAnswerError, NonsenseError, RefusedError, WireError
from gateway.sources import faults
from gateway.sources.bus_line import SILENCES_UNTIL_RECONNECT, Reconnect, Tap, until_silent
from gateway.sources.modbus_link import READ_FUNCTIONS, Link
from gateway.sources.request_plan import data_length
from runtime import logs

CONVERTER_SAYS_SILENT: Final = frozenset({0x0A, 0x0B})
"""Exceptions of a converter about a unit behind it: path unavailable, target did not respond."""

BITS_PER_CHARACTER: Final = 11
OVERHEAD_CHARACTERS: Final = 8 + 5
"""A read request, and the reply's unit id, function, byte count and checksum."""


class PymodbusWire:
    """One bus. Connects at the first exchange and, with a growing pause, whenever the connection is gone."""

    def __init__(self, bus: TcpBus | SerialBus, tap: Tap | None = None) -> None:
        self._bus = bus
        self._tap = tap
        self._is_rtu = bus.kind != "modbus-tcp"
        self._link: Link | None = None
        self._reconnect = Reconnect(bus, logs.get("sources.modbus").bind(bus=bus.id))
        self._heard, self._heard_at = b"", 0.0
        self._silences, self._is_dirty = 0, False
        self._gap_s = _gap_s(bus)
        self._character_s = 0.0 if isinstance(bus, TcpBus) else BITS_PER_CHARACTER / bus.baudrate

    async def exchange(self, request: bytes) -> bytes:
        """Unit id and PDU of a read to unit id and PDU of its reply.

        Raises NoAnswerError, RefusedError (with the exception code) or NonsenseError; ValueError for anything
        but a read."""
        unit_id, function, count = request[0], request[1], int.from_bytes(request[4:6], "big")
        if function not in READ_FUNCTIONS or len(request) != 6:
            raise ValueError(f"not a read request: {request.hex(' ')}")
        link = self._link
        if link is None or link.transport is None:
            link = await self._connected()
        if self._is_rtu:
            await self._wait_for_silence()
        self._heard, self._is_dirty = b"", True
        size = data_length(function, count)
        frame = await link.ask(unit_id, request[1:], self._timeout_s(size))
        if frame is None:
            raise self._silence(unit_id, link)
        self._silences, self._is_dirty = 0, False
        if len(frame) != size + 2 or frame[0] != function or frame[1] != size:
            raise self._no_reply(frame, unit_id, function)
        return request[:1] + frame

    async def close(self) -> None:
        if self._link is not None:
            self._link.close()
            self._link = None
            await asyncio.sleep(0)  # the transport closes its socket at the loop's next turn

    def _no_reply(self, frame: bytes, unit_id: int, function: int) -> WireError:
        """What a frame is that is not the reply asked for."""
        if len(frame) == 2 and frame[0] == function | 0x80:
            if frame[1] in CONVERTER_SAYS_SILENT:
                return NoAnswerError(faults.not_reached(unit_id, frame[1]))
            return RefusedError(faults.refused(unit_id, function, frame[1]), frame[1])
        self._is_dirty = True
        return NonsenseError(faults.nonsense(unit_id, frame))

    def _silence(self, unit_id: int, link: Link) -> NoAnswerError | NonsenseError:
        """What a time-out was: bytes that were no reply to this request, or nothing at all."""
        self._heard_at = asyncio.get_running_loop().time()  # the silence that drains the line starts here
        if self._heard:
            if not self._is_rtu and link.is_out_of_step:
                link.close()  # under TCP framing nothing but a new connection finds the beginning of a frame again
            return NonsenseError(faults.nonsense(unit_id, self._heard))
        self._silences += 1
        if isinstance(self._bus, TcpBus) and self._silences >= SILENCES_UNTIL_RECONNECT:
            self._silences = 0
            link.close()
        return NoAnswerError(faults.no_answer(unit_id, self._bus))

    def _timeout_s(self, data_bytes: int) -> float:
        """The bus's time-out, plus what the bytes themselves take on a serial line."""
        return self._bus.timeout_s + (OVERHEAD_CHARACTERS + data_bytes) * self._character_s

    async def _wait_for_silence(self) -> None:
        """Under RTU framing: a frame's gap after a clean reply, else until a time-out passed without a byte.

        Raises NonsenseError when the line never falls silent."""
        quiet_s = self._bus.timeout_s if self._is_dirty else self._gap_s
        await until_silent(lambda: self._heard_at, quiet_s, self._bus.timeout_s)

    async def _connected(self) -> Link:
        """The link, connected. Raises NoAnswerError at once during the pause after a failed attempt."""
        if self._link is None:
            self._link = Link(self._bus, self._trace)
        self._reconnect.refuse_early()
        try:
            is_connected = await self._link.connect()
        except UnicodeError:  # a host name that cannot be one
            is_connected = False
        if (task := asyncio.current_task()) is not None and task.cancelling():
            raise asyncio.CancelledError  # pymodbus connects by wait_for, which before Python 3.12 may swallow a stop
        if not is_connected:
            raise self._reconnect.failed()
        self._reconnect.made()
        self._silences = 0
        return self._link

    def _trace(self, is_sending: bool, data: bytes) -> None:
        if self._is_rtu:
            self._heard_at = asyncio.get_running_loop().time()
        if not is_sending:
            self._heard = data
        if self._tap is not None:
            self._tap(is_sending, data)


def _gap_s(bus: TcpBus | SerialBus) -> float:
    """Silence between two frames: 3.5 characters, 1.75 ms above 19200 baud (Modbus serial line 2.5.1.1)."""
    if isinstance(bus, TcpBus):
        return 0.0
    return max(0.00175, 3.5 * BITS_PER_CHARACTER / bus.baudrate)
