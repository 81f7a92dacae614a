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
from gateway import place as places
from gateway.model import Change
from gateway.place import Content, Lane, Leg, Place, Range
from gateway.query.views import DayEvent, DayInterval, DayPoint, DayRecords, Statement
from gateway.uplinks.feed import Latest, Outcome
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
    place: Place = field(default_factory=Place)
    count: int = 0
    dead: dict[int, str] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)
    fences: list[bool] = field(default_factory=list)
    points: dict[str, str] = field(default_factory=lambda: {METER: "active_energy_import"})
    newest: list[Latest] = field(default_factory=list)
    digests: dict[Range, bytes] = field(default_factory=dict)
    done: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the uplink asks where it is and is at the head."""

    async def head(self) -> int:
        return self.changes[-1].seq if self.changes else 0

    async def read(self, after_seq: int, limit: int) -> list[Change]:
        return [change for change in self.changes if change.seq > after_seq][:limit]

    @property
    def cursor(self) -> int:
        return self.place.cursor

    @property
    def batch_to(self) -> int | None:
        return self.place.batch_to

    async def state(self, uplink: str) -> Place:
        if self.cursor == await self.head():
            self.done.set()
        return self.place

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

    async def spaces(self) -> Mapping[str, str]:
        return dict.fromkeys(self.points, "a-101")

    async def sent(self, uplink: str, from_seq: int) -> Mapping[int, bytes]:
        return {high: digest for (low, high), digest in self.digests.items() if low == from_seq}

    async def begin(self, uplink: str, leg: Leg, content: Content | None = None) -> bool:
        assert self.place.fits(leg)
        if content is not None:
            bounds = (content.from_seq, leg.to_seq)
            if self.digests.setdefault(bounds, content.sha256) != content.sha256:
                return False
        self.place = places.begun(self.place, leg)
        return True

    async def delivered(self, uplink: str, leg: Leg, outcome: Outcome) -> Sequence[Range]:
        assert self.place.fits(leg)
        assert self.place.sent_to(leg.lane) == leg.to_seq
        self.place = (places.delivered if outcome.by_receipt else places.passed)(self.place, leg)
        self.count += outcome.count - len(outcome.refused)
        self.dead.update(outcome.refused)
        self.errors.clear()
        if outcome.held is None:
            return ()
        missing = places.missing(self.place, outcome.held.ranges, is_cut_off=outcome.held.is_cut_off)
        self.place = places.again(self.place, missing)
        return missing

    async def skip(self, uplink: str, leg: Leg) -> None:
        assert self.place.fits(leg)
        self.place = places.passed(self.place, leg)

    async def cut(self, uplink: str, lane: Lane, at: int) -> None:
        self.place = places.cut(self.place, lane, at)

    async def split(self, uplink: str, more_than: int) -> bool:
        head, before = await self.head(), self.place
        front = before.ranges[-1][1] if before.ranges else before.cursor
        if head - front > more_than:
            self.place = places.split(before, head)
        return self.place != before

    async def failed(self, uplink: str, message: str) -> None:
        self.errors.append(message)

    async def fenced(self, uplink: str, *, is_fenced: bool) -> None:
        if self.fences[-1:] != [is_fenced]:
            self.fences.append(is_fenced)


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
