"""Meters with a truth, and the Modbus lines they hang on: late, silent, refusing, garbled and crossed replies.

Stands below ``PymodbusWire``, which is the shipped one. Bytes are made by struct alone.
"""

from __future__ import annotations

import asyncio
import struct
from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from edge_config.schema import SerialBus, TcpBus
from tests.simulation.chaos import Chaos
from tests.simulation.journal import Journal

WORD_32 = 2**32
CHANGE_S = 30.0
"""So long before and after a meter is changed there is none on the line."""
EXCEPTIONS = (1, 2, 3, 4, 5, 6, 7, 8, 10, 11)


@dataclass
class Truth:
    """A counter as it really runs: steps by virtual second, at rates that change now and then."""

    start: int
    rates: list[tuple[float, float]]
    """(from second, steps per second)."""
    modulus: int = WORD_32
    resets: list[float] = field(default_factory=list)
    begins: dict[float, int] = field(default_factory=dict)
    """Where the register stands after some of the resets: a new meter's."""

    def flow(self, at_s: float) -> float:
        """Steps since second 0, wherever the register stands."""
        total = 0.0
        for index, (begin, rate) in enumerate(self.rates):
            end = self.rates[index + 1][0] if index + 1 < len(self.rates) else at_s
            total += rate * max(0.0, min(end, at_s) - begin)
        return total

    def register(self, at_s: float) -> int:
        past = bisect_right(self.resets, at_s)
        if past:
            begin = self.resets[past - 1]
            return self.begins.get(begin, 0) + int(self.flow(at_s) - self.flow(begin))
        return (self.start + int(self.flow(at_s))) % self.modulus

    def is_steady(self, at_s: float, reach_s: float = 260.0) -> bool:
        """Whether the rate stays what it is around an instant, so that a straight line between two readings is true."""
        moments = [begin for begin, _ in self.rates[1:]] + self.resets
        return not any(abs(at_s - moment) < reach_s for moment in moments)


@dataclass
class Meter:
    """A unit on a line. ``points`` is address → (point, kind): u32 registers of ``truth``, or f32 of a power or an energy."""

    unit_id: int
    truth: Truth
    points: dict[int, tuple[str, str]]
    may_dip: bool = False
    may_lie: bool = False

    def read(self, address: int, count: int, at_s: float, chaos: Chaos) -> tuple[bytes, dict[str, int]]:
        """The registers' bytes, and what they say in steps by point."""
        data, said = bytearray(2 * count), {}
        register = self._register(at_s, chaos)
        for start, (point, kind) in self.points.items():
            if not address <= start <= address + count - 2:
                continue
            if kind == "u32":
                raw, said[point] = struct.pack(">I", register), register
            else:  # multiples of 1/4 are exact in f32
                quarters = register % 4000 if kind == "energy" else int(at_s) // 7 % 400
                raw = struct.pack(">f", quarters / 4 * (1 if kind == "energy" else 100))
                said[point] = quarters * 25 if kind == "energy" else round(quarters / 4 * 100)
            data[2 * (start - address) : 2 * (start - address) + 4] = raw
        return bytes(data), said

    def _register(self, at_s: float, chaos: Chaos) -> int:
        register = self.truth.register(at_s)
        if self.may_lie and chaos.hits("garbage"):
            return chaos.stream("garbage/words").randrange(WORD_32)
        # Near its ends a dip to 0 and a rollover are the same words.
        if self.may_dip and 0.01 * WORD_32 < register < 0.8 * WORD_32 and chaos.hits("dip"):
            return 0
        return register


@dataclass
class Line:
    """One bus and the units on it."""

    bus: TcpBus | SerialBus
    meters: dict[int, Meter]
    chaos: Chaos
    journal: Journal

    def answers(self, unit_id: int, pdu: bytes) -> Iterator[tuple[float, int, bytes, dict[str, int]]]:
        """(delay, unit, frame, what it says) of each reply to a request."""
        chaos, rng, now_s = self.chaos, self.chaos.stream("line"), self.journal.clock.loop.time()
        meter = self.meters[unit_id]
        if chaos.is_down("dead", now_s, str(unit_id)) or chaos.hits("silent"):
            return
        if any(abs(now_s - at_s) < CHANGE_S for at_s in meter.truth.begins):
            return
        function, (address, count) = pdu[0], struct.unpack(">HH", pdu[1:])
        delay_s = rng.uniform(0.01, 0.2)
        if chaos.hits("exception"):
            code = rng.choice(EXCEPTIONS)
            chaos.saw(f"exception {code}")
            yield delay_s, unit_id, bytes((function | 0x80, code)), {}
            return
        data, said = meter.read(address, count, now_s + delay_s, chaos)
        frame = bytes((function, len(data))) + data
        if chaos.hits("garbled"):
            yield delay_s, unit_id, self._garbled(frame), {}
        elif chaos.hits("crossed"):
            other = rng.choice([unit for unit in (*self.meters, 99) if unit != unit_id])
            yield delay_s, other, frame, {}
        else:
            late_s = rng.uniform(0.5, 3.0) * self.bus.timeout_s if chaos.hits("late") else 0.0
            yield delay_s + late_s, unit_id, frame, said

    def _garbled(self, frame: bytes) -> bytes:
        rng = self.chaos.stream("garble")
        cuts = (frame[: rng.randrange(1, len(frame))], frame + b"\0", bytes((frame[0] ^ 7,)) + frame[1:])
        return rng.choice((*cuts, frame[:1] + bytes((frame[1] ^ 2,)) + frame[2:]))


class SimLink:
    """Stands where ``modbus_link.Link`` stands: one request in flight, replies matched by transaction or unit."""

    is_out_of_step = False
    """Frames arrive whole here."""

    def __init__(self, line: Line, trace: Callable[[bool, bytes], None]) -> None:
        self._line, self._trace, self._tid = line, trace, 0
        self._is_rtu = line.bus.kind != "modbus-tcp"
        self._waiting: tuple[int, int, asyncio.Future[bytes]] | None = None
        self.transport: object | None = None
        self.is_out_of_step = False
        """Half a frame came, and where the next one begins nobody can tell: nothing is heard until it is connected again."""

    async def connect(self) -> bool:
        await asyncio.sleep(0.01)
        is_down = self._line.chaos.is_down("line_down", asyncio.get_running_loop().time(), self._line.bus.id)
        if self.transport is None:
            self.is_out_of_step = False
        self.transport = None if is_down else self
        return not is_down

    def close(self) -> None:
        self.transport = None

    async def ask(self, unit_id: int, pdu: bytes, timeout_s: float) -> bytes | None:
        """The reply's frame; None when none came in time."""
        loop = asyncio.get_running_loop()
        self._tid += 1
        self._trace(True, pdu)
        waiting: asyncio.Future[bytes] = loop.create_future()
        self._waiting = (self._tid, unit_id, waiting)
        for delay_s, unit, frame, said in self._line.answers(unit_id, pdu):
            loop.call_later(delay_s, self._arrive, self._tid, unit, frame, said)
        try:
            async with asyncio.timeout(timeout_s):
                return await waiting
        except TimeoutError:
            return None
        finally:
            self._waiting = None

    def _arrive(self, tid: int, unit_id: int, frame: bytes, said: dict[str, int]) -> None:
        if self.transport is None:
            return
        self._trace(False, frame)
        if not self._is_rtu and not said and self._line.chaos.hits("torn"):
            self.is_out_of_step = True
        if self._waiting is None or self.is_out_of_step:
            return
        asked_tid, asked_unit, waiting = self._waiting
        is_its = unit_id == asked_unit and (self._is_rtu or tid == asked_tid)
        if is_its and not waiting.done():
            if tid != asked_tid:
                self._line.chaos.saw("late reply taken")
            self._line.journal.reply(said)
            waiting.set_result(frame)
