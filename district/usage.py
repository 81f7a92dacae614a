"""What a school used of a commodity in a span, beside its quota and beside other schools. Pure. None is not known, never 0.

A sum over meters of which a part is not known is a lower bound. It is shown with the share that is missing; it can prove that
a quota is exceeded and never that it is kept, and it takes no part in a ranking.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from district.pieces import NOTHING, Meter, Piece, exact, fold

COMPLETE_ENOUGH = 0.9
"""Below this share measured a figure is not compared with others (issue 5, UX 1)."""

Verdict = Literal["over", "within", "unsure", "none"]


@dataclass(frozen=True, slots=True)
class Commodity:
    """``name`` is a word of the catalogue; ``quota`` the key of the yearly allotment."""

    name: str
    quantity: str
    unit: str
    quota: str
    digits: int

    def is_in(self, unit: str) -> bool:
        """Whether figures in this unit, however it is typed (m3 is m³), may be added to those of the commodity."""
        return _plain(unit) == _plain(self.unit)


def _plain(unit: str) -> str:
    return unit.strip().lower().replace("³", "3")


ELECTRICITY = Commodity("electricity", "active_energy_import", "kWh", "electricity_kwh", 1)
WATER = Commodity("water", "water_volume", "m³", "water_m3", 2)
GAS = Commodity("gas", "gas_volume", "m³", "gas_m3", 2)
HEAT = Commodity("heat", "heat_energy", "GJ", "heat_gj", 2)
COMMODITIES = {one.name: one for one in (ELECTRICITY, WATER)}
"""What every school has, is shown on pages and may have a quota."""
REPORTED = COMMODITIES | {one.name: one for one in (GAS, HEAT)}
"""What a month's report adds up."""


@dataclass(frozen=True, slots=True)
class Use:
    """Consumption of a school's meters in [start, end). Shares are parts of the time of all these meters, 0 to 1; None where
    the span has not begun or there is no meter. ``data_to`` is the end of the newest figure in it."""

    value: float | None
    unit: str
    meters: int
    start: int
    end: int
    measured: float | None = None
    estimated: float | None = None
    missing: float | None = None
    data_to: int | None = None
    is_estimated: bool = False

    @property
    def is_complete_enough(self) -> bool:
        return self.value is not None and self.measured is not None and self.measured >= COMPLETE_ENOUGH


def use(
    meters: Sequence[Meter], pieces: Mapping[str, Sequence[Piece]], unit: str, start: int, end: int
) -> Use:
    """``end`` is where the span ends or, of one that goes on, what should be here by now."""
    sums = [
        fold([piece for piece in pieces[one.point] if start <= piece.start], one.step) if pieces else NOTHING
        for one in meters
    ]
    values = [(f.value, one.step) for one, f in zip(meters, sums, strict=True) if f.value is not None]
    whole = (end - start) * len(meters)
    if whole <= 0:
        return Use(None, unit, len(meters), start, end)
    measured = min(1.0, sum(one.measured_ms for one in sums) / whole)
    known = min(1.0, sum(one.known_ms for one in sums) / whole)
    return Use(
        value=exact(values),
        unit=unit,
        meters=len(meters),
        start=start,
        end=end,
        measured=measured,
        estimated=max(0.0, known - measured),
        missing=1 - known,
        data_to=max((one.data_to for one in sums if one.data_to is not None), default=None),
        is_estimated=any(one.is_estimated for one in sums),
    )


def per(value: float | None, count: float | None) -> float | None:
    """A figure per pupil or per m²; None where either is not known."""
    return None if value is None or not count else value / count


@dataclass(frozen=True, slots=True)
class Quota:
    """The year's use against what is allotted. ``progress`` is the part used, ``expected`` the part of the year that has
    passed (straight-line), both of 1. ``verdict``: over or within that line; unsure where too little is known; none
    where nothing is allotted or nothing was used that is known."""

    allotted: float | None
    progress: float | None
    expected: float
    verdict: Verdict


def against_quota(year: Use, allotted: float | None, year_ms: int) -> Quota:
    """``year`` runs from new year on, ``year_ms`` is the length of the whole year."""
    expected = min(1.0, max(0.0, (year.end - year.start) / year_ms))
    if not allotted:
        return Quota(None, None, expected, "none")
    if year.value is None:
        return Quota(allotted, None, expected, "none")
    progress = year.value / allotted
    if progress > expected:
        return Quota(allotted, progress, expected, "over")
    known = 1 - (year.missing if year.missing is not None else 1)
    return Quota(allotted, progress, expected, "within" if known >= COMPLETE_ENOUGH else "unsure")


@dataclass(frozen=True, slots=True)
class Total:
    """A sum over schools and how many of them it rests on. Shares are of the schools counted, weighted by their meters."""

    value: float | None
    unit: str
    counted: int
    schools: int
    estimated: float | None
    missing: float | None
    is_estimated: bool = False


def total(uses: Sequence[Use], unit: str) -> Total:
    """Schools of which nothing is known are not in the sum; the count says so."""
    counted = [one for one in uses if one.value is not None]
    weight = sum(one.meters for one in counted)

    def share(found: Sequence[float | None]) -> float | None:
        if not weight:
            return None
        return sum((part or 0.0) * one.meters for part, one in zip(found, counted, strict=True)) / weight

    return Total(
        float(sum(Decimal(repr(one.value)) for one in counted)) if counted else None,
        unit,
        len(counted),
        len(uses),
        share([one.estimated for one in counted]),
        share([one.missing for one in counted]),
        any(one.is_estimated for one in counted),
    )
