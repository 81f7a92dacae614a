"""Buffers with known contents: rows by plain SQL over the shipped schema, as the collector leaves them.

``Buffer`` keeps beside the file what it wrote, slot by slot, so that a test can recount by itself. Nothing of
``gateway.query`` is used here. Importable by other rooms' tests as ``tests.query.buffers``.
"""

from __future__ import annotations

import copy
import json
import shutil
import sqlite3
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, time
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import Any, Self

import yaml

from devices import profile
from devices.quantities import Kind
from edge_config.schema import LimitsFile, SiteFile
from edge_config.site import LoadedSite
from gateway.model import Content, Interval, Period
from gateway.points import build_points
from gateway.slots import day_slot, hour_slot
from gateway.store import readings
from gateway.store.migrations import STEPS

QUARTER_MS = 900_000
DAY_MS = 86_400_000


@dataclass
class ManualClock:
    """Time moves only when the test says so, or when somebody sleeps on it."""

    ms: int

    def now_ms(self) -> int:
        return self.ms

    def monotonic_s(self) -> float:
        return self.ms / 1000

    async def sleep(self, seconds: float) -> None:
        self.ms += round(seconds * 1000)


def school(folder: Path, *, timezone: str = "Asia/Shanghai", **more: Any) -> LoadedSite:
    """A small school with one of everything the pages show."""
    document = {
        "site": {"id": "school", "name": "测试小学", "timezone": timezone, "students": 600, "area_m2": 9000},
        "gateway": {"id": "gw-1"},
        "spaces": SPACES,
        "buses": [{"id": "east", "kind": "modbus-tcp", "host": "127.0.0.1"}],
        "brokers": [{"id": "local", "host": "127.0.0.1"}],
        "devices": [*map(_modbus, enumerate(METERS, 1)), *map(_mqtt, SENSORS)],
        "points": [{"id": "rest.energy", "sum": ["main-e.energy_import"], "minus": ["hvac-a.energy_import"]}],
        "uplinks": [{"id": "district", "kind": "district-http", "url": "http://127.0.0.1:9/v1"}],
        "buffer": {"path": "buffer.db"},
        **more,
    }
    file = SiteFile.model_validate(document)
    profiles = {device.profile: profile.load(device.profile) for device in file.devices}
    return LoadedSite(file, folder, folder / "site.yaml", profiles, LimitsFile.model_validate(LIMITS))


def write_site_file(site: LoadedSite) -> Path:
    """The site as the YAML file a command loads; its limits are left out."""
    document = json.loads(site.file.model_dump_json(by_alias=True, exclude_none=True))
    site.path.write_text(yaml.safe_dump(document, allow_unicode=True), encoding="utf-8")
    return site.path


SPACES = [
    {"id": "a", "name": "教学楼A", "kind": "building"},
    {"id": "a-101", "name": "101教室", "kind": "classroom", "in": "a"},
    {"id": "a-102", "name": "102教室", "kind": "classroom", "in": "a"},
    {"id": "canteen", "name": "食堂", "kind": "building"},
    {"id": "kitchen", "name": "厨房", "kind": "kitchen", "in": "canteen"},
]
METERS: list[dict[str, Any]] = [
    {
        "id": "main-e",
        "profile": "acrel-adl400",
        "energy_code": "01000",
        "poll_interval_s": 10,
        "name": "总表",
    },
    {"id": "hvac-a", "profile": "chint-dtsu666", "parent": "main-e", "energy_code": "01B00", "space": "a"},
    {"id": "light-a", "profile": "chint-dtsu666", "parent": "main-e", "energy_code": "01A00", "space": "a"},
    {
        "id": "kitchen-e",
        "profile": "chint-dtsu666",
        "parent": "main-e",
        "energy_code": "01D00",
        "space": "kitchen",
    },
    {"id": "pv", "profile": "growatt-inverter"},
    {"id": "main-w", "profile": "tuf-2000m-water"},
    {"id": "water-canteen", "profile": "pulse-water", "parent": "main-w", "space": "canteen"},
]
SENSORS: list[dict[str, Any]] = [
    {"id": "air-101", "profile": "zigbee2mqtt-air", "space": "a-101"},
    {"id": "air-102", "profile": "zigbee2mqtt-air", "space": "a-102"},
    {"id": "fridge", "profile": "esphome-cold", "space": "kitchen", "name": "一号冰箱"},
    {"id": "freezer", "profile": "esphome-cold", "space": "kitchen", "name": "冷冻柜"},
    {"id": "sample", "profile": "esphome-cold", "space": "kitchen", "name": "留样柜"},
    {"id": "hot", "profile": "esphome-hot-holding", "space": "kitchen", "name": "热柜"},
    {"id": "door", "profile": "zigbee2mqtt-contact-door", "space": "kitchen", "parent": "fridge"},
    {"id": "uv-101", "profile": "tasmota-uv-lamp", "space": "a-101", "name": "101紫外灯"},
    {"id": "cabinet", "profile": "disinfection-cabinet", "space": "kitchen", "name": "消毒柜"},
]
LIMITS: dict[str, Any] = {
    "valid_from": "2026-01-01",
    "limits": [
        {"id": "co2", "quantity": "co2", "above": 1000, "text": "二氧化碳偏高", "source": "test"},
        {"id": "cold", "quantity": "cold_temperature", "above": 8, "below": 0, "text": "冷藏温度不符", "source": "test"},
        {"id": "frozen", "points": ["freezer.temperature"], "above": -12, "text": "冷冻温度不符", "source": "test"},
        {"id": "hot", "quantity": "hot_temperature", "below": 60, "text": "热链温度不符", "source": "test"},
    ],
}  # fmt: skip


def _modbus(numbered: tuple[int, dict[str, Any]]) -> dict[str, Any]:
    return {"bus": "east", "unit_id": numbered[0], **numbered[1]}


def _mqtt(sensor: dict[str, Any]) -> dict[str, Any]:
    return {"broker": "local", "topic": f"school/{sensor['id']}", **sensor}


def steady(value: float) -> Callable[[int], float]:
    """A gauge that always shows ``value``."""
    return lambda _slot: value


def wavering(base: int, period: int) -> Callable[[int], int]:
    """A counter that flows ``base`` steps a slot and a little more, going round in ``period`` slots."""
    return lambda slot: base + slot % period


def local_ms(site: LoadedSite, day: str, clock: str = "00:00") -> int:
    moment = datetime.combine(date.fromisoformat(day), time.fromisoformat(clock), site.zone)
    return round(moment.timestamp() * 1000)


@dataclass
class Truth:
    """One counter as it was written: ``slots`` by start → (steps, content, share), and the register now."""

    step: Fraction
    slots: dict[int, tuple[int, str, float]] = field(default_factory=dict)
    open_from: int = 0
    open_steps: int = 0
    read_at: int = 0


class Buffer:
    """A buffer file and what went into it. Use as a context manager; ``connection`` is the writing one."""

    def __init__(self, site: LoadedSite, *, wal: bool = True) -> None:
        self.site = site
        self.truth: dict[str, Truth] = {}
        self.seq = 0
        site.buffer_path.parent.mkdir(parents=True, exist_ok=True)
        self.connection = sqlite3.connect(site.buffer_path, isolation_level=None)
        self.connection.execute(f"PRAGMA journal_mode={'WAL' if wal else 'DELETE'}")
        self.connection.execute("PRAGMA synchronous=OFF")
        self.connection.execute("BEGIN")
        for statement in chain.from_iterable(STEPS.values()):
            self.connection.execute(statement)
        self.points = {point.name: point for point in build_points(site)}
        self.ids = {name: self._point(name) for name in self.points}
        self.connection.execute("COMMIT")

    def copied_to(self, site: LoadedSite) -> Buffer:
        """The same contents at another site's path, open for writing; much quicker than filling it again."""
        site.buffer_path.parent.mkdir(parents=True, exist_ok=True)
        twin = copy.copy(self)
        twin.site, twin.truth = site, copy.deepcopy(self.truth)
        shutil.copyfile(self.site.buffer_path, site.buffer_path)
        twin.connection = sqlite3.connect(site.buffer_path, isolation_level=None)
        twin.connection.execute("PRAGMA synchronous=OFF")
        return twin

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.connection.close()

    def _point(self, name: str) -> int:
        point = self.points[name]
        cursor = self.connection.execute(
            "INSERT INTO point (name, device, space, quantity, unit, kind, step, expected_interval_s, energy_code, label_zh,"
            " label_en, revision) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1)",
            (name, point.device, point.space, point.quantity, point.unit, point.kind.value, str(point.step),
             point.expected_interval_s, point.energy_code, point.label_zh, point.label_en),
        )  # fmt: skip
        return int(cursor.lastrowid or 0)

    def counter(
        self,
        name: str,
        start: int,
        now: int,
        flow: Callable[[int], int],
        *,
        register: int = 0,
        content: Callable[[int], tuple[str, float]] = lambda _slot: ("measured", 1.0),
        read_ago_ms: int = 5_000,
        silent_since: bool = False,
    ) -> Truth:
        """Closed slots from ``start`` (a quarter-hour) to now: ``flow`` gives the steps of the n-th one, ``content`` its
        content and share. The open slot has flowed ``flow(n)`` too, by a reading ``read_ago_ms`` before now; with
        ``silent_since`` that was the last one ever, and its slot has closed without its value."""
        truth = self.truth[name] = Truth(Fraction(self.points[name].step))
        quarters: list[Interval] = []
        for number, at in enumerate(range(start, now - now % QUARTER_MS, QUARTER_MS)):
            kind, share = content(number)
            if kind == "missing":
                quarters.append(_missing(name, at))
                continue
            steps = flow(number)
            truth.slots[at] = (steps, kind, share)
            quarters.append(_counted(name, at, steps, register, kind, share))
            register += steps
        known = [quarter for quarter in quarters if quarter.end_steps is not None]
        truth.open_from = known[-1].end if known else start
        truth.open_steps, truth.read_at = flow(len(quarters)), now - read_ago_ms
        self.intervals(name, quarters)
        self.reading(name, truth.open_from, register)
        self.reading(name, truth.read_at, register + truth.open_steps)
        self._watermark(name, start, truth.open_from, register)
        if silent_since:
            self.intervals(name, [_missing(name, truth.open_from)])
            self.connection.execute(
                "UPDATE watermark SET closed_to = ?, left_at = ?, left_steps = ?, open_steps = ? WHERE point_id = ?",
                (
                    truth.open_from + QUARTER_MS,
                    truth.read_at,
                    register + truth.open_steps,
                    register,
                    self.ids[name],
                ),
            )
        return truth

    def gauge(
        self,
        name: str,
        start: int,
        now: int,
        value: Callable[[int], float | None],
        *,
        read_ago_ms: int = 5_000,
    ) -> None:
        """Closed slots whose mean is ``value`` of their number (None: missing), ±1 step around it, and a reading now."""
        step = float(self.points[name].step)
        quarters: list[Interval] = []
        for number, at in enumerate(range(start, now - now % QUARTER_MS, QUARTER_MS)):
            mean = value(number)
            if mean is None:
                quarters.append(_missing(name, at))
            else:
                quarters.append(
                    Interval(name, Period.QUARTER, at, at + QUARTER_MS, Content.MEASURED, 1.0, mean=mean, low=mean - step,
                             high=mean + step)
                )  # fmt: skip
        self.intervals(name, quarters)
        newest = value(len(quarters))
        if newest is not None:
            self.reading(name, now - read_ago_ms, round(newest / step))
        self._watermark(name, start, now - now % QUARTER_MS, 0)

    def reading(
        self, name: str, at: int, steps: int | None, quality: int = 0, reason: str | None = None
    ) -> None:
        self.connection.execute(
            "INSERT OR REPLACE INTO reading VALUES (?, ?, ?, ?, ?, ?, ?)",
            readings.row(at, self.ids[name], 0, steps, quality, reason),
        )

    def intervals(self, name: str, quarters: list[Interval]) -> None:
        """Quarter-hours and the closed hours and days they make."""
        rows = [*quarters]
        for period, slot_of in ((Period.HOUR, hour_slot), (Period.DAY, day_slot)):
            groups: dict[tuple[int, int], list[Interval]] = {}
            for quarter in quarters:
                groups.setdefault(slot_of(quarter.start, self.site.zone), []).append(quarter)
            rows += [
                _rolled(name, period, slot, group, self.points[name].kind)
                for slot, group in groups.items()
                if group[-1].end == slot[1]
            ]
        self.connection.execute("BEGIN")
        self.connection.executemany(
            'INSERT INTO interval (point_id, period, start, "end", content, share, steps, start_steps, end_steps, mean, low,'
            " high, revision, seq, first_seq) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1, ?, ?)",
            self._numbered(rows),
        )
        self.connection.execute("COMMIT")

    def _numbered(self, rows: Iterable[Interval]) -> Iterable[tuple[object, ...]]:
        for row in rows:
            self.seq += 1
            yield (
                self.ids[row.point], row.period.value, row.start, row.end, row.content.value, row.share, row.steps,
                row.start_steps, row.end_steps, row.mean, row.low, row.high, self.seq, self.seq,
            )  # fmt: skip

    def _watermark(self, name: str, first_at: int, closed_to: int, register: int) -> None:
        self.connection.execute(
            "INSERT OR REPLACE INTO watermark (point_id, first_at, closed_to, open_from, left_at, left_steps, left_tolerance,"
            " open_steps) VALUES (?, ?, ?, ?, ?, ?, 60000, NULL)",
            (self.ids[name], first_at, closed_to, closed_to, closed_to, register),
        )

    def event(
        self, event_id: str, kind: str, subject: str, start: int, end: int | None = None, **more: Any
    ) -> None:
        """``more``: level, state, and anything else as evidence."""
        state = more.pop("state", "open" if end is None else "closed")
        level = more.pop("level", 3)
        self.connection.execute(
            'INSERT INTO event (event_id, kind, subject, start, "end", level, state, evidence, revision, seq)'
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, 1, 1)",
            (event_id, kind, subject, start, end, level, state, json.dumps(more)),
        )

    def device(self, device: str, state: str, since: int, detail: str = "") -> None:
        self.connection.execute(
            "INSERT OR REPLACE INTO device_state VALUES (?, ?, ?, ?)", (device, state, since, detail)
        )

    def change(self, at: int) -> int:
        self.seq += 1
        self.connection.execute(
            "INSERT INTO change (seq, kind, key, revision, at, body) VALUES (?, 'event', 'event/x', 1, ?, '{}')",
            (self.seq, at),
        )
        return self.seq


def _counted(name: str, at: int, steps: int, register: int, content: str, share: float) -> Interval:
    return Interval(
        name, Period.QUARTER, at, at + QUARTER_MS, Content(content), share, steps, register, register + steps
    )


def _missing(name: str, at: int) -> Interval:
    return Interval(name, Period.QUARTER, at, at + QUARTER_MS, Content.MISSING, 0.0)


def _rolled(
    name: str, period: Period, slot: tuple[int, int], quarters: list[Interval], kind: Kind
) -> Interval:
    """What ARCHITECTURE 4 says of an hour or a day: a counter's is known only when every quarter-hour is."""
    known = [quarter for quarter in quarters if quarter.content is not Content.MISSING]
    due = (slot[1] - slot[0]) // QUARTER_MS
    share = sum(quarter.share for quarter in quarters) / due
    if not known or (kind is Kind.COUNTER and len(known) < len(quarters)):
        return Interval(name, period, *slot, Content.MISSING, share)
    is_measured = len(quarters) == due and all(quarter.content is Content.MEASURED for quarter in quarters)
    content = Content.MEASURED if is_measured else Content.ESTIMATED
    if kind is Kind.COUNTER:
        steps = sum(quarter.steps or 0 for quarter in known)
        return Interval(name, period, *slot, content, share, steps, known[0].start_steps, known[-1].end_steps)
    means = [quarter.mean for quarter in known if quarter.mean is not None]
    return Interval(
        name, period, *slot, content, share, mean=sum(means) / len(means), low=min(means), high=max(means)
    )
