"""One consistent look at the buffer, and what several questions about it share. Lives as long as one call."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property

from edge_config.site import LoadedSite
from gateway.query import known_points, newest
from gateway.query.known_points import KnownPoint, KnownPoints
from gateway.query.newest import Newest
from gateway.slots import day_bounds


@dataclass(frozen=True)
class Snapshot:
    """``now`` is the gateway's clock at the moment of asking, UTC ms."""

    db: sqlite3.Connection
    site: LoadedSite
    now: int

    @cached_property
    def points(self) -> KnownPoints:
        return known_points.load(self.db, self.site)

    @cached_property
    def data_at(self) -> int | None:
        return newest.data_at(self.db, self.now)

    @cached_property
    def newest(self) -> dict[int, Newest]:
        return newest.newest(self.db, self.points.real(), self.data_at, self.now)

    def newest_of(self, point: KnownPoint) -> Newest | None:
        return None if point.point_id is None else self.newest.get(point.point_id)

    @cached_property
    def device_states(self) -> dict[str, tuple[str, int, str]]:
        """Device → (state, since, detail)."""
        rows = self.db.execute("SELECT device, state, since, detail FROM device_state")
        return {device: (state, since, detail) for device, state, since, detail in rows}

    @cached_property
    def today(self) -> date:
        return datetime.fromtimestamp(self.now / 1000, self.site.zone).date()

    @cached_property
    def day(self) -> tuple[int, int]:
        """Today's first instant and tomorrow's, in the site's zone."""
        return day_bounds(self.today, self.site.zone)

    def device_name(self, device: str) -> str:
        known = self.site.devices.get(device)
        return (known.name if known is not None else None) or device
