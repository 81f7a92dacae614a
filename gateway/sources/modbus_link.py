"""The connection of a Modbus bus, on pymodbus's transport and framers: one request in flight, its reply as bytes.

Knows framing, unit and transaction ids; does not know what a reply should hold, nor when to connect again. pymodbus's
client goes about the same two layers with a lock, a message object each way and a ``wait_for``: 33 µs a request where
this takes 16 (docs/decisions/0004). What comes under TCP as nearly always, one whole reply to the request in flight, is known by
the seven bytes of its header; everything else goes through pymodbus's framer (docs/decisions/0010).
"""

from __future__ import annotations

import asyncio
import struct
from typing import Final

from pymodbus.framer import FramerBase, FramerRTU, FramerSocket
from pymodbus.pdu import DecodePDU, ModbusPDU
from pymodbus.transport import CommParams, CommType, ModbusProtocol

from edge_config.schema import SerialBus, TcpBus
from gateway.sources.bus_line import Tap, parity_of

READ_FUNCTIONS: Final = frozenset({1, 2, 3, 4})
"""The gateway only ever reads."""

TRANSACTION_MAX: Final = 65_000

_HEADER: Final = struct.Struct(">HHHB")
"""MBAP: transaction, protocol (0), bytes that follow these three, unit id; then comes the function code."""
_WHOLE_MIN: Final = 8


class _RawReply(ModbusPDU):
    """What the RTU framer asks of a reply: how long it is, checksum and all, by its first bytes."""

    @classmethod
    def calculateRtuFrameSize(cls, data: bytes) -> int:  # noqa: N802 - pymodbus names it so
        return 5 if data[1] & 0x80 else data[2] + 5


class _RawDecoder(DecodePDU):
    """Knows replies to our reads and no other, so that the RTU framer finds where one begins."""

    def lookupPduClass(self, data: bytes) -> type[ModbusPDU] | None:  # noqa: N802 - pymodbus names it so
        return _RawReply if data[1] & 0x7F in READ_FUNCTIONS else None


class Link(ModbusProtocol):
    """One connection, made and made again by ``connect`` (False when there is none to be had)."""

    def __init__(self, bus: TcpBus | SerialBus, tap: Tap) -> None:
        super().__init__(_parameters(bus), is_server=False)
        has_transactions = bus.kind == "modbus-tcp"
        self._framer: FramerBase = (FramerSocket if has_transactions else FramerRTU)(_RawDecoder(False))
        self._has_transactions = has_transactions
        self._tap = tap
        self._unit_id = self._transaction = 0
        self._answer: asyncio.Future[bytes | None] = self.loop.create_future()
        self._deadline = 0.0
        self._timer: asyncio.TimerHandle | None = None

    async def ask(self, unit_id: int, pdu: bytes, timeout_s: float) -> bytes | None:
        """Function code and data of the first reply from ``unit_id`` to this very transaction, where the framing has
        such; None when none came in time."""
        transport = self.transport
        if not transport:
            return None
        if self._has_transactions:
            self._transaction = transaction = self._transaction % TRANSACTION_MAX + 1
            frame = _HEADER.pack(transaction, 0, len(pdu) + 1, unit_id) + pdu
        else:
            frame = self._framer.encode(pdu, unit_id, 0)
        self._unit_id = unit_id
        answer: asyncio.Future[bytes | None] = self.loop.create_future()
        self._answer = answer
        self._expect_by(self.loop.time() + timeout_s)
        self._tap(True, frame)
        self.recv_buffer = b""  # as ``send`` does, which also keeps each frame for a dump of its own
        transport.write(frame)  # type: ignore[attr-defined]  # pymodbus has no word for a stream's transport
        return await answer

    @property
    def is_out_of_step(self) -> bool:
        """The stream holds bytes that are no whole frame: where the next one begins can no longer be told."""
        return bool(self.recv_buffer)

    def close(self, reconnect: bool = False) -> None:
        """Let go of the connection; ``connect`` makes another."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._settle(None)
        super().close(reconnect)

    def callback_new_connection(self) -> ModbusProtocol:
        """For servers."""
        return self

    def callback_connected(self) -> None:
        """A connection counts its own transactions."""
        self._transaction = 0

    def callback_disconnected(self, exc: Exception | None) -> None:
        """Who asked waits for the time-out, as for a device that is silent: a converter that hangs up after each
        request is not asked any faster for it."""

    def data_received(self, data: bytes) -> None:
        """Take a whole reply to the request in flight at once, and everything else as the transport does."""
        if self._has_transactions and len(data) >= _WHOLE_MIN and not self.recv_buffer:
            transaction, protocol, follow, unit_id = _HEADER.unpack_from(data)
            is_whole = len(data) == follow + 6 and protocol == 0
            if is_whole and unit_id == self._unit_id and transaction == self._transaction:
                self._tap(False, data)
                self._settle(data[7:])
                return
        super().data_received(data)

    def callback_data(self, data: bytes, addr: object = None) -> int:  # noqa: ARG002 - UDP's
        """Take the frames in ``data``; how many bytes of it are done with."""
        self._tap(False, data)
        used = 0
        while used < len(data):
            size, unit_id, transaction, frame = self._framer.decode(data[used:])
            used += size
            if not size or not frame:
                return used
            if unit_id == (self._unit_id or unit_id) and transaction == self._transaction:
                self._settle(frame)
                return used
        return used

    def _settle(self, frame: bytes | None) -> None:
        if not self._answer.done():
            self._answer.set_result(frame)

    def _expect_by(self, deadline: float) -> None:
        """One timer for many requests: it looks again when it is early. A timer for each would cost 3 of 16 µs."""
        self._deadline = deadline
        if self._timer is not None:
            if self._timer.when() <= deadline:
                return
            self._timer.cancel()
        self._timer = self.loop.call_at(deadline, self._look)

    def _look(self) -> None:
        self._timer = None
        if self._answer.done():
            return
        if self.loop.time() < self._deadline:
            self._expect_by(self._deadline)
        else:
            self._settle(None)


def _parameters(bus: TcpBus | SerialBus) -> CommParams:
    """Without a reconnect of the transport's own."""
    if isinstance(bus, TcpBus):
        return CommParams(
            comm_name=bus.id,
            comm_type=CommType.TCP,
            host=bus.host,
            port=bus.port,
            reconnect_delay=0,
            timeout_connect=bus.timeout_s,
        )
    return CommParams(
        comm_name=bus.id,
        comm_type=CommType.SERIAL,
        host=bus.port,
        baudrate=bus.baudrate,
        bytesize=8,
        parity=parity_of(bus),
        stopbits=bus.stopbits,
        reconnect_delay=0,
        timeout_connect=bus.timeout_s,
    )
