"""Answers that only readers of the district get; the gateway's side of the wire is ``contract``."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel

from district.figures import PointTotal


class Totals(BaseModel):
    """Sums over the quarter-hours that lie inside [start, end], one entry for each described point."""

    site: str
    start: int
    end: int
    points: list[PointTotal]


class HealthAnswer(BaseModel):
    """``problems`` is empty when all is well; ``sites`` is absent when the database did not answer."""

    status: Literal["ok", "fail"]
    problems: list[str]
    sites: int | None = None
