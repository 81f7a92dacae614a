"""A deviation is what step, digits and the time between cannot explain."""

from __future__ import annotations

from decimal import Decimal

import pytest

from devices.quantities import Kind
from gateway.commissioning.sheet import Filled
from gateway.commissioning.verify import Known, compare
from gateway.model import Point

NOW = 1_795_305_600_000
MINUTE = 60_000


def known(
    *around: tuple[int, float], ratio: str = "1", step: str = "0.01", rate: float | None = None
) -> Known:
    point = Point(
        "m.energy_import",
        "m",
        None,
        "active_energy_import",
        "kWh",
        Kind.COUNTER,
        Decimal(step),
        10.0,
        rate_max_per_h=rate,
    )
    return Known(point, Decimal(ratio), around)


def row(panel: str | None, *, at: int | None = None, reading: str | None = "1000.00") -> Filled:
    digits = 0 if panel is None or "." not in panel else len(panel.partition(".")[2])
    given = None if reading is None else Decimal(reading)
    return Filled(2, "m.energy_import", given, NOW, None if panel is None else Decimal(panel), at, digits)


@pytest.mark.parametrize(
    ("panel", "is_beyond"),
    [
        ("1000.00", False),
        ("1000.02", False),
        ("1000", False),
        ("999", False),
        ("998", True),
        ("1000.03", True),
    ],
)
def test_one_step_and_one_last_digit_are_no_deviation(panel: str, is_beyond: bool) -> None:
    assert compare(row(panel), known(), Decimal(0)).is_beyond is is_beyond


def test_what_the_gateway_read_before_and_after_the_look_bounds_the_panel() -> None:
    around = ((NOW + 4 * MINUTE, 1003.0), (NOW + 6 * MINUTE, 1005.0))
    look = NOW + 5 * MINUTE
    assert compare(row("1004.20", at=look), known(*around), Decimal(0)).is_beyond is False
    wrong = compare(row("1000.00", at=look), known(*around), Decimal(0))
    assert (wrong.is_beyond, wrong.difference) == (True, Decimal("3.0"))
    assert wrong.percent == pytest.approx(0.3)


def test_without_readings_around_only_what_the_site_says_can_flow_is_allowed() -> None:
    look = NOW + 30 * MINUTE
    assert compare(row("1010.00", at=look), known(rate=20.0), Decimal(0)).is_beyond is False
    assert compare(row("1010.50", at=look), known(rate=20.0), Decimal(0)).is_beyond is True
    assert compare(row("1010.00", at=look), known(), Decimal(0)).is_beyond is True


def test_a_tolerance_in_percent_is_of_the_panel() -> None:
    assert compare(row("1004.00"), known(), Decimal("0.5")).is_beyond is False
    assert compare(row("1006.00"), known(), Decimal("0.5")).is_beyond is True


@pytest.mark.parametrize(
    ("panel", "ratio", "hint"),
    [
        ("100.0", "10", "secondary side"),
        ("10000.0", "10", "not to be applied"),
        ("1.000", "1", "power of ten"),
        ("700", "1", "unit id"),
    ],
)
def test_a_deviation_comes_with_its_likely_cause(panel: str, ratio: str, hint: str) -> None:
    found = compare(row(panel), known(ratio=ratio), Decimal(0))
    assert found.is_beyond is True
    assert hint in found.hint


def test_a_blank_and_a_silent_meter_are_neither_right_nor_wrong() -> None:
    assert compare(row(None), known(), Decimal(0)).is_beyond is None
    assert compare(row("5", reading=None), known(), Decimal(0)).is_beyond is None
