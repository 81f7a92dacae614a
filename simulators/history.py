"""History as JSON lines: what every point would have shown at each step of the clock, oldest first.

The first line is the header that ``campus-gateway replay`` reads; the values are quantised exactly as the live
registers and payloads are, so that live readings go on from history without a seam.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import msgspec

from runtime.clock import Clock
from simulators.campus import Campus

_DAY_MS = 86_400_000


class _Line(msgspec.Struct):
    point: str
    measured_at: int
    value: float


def header(campus: Campus, start_ms: int, end_ms: int, step_ms: int) -> bytes:
    """The first line: the interval the readings come in, first and last time, and how many there are, at least."""
    steps = (end_ms - start_ms) // step_ms + 1 if start_ms <= end_ms else 0
    facts = {
        "expected_interval_s": step_ms // 1000,
        "start": start_ms,
        "end": max(start_ms, end_ms),
        "total": steps * len(campus.points),
    }
    return msgspec.json.encode({"replay": facts}) + b"\n"


def lines(campus: Campus, start_ms: int, step_ms: int, now_ms: Callable[[], int]) -> Iterator[bytes]:
    """All points of a time step together, a step at a time, until the clock has been caught up with."""
    encoder = msgspec.json.Encoder()
    sources = [(point.name, point.shown) for point in campus.points.values()]
    moment = start_ms
    while moment <= now_ms():
        yield encoder.encode_lines([_Line(name, moment, shown(moment)) for name, shown in sources])
        moment += step_ms


def history(campus: Campus, clock: Clock, days: float, step_s: int) -> Iterator[bytes]:
    """Header and lines for the last ``days`` days, aligned to ``step_s`` of the clock; 0 days give a header alone.

    Raises ValueError when the clock is before the campus epoch."""
    step_ms, now = step_s * 1000, clock.now_ms()
    campus.warm_up(now)
    wanted = max(campus.world.almanac.epoch_ms, now - int(days * _DAY_MS))
    start = -(-wanted // step_ms) * step_ms
    end = now // step_ms * step_ms
    if days == 0:
        yield header(campus, start, start - step_ms, step_ms)
        return
    yield header(campus, start, end, step_ms)
    yield from lines(campus, start, step_ms, clock.now_ms)
