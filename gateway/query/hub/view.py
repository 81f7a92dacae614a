"""What a page gets to know of a hub itself. Plain frozen values; None means not known, never 0."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class HubGateway:
    """A gateway of the campus as its hub knows it: when it last sent anything, how many points it described, and the end of
    the newest known quarter-hour (UTC ms; None: none yet)."""

    gateway: str
    contact_at: int | None
    points: int
    data_at: int | None


@dataclass(frozen=True, slots=True)
class Hub:
    """Where answers are of a whole campus. ``strangers`` are points that were sent and are not in the site file as they were
    described: in no figure. ``data_at`` is that of the gateway furthest behind, of those that have sent any."""

    gateways: list[HubGateway]
    strangers: list[str]
    data_at: int | None
