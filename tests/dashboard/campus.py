"""A campus for the pages: every answer of ``Views`` made from plain arithmetic, the same on every run.

Knows the demo school's site file only; nothing is stored. Tests change what they need by ``replace`` on its fields.
"""

# ruff: noqa: E501 - tables of invented figures read better as tables

from __future__ import annotations

import math
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, timedelta
from typing import Any

from dashboard.period import day_start
from devices.quantities import QUANTITIES
from edge_config.site import LoadedSite
from gateway.query import views
from gateway.query.hub.view import Hub
from runtime.clock import parse_utc

NOW = parse_utc("2026-11-20T10:20:00+08:00")  # a Friday, in the third lesson
HOUR, DAY = 3_600_000, 86_400_000
PERIODS = {"15min": HOUR // 4, "hour": HOUR, "day": DAY}
SCALE = {"energy": 60.0, "water": 2.4}


class StillClock:
    """A clock that only moves when a test says so; sleeps return at once."""

    def __init__(self, now_ms: int = NOW) -> None:
        self.wall_ms, self.steady_s = now_ms, 1000.0

    def now_ms(self) -> int:
        return self.wall_ms

    def monotonic_s(self) -> float:
        return self.steady_s

    async def sleep(self, seconds: float) -> None:
        self.steady_s += seconds


class Campus:
    """``Views`` over an invented school week."""

    def __init__(self, site: LoadedSite, now: int = NOW) -> None:
        self.site, self.now, self.token = site, now, "1"
        self.name_of: dict[str, str] = {}
        self.activity_now: views.Activity | None = None
        self.is_empty = False
        self.strangers: list[views.Candidate] = []

    @contextmanager
    def at_one_moment(self) -> Iterator[Campus]:
        yield self

    # -- counters

    def _rate(self, point: str, start: int) -> float:
        """Consumption per hour around ``start``: school hours stand out, nights rest."""
        hour = (start // HOUR + 8) % 24 + (start % HOUR) / HOUR
        school = math.exp(-(((hour - 11.5) / 4.2) ** 2)) + 0.5 * math.exp(-(((hour - 19) / 2.2) ** 2))
        weekday = ((start + 8 * HOUR) // DAY + 3) % 7
        wobble = 1 + 0.12 * math.sin(start / 2.3e6 + zlib.crc32(point.encode()) % 7)
        return (0.12 + school * (1 if weekday < 5 else 0.35)) * wobble * self._size(point)

    def _size(self, point: str) -> float:
        device = point.partition(".")[0]
        is_water = "water" in device or device == "main-w"
        whole = SCALE["water"] if is_water else SCALE["energy"]
        return whole if device.startswith("main") else whole * (0.03 + zlib.crc32(device.encode()) % 11 / 60)

    def series(self, point: str, start: int, end: int, period: str) -> views.Series:
        step, zone = PERIODS[period], 8 * HOUR
        first = -(-(start + zone) // step) * step - zone if period == "day" else -(-start // step) * step
        slots = [self._slot(point, at, step) for at in range(first, min(end, self.now - step), step)]
        quantity = "water_volume" if "water" in point or "main-w" in point else "active_energy_import"
        return views.Series(
            point, quantity, QUANTITIES[quantity].unit, period, "", "", [s for s in slots if s]
        )

    def _slot(self, point: str, at: int, step: int) -> views.Slot | None:
        if self.is_empty or (step <= HOUR and at % (43 * HOUR) == HOUR):
            return None
        value = sum(self._rate(point, at + n * HOUR // 4) / 4 for n in range(step // (HOUR // 4)))
        content = "estimated" if at % (23 * HOUR) < step and step <= HOUR else "measured"
        return views.Slot(
            at, at + step, content, 1.0 if content == "measured" else 0.4, value=round(value, 2)
        )

    def _sum(self, points: Sequence[str], start: int, end: int) -> float | None:
        if self.is_empty:
            return None
        until = min(end, self.now)
        return round(
            sum(self._rate(point, at) / 4 for point in points for at in range(start, until, HOUR // 4)), 1
        )

    def total(
        self,
        quantity: str,
        start: int,
        end: int,
        space: str | None = None,
        points: Sequence[str] | None = None,
    ) -> views.Total:
        del space
        root = {"water_volume": "main-w.volume", "active_energy_yield": "pv.energy_yield"}.get(
            quantity, "main-e.energy_import"
        )
        value = self._sum(points or [root], start, end)
        return views.Total(
            value, QUANTITIES[quantity].unit, 0.98, 0.02, None if value is None else self.now - 40_000
        )

    def compared(self, quantity: str, start: int, end: int) -> views.Total:
        one = self.total(quantity, start, end)
        if one.value is None:
            return one
        week = views.Comparison("2026-11-13", one.value * 1.09, -8.2)
        yesterday = views.Comparison("2026-11-19", one.value * 0.97, 3.1)
        return views.Total(
            one.value, one.unit, one.known_share, one.estimated_share, one.updated_at, week, yesterday
        )

    def meter_points(self, quantity: str) -> list[tuple[str, bool]]:
        found = [
            (device, f"{device.id}.{name}")
            for device in self.site.file.devices
            for name, point in self.site.profiles[device.profile].points.items()
            if point.quantity == quantity and (device.energy_code or device.id == "pv")
        ]
        return [(point, device.parent is None) for device, point in found]

    def items(self, start: int, end: int) -> list[views.Share]:
        whole = self._sum(["main-e.energy_import"], start, end)
        rows = (("A", "照明插座", "Lighting and sockets", 0.38), ("B", "空调", "Air conditioning", 0.31), ("C", "动力", "Power", 0.09),
                ("D", "特殊", "Special", 0.16), ("", "未归类", "Not assigned", 0.06))  # fmt: skip
        return [] if whole is None else [views.Share(c, zh, en, whole * p, "kWh") for c, zh, en, p in rows]

    def tariffs(self, quantity: str, start: int, end: int) -> list[views.TariffShare]:
        whole = self.total(quantity, start, end).value or 0.0
        rows = (("peak", 0.4, 0.92), ("flat", 0.4, None), ("valley", 0.2, 0.31)) if whole else ()
        return [views.TariffShare(n, whole * p, "kWh", p, y and whole * p * y) for n, p, y in rows]

    def buildings(self, quantity: str, start: int, end: int) -> list[views.Share]:
        unit, whole = QUANTITIES[quantity].unit, self.total(quantity, start, end).value
        found = [space for space in self.site.file.spaces if space.kind == "building"]
        return [] if whole is None else [
            views.Share(space.id, space.name, space.name, whole * (0.31 - 0.05 * n), unit) for n, space in enumerate(found)
        ]  # fmt: skip

    # -- states now

    def _latest(self, device: str, quantity: str, value: float | None, age_s: int = 30) -> views.Latest:
        info = QUANTITIES[quantity]
        known = self.site.devices.get(device)
        return views.Latest(
            f"{device}.{quantity}", device, known.space if known else None, quantity, info.unit, value, "good", None,
            None if self.is_empty else self.now - age_s * 1000, 60.0, age_s > 120, info.label_zh, info.label_en,
        )  # fmt: skip

    def latest(self, points: Sequence[str] | None = None) -> list[views.Latest]:
        del points
        return [] if self.is_empty else [self._latest("main-e", "active_power", 61.4)]

    def rooms(self) -> list[views.Room]:
        if self.is_empty:
            return []
        spaces = [space for space in self.site.file.spaces if space.kind == "classroom"]
        return [
            self._room(space.id, self.name_of.get(space.id, space.name), n) for n, space in enumerate(spaces)
        ]

    def _room(self, space: str, name: str, n: int) -> views.Room:
        co2 = (1620, 980, 730, 655, 1080, 540, 880, 690, 0, 610)[n % 10]
        state = "offline" if not co2 else "outside" if co2 > 1500 else "advise" if co2 > 1000 else "ok"
        figures = {
            quantity: self._latest(f"air-{space}", quantity, value if co2 else None, 30 if co2 else 7200)
            for quantity, value in (
                ("co2", co2),
                ("pm25", 18 + n * 3),
                ("temperature", 21.4 + n / 3),
                ("humidity", 44 + n),
            )
        }
        advice = ("立即开窗通风,检查新风", "Open the windows now") if state == "outside" else ("", "")
        building = self.site.building_of(space)
        return views.Room(space, name, building.id if building else None, state, figures, [], *advice)

    def air_grid(self, quantity: str, day: str) -> list[views.Series]:
        start = day_start(date.fromisoformat(day), self.site.zone)
        rooms = (
            [] if self.is_empty else [space for space in self.site.file.spaces if space.kind == "classroom"]
        )
        return [self._air_day(quantity, space.id, n, start) for n, space in enumerate(rooms)]

    def _air_day(self, quantity: str, space: str, n: int, start: int) -> views.Series:
        base, swing = {"co2": (430, 900), "pm25": (15, 30), "temperature": (18, 5), "humidity": (42, 12)}[
            quantity
        ]
        slots = [
            views.Slot(
                at,
                at + HOUR,
                "measured",
                1.0,
                mean=round(base + swing * self._rate(space, at) / self._size(space) * (0.5 + n % 5 / 4), 1),
            )
            for at in range(start, min(start + DAY, self.now - HOUR), HOUR)
            if (at // HOUR + n) % 29
        ]
        return views.Series(
            f"air-{space}.{quantity}", quantity, QUANTITIES[quantity].unit, "hour", "", "", slots, space
        )

    UNITS = (
        ("cold-fridge-1", "fridge", 3.6, None, 8.0), ("cold-fridge-2", "fridge", 9.4, None, 8.0), ("cold-freezer-1", "freezer", -17.8, None, -12.0),
        ("cold-samples", "sample", 4.1, 0.0, 8.0), ("cold-dishes", "fridge", 5.2, None, 8.0), ("hot-1", "hot", 66.3, 60.0, None), ("hot-2", "hot", 64.0, 60.0, None),
    )  # fmt: skip

    def cold(self) -> list[views.ColdUnit]:
        if self.is_empty:
            return []
        return [
            views.ColdUnit(
                device, self.site.devices[device].name or device, self.site.devices[device].space, kind,
                self._latest(device, "hot_temperature" if kind == "hot" else "cold_temperature", value), low, high,
                "outside" if high is not None and value > high else "ok", 22.0 if device == "cold-fridge-2" else 0.0,
                device == "cold-fridge-2" if "fridge" in device else None,
            )
            for device, kind, value, low, high in self.UNITS
        ]  # fmt: skip

    def cold_series(self, device: str, start: int, end: int) -> views.Series:
        value = next(row[2] for row in self.UNITS if row[0] == device)
        step = HOUR // 4
        slots = [
            views.Slot(at, at + step, "measured", 1.0, mean=round(self._warmth(device, value, at), 2))
            for at in range(-(-start // step) * step, end - step, step)
            if not 5 * HOUR < self.now - at < 6 * HOUR or device != "cold-samples"
        ]
        return views.Series(f"{device}.temperature", "cold_temperature", "℃", "15min", "", "", slots)

    def _warmth(self, device: str, value: float, at: int) -> float:
        rise = max(0.0, 1 - (self.now - at) / (1.5 * HOUR)) * 5.4 if device == "cold-fridge-2" else 0.0
        return value - (5.4 if device == "cold-fridge-2" else 0) + rise + 0.5 * math.sin(at / 1.3e6)

    # -- disinfection

    def _lamps(self) -> list[str]:
        return [d.id for d in self.site.file.devices if d.id.startswith(("uv-", "disinfector-", "cabinet-"))]

    def disinfection_units(self) -> list[views.DisinfectionUnit]:
        if self.is_empty:
            return []
        return [
            views.DisinfectionUnit(
                lamp, self.name_of.get(lamp, self.site.devices[lamp].name or lamp), self.site.devices[lamp].space,
                "offline" if n == 10 else "idle", 0 if n in {3, 10} else 1, 0 if n in {3, 7, 10} else 1, self.now - 3 * HOUR, self.now - 400 * DAY,
            )
            for n, lamp in enumerate(self._lamps())
        ]  # fmt: skip

    def disinfection_runs(self, start: int, end: int) -> list[views.DisinfectionRun]:
        runs = []
        for n, lamp in enumerate([] if self.is_empty else self._lamps()):
            for day in range(14):
                at = self.now - day * DAY - 3 * HOUR
                local = date.fromtimestamp((at + 8 * HOUR) / 1000) if at else date.min  # noqa: DTZ012 - only the weekday counts
                if not start <= at < end or local.weekday() > 4 or (n * 7 + day) % 9 == 3:
                    continue
                minutes = 12.0 if (n + day) % 13 == 7 else 35.0
                known = self.site.devices[lamp]
                runs.append(views.DisinfectionRun(
                    f"run-{lamp}-{day}", lamp, known.space, known.name or lamp, at, at + int(minutes * 60_000), minutes, minutes >= 30, {},
                ))  # fmt: skip
        return sorted(runs, key=lambda run: -run.start)

    # -- alarms, devices, uplinks

    def alarms(
        self, state: str | None = "open", limit: int = 200, start: int | None = None, end: int | None = None
    ) -> list[views.Alarm]:
        del start, end
        if self.is_empty:
            return []
        rows: list[tuple[str, str, int, int, str, str, str, str, str | None]] = [
            ("e1", "cold-fridge-2", 1, 35, "冷藏温度 9.4 ℃,超过 8 ℃", "Fridge at 9.4 ℃, above 8 ℃", "查看门是否关好,必要时转移食品", "Check the door; move the food if it stays", None),
            ("e2", "air-a101", 3, 12, "CO₂ 1620 ppm,超过教室限值 1500 ppm", "CO₂ is 1620 ppm, above the classroom limit of 1500 ppm", "立即开窗通风,检查新风", "Open the windows now", None),
            ("e3", "water-dorm", 2, 460, "夜间 2–4 点未归零,约 0.4 m³/h", "Never at rest from 2 to 4 a.m., about 0.4 m³/h", "检查宿舍卫生间和外管", "Check the dormitory's toilets and outer pipe", "admin"),
        ]  # fmt: skip
        found = [
            views.Alarm(
                event, "limit", subject, self.name_of.get(subject, self.site.devices[subject].name or subject), self.site.devices[subject].space,
                level, "open", self.now - minutes * 60_000, None, zh, en, advice_zh, advice_en, by, self.now - 600_000 if by else None, {},
            )
            for event, subject, level, minutes, zh, en, advice_zh, advice_en, by in rows
        ]  # fmt: skip
        return found[:limit]

    def devices(self) -> list[views.DeviceRow]:
        return [self._device(n, device.id) for n, device in enumerate(self.site.file.devices)]

    def _device(self, n: int, device: str) -> views.DeviceRow:
        known = self.site.devices[device]
        profile = self.site.profiles[known.profile]
        state = "unknown" if self.is_empty else "offline" if n == 17 else "suspect" if n == 9 else "online"
        latest = [] if self.is_empty else [
            self._latest(device, point.quantity, round(12.3 + n * 1.7, 1)) for point in list(profile.points.values())[:3]
        ]  # fmt: skip
        return views.DeviceRow(
            device, self.name_of.get(device, known.name or device), known.profile, profile.title.zh or "", profile.title.en, profile.wire.value,
            known.bus or known.broker or "", known.topic or str(known.unit_id), known.space, state, None,
            None if self.is_empty else self.now - (30_000 if state == "online" else 4_000_000),
            "" if state == "online" else "4 次没有应答", 3 if n == 9 else 0, None if self.is_empty else (0.62 if n == 17 else 1.0), latest,
        )  # fmt: skip

    def candidates(self, limit: int = 100) -> list[views.Candidate]:
        return [] if self.is_empty else self.strangers[:limit]

    def uplinks(self) -> list[views.UplinkRow]:
        at = None if self.is_empty else self.now - 20_000
        waiting = 0 if self.is_empty else 14
        return [
            views.UplinkRow(
                "district", "district-http", "http://127.0.0.1:8601/v1", 182_340, 182_354, waiting, at, 182_340, 0, at,
                None, None, "batch", [views.UplinkLane("live", waiting, at)], False,
            )
        ]  # fmt: skip

    def completeness(self, first_day: str, last_day: str, level: str) -> list[views.Completeness]:
        first, last = date.fromisoformat(first_day), date.fromisoformat(last_day)
        days = [] if self.is_empty else [first + timedelta(days=n) for n in range((last - first).days + 1)]
        return [self._day(day, level) for day in days]

    def _day(self, day: date, level: str) -> views.Completeness:
        due = 17_856
        lost = (0, 0, 40, 0, 900, 0, 0, 4200, 0)[day.toordinal() % 9]
        estimated = lost // 3
        return views.Completeness(
            level, day.isoformat(), due, due - lost, estimated, lost - estimated, due - lost // 2
        )

    def statements(self, limit: int = 35) -> list[views.Statement]:
        rows = [
            self._day(date(2026, 11, 19) - timedelta(days=n), "site")
            for n in range(0 if self.is_empty else limit)
        ]
        return [
            views.Statement(row.day, self.now, 1, {
                "points": 186, "slots_due": row.due, "slots_measured": row.measured, "slots_estimated": row.estimated,
                "slots_missing": row.missing, "events_opened": 2,
            })
            for row in rows
        ]  # fmt: skip

    def activity(self) -> views.Activity | None:
        return self.activity_now

    def hub(self) -> Hub | None:
        return None

    def change_token(self) -> str:
        return self.token

    def overview(self) -> views.Overview:
        start = day_start(date(2026, 11, 20), self.site.zone)
        power = None if self.is_empty else self._latest("main-e", "active_power", 61.4)
        return views.Overview(
            self.now, self.site.file.site.name, self.compared("active_energy_import", start, self.now), self.compared("water_volume", start, self.now),
            self.total("active_energy_yield", start, self.now), power, None if self.is_empty else 74.2, self.now - HOUR, self.rooms(), self.cold(),
            self.disinfection_units(), len(self.site.file.devices), 0 if self.is_empty else len(self.site.file.devices) - 2, self.alarms(), self.uplinks(),
            self.activity_now, None if self.is_empty else self.now - 30_000,
        )  # fmt: skip


class Collected:
    """``Commands`` that remembers what was given, or fails as it is told to."""

    def __init__(self) -> None:
        self.given: list[tuple[str, str, str, str]] = []
        self.bodies: list[dict[str, Any]] = []
        self.failure: Exception | None = None

    async def send(self, command: str, subject: str, body: dict[str, Any], *, user: str, key: str) -> None:
        if self.failure is not None:
            raise self.failure
        self.given.append((command, subject, user, key))
        self.bodies.append(body)
