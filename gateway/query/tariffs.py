"""Consumption by tariff (尖峰平谷): each quarter-hour goes to the tariff that holds when it begins.

The shares add up to the total of the same span exactly. Missing quarter-hours are in no share. Of quarter-hours that retention
shed an hour or a day is left: it goes to its tariff where it has but one, else to the share without any.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction

from edge_config.tariffs import TARIFFS, Tariff, TariffFile
from gateway.errors import QueryError
from gateway.model import QUARTER_MS
from gateway.query.known_points import KnownPoint
from gateway.query.pieces import Piece, finest
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
    until = min(end, snapshot.now)
    for point in points:
        for piece in finest(snapshot, point, start, until):
            for quarters, flowed in _cut(piece, start, until):
                moments = (datetime.fromtimestamp(at / 1000, snapshot.site.zone) for at in quarters)
                _add(sums, file, moments, flowed * point.step)
    whole = sum((one.value for one in sums.values()), Fraction(0))
    return [
        TariffShare(
            tariff or "", float(sums[tariff].value), unit,
            float(sums[tariff].value / whole) if whole else 0.0, _cost(sums[tariff]),
        )
        for tariff in (*TARIFFS, None)
        if tariff in sums
    ]  # fmt: skip


def _add(
    sums: dict[Tariff | None, _Sum], file: TariffFile, moments: Iterable[datetime], value: Fraction
) -> None:
    """What flowed in quarter-hours that begin at these moments; nobody knows which part of it flowed in which."""
    (tariff, price), *others = {_priced(file, local) for local in moments}
    if others:
        tariff, price = None, None
    one = sums.setdefault(tariff, _Sum())
    one.value += value
    one.cost = None if price is None or one.cost is None else one.cost + value * Fraction(str(price))


def _priced(file: TariffFile, local: datetime) -> tuple[Tariff | None, float | None]:
    table, tariff = file.table_at(local), file.tariff_at(local)
    return tariff, None if table is None or tariff is None else table.prices.get(tariff)


def _cost(one: _Sum) -> float | None:
    return None if one.cost is None else float(one.cost)


def _cut(piece: Piece, start: int, end: int) -> Iterator[tuple[Sequence[int], Fraction]]:
    """A piece by the quarter-hours it touches within the span, its register taken as linear: each by itself, those of an hour
    or a day together."""
    first, last, whole = max(start, piece.start), min(end, piece.end), piece.end - piece.start
    touched = range(quarter_start(first), last, QUARTER_MS)
    if not piece.is_open and whole > QUARTER_MS:
        if last > first:
            yield touched, Fraction(piece.steps) * (last - first) / whole
        return
    for quarter in touched:
        inside = min(last, quarter + QUARTER_MS) - max(first, quarter)
        if inside > 0:
            yield (quarter,), Fraction(piece.steps) * inside / whole
