"""Consumption by tariff (尖峰平谷): each quarter-hour goes to the tariff that holds when it begins.

The shares add up to the total over the same quarter-hours exactly. Missing quarter-hours are in no share.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction

from edge_config.tariffs import TARIFFS, Tariff, TariffFile
from gateway.errors import QueryError
from gateway.model import QUARTER_MS
from gateway.query.known_points import KnownPoint
from gateway.query.pieces import Piece, pieces, quarters
from gateway.query.snapshot import Snapshot
from gateway.query.views import TariffShare
from gateway.slots import quarter_start


@dataclass(slots=True)
class _Sum:
    value: Fraction = Fraction(0)
    cost: Fraction | None = Fraction(0)


def by_tariff(
    snapshot: Snapshot, points: Sequence[KnownPoint], start: int, end: int, unit: str
) -> list[TariffShare]:
    """One row per tariff that flowed, the dearest first. Raises QueryError for a site without tariffs."""
    file = snapshot.site.tariffs
    if file is None:
        raise QueryError(
            "this site has no tariffs; write tariffs: tariffs/school.yaml in the site file (docs/site-file.md)"
        )
    if any(point.over for point in points):
        raise QueryError("a ratio has no consumption to part by tariff; ask for its points")
    sums: dict[Tariff | None, _Sum] = {}
    for point in points:
        for at, value in _by_quarter(snapshot, point, start, min(end, snapshot.now)):
            _add(sums, file, datetime.fromtimestamp(at / 1000, snapshot.site.zone), value)
    whole = sum((one.value for one in sums.values()), Fraction(0))
    return [
        TariffShare(
            tariff or "", float(sums[tariff].value), unit,
            float(sums[tariff].value / whole) if whole else 0.0, _cost(sums[tariff]),
        )
        for tariff in (*TARIFFS, None)
        if tariff in sums
    ]  # fmt: skip


def _add(sums: dict[Tariff | None, _Sum], file: TariffFile, local: datetime, value: Fraction) -> None:
    table, tariff = file.table_at(local), file.tariff_at(local)
    one = sums.setdefault(tariff, _Sum())
    one.value += value
    price = None if table is None or tariff is None else table.prices.get(tariff)
    one.cost = None if price is None or one.cost is None else one.cost + value * Fraction(str(price))


def _cost(one: _Sum) -> float | None:
    return None if one.cost is None else float(one.cost)


def _by_quarter(
    snapshot: Snapshot, point: KnownPoint, start: int, end: int
) -> Iterator[tuple[int, Fraction]]:
    """(start of a quarter-hour, what flowed in it within the span, in the point's unit)."""
    known = pieces(snapshot, point, start, end) if point.parts else quarters(snapshot, point, start, end)
    for piece in known:
        if (
            piece.is_open or piece.end - piece.start <= QUARTER_MS
        ):  # which tariff an hour flowed in nobody knows
            yield from ((at, flowed * point.step) for at, flowed in _cut(piece, start, end))


def _cut(piece: Piece, start: int, end: int) -> Iterator[tuple[int, Fraction]]:
    """A piece by the quarter-hours it touches within the span; within a piece the register is taken as linear."""
    first, last, whole = max(start, piece.start), min(end, piece.end), piece.end - piece.start
    for quarter in range(quarter_start(first), last, QUARTER_MS):
        inside = min(last, quarter + QUARTER_MS) - max(first, quarter)
        if inside > 0:
            yield quarter, Fraction(piece.steps) * inside / whole
