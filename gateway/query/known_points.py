"""Every point a reader may ask for: those of the site file, those the buffer remembers, and virtual ones.

Pure but for one SELECT. Does not know readings or intervals.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from devices.quantities import Kind
from edge_config.schema import VirtualPoint
from edge_config.site import LoadedSite
from gateway.errors import QueryError
from gateway.model import Point
from gateway.points import build_points


@dataclass(frozen=True, slots=True)
class KnownPoint:
    """``point_id`` None: never stored, or virtual. ``parts`` of a virtual point are (name, +1 or −1), else empty; a ratio
    is their sum divided by that of ``over``.
    ``step`` is in ``unit``; ``first_at`` since when it has been in service (UTC ms, None before its first reading);
    ``left_at`` and ``left_steps`` the reading its open slot starts from, the newest one once it fell silent."""

    name: str
    device: str
    space: str | None
    quantity: str
    unit: str
    kind: Kind
    step: Fraction
    expected_interval_s: float
    energy_code: str | None
    label_zh: str
    label_en: str
    point_id: int | None = None
    in_service: bool = True
    first_at: int | None = None
    closed_to: int | None = None
    left_at: int | None = None
    left_steps: int | None = None
    parts: tuple[tuple[str, int], ...] = ()
    over: tuple[tuple[str, int], ...] = ()

    @property
    def hold_ms(self) -> int:
        """A reading stands for at most this long: twice the expected interval, at least a minute."""
        return round(max(60.0, 2 * self.expected_interval_s) * 1000)

    def figure(self, steps: int | Fraction | None) -> float | None:
        """Steps as a figure in the point's unit: the nearest float of the exact product."""
        if steps is None:
            return None
        step = self.step
        return float(
            steps * step.numerator / step.denominator
        )  # whole numbers divide with one correct rounding


class KnownPoints:
    """The points by name, in the order of the site file; those that left it come last."""

    __slots__ = ("_points",)

    def __init__(self, points: dict[str, KnownPoint]) -> None:
        self._points = points

    def __iter__(self) -> Iterator[KnownPoint]:
        return iter(self._points.values())

    def __getitem__(self, name: str) -> KnownPoint:
        """Raises QueryError for a point nobody knows."""
        try:
            return self._points[name]
        except KeyError:
            raise QueryError(
                f"there is no point {name!r}; a point is named device.point, as `check` lists them"
            ) from None

    def real(self) -> list[KnownPoint]:
        """What is measured now: in service and not virtual."""
        return [point for point in self if point.in_service and not point.parts]

    def of_device(self, device: str) -> list[KnownPoint]:
        return [point for point in self.real() if point.device == device]


def load(connection: sqlite3.Connection, site: LoadedSite) -> KnownPoints:
    """The site file's points completed by what the buffer knows of them."""
    points = {point.name: _planned(point) for point in build_points(site)}
    rows = connection.execute(
        "SELECT p.name, p.device, p.space, p.quantity, p.unit, p.kind, p.step, p.expected_interval_s, p.energy_code,"
        " p.label_zh, p.label_en, p.point_id, p.in_service, w.first_at, w.closed_to,"
        " w.left_at, w.left_steps"
        " FROM point p LEFT JOIN watermark w USING (point_id) ORDER BY p.point_id"
    )
    for name, device, space, quantity, unit, kind, step, *rest in rows:
        known = KnownPoint(name, device, space, quantity, unit, Kind(kind), Fraction(step), *rest)
        points[name] = known
    virtual = {point.id: point for point in site.file.points}
    for name, point in virtual.items():
        points[name] = _virtual(point, virtual, points)
    return KnownPoints(points)


def _planned(point: Point) -> KnownPoint:
    return KnownPoint(
        point.name, point.device, point.space, point.quantity, point.unit, point.kind, Fraction(point.step),
        point.expected_interval_s, point.energy_code, point.label_zh, point.label_en,
    )  # fmt: skip


def _virtual(
    point: VirtualPoint, virtual: dict[str, VirtualPoint], points: dict[str, KnownPoint]
) -> KnownPoint:
    """A virtual point is of its first part's quantity; it is counted in whole units, as its parts' steps may differ."""
    parts, over = tuple(_flat(point, virtual, 1, ())), tuple((name, 1) for name in point.over)
    if any(name not in points for name, _ in (*parts, *over)):
        raise QueryError(f"virtual point {point.id}: a part of it is not a point of this site")
    first, every = points[parts[0][0]], [points[name] for name, _ in (*parts, *over)]
    firsts = [part.first_at for part in every]
    return KnownPoint(
        point.id, point.id.partition(".")[0], None, first.quantity, _unit(first, points, over), first.kind, Fraction(1),
        max(part.expected_interval_s for part in every), None, first.label_zh, first.label_en,
        first_at=None if None in firsts else max(at for at in firsts if at is not None), parts=parts, over=over,
    )  # fmt: skip


def _unit(first: KnownPoint, points: dict[str, KnownPoint], over: tuple[tuple[str, int], ...]) -> str:
    """A ratio of equal units is a plain number."""
    if not over:
        return first.unit
    below = points[over[0][0]].unit
    return "1" if below == first.unit else f"{first.unit}/{below}"


def _flat(
    point: VirtualPoint, virtual: dict[str, VirtualPoint], sign: int, seen: tuple[str, ...]
) -> Iterator[tuple[str, int]]:
    """The real points under a virtual one with their signs. Raises QueryError where it contains itself."""
    if point.id in seen:
        raise QueryError(f"virtual point {point.id} is a part of itself; take it out of its own sum")
    for names, factor in ((point.sum, sign), (point.minus, -sign)):
        for name in names:
            if name in virtual:
                yield from _flat(virtual[name], virtual, factor, (*seen, point.id))
            else:
                yield name, factor
