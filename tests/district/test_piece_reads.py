"""The sum of a school is the sum of its quarter-hours, whatever it is read from: checked against plain decimals."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from district import school_reads
from district.accept import accept
from district.body import parse
from district.months import Month
from district.school_line import Line
from district.store.database import Database, open_database
from tests.district import campus
from tests.district.campus import METER, QUARTER, Body

ZONE = ZoneInfo("Asia/Shanghai")
SECOND = "east-e.energy_import"
BEGAN = int(datetime(2026, 10, 30, 20, tzinfo=ZONE).timestamp() * 1000)
NOW = int(datetime(2026, 11, 2, 3, 27, tzinfo=ZONE).timestamp() * 1000)
SLOTS = range(BEGAN, NOW // QUARTER * QUARTER - QUARTER, QUARTER)
STEP = Decimal("0.01")
numbers = itertools.count()


@dataclass(frozen=True)
class Quarter:
    """One quarter-hour as it was generated: whole register steps, None for missing."""

    start: int
    steps: int | None
    content: str


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    with closing(open_database(Path(tmp_path_factory.mktemp("sums")) / "district.db")) as opened:
        yield opened


def local(at: int) -> datetime:
    return datetime.fromtimestamp(at / 1000, UTC).astimezone(ZONE)


def whole(point: str, period: str, found: list[Quarter]) -> Body:
    """A day or a month as a gateway makes it: known only when each quarter-hour is."""
    at = local(found[0].start)
    begin = datetime(at.year, at.month, at.day if period == "day" else 1, tzinfo=ZONE)
    end = begin.replace(month=at.month + 1) if period == "month" else begin.replace(day=1)
    if period == "day":
        end = datetime.fromtimestamp(begin.timestamp() + 86_400, ZONE)
    known = [one.steps for one in found if one.steps is not None]
    is_known = len(known) == len(found)
    start_ms, end_ms = int(begin.timestamp() * 1000), int(end.timestamp() * 1000)
    measured = sum(one.content == "measured" for one in found) * QUARTER
    return {
        "kind": "interval", "point": point, "period": period, "start": start_ms, "end": end_ms,
        "content": "estimated" if is_known else "missing", "share": measured / (end_ms - start_ms),
        "value": float(sum(known) * STEP) if is_known else None,
    }  # fmt: skip


def quarter(point: str, one: Quarter) -> Body:
    return {
        "kind": "interval", "point": point, "period": "15min", "start": one.start, "end": one.start + QUARTER,
        "content": one.content, "share": 1.0 if one.content == "measured" else 0.0,
        "value": None if one.steps is None else float(one.steps * STEP),
    }  # fmt: skip


def put(database: Database, site: str, bodies: list[Body]) -> None:
    campus_batch = {"site": site, "gateway": "gw-1"}
    raw = campus.envelope(
        [campus.change(n, body) for n, body in enumerate(bodies, 1)], 0, len(bodies), **campus_batch
    )
    assert accept(database, parse(raw), NOW).rejected == []


def line(database: Database, site: str, month: Month | None = None) -> Line:
    with database.snapshot() as connection:
        (found,) = school_reads.lines(connection, NOW, month, site)
    return found


def enrol(database: Database, site: str) -> None:
    with database.transaction() as connection:
        connection.run(
            "INSERT INTO site (site_id, name, timezone, revision) VALUES (?, ?, 'Asia/Shanghai', 0)",
            site,
            site,
        )
        connection.run(
            "INSERT INTO gateway (site_id, gateway_id, name, enrolled_at) VALUES (?, 'gw-1', '', 0)", site
        )


quarters = st.one_of(
    st.builds(lambda n: (n, "measured"), st.integers(0, 40_000)),
    st.builds(lambda n: (n, "measured"), st.integers(0, 40_000)),
    st.builds(lambda n: (n, "estimated"), st.integers(0, 40_000)),
    st.just((None, "missing")),
)


@st.composite
def meters(draw: st.DrawFn) -> list[Quarter]:
    """Mostly whole days, here and there one with a hole: both ways of reading are needed."""
    seed = draw(st.lists(quarters, min_size=1, max_size=40))
    holes = draw(st.sets(st.integers(0, len(SLOTS) - 1), max_size=6))
    found = []
    for index, start in enumerate(SLOTS):
        steps, content = seed[index % len(seed)]
        if content == "missing" and index not in holes:
            steps, content = 17, "estimated"
        found.append(
            Quarter(start, None if index in holes else steps, "missing" if index in holes else content)
        )
    return found


@settings(max_examples=5)
@given(data=st.data())
def test_month_and_year_equal_the_quarter_hours_added_by_hand(
    database: Database, data: st.DataObject
) -> None:
    month_and_year_are_right(database, data)


@pytest.mark.real
@settings(max_examples=100)
@given(data=st.data())
def test_month_and_year_of_a_hundred_schools_equal_their_quarter_hours(
    database: Database, data: st.DataObject
) -> None:
    month_and_year_are_right(database, data)


def month_and_year_are_right(database: Database, data: st.DataObject) -> None:
    site = f"school-{next(numbers)}"
    enrol(database, site)
    by_point = {METER: data.draw(meters()), SECOND: data.draw(meters())}
    bodies: list[Body] = [campus.site(), *(campus.point(name) for name in by_point)]
    for name, found in by_point.items():
        bodies += [quarter(name, one) for one in found]
        for period, key in (
            ("day", lambda one: local(one.start).date()),
            ("month", lambda one: local(one.start).month),
        ):
            for _, group in itertools.groupby(found, key=key):
                made = whole(name, period, list(group))
                # What is not over yet has not been sent; what is over may still be on its way.
                if made["end"] <= NOW and data.draw(st.booleans()):
                    bodies.append(made)
    put(database, site, bodies)
    for month in (Month(2026, 10), Month(2026, 11)):
        shown = line(database, site, month).used["electricity"]
        assert_equals(shown.month.value, by_point, {month.number})
        assert_equals(shown.year.value, by_point, set(range(1, month.number + 1)))


def assert_equals(shown: float | None, by_point: dict[str, list[Quarter]], months: set[int]) -> None:
    steps = [
        one.steps
        for found in by_point.values()
        for one in found
        if one.steps is not None and local(one.start).month in months
    ]
    assert shown == (float(sum(steps) * STEP) if steps else None)


def filled(database: Database, bodies: list[Body]) -> str:
    site = f"school-{next(numbers)}"
    enrol(database, site)
    put(database, site, [campus.site(), campus.point(METER), *bodies])
    return site


def test_days_alone_are_enough_where_a_gateway_sends_no_quarter_hours(database: Database) -> None:
    day = whole(METER, "day", [Quarter(one, 100, "measured") for one in SLOTS if local(one).day == 31])
    shown = line(database, filled(database, [day]), Month(2026, 10)).used["electricity"]
    assert shown.month.value == 96.0


def test_a_school_without_a_meter_has_no_sum_and_not_zero(database: Database) -> None:
    shown = line(database, filled(database, [])).used
    assert (shown["water"].month.value, shown["water"].month.meters) == (None, 0)
    assert (shown["electricity"].month.value, shown["electricity"].month.meters) == (None, 1)
    assert shown["electricity"].month.missing == 1.0


def test_shares_say_what_was_measured_estimated_and_is_missing(database: Database) -> None:
    """Of the 13 quarter-hours of 2 November that are due at 3:27, 4 measured, 4 estimated, 1 missing, 4 never came."""
    first = int(datetime(2026, 11, 2, tzinfo=ZONE).timestamp() * 1000)
    kinds = ["measured"] * 4 + ["estimated"] * 4 + ["missing"]
    found = [
        quarter(METER, Quarter(first + n * QUARTER, None if kind == "missing" else 10, kind))
        for n, kind in enumerate(kinds)
    ]
    shown = line(database, filled(database, found)).used["electricity"].month
    due = 96 + 13  # the month began a day before
    assert shown.value == pytest.approx(0.8)
    assert shown.measured == pytest.approx(4 / due)
    assert shown.estimated == pytest.approx(4 / due)
    assert shown.missing == pytest.approx(1 - 8 / due)
    assert shown.data_to == first + 8 * QUARTER


def test_a_long_year_of_missing_days_is_not_asked_for_before_the_meter_began(database: Database) -> None:
    class Counting:
        def __init__(self, inner: Any) -> None:
            self.inner, self.asked = inner, 0

        def rows(self, sql: str, *values: object) -> Any:
            self.asked += 1
            return self.inner.rows(sql, *values)

    site = filled(database, [quarter(METER, Quarter(SLOTS[0], 5, "measured"))])
    with database.snapshot() as connection:
        counting = Counting(connection)
        school_reads.lines(counting, NOW, None, site)  # type: ignore[arg-type]
    assert counting.asked < 30


def test_time_before_a_meter_began_is_missing_and_not_estimated(database: Database) -> None:
    """It began on the evening of 30 October: 28 of the month's 744 hours are known, all of them measured."""
    october = [Quarter(one, 100, "measured") for one in SLOTS if local(one).month == 10]
    bodies = [quarter(METER, one) for one in october] + [whole(METER, "month", october)]
    shown = line(database, filled(database, bodies), Month(2026, 10)).used["electricity"].month
    assert shown.value == len(october)
    assert shown.measured == pytest.approx(28 / 744)
    assert shown.estimated == pytest.approx(0.0)
    assert shown.missing == pytest.approx(716 / 744)


@pytest.mark.parametrize(("unit", "value"), [("kWh", 0.3), ("kwh", 0.3), ("MWh", 0.1), ("", 0.1)])
def test_a_meter_in_another_unit_is_in_no_sum(database: Database, unit: str, value: float) -> None:
    """Its figures stay and are shown in their own unit; added up as they are, they would be a thousand times too small."""
    first = int(datetime(2026, 11, 2, tzinfo=ZONE).timestamp() * 1000)
    other = [campus.point(SECOND, unit=unit), quarter(SECOND, Quarter(first, 20, "measured"))]
    site = filled(database, [quarter(METER, Quarter(first, 10, "measured")), *other])
    assert line(database, site).used["electricity"].month.value == value
