"""Figures and times are read as people and spreadsheets write them."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from gateway.commissioning.figures import moment_of, number_of

ZONE = ZoneInfo("Asia/Shanghai")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        (" 12 345 ", "12345"),
        ("１２．５", "12.5"),
        ("１２。５", "12.5"),
        ("7度", "7"),
        ("7.50 kWh", "7.50"),
        ("-3", "-3"),
        ("0", "0"),
    ],
)
def test_figures_are_read_as_people_write_them(text: str, value: str | None) -> None:
    assert number_of(text) == (None if value is None else Decimal(value))


@pytest.mark.parametrize("text", ["abc", "1e9", "1.2.3", "=1+1", "NaN", "9" * 30, "٣"])
def test_what_is_no_figure_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        number_of(text)


@pytest.mark.parametrize(
    "text",
    ["2026-11-22 08:05", "2026/11/22 8:05", "2026-11-22T00:05:00+00:00", "２０２６-１１-２２　８：０５"],
)
def test_moments_are_read_as_spreadsheets_write_them(text: str) -> None:
    assert moment_of(text, ZONE, None) == 1_795_305_900_000


@pytest.mark.parametrize("text", ["1900-01-05", "0001-01-01 00:00", "25:00", "2026-13-01", "noon"])
def test_what_is_no_moment_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        moment_of(text, ZONE, date(2026, 11, 22))


def test_a_bare_time_is_of_the_day_it_is_known_to_be_of() -> None:
    assert moment_of("8:05", ZONE, date(2026, 11, 22)) == 1_795_305_900_000
    with pytest.raises(ValueError):
        moment_of("8:05", ZONE, None)
