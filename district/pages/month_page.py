"""What a school's month page shows, and its arithmetic: days, statements, sub-items. Pure. None is not known, never 0."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from district.figures import on_step
from district.pieces import PointSum, exact
from district.usage import ELECTRICITY

ITEMS = ("A", "B", "C", "D")
"""分项 of electricity after the 2008 guideline; the third character of an energy code such as 01B00."""
MAIN_QUANTITIES = frozenset(
    {"active_energy_import", "active_energy_yield", "water_volume", "gas_volume", "heat_energy"}
)
"""What a meter's consumption is read from; a meter with a code also counts other things."""


@dataclass(frozen=True, slots=True)
class DayLine:
    """Quarter-hours of one day over all points: due, and by content. ``absent`` are those that never came."""

    date: date
    due: int
    measured: int
    estimated: int
    missing: int

    @property
    def absent(self) -> int:
        return max(0, self.due - self.measured - self.estimated - self.missing)

    def share(self, count: int) -> float | None:
        return min(1.0, count / self.due) if self.due else None

    @property
    def rate(self) -> float | None:
        """完整率 of the day."""
        return self.share(self.measured)


@dataclass(frozen=True, slots=True)
class Statement:
    """零报告 of one gateway for one day, as it was sent."""

    gateway: str
    points: int
    due: int
    measured: int
    estimated: int
    missing: int
    events: int


@dataclass(frozen=True, slots=True)
class StatementDay:
    """``owed`` names the gateways that should have stated the day by now and did not (未报)."""

    date: date
    statements: tuple[Statement, ...]
    owed: tuple[str, ...]
    is_over: bool

    @property
    def state(self) -> str:
        """A word of the catalogue: stated, owed, or not yet due (no gateway had begun, or the day is not over)."""
        if self.owed:
            return "statement_owed"
        if self.statements:
            return "statement_stated"
        return "statement_none" if self.is_over else "statement_later"

    def sum(self, field: str) -> int:
        return sum(getattr(one, field) for one in self.statements)


@dataclass(frozen=True, slots=True)
class GapLine:
    """``point`` ``*``: of which point is not known. ``count`` 0: how many is not known."""

    point: str
    start: int
    end: int
    count: int
    reason: str
    gateway: str


@dataclass(frozen=True, slots=True)
class EventLine:
    text_zh: str
    text_en: str
    subject: str
    subject_zh: str
    subject_en: str
    start: int
    end: int | None
    level: int
    state: str


@dataclass(frozen=True, slots=True)
class PointLine:
    """A point over the span of a page, which is ``span_ms`` long so far."""

    point: str
    device: str
    space: str | None
    quantity: str
    unit: str
    energy_code: str | None
    role: str
    label_zh: str
    label_en: str
    value_kind: str
    step: str
    sums: PointSum
    span_ms: int
    is_sent: bool = True
    """Whether a quarter-hour of it ever came: a gateway's filter may hold a point back that its statements count."""

    @property
    def figure(self) -> float | None:
        """A counter's consumption, another point's mean."""
        return self.sums.value if self.value_kind == "counter" else self.sums.mean

    def share(self, ms: float) -> float | None:
        return min(1.0, ms / self.span_ms) if self.span_ms else None

    @property
    def measured(self) -> float | None:
        return self.share(self.sums.measured_ms)

    @property
    def missing(self) -> float | None:
        known = self.share(self.sums.known_ms)
        return None if known is None else 1 - known

    @property
    def register_check(self) -> str:
        """Whether the registers at both ends tell the same as the sum: agrees, differs (a replaced meter, a rollover, or a
        part that is missing) or unknown."""
        first, last = self.sums.register_start, self.sums.register_end
        if self.sums.value is None or first is None or last is None:
            return "unknown"
        step = Decimal(self.step)
        told = round((Decimal(last) - Decimal(first)) / step)
        return "agrees" if told == round(Decimal(self.sums.value) / step) else "differs"

    @property
    def register_used(self) -> float | None:
        """What the registers at both ends tell, whatever happened between."""
        first, last = self.sums.register_start, self.sums.register_end
        return None if first is None or last is None else on_step(last - first, self.step)


@dataclass(frozen=True, slots=True)
class CodeTotal:
    """The meters of one energy code. ``missing`` is the part of their time that is not known."""

    code: str
    unit: str
    meters: int
    counted: int
    value: float | None
    estimated: float | None
    missing: float | None
    is_estimated: bool = False


def by_code(points: Sequence[PointLine]) -> list[CodeTotal]:
    """Sums over the meters of each energy code and unit, by code. Meters without a code are under ''."""
    groups: dict[tuple[str, str], list[PointLine]] = defaultdict(list)
    for point in points:
        if point.value_kind == "counter" and point.quantity in MAIN_QUANTITIES:
            groups[point.energy_code or "", point.unit].append(point)
    return [_code_total(code, unit, groups[code, unit]) for code, unit in sorted(groups)]


def _code_total(code: str, unit: str, points: Sequence[PointLine]) -> CodeTotal:
    values = [(point.sums.value, point.step) for point in points if point.sums.value is not None]
    whole = sum(point.span_ms for point in points)
    known = sum(point.sums.known_ms for point in points)
    measured = sum(point.sums.measured_ms for point in points)
    return CodeTotal(
        code, unit, len(points), len(values), exact(values),
        max(0.0, known - measured) / whole if whole else None, max(0.0, 1 - known / whole) if whole else None,
        any(point.sums.is_estimated for point in points),
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Items:
    """总表 beside its 分项 A to D: ``rest`` is what no sub-meter explains, None where either is not known."""

    total: float | None
    items: dict[str, float]
    rest: float | None


def items_of(points: Sequence[PointLine]) -> Items:
    """Electricity: the main meters, and the sums of A to D."""
    energy = [
        point
        for point in points
        if point.quantity == ELECTRICITY.quantity
        and ELECTRICITY.is_in(point.unit)
        and point.value_kind == "counter"
        and point.sums.value is not None
    ]
    total = exact([(point.sums.value or 0.0, point.step) for point in energy if point.role == "total"])
    items = {
        letter: found
        for letter in ITEMS
        if (found := exact([(p.sums.value or 0.0, p.step) for p in energy if _letter(p) == letter]))
        is not None
    }
    rest = (
        None
        if total is None or not items
        else float(Decimal(repr(total)) - sum((Decimal(repr(value)) for value in items.values()), Decimal(0)))
    )
    return Items(total, items, rest)


def _letter(point: PointLine) -> str | None:
    code = point.energy_code or ""
    return code[2:3] if code.startswith("01") and code[2:3] in ITEMS else None
