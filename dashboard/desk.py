"""What every page works with: the site, the views, the language, the time now, and what the address asks for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property

from dashboard.charts import added
from dashboard.language import Language
from dashboard.period import Span, read_span
from dashboard.seams import Views
from dashboard.words import DAY_MS, Figure, Times, figure
from edge_config.schema import Device
from edge_config.site import LoadedSite
from gateway.query.hub.view import Hub
from gateway.query.views import Slot

STALE_MS = 5 * 60 * 1000
HUB_STALE_MS = 35 * 60 * 1000
"""A hub hears of a quarter-hour up to 20 minutes after its newest: twice that, less what is late anyway."""
ENERGY, WATER, SOLAR = "active_energy_import", "water_volume", "active_energy_yield"


@dataclass(frozen=True)
class Meter:
    """A counter of the site file. ``is_root`` when the site's total is over it."""

    point: str
    device: Device
    name: str
    is_root: bool


@dataclass(frozen=True)
class Desk:
    site: LoadedSite
    views: Views
    language: Language
    now_ms: int
    query: Mapping[str, str]
    seen: str = ""
    """The stamp of the buffer just before the page was made."""
    _meters: dict[str, list[Meter]] = field(default_factory=dict)

    @cached_property
    def times(self) -> Times:
        return Times(self.site.zone, self.language, self.now_ms)

    @cached_property
    def hub(self) -> Hub | None:
        return self.views.hub()

    @cached_property
    def today(self) -> date:
        return self.times.local(self.now_ms).date()

    @cached_property
    def span(self) -> Span:
        return read_span(self.query.get("p"), self.query.get("d"), self.today, self.site.zone)

    @property
    def end_so_far(self) -> int:
        """The end of the span, or now while it runs."""
        return min(self.span.end, max(self.now_ms, self.span.start + 1))

    @property
    def is_running(self) -> bool:
        return self.span.contains(self.now_ms)

    def heard(self, ms: int | None) -> str:
        """How long ago a device spoke; at a hub, which is not told, what there is instead."""
        return self.language("hub.seen") if ms is None and self.hub is not None else self.times.ago(ms)

    def figure(self, value: float | None, unit: str) -> Figure:
        return figure(value, unit, self.language)

    def place(self, space_id: str | None) -> str:
        """``教学楼A · 101教室``, as far as the site file knows."""
        space = self.site.spaces.get(space_id or "")
        if space is None:
            return ""
        building = self.site.building_of(space.id)
        return (
            space.name if building is None or building.id == space.id else f"{building.name} · {space.name}"
        )

    def name_of(self, device: str, name: str) -> str:
        """A device's own name; one without is called by where it hangs."""
        known = self.site.devices.get(device)
        return name if name != device or known is None else self.place(known.space) or name

    def meters(self, quantity: str) -> list[Meter]:
        """The site's counters of a quantity, incomers first."""
        if quantity not in self._meters:
            self._meters[quantity] = sorted(self._find_meters(quantity), key=lambda meter: not meter.is_root)
        return self._meters[quantity]

    def _find_meters(self, quantity: str) -> Iterator[Meter]:
        for point, is_root in self.views.meter_points(quantity):
            device = self.site.devices.get(point.partition(".")[0])
            if device is not None:
                yield Meter(point, device, device.name or device.id, is_root)

    def whole(self, quantity: str, start: int, end: int, period: str) -> dict[int, Slot]:
        """The whole site's consumption slot by slot: the sum of the meters that no other meter includes."""
        roots = [meter.point for meter in self.meters(quantity) if meter.is_root]
        return added([self.views.series(point, start, end, period) for point in roots])

    def is_school_day(self, day: date) -> bool:
        return self.site.calendar.is_school_day(day)

    def days_ago_ms(self, days: int) -> int:
        return self.now_ms - days * DAY_MS
