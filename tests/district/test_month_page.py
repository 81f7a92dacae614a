"""One school's month: calendar, daily statements, sub-items, registers, gaps."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date

import pytest

from district.pages.month_page import CodeTotal, PointLine, by_code, items_of
from district.pieces import NOTHING, PointSum
from tests.district import campus
from tests.district.campus import METER, MIDNIGHT, NOW, SUB, Body
from tests.district.conftest import District

DAY = 86_400_000


def statement(day: str, measured: int = 96, **more: int) -> Body:
    return {
        "kind": "statement", "day": day, "points": 1, "slots_due": 96, "slots_measured": measured,
        "slots_estimated": 0, "slots_missing": 96 - measured, "events_opened": 0, **more,
    }  # fmt: skip


async def page(district: District, bodies: list[Body], query: str = "") -> str:
    answer = (await district.post(campus.batch(bodies))).json()
    assert answer.get("rejected") == [], answer
    reply = await district.client.get(f"/schools/demo{query}")
    assert reply.status_code == 200
    return reply.text


def cell(page: str, number: int) -> str:
    """The words of a day of the calendar."""
    found = re.search(rf'<span class="date">{number}<.*?</li>', page, re.DOTALL)
    assert found is not None
    return " ".join(re.sub(r"<[^>]*>", " ", found[0]).split())


def yesterday(kinds: list[str]) -> list[Body]:
    """Quarter-hours of 21 November."""
    return [
        campus.slot(METER, index - 96, None if kind == "missing" else 1.0, content=kind)
        for index, kind in enumerate(kinds)
    ]


async def test_a_day_says_what_was_measured_estimated_and_is_missing(district: District) -> None:
    kinds = ["measured"] * 48 + ["estimated"] * 24 + ["missing"] * 12  # and 12 that never came
    found = await page(district, [campus.site(), campus.point(METER), *yesterday(kinds)])
    assert cell(found, 21) == "21 周六 实测 50.0% 估 25.0% 缺 25.0% ✕ 未报"
    assert cell(found, 20) == "20 周五 未开始"
    assert cell(found, 23) == "23 周一 未到"


async def test_a_day_without_a_statement_is_shown_as_not_stated(district: District) -> None:
    bodies = [campus.site(), campus.point(METER), *yesterday(["measured"] * 96)]
    assert "✕ 未报" in cell(await page(district, bodies), 21)


async def test_a_statement_of_zero_is_a_statement(district: District) -> None:
    bodies = [campus.site(), campus.point(METER), *yesterday(["missing"] * 96), statement("2026-11-21", 0)]
    found = await page(district, bodies)
    assert cell(found, 21) == "21 周六 实测 0.0% 缺 100.0% ✓ 已报"
    assert '<span class="running">零</span>' in found
    assert "未报" not in found


async def test_a_statement_is_owed_only_when_the_day_has_been_over_for_half_an_hour(
    district: District,
) -> None:
    bodies = [campus.site(), campus.point(METER), *yesterday(["measured"] * 96)]
    district.clock.now = MIDNIGHT + 29 * 60_000
    assert "未报" not in await page(district, bodies)
    district.clock.now = MIDNIGHT + 31 * 60_000
    assert "未报" in (await district.client.get("/schools/demo")).text


async def test_what_was_stated_and_what_was_counted_stand_side_by_side(district: District) -> None:
    bodies = [campus.site(), campus.point(METER), *yesterday(["measured"] * 90), statement("2026-11-21", 96)]
    assert "≠ 不一致" in await page(district, bodies)
    more = [campus.slot(METER, index - 96) for index in range(90, 96)]
    await district.post(campus.batch(more, after=len(bodies)))
    assert "≠ 不一致" not in (await district.client.get("/schools/demo")).text


async def test_gaps_are_told_in_words_and_an_unknown_count_is_no_zero(district: District) -> None:
    gap = {"kind": "gap", "point": METER, "start": NOW - DAY, "end": NOW, "count": 0, "reason": "too_long"}
    lost = {**gap, "point": "*", "count": 41, "reason": "tail_lost 5-9"}
    strange = {**gap, "reason": "from_the_future"}
    found = await page(district, [campus.site(), campus.point(METER), gap, lost, strange])
    for words in (
        "中断太久,不作估算",
        "缓存最后一段丢失",
        "tail_lost 5-9",
        "数目不明",
        "不明测点",
        "from_the_future",
    ):
        assert words in found
    assert "本月没有缺口记录" in (await district.client.get("/schools/demo?month=2026-01")).text


async def test_another_month_is_one_link_away(district: District) -> None:
    found = await page(district, [campus.site(), campus.point(METER), *yesterday(["measured"])], "?lang=en")
    assert 'href="/schools/demo?month=2026-10&amp;lang=en"' in found
    october = (await district.client.get("/schools/demo?month=2026-10")).text
    assert "2026-10" in october
    assert cell(october, 21) == "21 周三 未开始"


async def test_events_of_the_month_are_listed_and_withdrawn_ones_are_not(district: District) -> None:
    bodies = [
        campus.site(),
        campus.event("e1", evidence={"text_zh": "还在"}),
        campus.event("e2", state="withdrawn", end=NOW, evidence={"text_zh": "撤回的"}),
        campus.event(
            "e3", state="closed", start=NOW - 40 * DAY, end=NOW - 39 * DAY, evidence={"text_zh": "上月的"}
        ),
        campus.event("e4", state="closed", start=NOW - DAY, end=NOW - 1, evidence={"text_zh": "结束的"}),
    ]
    found = await page(district, bodies)
    assert [words in found for words in ("还在", "撤回的", "上月的", "结束的")] == [True, False, False, True]


async def test_quota_and_kind_travel_from_the_site_to_the_page(district: District) -> None:
    quota = {"2026": {"electricity_kwh": 100_000, "water_m3": None}}
    site = campus.site(students=50, area_m2=100.5, school_kind="nine-year", quota=quota)
    found = await page(district, [site, campus.point(METER), campus.slot(METER, 1, 95_000.0)])
    for words in ("九年一贯制", "95.0%", "超出", "万kWh"):
        assert words in found
    plain = await district.post(campus.batch([campus.site("改名")], after=3))
    assert plain.status_code == 200  # an older gateway of the same school says neither: then neither is known


async def test_points_that_a_filter_holds_back_make_no_statement_wrong(district: District) -> None:
    stated = statement("2026-11-21", 192, points=2, slots_due=192, slots_missing=0)
    bodies = [campus.site(), campus.point(METER), campus.point("air.co2"), *yesterday(["measured"] * 96)]
    found = await page(district, [*bodies, stated])
    assert "只上传 1 个测点" in found
    assert "≠ 不一致" not in found


async def test_a_kind_nobody_knows_is_shown_as_it_came(district: District) -> None:
    assert "&lt;i&gt;moon school" in await page(district, [campus.site(school_kind="<i>moon school")])


def point(name: str, value: float | None, code: str | None, **more: object) -> PointLine:
    sums = (
        PointSum(value, None, None, None, None, None, 3_600_000, 3_600_000, 1)
        if value is not None
        else NOTHING
    )
    fields: dict[str, object] = {
        "point": name, "device": name, "space": None, "quantity": "active_energy_import", "unit": "kWh",
        "energy_code": code, "role": "part", "label_zh": "", "label_en": "", "value_kind": "counter", "step": "0.01",
        "sums": sums, "span_ms": 7_200_000, **more,
    }  # fmt: skip
    return PointLine(**fields)  # type: ignore[arg-type]


def test_sub_items_are_added_by_code_and_the_rest_is_shown() -> None:
    points = [
        point("main", 100.0, "01000", role="total"), point("a", 0.1, "01A00"), point("a2", 0.2, "01A00"),
        point("b", 40.0, "01B2E"), point("none", 7.0, None), point("gone", None, "01A00"),
        point("q", 9.0, "01000", quantity="reactive_energy_import"),
    ]  # fmt: skip
    items = items_of(points)
    assert (items.total, items.items, items.rest) == (100.0, {"A": 0.3, "B": 40.0}, 59.7)
    codes = {row.code: row for row in by_code(points)}
    assert set(codes) == {"", "01000", "01A00", "01B2E"}
    assert replace(codes["01A00"], missing=None) == CodeTotal("01A00", "kWh", 3, 2, 0.3, 0.0, None)
    assert codes["01A00"].missing == pytest.approx(2 / 3)


def test_without_a_main_meter_nothing_is_left_over() -> None:
    assert items_of([point("a", 1.0, "01A00")]).rest is None
    assert items_of([point("main", 1.0, "01000", role="total")]).rest is None


@pytest.mark.parametrize(
    ("first", "last", "value", "word"),
    [
        (10.0, 12.5, 2.5, "agrees"),
        (10.0, 12.5, 2.51, "differs"),
        (None, 12.5, 2.5, "unknown"),
        (9.0, 1.0, 2.0, "differs"),
    ],
)
def test_registers_are_checked_against_the_sum(
    first: float | None, last: float | None, value: float, word: str
) -> None:
    sums = PointSum(value, None, None, None, first, last, 1, 1, 1)
    assert point("m", None, None, sums=sums).register_check == word


async def test_the_year_is_the_schools_own(district: District) -> None:
    """In Auckland it is 2027 already while Shanghai has the last evening of 2026."""
    district.clock.now = int((date(2026, 12, 31) - date(1970, 1, 1)).total_seconds() * 1000 + 12 * 3_600_000)
    found = await page(district, [campus.site(timezone="Pacific/Auckland"), campus.point(SUB)])
    assert "2027-01" in found
