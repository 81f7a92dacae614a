"""A row is compared with the meter it names, or with none."""

from __future__ import annotations

from dataclasses import replace

from gateway.commissioning.sheet import Filled, Finding, Sheet
from gateway.commissioning.sheet_keys import match
from tests.commissioning.sheets import METER

WATER = replace(METER, point="w.volume", address="9")
DEVICES = ("m", "w")


def row(line: int, point: str, place: tuple[str, str, str] | None = ("east", "1", "kWh")) -> Filled:
    return Filled(line, point, None, None, None, None, place=place)


def said(*rows: Filled, findings: tuple[Finding, ...] = ()) -> tuple[list[str], list[str]]:
    """The points that can be compared, and what is said of the others."""
    found = match(Sheet(rows, findings), [METER, WATER], DEVICES)
    return [one.point for one in found.rows], [f"{one.cell}: {one.says}" for one in found.findings]


def test_rows_of_the_sites_meters_are_compared() -> None:
    assert said(row(5, METER.point), row(6, WATER.point, None)) == ([METER.point, WATER.point], [])


def test_an_unknown_device_and_an_edited_key_are_named() -> None:
    compared, words = said(row(5, "x.energy_import"), row(6, "m.energie"))
    assert compared == []
    assert "A5: 没有此设备 there is no device 'x'" in words[0]
    assert "A6: m 没有此计量 there is no meter 'm.energie'; it has m.energy_import" in words[1]


def test_a_key_that_stands_twice_is_compared_once() -> None:
    compared, words = said(row(5, METER.point), row(7, METER.point), row(8, WATER.point, None))
    assert compared == [METER.point, WATER.point]
    assert "A7: m.energy_import 重复 stands in line 5 already" in words[0]


def test_a_row_that_says_another_place_than_the_site_is_not_compared() -> None:
    compared, words = said(row(5, METER.point, ("east", "2", "kWh")), row(6, WATER.point, None))
    assert compared == [WATER.point]
    assert "the row says east / 2 / kWh, the site file east / 1 / kWh" in words[0]


def test_meters_without_a_row_are_noted() -> None:
    assert said(row(5, METER.point)) == ([METER.point], [": 表中缺少 not in the sheet: w.volume"])
    fault = Finding("M6", is_fault=True, says="x")
    assert said(row(5, METER.point), findings=(fault,)) == ([METER.point], ["M6: x"])
