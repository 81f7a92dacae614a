"""A loaded site: the site file with its profiles, limits and calendar, ready for the rooms that need it.

Pure once loaded; ``loader`` reads the files and reports what is wrong.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time
from functools import cached_property
from pathlib import Path
from zoneinfo import ZoneInfo

from devices.profile import AnyProfile
from edge_config.problems import Problem
from edge_config.schema import CalendarDay, Device, LimitsFile, SiteFile, Space
from edge_config.tariffs import TariffFile


@dataclass(frozen=True, slots=True)
class SchoolCalendar:
    """Which days are school days; days not listed count as school days from Monday to Friday."""

    days: dict[date, CalendarDay] = field(default_factory=dict)
    lessons: tuple[tuple[time, time], ...] = ((time(8, 0), time(11, 45)), (time(13, 0), time(16, 30)))

    meals: tuple[tuple[time, time], ...] = (
        (time(6, 30), time(7, 50)),
        (time(11, 0), time(12, 50)),
        (time(17, 0), time(18, 20)),
    )

    def is_school_day(self, day: date) -> bool:
        listed = self.days.get(day)
        if listed is not None:
            return listed.kind in {"school", "makeup"}
        return day.weekday() < 5

    def is_lesson(self, moment: datetime) -> bool:
        """``moment`` is local site time."""
        return self.is_school_day(moment.date()) and any(a <= moment.time() < b for a, b in self.lessons)

    def is_meal(self, moment: datetime) -> bool:
        """Whether the canteen serves, at ``moment`` in local site time."""
        return self.is_school_day(moment.date()) and any(a <= moment.time() < b for a, b in self.meals)


@dataclass(frozen=True)
class LoadedSite:
    """Everything one site says. ``folder`` is where relative paths in the site file start."""

    file: SiteFile
    folder: Path
    path: Path
    profiles: dict[str, AnyProfile]
    limits: LimitsFile | None = None
    calendar: SchoolCalendar = SchoolCalendar()
    warnings: tuple[Problem, ...] = ()
    """What works and is still worth a look; ``check`` prints it."""
    adopted: tuple[str, ...] = ()
    """Ids of the devices that stand in ``site.d/web.yaml`` and not in the installer's file."""
    tariffs: TariffFile | None = None

    @cached_property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.file.site.timezone)

    @cached_property
    def spaces(self) -> dict[str, Space]:
        return {space.id: space for space in self.file.spaces}

    @cached_property
    def devices(self) -> dict[str, Device]:
        return {device.id: device for device in self.file.devices}

    @property
    def buffer_path(self) -> Path:
        return self.folder / self.file.buffer.path

    @property
    def hub_path(self) -> Path | None:
        """The database of the campus's hub, where this is a campus's file; None for one gateway's."""
        return None if self.file.hub is None else self.folder / self.file.hub.database

    @property
    def web_path(self) -> Path:
        return self.folder / "site.d" / "web.yaml"

    @property
    def control_path(self) -> Path:
        return self.buffer_path.parent / "control.sock"

    def with_device(self, device: Device, profile: AnyProfile) -> LoadedSite:
        """The site and one more device that staff adopted."""
        file = self.file.model_copy(update={"devices": (*self.file.devices, device)})
        profiles = {**self.profiles, device.profile: profile}
        return replace(self, file=file, profiles=profiles, adopted=(*self.adopted, device.id))

    def lies_in(self, space_id: str, outer: Collection[str]) -> bool:
        """Whether a space is one of ``outer`` or inside one of them."""
        seen: set[str] = set()
        here: str | None = space_id
        while here is not None and here not in seen:
            if here in outer:
                return True
            seen.add(here)
            here = self.spaces[here].within
        return False

    def building_of(self, space_id: str | None) -> Space | None:
        """The building a space lies in, or None for what lies in none."""
        seen: set[str] = set()
        while space_id is not None and space_id not in seen:
            seen.add(space_id)
            space = self.spaces[space_id]
            if space.kind == "building":
                return space
            space_id = space.within
        return None
