"""Small pictures drawn on the server as SVG shapes: sparklines and day curves. They need no script.

Pure geometry: numbers in, path data out. Gaps in the data are gaps in the line.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 240, 48


@dataclass(frozen=True, slots=True)
class Picture:
    """``line`` and ``area`` are path data; ``band`` is y and height of the allowed range; ``dot`` the newest value."""

    width: int
    height: int
    line: str
    area: str
    band: tuple[float, float] | None
    dot: tuple[float, float] | None


def picture(
    values: Sequence[float | None],
    *,
    width: int = WIDTH,
    height: int = HEIGHT,
    floor: float | None = 0.0,
    limits: tuple[float | None, float | None] | None = None,
) -> Picture | None:
    """A curve through ``values``, left to right. ``floor`` is a value the scale must include. None when nothing is known."""
    known = [value for value in values if value is not None]
    if not known:
        return None
    bounds = [*known, *(edge for edge in (limits or ()) if edge is not None)]
    if floor is not None:
        bounds.append(floor)
    low, high = min(bounds), max(bounds)
    pad = (high - low) * 0.08 or 1.0
    scale = _Scale(
        low - (0 if floor is not None and low == floor else pad), high + pad, width, height, len(values)
    )
    runs = _runs(values)
    last = max(n for n, value in enumerate(values) if value is not None)
    return Picture(
        width,
        height,
        "".join(_path(run, scale) for run in runs),
        "".join(_area(run, scale) for run in runs),
        _band(limits, scale) if limits else None,
        (scale.x(last), scale.y(values[last] or 0.0)),
    )


@dataclass(frozen=True, slots=True)
class _Scale:
    low: float
    high: float
    width: int
    height: int
    count: int

    def x(self, n: int) -> float:
        return round(2 + n * (self.width - 4) / max(1, self.count - 1), 1)

    def y(self, value: float) -> float:
        return round(self.height - (value - self.low) / (self.high - self.low) * self.height, 1)


def _runs(values: Sequence[float | None]) -> list[list[tuple[int, float]]]:
    """Stretches of known values; a gap starts a new one."""
    runs: list[list[tuple[int, float]]] = [[]]
    for n, value in enumerate(values):
        if value is not None:
            runs[-1].append((n, value))
        elif runs[-1]:
            runs.append([])
    return [run for run in runs if run]


def _path(run: list[tuple[int, float]], scale: _Scale) -> str:
    points = [f"{scale.x(n)},{scale.y(value)}" for n, value in run]
    if len(points) == 1:
        points.append(points[0])  # a round cap makes a lone value a dot
    return "M" + "L".join(points)


def _area(run: list[tuple[int, float]], scale: _Scale) -> str:
    first, last = scale.x(run[0][0]), scale.x(run[-1][0])
    return f"{_path(run, scale)}L{last},{scale.height}L{first},{scale.height}Z"


def _band(limits: tuple[float | None, float | None], scale: _Scale) -> tuple[float, float]:
    low, high = limits
    top = scale.y(high) if high is not None else 0.0
    bottom = scale.y(low) if low is not None else float(scale.height)
    return (top, round(bottom - top, 1))
