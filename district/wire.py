"""Answers that only readers of the district get; the gateway's side of the wire is ``contract``."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from district.figures import PointTotal


class Totals(BaseModel):
    """Sums over the quarter-hours that lie inside [start, end], one entry for each described point."""

    site: str
    start: int
    end: int
    points: list[PointTotal]


class UpstreamHealth(BaseModel):
    """A district above. ``name`` is absent where no pages are served, ``oldest_age_s`` when nothing waits, ``last_receipt_age_s``
    when there never was one, ``trouble`` when nothing holds batches up."""

    name: str | None = None
    waiting_batches: int
    waiting_bytes: int
    oldest_age_s: float | None = None
    last_receipt_age_s: float | None = None
    stopped_gateways: int = Field(description="gateways that wait for a person")
    trouble: str | None = Field(default=None, description="a code: no_answer, unauthorized, fenced …")


class QueueHealth(BaseModel):
    """``reachable`` and what waits are absent where this process uses no queue, what waits also when the cluster does not say."""

    reachable: bool | None = None
    waiting_batches: int | None = None
    waiting_bytes: int | None = None
    refused_batches: int = Field(description="refused after their receipt, kept for a person")


class HealthAnswer(BaseModel):
    """``problems`` is empty when all is well; ``sites`` is absent when the database did not answer. Trouble of a district above
    is no problem of this one: batches are taken."""

    status: Literal["ok", "fail"]
    problems: list[str]
    sites: int | None = None
    upstreams: list[UpstreamHealth] | None = Field(default=None, description="absent without a relay")
    queue: QueueHealth | None = Field(default=None, description="absent without a queue")
