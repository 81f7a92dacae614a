"""Conversion by named coefficients: what a source says is multiplied, what it does not say stays empty with the reason."""

from __future__ import annotations

from datetime import date
from zoneinfo import ZoneInfo

import pytest

from district.coefficients import SETS, Converted, converted
from district.months import midnight
from district.pages.words import WORDS
from district.usage import ELECTRICITY, GAS, HEAT, REPORTED, WATER, Commodity, Use
from tests.district import campus
from tests.district.campus import METER
from tests.district.campus import WATER as WATER_METER
from tests.district.conftest import District
from tests.district.test_exports import book, table

ZONE = ZoneInfo("Asia/Shanghai")
BY_STANDARD, BY_NOTICE = SETS["gb-t-2589-2020"], SETS["shanghai-2022-34"]
KITCHEN, SUPPLY = "kitchen-g.gas_volume", "supply-h.heat_energy"


def used(value: float | None, begin: date = date(2026, 11, 1), commodity: Commodity = HEAT) -> Use:
    start = midnight(begin, ZONE)
    return Use(value, commodity.unit, 1, start, start + 86_400_000)


def test_electricity_and_heat_are_multiplied_exactly() -> None:
    assert converted(BY_STANDARD, ELECTRICITY, used(1000.1), ZONE) == Converted(122.912)
    assert converted(BY_STANDARD, HEAT, used(2.5), ZONE) == Converted(85.3)
    assert converted(BY_NOTICE, ELECTRICITY, used(10_000.0), ZONE) == Converted(4200.0)
    assert converted(BY_NOTICE, HEAT, used(1.0), ZONE) == Converted(60.0)


def test_what_a_source_does_not_say_is_not_converted_and_has_a_reason_in_words() -> None:
    for one in SETS.values():
        for commodity in REPORTED.values():
            found = converted(one, commodity, used(1.0), ZONE)
            assert (found.value is None) is (found.reason is not None)
            assert found.reason is None or found.reason in WORDS
    assert converted(BY_STANDARD, GAS, used(1.0), ZONE) == Converted(None, "factor_gas_range")
    assert converted(BY_STANDARD, WATER, used(1.0), ZONE) == Converted(None, "factor_water_medium")
    assert converted(BY_NOTICE, GAS, used(1.0), ZONE) == Converted(None, "factor_not_said")


@pytest.mark.parametrize(
    ("begin", "is_converted"),
    [
        (date(2021, 12, 1), False),
        (date(2022, 1, 1), False),
        (date(2022, 2, 10), False),
        (date(2022, 2, 11), True),
        (date(2022, 3, 1), True),
    ],
)
def test_a_span_that_begins_before_the_coefficients_hold_is_not_converted(
    begin: date, is_converted: bool
) -> None:
    found = converted(BY_NOTICE, ELECTRICITY, used(1.0, begin), ZONE)
    assert found == (Converted(0.42) if is_converted else Converted(None, "factor_too_young"))
    assert converted(BY_STANDARD, ELECTRICITY, used(1.0, begin), ZONE).value == 0.123


def test_nothing_known_is_nothing_converted_and_zero_is_zero() -> None:
    assert converted(BY_STANDARD, HEAT, used(None), ZONE) == Converted(None)
    assert converted(BY_STANDARD, HEAT, used(0.0), ZONE) == Converted(0.0)


async def test_a_report_converts_heat_and_says_why_gas_and_water_stay_empty(district: District) -> None:
    bodies = [
        campus.site(students=10),
        campus.point(METER),
        campus.point(WATER_METER, "water_volume", "m³"),
        campus.point(KITCHEN, "gas_volume", "m³"),
        campus.point(SUPPLY, "heat_energy", "GJ"),
        *(campus.slot(name, n, 0.25) for n in range(8) for name in (METER, WATER_METER, KITCHEN, SUPPLY)),
    ]
    assert (await district.post(campus.batch(bodies))).json()["rejected"] == []
    head, (row,) = await table(district, "/reports/schools.csv?set=gb-t-2589-2020")
    assert head["折算系数"] == BY_STANDARD.title_zh
    assert (row["用气 本月 (m³)"], row["用热 本月 (GJ)"], row["用热 本年至本月末 (GJ)"]) == (
        "2.0",
        "2.0",
        "2.0",
    )
    assert (row["用电 折标煤 本月 (kgce)"], row["用热 折标煤 本月 (kgce)"]) == ("0.246", "68.24")
    for what in ("用气", "用水"):
        assert row[f"{what} 折标煤 本月 (kgce)"] == row[f"{what} 折标煤 本年至本月末 (kgce)"] == ""
    assert "用气未折算:标准按气源给 1.1000–1.3300 kgce/m³,气源未知" in row["备注"]
    assert "用水未折算:水是耗能工质" in row["备注"]
    _, (carbon,) = await book(district, "/reports/schools.xlsx?set=shanghai-2022-34")
    assert (carbon["用热 碳排放 本月 (kgCO₂)"], carbon["用气 碳排放 本月 (kgCO₂)"]) == (120, None)
    assert "用气未折算:所选系数没有这一项" in carbon["备注"]
    page = (await district.client.get("/reports?set=shanghai-2022-34")).text
    assert "用电 碳排放 本月" in page


async def test_a_report_of_the_year_in_which_the_coefficients_began_leaves_the_year_empty(
    district: District,
) -> None:
    march = midnight(date(2022, 3, 1), ZONE)
    bodies = [
        campus.site(),
        campus.point(METER),
        campus.slot(METER, 0, 100.0, start=march, end=march + campus.QUARTER),
    ]
    assert (await district.post(campus.batch(bodies))).json()["rejected"] == []
    _, (row,) = await table(district, "/reports/schools.csv?month=2022-03&set=shanghai-2022-34")
    assert (row["用电 碳排放 本月 (kgCO₂)"], row["用电 碳排放 本年至本月末 (kgCO₂)"]) == ("42.0", "")
    assert "用电未折算:时段早于系数施行日 2022-02-11" in row["备注"]
