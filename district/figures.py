"""The values a reader of the district gets, and their arithmetic. Pure. None means not known, never 0."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from district.spans import QUARTER_MS


@dataclass(frozen=True, slots=True)
class Completeness:
    """完整率 = quarter-hours measured ÷ quarter-hours due, over all points of a school. ``rate`` 0 to 1."""

    due: int
    measured: int
    estimated: int

    @property
    def rate(self) -> float | None:
        return min(1.0, self.measured / self.due) if self.due else None


@dataclass(frozen=True, slots=True)
class Amount:
    """Consumption over all meters that have no parent, in [start, end). None: there is no such meter, or nothing of it
    arrived. Shares are of the time of these meters, 0 to 1, as on the pages: a value with a share missing is too low."""

    value: float | None
    unit: str
    is_estimated: bool = False
    start: int = 0
    end: int = 0
    measured: float | None = None
    estimated: float | None = None
    missing: float | None = None


@dataclass(frozen=True, slots=True)
class GatewayRow:
    gateway: str
    name: str
    contact_at: int | None
    epoch: str | None
    to_seq: int | None
    rejected: int


@dataclass(frozen=True, slots=True)
class Incident:
    """A gateway's identity in doubt. ``kind`` is the fault that was answered: fenced or cloned."""

    gateway: str
    kind: str
    epoch: str
    first_at: int
    last_at: int
    count: int
    detail: str


@dataclass(frozen=True, slots=True)
class OpenEvent:
    """An episode that goes on. The texts are the gateway's own words; where it sent none, they are the kind."""

    site: str
    site_name: str
    timezone: str
    text_zh: str
    text_en: str
    subject: str
    subject_zh: str
    subject_en: str
    start: int
    level: int


@dataclass(frozen=True, slots=True)
class School:
    """One line of the first page."""

    site: str
    name: str
    timezone: str
    students: int | None
    area_m2: float | None
    gateways: list[GatewayRow]
    today: Completeness
    week: Completeness
    electricity_today: Amount
    electricity_month: Amount
    water_today: Amount
    water_month: Amount
    open_events: dict[int, int]

    @property
    def contact_at(self) -> int | None:
        """When the gateway that has been silent longest was last heard; None while one has never been."""
        heard = [row.contact_at for row in self.gateways]
        return None if None in heard else min((at for at in heard if at is not None), default=None)


@dataclass(frozen=True, slots=True)
class PointTotal:
    """One point over a span: ``value`` sums its quarter-hours, the registers are those at the outer boundaries known."""

    point: str
    device: str
    space: str | None
    quantity: str
    unit: str
    value_kind: str
    role: str
    label_zh: str
    label_en: str
    value: float | None
    mean: float | None
    register_start: float | None
    register_end: float | None
    slots_measured: int
    slots_estimated: int
    slots_missing: int


def due_slots(first_starts: Iterable[int], start: int, end: int) -> int:
    """Quarter-hours due of points whose first one began at ``first_starts``, inside [start, end)."""
    return sum(max(0, end - max(start, first)) // QUARTER_MS for first in first_starts)


def on_step(value: float, step: str) -> float:
    """``value`` as a whole number of register steps: adding floats must not show in the last digit."""
    unit = Decimal(step)
    return float(round(Decimal(value) / unit) * unit)
