"""Hand-written doubles of the seams: a sink that remembers, a clock that moves when told, scripted wires."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from gateway.errors import WireError
from gateway.model import Reading, Readings

T0 = 1_790_000_000_000


@dataclass
class Clock:
    """Virtual time: a sleep moves it on and lets others run; ``on_sleep`` may stop a loop."""

    ms: float = T0
    mono_s: float = 1000.0
    sleeps_left: int = 10_000

    def now_ms(self) -> int:
        return int(self.ms)

    def monotonic_s(self) -> float:
        return self.mono_s

    def advance(self, seconds: float) -> None:
        self.ms += seconds * 1000
        self.mono_s += seconds

    async def sleep(self, seconds: float) -> None:
        if self.sleeps_left == 0:
            raise asyncio.CancelledError
        self.sleeps_left -= 1
        self.advance(seconds)
        await asyncio.sleep(0)


class LoopClock:
    """Real time as the test's loop counts it, for those who measure beside a wire's time-outs."""

    def now_ms(self) -> int:
        return T0 + int(self.monotonic_s() * 1000)

    def monotonic_s(self) -> float:
        return asyncio.get_running_loop().time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(0.0, seconds))


@dataclass
class Sink:
    """Remembers all it was told; accepts at once, when told, or never."""

    accepts_at_once: bool = True
    readings: list[Reading] = field(default_factory=list)
    offers: list[tuple[Reading, ...]] = field(default_factory=list)
    waiting: list[Callable[[], None]] = field(default_factory=list)
    rejected: list[tuple[str, str, str]] = field(default_factory=list)
    states: list[tuple[str, str, str]] = field(default_factory=list)
    hurries: int = 0
    came: asyncio.Event = field(default_factory=asyncio.Event)
    is_open: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.is_open.set()

    async def offer(self, groups: Sequence[Readings], accepted: Callable[[], None] | None = None) -> None:
        readings = [reading for group in groups for reading in group.each()]
        await self.is_open.wait()
        self.readings += readings
        self.offers.append(tuple(readings))
        if accepted is not None:
            self.waiting.append(accepted)
        if self.accepts_at_once:
            self.accept()
        self.came.set()

    def accept(self) -> None:
        waiting, self.waiting = self.waiting, []
        for accepted in waiting:
            accepted()

    def reject(self, subject: str, reason: str, example: str) -> None:
        self.rejected.append((subject, reason, example))
        self.came.set()

    def device_state(self, device: str, state: str, detail: str) -> None:
        self.states.append((device, state, detail))
        self.came.set()

    def hurry(self) -> None:
        self.hurries += 1

    def values(self) -> list[tuple[str, float | None]]:
        return [(reading.point, reading.value) for reading in self.readings]

    async def until(self, is_true: Callable[[], object], timeout_s: float = 60.0) -> None:
        """Wait for what the sink was told to make ``is_true`` so."""
        async with asyncio.timeout(timeout_s):
            while not is_true():
                self.came.clear()
                await self.came.wait()


Answer = bytes | WireError


@dataclass
class ScriptedWire:
    """An Exchange above the seam: ``answer`` gives the reply's data or the error for each request."""

    clock: Clock
    answer: Callable[[int, int, int], Answer]
    """(unit id, address, count) to data or error."""
    takes_s: float = 0.0
    timeout_s: float = 1.0
    asked: list[tuple[float, int, int, int]] = field(default_factory=list)
    is_closed: bool = False

    async def exchange(self, request: bytes) -> bytes:
        unit_id, function, address, count = struct.unpack(">BBHH", request)
        self.asked.append((self.clock.mono_s, unit_id, address, count))
        answer = self.answer(unit_id, address, count)
        await asyncio.sleep(0)
        if isinstance(answer, WireError):
            self.clock.advance(self.timeout_s)
            raise answer
        self.clock.advance(self.takes_s)
        return bytes((unit_id, function, len(answer))) + answer

    async def close(self) -> None:
        self.is_closed = True
