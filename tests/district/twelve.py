"""A district of twelve schools of varied state, written straight into its tables: for pages, pictures and measurements.

Every figure is made from plain arithmetic on a school's size, the same on every run. Quarter-hours for the current month, days
and months for the year; a day is the sum of its quarter-hours, a month of its days.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from district.store import effects
from district.store.database import Connection, Row, open_database
from tests.district.campus import NOW, QUARTER

ZONE = ZoneInfo("Asia/Shanghai")
YEAR_DAYS = 365
FIRST_OF_MONTH = date(2026, 11, 1)


@dataclass(frozen=True)
class School:
    """``state``: what is unusual about it. Sizes are pupils and m²."""

    site: str
    name: str
    kind: str | None
    students: int | None
    area_m2: float | None
    state: str = ""
    quota: float = 1.15
    """Yearly quota as a part of what the school will use in a whole year."""


SCHOOLS = (
    School("hongqi-primary", "红旗小学", "primary", 860, 9_800),
    School("experimental-primary", "实验小学", "primary", 1_240, 15_200, "silent"),
    School("riverside-primary", "滨河小学", "primary", 640, 7_400, "patchy"),
    School("first-junior", "第一初级中学", "junior", 980, 14_500, quota=0.9),
    School("demo-school", "示例中学", "junior", 1_200, 24_000),
    School("second-junior", "第二初级中学", "junior", None, 12_900, "no students"),
    School("jinyang-senior", "进洋高级中学", "senior", 1_560, 31_000, quota=1.02),
    School("sunshine-kindergarten", "阳光幼儿园", "kindergarten", 310, 3_600),
    School("little-star", "小星星幼儿园", "kindergarten", 270, 3_100, "new"),
    School("nine-year", "临江九年一贯制学校", "nine-year", 1_820, 28_000, "no quota"),
    School("vocational", "现代职业技术学校", "vocational", 2_300, 46_000, "no statement"),
    School("far-village", "远郊中心小学(新登记,还没有接入网关的学校)", None, None, None, "never"),
)
POINTS: tuple[tuple[str, str, str, str, str, str, float], ...] = (
    ("main-e.energy_import", "active_energy_import", "kWh", "总表", "01000", "total", 1.0),
    ("light-a.energy_import", "active_energy_import", "kWh", "教学楼照明插座", "01A00", "part", 0.38),
    ("hvac-a.energy_import", "active_energy_import", "kWh", "教学楼空调", "01B00", "part", 0.34),
    ("lift.energy_import", "active_energy_import", "kWh", "电梯水泵", "01C00", "part", 0.13),
    ("main-w.water_volume", "water_volume", "m³", "自来水总表", "02000", "total", 0.03),
    ("air-101.co2", "co2", "ppm", "101教室二氧化碳", "", "total", 0.0),
)  # fmt: skip


def fill(where: Path | str) -> None:
    """Twelve schools at NOW, 2026-11-22 14:00 in Shanghai."""
    with closing(open_database(where)) as database:
        for school in SCHOOLS:
            with database.transaction() as connection:
                write(connection, school)


def write(
    connection: Connection,
    school: School,
    points: tuple[tuple[str, str, str, str, str, str, float], ...] = POINTS,
) -> None:
    is_known = school.state != "never"
    contact = {"silent": NOW - 49 * 3_600_000, "patchy": NOW - 25 * 60_000}.get(school.state, NOW - 90_000)
    connection.run(
        "INSERT INTO site (site_id, name, timezone, students, area_m2, school_kind, quota, revision)"
        " VALUES (?, ?, 'Asia/Shanghai', ?, ?, ?, ?, 1)",
        school.site, school.name, school.students, school.area_m2, school.kind, _quota(school),
    )  # fmt: skip
    connection.run(
        "INSERT INTO gateway (site_id, gateway_id, name, enrolled_at, contact_at, epoch) VALUES (?, 'gw-1', ?, ?, ?, ?)",
        school.site, school.name, NOW - 9 * 10**9, contact if is_known else None, "e-1" if is_known else None,
    )  # fmt: skip
    if not is_known:
        return
    for point in points:
        rows = list(_intervals(school, point))
        first = min(row[2] for row in rows if row[1] == "15min")
        connection.upsert(effects.POINT, [_described(school, point)])
        connection.run(
            "UPDATE point SET first_at = ? WHERE site_id = ? AND point = ?",
            first if school.state == "new" else midnight(date(2026, 1, 1)), school.site, point[0],
        )  # fmt: skip
        connection.upsert(effects.INTERVAL, rows)
    _happenings(connection, school)


def _quota(school: School) -> str:
    if school.state in {"no quota", "never"}:
        return "{}"
    energy = sum(_day_kwh(school, date(2026, 1, 1) + timedelta(days=n)) for n in range(YEAR_DAYS)) / 100
    return json.dumps(
        {
            "2026": {
                "electricity_kwh": round(energy * school.quota, -3),
                "water_m3": round(energy * 0.03 * 1.1, -1),
            }
        }
    )


def _day_kwh(school: School, day: date) -> int:
    """In hundredths of a kWh."""
    size = (school.students or 900) * 96
    season = 1.25 if day.month in {1, 7, 8, 12} else 1.0
    holiday = 0.35 if day.weekday() >= 5 or day.month in {2, 7, 8} else 1.0
    return int(size * season * holiday * (1 + (day.toordinal() % 7) / 50))


def _described(school: School, point: tuple[str, str, str, str, str, str, float]) -> Row:
    name, quantity, unit, label, code, role, _ = point
    kind = "gauge" if quantity == "co2" else "counter"
    return (
        school.site, name, "gw-1", name.partition(".")[0], "a-101", quantity, unit, kind, "0.01", code or None, role, label,
        label.replace("总表", "main"), 1,
    )  # fmt: skip


def midnight(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=ZONE).timestamp() * 1000)


def _intervals(school: School, point: tuple[str, str, str, str, str, str, float]) -> Iterator[Row]:
    """Rows of ``effects.INTERVAL``."""
    first = FIRST_OF_MONTH if school.state == "new" else date(2026, 1, 1)
    register, month_sum, month_register = 100_000, 0, 100_000
    day = first
    while day <= date(2026, 11, 22):
        begin, end = midnight(day), midnight(day + timedelta(days=1))
        whole = int(_day_kwh(school, day) * point[6])
        total, is_whole, missing = whole, True, 0
        if day >= FIRST_OF_MONTH:
            quarters = list(_quarters(school, point, day, whole, register))
            yield from quarters
            missing = sum(row[5] == "missing" for row in quarters)
            is_whole = len(quarters) == 96
            total = round(sum((row[7] or 0) for row in quarters) * 100)
        if is_whole:
            share = 0.7 if school.state == "patchy" else 0.996
            yield _row(school, point, "day", begin, end, None if missing else total, register, share)
        register, month_sum = register + whole, month_sum + whole
        following = day + timedelta(days=1)
        if following.day == 1 and first.day == 1:
            start = midnight(day.replace(day=1))
            yield _row(
                school,
                point,
                "month",
                start,
                end,
                month_sum,
                month_register,
                0.7 if school.state == "patchy" else 0.996,
            )
            month_sum, month_register = 0, register
        day = following


def _quarters(
    school: School, point: tuple[str, str, str, str, str, str, float], day: date, whole: int, register: int
) -> Iterator[Row]:
    begin = midnight(day)
    until = NOW - 49 * 3_600_000 if school.state == "silent" else NOW
    for index in range(96):
        start = begin + index * QUARTER
        if start + QUARTER > until:
            return
        steps = whole * (index + 1) // 96 - whole * index // 96
        now = register + whole * index // 96
        content, share = "measured", 1.0
        if school.state == "patchy" and index % 10 in {3, 4, 5}:
            content, share = "estimated", 0.1
        if school.state == "patchy" and day.day == 12 and 40 <= index < 60:
            content, share = "missing", 0.0
        if school.state == "" and day.day == 9 and index % 24 == 7:
            content, share = "estimated", 0.4
        yield _row(
            school,
            point,
            "15min",
            start,
            start + QUARTER,
            None if content == "missing" else steps,
            now,
            share,
            content,
        )


def _row(
    school: School, point: tuple[str, str, str, str, str, str, float], period: str, start: int, end: int,
    steps: int | None, register: int, share: float, content: str = "",
) -> Row:  # fmt: skip
    said = content or ("missing" if steps is None else "estimated" if share < 0.99 else "measured")
    if point[1] == "co2":
        mean = None if steps is None else 600.0 + (start // QUARTER) % 40 * 10
        low, high = (None, None) if mean is None else (mean - 50, mean + 90)
        return (
            school.site,
            period,
            start,
            point[0],
            end,
            said,
            share,
            None,
            None,
            None,
            mean,
            low,
            high,
            None,
            1,
        )
    value = None if steps is None else steps / 100
    registers = (None, None) if steps is None else (register / 100, (register + steps) / 100)
    return (
        school.site,
        period,
        start,
        point[0],
        end,
        said,
        share,
        value,
        *registers,
        None,
        None,
        None,
        None,
        1,
    )


def _happenings(connection: Connection, school: School) -> None:
    """Statements, events, gaps, an identity in doubt."""
    for n in range(1, 22):
        day = date(2026, 11, n)
        if (school.state == "no statement" and n % 5 == 0) or (school.state == "silent" and n > 19):
            continue
        measured = 396 if school.state == "patchy" else 576 - (n == 9 and school.state == "") * 24
        connection.upsert(
            effects.STATEMENT,
            [(school.site, "gw-1", day.isoformat(), 6, 576, measured, 576 - measured, 0, int(n == 9), 1)],
        )
    events = {
        "silent": [("offline", 2, "网关 2 天没有上报", "silent for 2 days", "gw-1")],
        "patchy": [("silent_device", 3, "电表通信时断时续", "the meter answers now and then", "main-e")],
    }.get(school.state, [])
    if school.site == "demo-school":
        events = [
            ("cold_excursion", 1, "冷藏柜温度高于 8 ℃ 已 40 分钟", "fridge above 8 ℃", "fridge-1"),
            ("night_flow", 2, "夜间用水不归零", "water flows at night", "main-w.water_volume"),
        ]
    for number, (kind, level, zh, en, subject) in enumerate(events):
        evidence = json.dumps({"text_zh": zh, "text_en": en}, ensure_ascii=False)
        connection.upsert(
            effects.EVENT,
            [
                (
                    school.site,
                    f"e{number}",
                    "gw-1",
                    kind,
                    subject,
                    NOW - 5_000_000,
                    None,
                    level,
                    "open",
                    evidence,
                    1,
                )
            ],
        )
    if school.state == "patchy":
        at = int(datetime(2026, 11, 12, 2, tzinfo=UTC).timestamp() * 1000)
        connection.upsert(
            effects.GAP,
            [
                (school.site, "gw-1", "gap/1", "main-e.energy_import", at, at + 18_000_000, 0, "too_long", 1),
                (school.site, "gw-1", "gap/2", "*", at, at + 900_000, 41, "tail_lost 512-520", 1),
            ],
        )
        connection.run(
            "INSERT INTO incident VALUES (?, 'gw-1', 'cloned', 'e-1', ?, ?, 3, ?)",
            school.site, at, at + 60_000, "another machine sent (40, 60] with other content",
        )  # fmt: skip
