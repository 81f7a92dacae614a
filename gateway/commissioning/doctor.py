"""How a bus is: every device polled some times, its answers counted and timed, its numbers doubted. Only ever reads.

Knows outcomes, latencies and registers; what to do about them is said in ``advice.py``. Two meters at one address show
as replies that collide (garbled) or as a second reply after the first; a wrong word order as a better one that reads
more sensibly.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from devices.profile import RegisterPoint
from gateway.commissioning import live, plausible
from gateway.commissioning.line import Answer, Line, Outcome
from gateway.commissioning.scan_rounds import Tell
from gateway.points import expected_interval_s
from gateway.sources.poll_groups import slow_every

LISTEN_S = 0.05
"""A second device at one address answers within its own turn-round, 5 to 50 ms after the first."""

LOOKS_KEPT = 8


@dataclass(frozen=True, slots=True)
class UnitHealth:
    """One device over all polls. Counts are of requests; latencies in milliseconds, None when nothing answered;
    ``poll_ms`` is the median time of a whole poll, ``load_pct`` the bus's time it takes, slow points read as rarely as
    they are."""

    device: str
    unit_id: int | str
    polls: int
    counts: dict[str, int]
    doubled: int
    latency_ms_median: float | None
    latency_ms_p95: float | None
    poll_ms: float | None
    load_pct: float | None
    suspicions: tuple[plausible.Suspicion, ...] = ()
    bad_points: tuple[tuple[str, str], ...] = ()
    """Points without a good value at the last poll, and the reason."""

    @property
    def requests(self) -> int:
        return sum(self.counts.values())

    def share(self, outcome: Outcome) -> float:
        """Which part of all requests came to this end."""
        return self.counts.get(outcome.value, 0) / max(1, self.requests)


@dataclass(slots=True)
class _Notes:
    """What is written down of one device while it is polled."""

    target: live.Target
    answers: list[Answer] = field(default_factory=list)
    polls_s: list[float] = field(default_factory=list)
    loads: list[float] = field(default_factory=list)
    looks: dict[str, list[plausible.Look]] = field(default_factory=dict)
    last: live.Look | None = None


async def examine(line: Line, targets: Sequence[live.Target], polls: int, tell: Tell) -> list[UnitHealth]:
    """Poll every device ``polls`` times in turn and say how each one is. Raises NotConnectedError."""
    notes = [_Notes(target) for target in targets]
    async with line:
        for done in range(polls * len(notes)):
            await _poll(line, notes[done % len(notes)])
            tell(done + 1, polls * len(notes))
    return [_health(one, polls) for one in notes]


async def _poll(line: Line, notes: _Notes) -> None:
    at_s = asyncio.get_running_loop().time()
    seen = await live.look(line, notes.target, 0)
    notes.answers.extend(seen.answers)
    notes.last = seen
    if all(answer.is_sign_of_life for answer in seen.answers):
        notes.polls_s.append(sum(answer.took_s for answer in seen.answers))
        notes.loads.append(_load(notes.target, seen))
    for row in seen.rows:
        if row.registers:
            kept = notes.looks.setdefault(row.point, [])
            kept.append(plausible.Look(row.registers, at_s))
            del kept[:-LOOKS_KEPT]


def _health(notes: _Notes, polls: int) -> UnitHealth:
    target = notes.target
    counts = Counter(answer.outcome.value for answer in notes.answers)
    latencies = sorted(answer.took_s * 1000 for answer in notes.answers if answer.is_sign_of_life)
    poll_s, load = _quantile(sorted(notes.polls_s), 0.5), _quantile(sorted(notes.loads), 0.5)
    rows = notes.last.rows if notes.last else ()
    return UnitHealth(
        device=target.device.id, unit_id=target.poll.device.unit_id, polls=polls, counts=dict(counts),
        doubled=sum(answer.extra_bytes > 0 for answer in notes.answers),
        latency_ms_median=_quantile(latencies, 0.5), latency_ms_p95=_quantile(latencies, 0.95),
        poll_ms=None if poll_s is None else poll_s * 1000,
        load_pct=None if load is None else 100 * load,
        suspicions=tuple(_suspicions(notes)),
        bad_points=tuple((row.point, row.reason or "") for row in rows if row.quality == "bad" and row.raw),
    )  # fmt: skip


def _load(target: live.Target, seen: live.Look) -> float:
    """The share of the bus's time that polls like this one take."""
    interval_s = expected_interval_s(target.device, target.profile)
    every = slow_every(interval_s)
    return sum(
        answer.took_s / (interval_s * (every if ready.is_slow else 1)) for ready, answer in seen.replies
    )


def _suspicions(notes: _Notes) -> list[plausible.Suspicion]:
    found = []
    for name, point in notes.target.profile.points.items():
        looks = notes.looks.get(f"{notes.target.device.id}.{name}", [])
        if isinstance(point, RegisterPoint):
            suspected = plausible.suspicion(name, point, looks)
            found.extend([suspected] if suspected else [])
    return found


def _quantile(ordered: Sequence[float], share: float) -> float | None:
    """The nearest-rank quantile of ordered values."""
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else None
