"""``Reader``: the one door. Every call is one read-only connection, one snapshot, one deadline.

Calls block for as long as SQLite needs, so a process with an event loop makes them on a thread; a ``Reader`` holds no
state and any thread may use it. Times are UTC epoch milliseconds, spans are [start, end), days are local dates of the
site written ``2026-11-22``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date

from edge_config.site import LoadedSite
from gateway.candidate import Candidate
from gateway.errors import QueryError
from gateway.model import Change
from gateway.query import (
    alarms,
    candidates,
    cold,
    comparison,
    completeness,
    connection,
    day_records,
    devices,
    disinfection,
    facts,
    latest,
    ledger,
    meters,
    overview,
    replaced,
    rooms,
    series,
    shares,
    tariffs,
    totals,
    uplinks,
    views,
)
from gateway.query.hub.view import Hub
from gateway.query.snapshot import Snapshot
from runtime.clock import Clock


class Reader:
    """Answers about one site's buffer. Any call may raise QueryTimeoutError past ``deadline_s`` (real seconds),
    StoreError when the buffer cannot be read, and QueryError for a question that makes no sense."""

    def __init__(self, site: LoadedSite, clock: Clock, deadline_s: float = 5.0) -> None:
        self._site, self._clock, self._deadline_s = site, clock, deadline_s

    @contextmanager
    def look(self) -> Iterator[Snapshot]:
        """Several questions about one and the same moment."""
        with connection.snapshot_of(self._site.buffer_path, self._deadline_s) as db:
            yield Snapshot(db, self._site, self._clock.now_ms())

    @contextmanager
    def at_one_moment(self) -> Iterator[Reader]:
        """A reader whose every answer is of one and the same moment, for a page that asks many questions. One thread."""
        with self.look() as snapshot:
            yield _Held(self._site, self._clock, snapshot)

    def overview(self) -> views.Overview:
        with self.look() as snapshot:
            return overview.overview(snapshot)

    def latest(self, points: Sequence[str] | None = None) -> list[views.Latest]:
        with self.look() as snapshot:
            return latest.latest(snapshot, points)

    def series(self, point: str, start: int, end: int, period: str) -> views.Series:
        """Closed slots of ``15min``, ``hour`` or ``day`` that touch the span."""
        with self.look() as snapshot:
            return series.series(snapshot, snapshot.points[point], start, end, period)

    def raw(self, point: str, start: int, end: int, limit: int = 5000) -> list[tuple[int, float | None, str]]:
        """(measured_at, value, quality), the oldest ``limit`` readings of the span."""
        with self.look() as snapshot:
            return series.raw(snapshot, snapshot.points[point], start, end, limit)

    def total(
        self,
        quantity: str,
        start: int,
        end: int,
        space: str | None = None,
        points: Sequence[str] | None = None,
    ) -> views.Total:
        """Consumption over the meters on top, of the site or of ``space``, or over the named points."""
        with self.look() as snapshot:
            chosen = totals.points_of(snapshot, quantity, space, points)
            return totals.total(snapshot, quantity, chosen, start, end)

    def compared(self, quantity: str, start: int, end: int) -> views.Total:
        """The site's total so far beside the same weekday last week and the day before."""
        with self.look() as snapshot:
            chosen = totals.points_of(snapshot, quantity)
            return comparison.compared(snapshot, quantity, chosen, start, end)

    def tariffs(
        self,
        quantity: str,
        start: int,
        end: int,
        space: str | None = None,
        points: Sequence[str] | None = None,
    ) -> list[views.TariffShare]:
        """``total`` by tariff (尖峰平谷)."""
        with self.look() as snapshot:
            chosen = totals.points_of(snapshot, quantity, space, points)
            return tariffs.by_tariff(snapshot, chosen, start, end, meters.unit_of(quantity))

    def items(self, start: int, end: int) -> list[views.Share]:
        with self.look() as snapshot:
            return shares.items(snapshot, start, end)

    def buildings(self, quantity: str, start: int, end: int) -> list[views.Share]:
        with self.look() as snapshot:
            return shares.buildings(snapshot, quantity, start, end)

    def meters(self, group: str, start: int, end: int) -> list[views.Share]:
        """Each meter of ``energy``, ``water``, ``gas`` or ``heat``; mains and sub-meters side by side."""
        with self.look() as snapshot:
            return shares.meter_shares(snapshot, group, start, end)

    def meter_points(self, quantity: str) -> list[tuple[str, bool]]:
        """The site's meters of a quantity by point, and whether each is on top: the site's total is over those."""
        with self.look() as snapshot:
            every = meters.of_quantity(snapshot.site, snapshot.points, quantity)
            top = {point.name for point in meters.on_top(snapshot.site, every)}
            return [(point.name, point.name in top) for point in every]

    def rooms(self) -> list[views.Room]:
        with self.look() as snapshot:
            return rooms.rooms(snapshot)

    def air_grid(self, quantity: str, day: str) -> list[views.Series]:
        with self.look() as snapshot:
            return rooms.air_grid(snapshot, quantity, read_day(day))

    def cold(self) -> list[views.ColdUnit]:
        with self.look() as snapshot:
            return cold.cold(snapshot)

    def cold_series(self, device: str, start: int, end: int) -> views.Series:
        with self.look() as snapshot:
            return cold.cold_series(snapshot, device, start, end)

    def disinfection_units(self) -> list[views.DisinfectionUnit]:
        with self.look() as snapshot:
            return disinfection.units(snapshot)

    def disinfection_runs(self, start: int, end: int) -> list[views.DisinfectionRun]:
        """Runs that began in the span, newest first."""
        with self.look() as snapshot:
            return disinfection.runs(snapshot, start, end)

    def alarms(
        self, state: str | None = "open", limit: int = 200, start: int | None = None, end: int | None = None
    ) -> list[views.Alarm]:
        """State None is open and closed."""
        with self.look() as snapshot:
            return alarms.alarms(snapshot, state, limit, start, end)

    def devices(self) -> list[views.DeviceRow]:
        with self.look() as snapshot:
            return devices.devices(snapshot)

    def candidates(self, limit: int = 100) -> list[Candidate]:
        """What speaks on a broker and is no device of the site."""
        with self.look() as snapshot:
            return candidates.candidates(snapshot, limit)

    def uplinks(self) -> list[views.UplinkRow]:
        with self.look() as snapshot:
            return uplinks.uplinks(snapshot)

    def completeness(self, first_day: str, last_day: str, level: str = "site") -> list[views.Completeness]:
        """Per day and subject of ``level``: site, building, device or point."""
        with self.look() as snapshot:
            return completeness.completeness(snapshot, read_day(first_day), read_day(last_day), level)

    def ledger(self, point: str, start: int, end: int) -> list[views.LedgerSlot]:
        """Every due quarter-hour of a point that begins in the span."""
        with self.look() as snapshot:
            return ledger.ledger(snapshot, snapshot.points[point], start, end)

    def rejections(self, limit: int = 200) -> list[views.Rejection]:
        """What was refused and why, the newest first."""
        with self.look() as snapshot:
            return facts.rejections(snapshot, limit)

    def activity(self) -> views.Activity | None:
        with self.look() as snapshot:
            return facts.activity(snapshot)

    def statements(self, limit: int = 35) -> list[views.Statement]:
        with self.look() as snapshot:
            return facts.statements(snapshot, limit)

    def day_records(self, day: date) -> views.DayRecords:
        """Points, stored slots, events and statement of a local day that has its statement; of another day nothing."""
        with self.look() as snapshot:
            return day_records.day_records(snapshot, day)

    def replaced(self, changes: Sequence[Change]) -> frozenset[int]:
        """The seqs of changes of which a newer revision is stored."""
        with self.look() as snapshot:
            return replaced.replaced(snapshot, changes)

    def hub(self) -> Hub | None:
        """What a hub knows of its gateways; a gateway's own buffer is none."""
        return None

    def change_token(self) -> str:
        """Differs when anything shown may have changed; opens nothing."""
        return connection.change_token(self._site.buffer_path)


class _Held(Reader):
    """A reader on a snapshot that somebody else opened and will close."""

    def __init__(self, site: LoadedSite, clock: Clock, snapshot: Snapshot) -> None:
        super().__init__(site, clock)
        self._snapshot = snapshot

    @contextmanager
    def look(self) -> Iterator[Snapshot]:
        yield self._snapshot


def read_day(text: str) -> date:
    """Raises QueryError when it is not a date."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise QueryError(f"{text!r} is not a day; write it as 2026-11-22") from None
