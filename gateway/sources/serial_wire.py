"""A raw line as an ``Exchange``: bytes to a serial port or a TCP serial server, for meters of several protocols.

Knows connections, silence and real time-outs (never scaled by a clock); what a request and its reply look like is in
``line_request``. Guarantees: one request in flight, no retry; before each request the line has been silent, after a
failed one for a whole time-out, so that a late reply is never taken for another's.
"""

from __future__ import annotations

import asyncio
import termios

from pymodbus.transport.serialtransport import create_serial_connection

from edge_config.schema import SerialBus, TcpBus
from gateway.errors import NoAnswerError, NonsenseError, RefusedError
from gateway.sources import meter_faults
from gateway.sources.bus_line import SILENCES_UNTIL_RECONNECT, Reconnect, Tap, parity_of, until_silent
from gateway.sources.line_request import LineRequest, line_request
from runtime import logs

GAP_S_MIN = 0.02
"""Silence before a request, so that meters of other protocols see the end of what they did not understand; longer than
Modbus's 3.5 characters from 2400 baud up (Modbus over Serial Line 1.02, 2.5.1.1)."""
GAP_CHARACTERS = 3.5
REPLY_CHARACTERS_MAX = 270
"""The longest reply of any protocol here, with wake-up bytes."""
HEARD_BYTES_MAX = 4096
FRAMES_MAX = 16
"""Replies of a DL/T 645 meter to one request, those that follow included."""


class _Ear(asyncio.Protocol):
    """What came in since it was last emptied, and when."""

    def __init__(self) -> None:
        self.heard = bytearray()
        self.heard_at = 0.0
        self.news = asyncio.Event()
        self.is_open = True

    def data_received(self, data: bytes) -> None:
        self.heard_at = asyncio.get_running_loop().time()
        self.heard += data[: HEARD_BYTES_MAX - len(self.heard)]
        self.news.set()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's name for it
        self.is_open = False
        self.news.set()


class LineWire:
    """One line. Connects at the first exchange and, with a growing pause, whenever the connection is gone."""

    def __init__(self, bus: TcpBus | SerialBus, tap: Tap | None = None) -> None:
        self._bus, self._tap = bus, tap
        self._ear = _Ear()
        self._transport: asyncio.Transport | None = None
        self._reconnect = Reconnect(bus, logs.get("sources.serial").bind(bus=bus.id))
        self._silences, self._is_dirty = 0, False
        self._sent_at = 0.0
        self._character_s = (
            0.0 if isinstance(bus, TcpBus) else (9 + bus.stopbits + (bus.parity != "N")) / bus.baudrate
        )

    async def exchange(self, request: bytes) -> bytes:
        """A meter's frame to its reply frame, with those that follow it; a Modbus unit and PDU to unit and PDU.

        Raises NotConnectedError, NoAnswerError, RefusedError or NonsenseError; ValueError for what is no request."""
        ask: LineRequest | None = line_request(request)
        replies: list[bytes] = []
        while ask is not None:
            if len(replies) == FRAMES_MAX:
                raise NonsenseError(meter_faults.TOO_MANY_FRAMES)
            replies.append(await self._ask(ask))
            ask = ask.following(replies[-1], len(replies))
        return b"".join(replies)

    async def close(self) -> None:
        self._disconnect()
        await asyncio.sleep(0)  # the transport closes its socket at the loop's next turn

    async def _ask(self, ask: LineRequest) -> bytes:
        await self._wait_for_silence()
        transport = await self._connected()  # last, for a line may be lost while it is silent
        self._ear.heard.clear()
        self._is_dirty = True
        transport.write(ask.sent)
        self._sent_at = asyncio.get_running_loop().time()
        if self._tap is not None:
            self._tap(True, ask.sent)
        try:
            reply = await self._listen(ask)
        except RefusedError:
            self._silences, self._is_dirty = 0, False
            raise
        self._silences, self._is_dirty = 0, False
        return reply

    async def _listen(self, ask: LineRequest) -> bytes:
        """Until a reply stands in what was heard, or its time is over."""
        loop, ear = asyncio.get_running_loop(), self._ear
        sending_s = len(ask.sent) * self._character_s
        first_by = self._sent_at + sending_s + self._bus.timeout_s
        last_by = first_by + REPLY_CHARACTERS_MAX * self._character_s
        while True:
            ear.news.clear()
            if (reply := self._reply_in(ask)) is not None:
                return reply
            by = min(last_by, max(first_by, ear.heard_at + self._bus.timeout_s)) if ear.heard else first_by
            try:
                async with asyncio.timeout(by - loop.time()):
                    await ear.news.wait()
            except TimeoutError:
                raise self._silence(ask) from None
            if not ear.is_open:
                raise self._silence(ask)

    def _reply_in(self, ask: LineRequest) -> bytes | None:
        heard = bytes(self._ear.heard)
        if heard and self._tap is not None:
            self._tap(False, heard)
        return ask.reply_in(heard)

    def _silence(self, ask: LineRequest) -> NoAnswerError | NonsenseError:
        """What a time-out was: bytes that were no reply to this request, or nothing at all."""
        ear = self._ear
        ear.heard_at = asyncio.get_running_loop().time()  # the silence that drains the line starts here
        if ear.heard:
            return NonsenseError(meter_faults.nonsense(ask.unit, bytes(ear.heard)))
        self._silences += 1
        if isinstance(self._bus, TcpBus) and self._silences >= SILENCES_UNTIL_RECONNECT:
            self._silences = 0
            self._disconnect()
        return NoAnswerError(meter_faults.no_answer(ask.unit, self._bus.timeout_s))

    async def _wait_for_silence(self) -> None:
        """A gap after a clean reply, else until a time-out passed without a byte.

        Raises NonsenseError when the line never falls silent."""
        gap_s = max(GAP_S_MIN, GAP_CHARACTERS * self._character_s)
        quiet_s = self._bus.timeout_s if self._is_dirty else gap_s
        await until_silent(lambda: self._ear.heard_at, quiet_s, self._bus.timeout_s)

    async def _connected(self) -> asyncio.Transport:
        """The open transport. Raises NotConnectedError at once during the pause after a failed attempt."""
        if self._transport is not None and self._ear.is_open:
            return self._transport
        self._disconnect()
        self._reconnect.refuse_early()
        try:
            async with asyncio.timeout(self._bus.timeout_s):
                self._transport, self._ear = await self._open()
        except (OSError, TimeoutError, UnicodeError, termios.error) as error:  # UnicodeError: no host name
            raise self._reconnect.failed() from error
        self._reconnect.made()
        self._silences = 0
        return self._transport

    async def _open(self) -> tuple[asyncio.Transport, _Ear]:
        loop, bus, ear = asyncio.get_running_loop(), self._bus, _Ear()
        transport: asyncio.Transport
        if isinstance(bus, TcpBus):
            transport, _ = await loop.create_connection(lambda: ear, bus.host, bus.port)
        else:
            transport, _ = await create_serial_connection(
                loop, lambda: ear, bus.port, bus.baudrate, 8, parity_of(bus), bus.stopbits, timeout=0
            )
        return transport, ear

    def _disconnect(self) -> None:
        if self._transport is not None:
            self._transport.close()
            self._transport = None
