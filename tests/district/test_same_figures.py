"""One school and month, asked by API, on its page and in an export: the same figures, and no second arithmetic."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest

from district.pages.words import number, percent
from district.usage import COMMODITIES
from tests.district import campus, twelve
from tests.district.campus import METER, MIDNIGHT, NOW, QUARTER, SUB, WATER, Body
from tests.district.conftest import SQLITE_ONLY, District
from tests.district.test_exports import book, table

DAY = 86_400_000
AIR = "air-101.co2"
CARDS = {"electricity": "用电", "water": "用水"}


def bodies() -> list[Body]:
    """Two main meters and one below them; a hole, estimates, tenths that do not add up in binary, two days that came as days
    only, of which one lacks a part, and a gauge whose slots were covered unequally."""
    second = "east-e.energy_import"
    kinds = ["measured"] * 20 + ["estimated"] * 5 + ["missing"] * 3 + ["measured"] * 27
    return [
        campus.site(students=50, area_m2=300.0, quota={"2026": {"electricity_kwh": 500, "water_m3": 3}}),
        *(campus.point(name) for name in (METER, second)),
        campus.point(SUB, role="part"),
        campus.point(WATER, "water_volume", "m³"),
        campus.point(AIR, "co2", "ppm", value_kind="gauge", step="1"),
        *(campus.slot(METER, n, None if kind == "missing" else 0.1, content=kind) for n, kind in enumerate(kinds)),
        *(campus.slot(name, n, 0.3) for n in range(-40, 55) for name in (second, SUB)),
        *(day(METER, back, 12.7, share) for back, share in ((1, 1.0), (3, 0.5))),
        campus.slot(WATER, 3, 0.01),
        gauge(3, 400.0, 1.0),
        gauge(4, 1000.0, 0.25),
    ]  # fmt: skip


def day(name: str, back: int, value: float, share: float) -> Body:
    start = MIDNIGHT - back * DAY
    content = "measured" if share == 1 else "estimated"
    return campus.slot(
        name, 0, value, period="day", start=start, end=start + DAY, share=share, content=content
    )


def gauge(index: int, mean: float, share: float) -> Body:
    return campus.slot(
        AIR, index, None, content="measured", share=share, mean=mean, low=mean - 10, high=mean + 10
    )


async def asked(district: District) -> dict[str, Any]:
    return {school["site"]: school for school in (await district.client.get("/v1/sites")).json()}


def shown(value: float | None, digits: int) -> str:
    """A figure as a page prints it."""
    if value is None:
        return "—"
    return number(value / 10_000, 2) if value >= 100_000 else number(value, digits)


def printed(page: str, commodity: str) -> tuple[str, str]:
    """The month's figure of a school's page, and the words beside it."""
    card = re.search(rf'<div class="card figure of-{commodity}">(.*?)</div>', page, re.DOTALL)
    assert card is not None
    big = re.search(r'<p class="big">.*?<span class="(?:number|unknown)">(.*?)</span>', card[1], re.DOTALL)
    assert big is not None
    return big[1], html.unescape(card[1].partition('<p class="under">')[0])


async def assert_same(district: District, school: dict[str, Any], row: dict[str, str]) -> None:
    page = (await district.client.get(f"/schools/{school['site']}")).text
    for name, commodity in COMMODITIES.items():
        found, what = school[f"{name}_month"], CARDS[name]
        cell = row[f"{what} 本月 ({commodity.unit})"]
        assert found["value"] == (float(cell) if cell else None), (school["site"], name)
        big, words = printed(page, name)
        assert big == shown(found["value"], commodity.digits)
        for share in ("estimated", "missing"):
            column = row[f"{what} 本月 {'估算' if share == 'estimated' else '缺失'} (%)"]
            if found["value"] is None or not found[share]:
                continue
            assert float(column) == int(found[share] * 10_000) / 100
            assert percent(found[share]) in words or "<0.1%" in words
    assert row["完整率 (%)"] or school["today"]["due"] == 0


async def test_api_page_and_exports_of_a_school_and_month_give_the_same_figures(district: District) -> None:
    assert (await district.post(campus.batch(bodies()))).json()["rejected"] == []
    school = (await asked(district))["demo"]
    (row,) = (await table(district, "/reports/schools.csv"))[1]
    # 52 × 0.1 and two days of 12.7 of the one, 95 × 0.3 of the other; what is below them counts once.
    assert school["electricity_month"]["value"] == 59.1
    assert school["electricity_month"]["is_estimated"] is True
    assert school["electricity_today"]["value"] == 21.7
    assert (school["electricity_month"]["start"], school["electricity_month"]["end"]) == (
        MIDNIGHT - 21 * DAY,
        NOW - QUARTER,
    )
    await assert_same(district, school, row)
    (same,) = (await book(district, "/reports/schools.xlsx"))[1]
    assert same["用电 本月 (kWh)"] == 59.1


async def test_points_have_the_same_figures_by_api_and_in_the_sheet_of_days(district: District) -> None:
    whole = [body for body in bodies() if body.get("period") != "day"]
    await district.post(campus.batch(whole))
    reply = await district.client.get(f"/v1/sites/demo/totals?from={MIDNIGHT}&to={NOW}")
    by_point = {point["point"]: point for point in reply.json()["points"]}
    rows = (await table(district, "/schools/demo/days.csv"))[1]
    today = {row["测点"]: row for row in rows if row["日期"] == "2026-11-22"}
    assert set(today) == set(by_point)
    for name, point in by_point.items():
        for key, title in (("value", "用量"), ("register_start", "期初表底"), ("register_end", "期末表底")):
            assert point[key] == (float(today[name][title]) if today[name][title] else None), (name, key)
    assert float(today[AIR]["平均"]) == by_point[AIR]["mean"] == 520.0  # (400 × 1 + 1000 × ¼) ÷ 1¼


async def test_a_school_that_sends_days_alone_is_not_unknown_by_api(district: District) -> None:
    await district.post(campus.batch([campus.site(), campus.point(METER), day(METER, 2, 88.25, 1.0)]))
    school = (await asked(district))["demo"]
    assert (school["electricity_month"]["value"], school["electricity_today"]["value"]) == (88.25, None)
    (row,) = (await table(district, "/reports/schools.csv"))[1]
    await assert_same(district, school, row)


@SQLITE_ONLY
@pytest.mark.real("district")
async def test_twelve_schools_of_every_state_have_the_same_figures_everywhere(district: District) -> None:
    twelve.fill(district.where)
    by_site = await asked(district)
    rows = {row["学校编号"]: row for row in (await table(district, "/reports/schools.csv"))[1]}
    assert set(rows) == set(by_site) >= {school.site for school in twelve.SCHOOLS}
    for site, school in by_site.items():
        await assert_same(district, school, rows[site])
