"""A feed kept in memory that forgets nothing and notes what was asked of it, and a clock that moves by itself."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from devices.quantities import QUANTITIES
from gateway.model import Change
from gateway.query.views import DayEvent, DayInterval, DayPoint, DayRecords, Statement
from gateway.uplinks.feed import Latest, UplinkState
from tests.district import campus
from tests.district.campus import METER

SHANGHAI = ZoneInfo("Asia/Shanghai")


def _day_point(name: str, quantity: str) -> DayPoint:
    known = QUANTITIES[quantity]
    return DayPoint(
        name, name.partition(".")[0], "a-101", quantity, known.unit, known.kind.value, "0.01", None, known.label_zh,
        known.label_en,
    )  # fmt: skip


def _slot_of(change: Change) -> tuple[Any, ...]:
    """What an interval or event is about; nothing for other changes."""
    body = json.loads(change.body)
    if change.kind == "event":
        return (body["event_id"],)
    return (body.get("point"), body.get("period"), body.get("start")) if change.kind == "interval" else ()


def row(seq: int, body: dict[str, Any], revision: int = 1) -> Change:
    return Change(
        seq, body["kind"], f"{body['kind']}:{seq}", revision, json.dumps(body, ensure_ascii=False).encode()
    )


def rows(count: int) -> list[Change]:
    """The site, a meter, and quarter-hours of 1 kWh up to ``count`` changes."""
    return [row(seq, body) for seq, body in enumerate(campus.day_slots(count=count - 2), 1)]


@dataclass
class MemoryFeed:
    changes: list[Change]
    cursor: int = 0
    batch_to: int | None = None
    count: int = 0
    dead: dict[int, str] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)
    points: dict[str, str] = field(default_factory=lambda: {METER: "active_energy_import"})
    newest: list[Latest] = field(default_factory=list)
    done: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the uplink asks where it is and is at the head."""

    async def head(self) -> int:
        return self.changes[-1].seq if self.changes else 0

    async def read(self, after_seq: int, limit: int) -> list[Change]:
        return [change for change in self.changes if change.seq > after_seq][:limit]

    async def state(self, uplink: str) -> UplinkState:
        if self.cursor == await self.head():
            self.done.set()
        return UplinkState(self.cursor, self.batch_to)

    async def quantities(self) -> Mapping[str, str]:
        return self.points

    async def latest(self) -> Sequence[Latest]:
        return list(self.newest)

    async def replaced(self, changes: Sequence[Change]) -> frozenset[int]:
        return frozenset(
            old.seq
            for old in changes
            if any(new.seq > old.seq and _slot_of(new) == _slot_of(old) != () for new in self.changes)
        )

    async def day(self, day: date) -> DayRecords:
        """Put together from the changes: the highest revision of each slot, event and statement."""
        bodies = self._held(day)
        slots = [body for body in bodies if body["kind"] == "interval" and body["period"] != "month"]
        statements = [body for body in bodies if body["kind"] == "statement"]
        return DayRecords(
            day.isoformat(),
            [_day_point(name, quantity) for name, quantity in self.points.items()],
            [DayInterval(**{key: value for key, value in slot.items() if key != "kind"}) for slot in slots],
            [
                DayEvent(
                    body["event_id"], body["event_kind"], body["subject"], body["start"], body.get("end"), body["level"],
                    body["state"], body.get("evidence", {}), body["revision"],
                )
                for body in bodies
                if body["kind"] == "event"
            ],
            Statement(day.isoformat(), 0, statements[-1]["revision"], statements[-1]) if statements else None,
        )  # fmt: skip

    def _held(self, day: date) -> list[dict[str, Any]]:
        held: dict[tuple[Any, ...], dict[str, Any]] = {}
        for change in sorted(self.changes, key=lambda change: change.revision):
            body = json.loads(change.body) | {"revision": change.revision}
            identity = (
                body["kind"],
                body.get("point"),
                body.get("period"),
                body.get("start"),
                body.get("event_id"),
            )
            if "start" in body and datetime.fromtimestamp(body["start"] / 1000, SHANGHAI).date() == day:
                held[identity] = body
            if body.get("day") == day.isoformat():
                held[identity] = body
        return list(held.values())

    async def begin(self, uplink: str, to_seq: int) -> None:
        assert to_seq > self.cursor
        self.batch_to = to_seq

    async def delivered(
        self, uplink: str, to_seq: int, count: int, refused: Sequence[tuple[int, str]]
    ) -> None:
        assert to_seq > self.cursor
        assert to_seq == self.batch_to
        self.cursor, self.batch_to = to_seq, None
        self.count += count - len(refused)
        self.dead.update(refused)
        self.errors.clear()

    async def skip(self, uplink: str, to_seq: int) -> None:
        assert to_seq > self.cursor
        self.cursor, self.batch_to = to_seq, None

    async def failed(self, uplink: str, message: str) -> None:
        self.errors.append(message)


@dataclass
class SelfMovingClock:
    """Sleeping moves the time at once; ``slept`` is how long each sleep was. ``limit`` sleeps, then it sleeps for good."""

    now_s: float = 0.0
    slept: list[float] = field(default_factory=list)
    limit: int = 1000

    def now_ms(self) -> int:
        return campus.NOW + int(self.now_s * 1000)

    def monotonic_s(self) -> float:
        return self.now_s

    async def sleep(self, seconds: float) -> None:
        if len(self.slept) >= self.limit:
            await asyncio.Event().wait()
        self.slept.append(seconds)
        self.now_s += seconds
        await asyncio.sleep(0)
