"""Daily packages: which days a stretch touches, and a version of each that has its statement.

A day has its first package once its daily statement (零报告) is there, also when all is zero. Whatever comes of that day
afterwards makes a new version from what the buffer holds then. The receipt is that every file is synced and renamed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from edge_config.uplinks import ExportUplink
from gateway.errors import QueryError
from gateway.model import Change, Point
from gateway.query.views import DayPoint
from gateway.uplinks.export_folder import fault_of, try_folder, write_version
from gateway.uplinks.export_package import PERIODS, About, explain, parts
from gateway.uplinks.kinds import Speaker
from gateway.uplinks.probe import Probe, unwell
from gateway.uplinks.records import EventRecord, IntervalRecord, Record, StatementRecord, busy, records_of
from gateway.uplinks.sender import Stretch
from gateway.uplinks.verdict import Delivered, Verdict
from gateway.uplinks.wire import WireFault
from runtime import logs


class ExportSender:
    """A folder that packages go into."""

    def __init__(self, uplink: ExportUplink, speaker: Speaker) -> None:
        self._uplink, self._speaker = uplink, speaker
        site, identity = speaker.site, speaker.identity
        self._about = About(identity.site, site.file.site.name, identity.gateway, site.zone)
        self._folder = Path(uplink.folder)
        self._log = logs.get("uplink").bind(uplink=uplink.id, to=uplink.folder)
        self.name = uplink.folder

    async def send(self, stretch: Stretch) -> Verdict:
        records, refused = records_of(stretch.changes)
        try:
            for day in days_of(self._about.zone, (record for _, record in records)):
                await self._package(day)
        except WireFault as fault:
            return fault.keep()
        except QueryError as error:
            return busy(error)
        return Delivered(refused)

    def explain(self, change: Change) -> list[tuple[str, bytes]]:
        """The row of a record in its day's package; nothing is written."""
        points = {name: day_point(point) for name, point in self._speaker.points().items()}
        try:
            return [("row of the day's package 数据包中的一行", explain(self._about.zone, points, change))]
        except ValueError as error:
            return [("refused 无法表示", str(error).encode())]

    async def probe(self) -> Probe:
        """A file without a name in the folder, which is gone at once."""
        try:
            await asyncio.to_thread(try_folder, self._folder)
        except WireFault as fault:
            return unwell(fault.trouble, str(fault), fault.cure)
        return Probe(True, "文件夹可写; the folder can be written in")

    async def _package(self, day: date) -> None:
        records = await self._speaker.feed.day(day)
        if records.statement is None:
            return
        found = await asyncio.to_thread(parts, self._about, records, self._uplink.only)
        try:
            made = await asyncio.to_thread(write_version, self._folder, self._about, records.day, found)
        except OSError as error:
            raise fault_of(self._folder, error) from error
        if made is not None:
            self._log.info("a day's package was written", day=records.day, version=made.name)


def day_point(point: Point) -> DayPoint:
    """A point as a package describes it."""
    return DayPoint(
        point.name, point.device, point.space, point.quantity, point.unit, point.kind.value, str(point.step),
        point.energy_code, point.label_zh, point.label_en,
    )  # fmt: skip


def days_of(zone: ZoneInfo, records: Iterable[Record]) -> list[date]:
    """The local days whose packages the records are in, in order."""
    days: set[date] = set()
    for record in records:
        match record:
            case StatementRecord():
                days.add(date.fromisoformat(record.day))
            case IntervalRecord() if record.period not in PERIODS:
                continue
            case IntervalRecord() | EventRecord():
                days.add(datetime.fromtimestamp(record.start / 1000, zone).date())
    return sorted(days)
