"""What the first page says over all schools: sums with what they rest on, by kind, and the order chosen. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from district.figures import Completeness
from district.pages.ranking import PLAIN, RANKED, Order, Ranking, rank
from district.school_line import Line
from district.usage import COMMODITIES, Commodity, Total, Use, total

KINDS = (
    "kindergarten", "primary", "junior", "senior", "nine-year", "complete", "special", "vocational", "other",
)  # fmt: skip
UNKNOWN_KIND = "unknown"
"""In an address: schools that did not give their kind."""


@dataclass(frozen=True, slots=True)
class Intensity:
    """A sum divided by a count (pupils, m²) over the schools of which both are known; ``counted`` is how many."""

    value: float | None
    counted: int


@dataclass(frozen=True, slots=True)
class KindLine:
    kind: str | None
    schools: int
    year: Total
    per_pupil: Intensity
    per_m2: Intensity


@dataclass(frozen=True, slots=True)
class Sums:
    """Month and year of one commodity over all schools."""

    month: Total
    year: Total


@dataclass(frozen=True, slots=True)
class Overview:
    lines: list[Line]
    """Every school, whatever kind is looked at."""
    order: Order
    kind: str | None
    kinds: list[str]
    """Those there are, in the order of age of their pupils."""
    ranking: Ranking
    today: Completeness
    week: Completeness
    alarms: Mapping[int, int]
    sums: Mapping[str, Sums]
    by_kind: list[KindLine]

    @property
    def months(self) -> str:
        """The current month; two while it has begun for some schools and not for others."""
        return " / ".join(sorted({str(line.month) for line in self.lines}))

    @property
    def years(self) -> str:
        return " / ".join(sorted({str(line.month.year) for line in self.lines}))

    @property
    def commodity(self) -> Commodity:
        return COMMODITIES[self.order.commodity]


def order(sort: str, direction: str, commodity: str) -> Order:
    """The order an address asks for; what it does not know is by name, rising, electricity."""
    return Order(
        sort if sort in PLAIN + RANKED else PLAIN[0],
        commodity if commodity in COMMODITIES else "electricity",
        direction == "down",
    )


def overview(every: Sequence[Line], wanted: Order, kind: str | None) -> Overview:
    """``kind`` narrows the list, the sums go over all schools."""
    kinds = sorted({_kind(line) for line in every}, key=_age)
    listed = [line for line in every if kind is None or _kind(line) == kind]
    return Overview(
        lines=list(every),
        order=wanted,
        kind=kind,
        kinds=kinds,
        ranking=rank(listed, wanted),
        today=_sum([line.today for line in every]),
        week=_sum([line.week for line in every]),
        alarms=_alarms(every),
        sums={name: _sums(every, commodity) for name, commodity in COMMODITIES.items()},
        by_kind=[_kind_line(one, every, COMMODITIES[wanted.commodity]) for one in kinds],
    )


def _kind(line: Line) -> str:
    return line.who.kind or UNKNOWN_KIND


def _age(kind: str) -> tuple[int, str]:
    return (KINDS.index(kind) if kind in KINDS else len(KINDS) + (kind == UNKNOWN_KIND), kind)


def _sum(found: Sequence[Completeness]) -> Completeness:
    return Completeness(
        sum(one.due for one in found), sum(one.measured for one in found), sum(one.estimated for one in found)
    )


def _alarms(every: Sequence[Line]) -> dict[int, int]:
    levels = sorted({level for line in every for level in line.alarms})
    return {level: sum(line.alarms.get(level, 0) for line in every) for level in levels}


def _sums(every: Sequence[Line], commodity: Commodity) -> Sums:
    used = [line.used[commodity.name] for line in every]
    return Sums(
        total([one.month for one in used], commodity.unit), total([one.year for one in used], commodity.unit)
    )


def _kind_line(kind: str, every: Sequence[Line], commodity: Commodity) -> KindLine:
    own = [line for line in every if _kind(line) == kind]
    years = [line.used[commodity.name].year for line in own]
    return KindLine(
        None if kind == UNKNOWN_KIND else kind,
        len(own),
        total(years, commodity.unit),
        intensity([(found, line.who.students) for found, line in zip(years, own, strict=True)]),
        intensity([(found, line.who.area_m2) for found, line in zip(years, own, strict=True)]),
    )


def intensity(pairs: Sequence[tuple[Use, float | None]]) -> Intensity:
    """Σ figures ÷ Σ counts over the schools of which both are known, and the figure completely enough to be compared."""
    known = [
        (found.value, count)
        for found, count in pairs
        if found.value is not None and found.is_complete_enough and count
    ]
    if not known:
        return Intensity(None, 0)
    return Intensity(sum(value for value, _ in known) / sum(count for _, count in known), len(known))
