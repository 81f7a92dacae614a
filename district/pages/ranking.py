"""Which schools are compared, and in which order. Pure.

Schools of one kind are ranked among themselves, by a figure of theirs. A school whose data is not complete enough stands apart
with the reason: a gap would make it look thrifty (issue 5).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from district.school_line import Line
from district.usage import COMPLETE_ENOUGH, Use, per

PLAIN = ("name", "contact", "completeness", "alarms")
"""Orders that say nothing about use: every school has its place in them."""
RANKED = ("month", "year", "pupil", "m2", "quota")


@dataclass(frozen=True, slots=True)
class Order:
    """What a page is sorted by: one of PLAIN or RANKED, of one commodity."""

    key: str = "name"
    commodity: str = "electricity"
    is_descending: bool = False

    @property
    def is_ranking(self) -> bool:
        return self.key in RANKED


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a school stands apart: a word of the catalogue, and the share that is too low where it is one."""

    word: str
    share: float | None = None


@dataclass(frozen=True, slots=True)
class Placed:
    """``place`` of ``of`` schools of its kind; equal figures share a place. None in an order that is no ranking."""

    line: Line
    place: int | None = None
    of: int | None = None


@dataclass(frozen=True, slots=True)
class Ranking:
    placed: list[Placed]
    apart: list[tuple[Line, Reason]]


def figure(line: Line, order: Order) -> float | None:
    """What a school is ranked by."""
    used = line.used[order.commodity]
    match order.key:
        case "month":
            return used.month.value
        case "year":
            return used.year.value
        case "pupil":
            return per(used.year.value, line.who.students)
        case "m2":
            return per(used.year.value, line.who.area_m2)
        case _:
            return used.quota.progress


def objection(line: Line, order: Order) -> Reason | None:
    """Why a school is not ranked in this order; None when it is."""
    used = line.used[order.commodity]
    asked: Use = used.month if order.key == "month" else used.year
    if not asked.meters:
        return Reason("apart_no_meter")
    if asked.value is None:
        return Reason("apart_no_data")
    if line.week.rate is None or line.week.rate < COMPLETE_ENOUGH:
        return Reason("apart_week", line.week.rate)
    if not asked.is_complete_enough:
        return Reason("apart_month" if order.key == "month" else "apart_year", asked.measured)
    if figure(line, order) is None:
        return Reason({"pupil": "apart_students", "m2": "apart_area"}.get(order.key, "apart_quota"))
    return None


def rank(lines: Sequence[Line], order: Order) -> Ranking:
    """Every line once: placed, or apart with a reason."""
    named = sorted(lines, key=lambda line: (line.who.name, line.who.site))
    if not order.is_ranking:
        plain = sorted(named, key=_plain(order.key), reverse=order.is_descending)
        return Ranking([Placed(line) for line in plain], [])
    reasons = [(line, objection(line, order)) for line in named]
    fit = [(line, figure(line, order)) for line, reason in reasons if reason is None]
    figures = [(line, found) for line, found in fit if found is not None]
    of_kind: dict[str | None, list[float]] = defaultdict(list)
    for line, found in sorted(figures, key=lambda pair: pair[1]):
        of_kind[line.who.kind].append(found)
    ordered = sorted(figures, key=lambda pair: pair[1], reverse=order.is_descending)
    placed = [_placed(line, found, of_kind[line.who.kind], order) for line, found in ordered]
    return Ranking(placed, [(line, reason) for line, reason in reasons if reason is not None])


def _placed(line: Line, own: float, rising: Sequence[float], order: Order) -> Placed:
    """One place more than the schools of its kind that stand strictly before it."""
    ahead = len(rising) - bisect_right(rising, own) if order.is_descending else bisect_left(rising, own)
    return Placed(line, ahead + 1, len(rising))


def _plain(key: str) -> Callable[[Line], float]:
    """By name the lines are in order already. What is not known comes first when the lowest do: it needs a look."""
    orders: dict[str, Callable[[Line], float]] = {
        "contact": lambda line: -1.0 if line.contact_at is None else float(line.contact_at),
        "completeness": lambda line: -1.0 if line.week.rate is None else line.week.rate,
        "alarms": lambda line: float(sum(line.alarms.values())),
    }
    return orders.get(key, lambda _: 0.0)
