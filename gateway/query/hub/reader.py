"""``HubReader``: the questions of ``gateway.query.reader.Reader``, asked of a hub's database for the whole campus.

Counts, intervals, events and statements are answered by the very functions that answer for one gateway. What a hub is never
sent is not known here: no reading, no present value, no state of a device; these answers say ``unknown`` and None, never 0.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from pathlib import Path

from edge_config.site import LoadedSite
from gateway.query import connection, devices, shares, views
from gateway.query.hub import shape
from gateway.query.hub.view import Hub, HubGateway
from gateway.query.newest import Newest
from gateway.query.reader import Reader
from gateway.query.snapshot import Snapshot
from runtime.clock import Clock

UNKNOWN = "unknown"
NOT_SENT = "not_sent"
"""Why there is no present value: readings stay at the gateway."""
DATA_AT = (
    f'(SELECT i."end" FROM hub.interval i INDEXED BY {shape.INDEX} WHERE i.site_id = p.site_id AND i.point = p.point'
    " AND i.period = '15min' AND i.content <> 'missing' AND i.start < ? ORDER BY i.start DESC LIMIT 1)"
)
"""The end of the newest known quarter-hour of a point ``p`` that began before a moment."""


class HubSnapshot(Snapshot):
    """One look at a hub."""

    @cached_property
    def newest(self) -> dict[int, Newest]:
        """Readings stay at their gateways; the last closed slot is no present value."""
        return {}

    @cached_property
    def data_at(self) -> int | None:
        """The end of the newest known quarter-hour of the gateway that is furthest behind, of those that have sent any."""
        return min((one.data_at for one in gateways(self) if one.data_at is not None), default=None)


class HubReader(Reader):
    """Answers about a campus from the database of its hub. Raises what ``Reader`` raises."""

    def __init__(self, site: LoadedSite, clock: Clock, path: Path, deadline_s: float = 5.0) -> None:
        # The gateways' uplinks are not the hub's: what they have delivered is not known here.
        quiet = replace(site, file=site.file.model_copy(update={"uplinks": []}))
        super().__init__(quiet, clock, deadline_s)
        self._path = path

    @contextmanager
    def look(self) -> Iterator[HubSnapshot]:
        with shape.snapshot_of(self._path, self._site, self._deadline_s) as db:
            yield HubSnapshot(db, self._site, self._clock.now_ms())

    @contextmanager
    def at_one_moment(self) -> Iterator[HubReader]:
        with self.look() as snapshot:
            yield _Held(self._site, self._clock, self._path, snapshot)

    def change_token(self) -> str:
        return connection.change_token(self._path)

    def hub(self) -> Hub | None:
        with self.look() as snapshot:
            found = gateways(snapshot)
            return Hub(found, shape.strangers(snapshot.db, self._site), snapshot.data_at)

    def overview(self) -> views.Overview:
        found = super().overview()
        return replace(
            found, rooms=[_room(room) for room in found.rooms], cold=[_unit(unit) for unit in found.cold],
            disinfection=[replace(unit, state=UNKNOWN) for unit in found.disinfection], devices_online=None,
            power_now=_unheard(found.power_now),
        )  # fmt: skip

    def items(self, start: int, end: int) -> list[views.Share]:
        """Over the time of which every gateway has told, see ``_balanced``."""
        with self.look() as snapshot:
            return _balanced(snapshot, shares.ELECTRICITY, start, end, shares.items)

    def buildings(self, quantity: str, start: int, end: int) -> list[views.Share]:
        """Over the time of which every gateway has told, see ``_balanced``."""
        with self.look() as snapshot:
            return _balanced(
                snapshot, quantity, start, end, lambda *span: shares.buildings(span[0], quantity, *span[1:])
            )

    def latest(self, points: Sequence[str] | None = None) -> list[views.Latest]:
        return [_not_sent(one) for one in super().latest(points)]

    def rooms(self) -> list[views.Room]:
        return [_room(room) for room in super().rooms()]

    def cold(self) -> list[views.ColdUnit]:
        return [_unit(unit) for unit in super().cold()]

    def disinfection_units(self) -> list[views.DisinfectionUnit]:
        return [replace(unit, state=UNKNOWN) for unit in super().disinfection_units()]

    def completeness(self, first_day: str, last_day: str, level: str = "site") -> list[views.Completeness]:
        """What the gateways have delivered elsewhere is not known here."""
        return [replace(row, delivered=None) for row in super().completeness(first_day, last_day, level)]

    def devices(self) -> list[views.DeviceRow]:
        """``line`` is the gateway that sends the device, "" where none has yet: buses and topics are the gateways' own.
        ``seen_at`` is the end of its newest known quarter-hour."""
        with self.look() as snapshot:
            sent = senders(snapshot)
            return [_device(row, *sent.get(row.device, ("", None))) for row in devices.devices(snapshot)]


class _Held(HubReader):
    """A reader on a look that somebody else opened and will close."""

    def __init__(self, site: LoadedSite, clock: Clock, path: Path, snapshot: HubSnapshot) -> None:
        super().__init__(site, clock, path)
        self._snapshot = snapshot

    @contextmanager
    def look(self) -> Iterator[HubSnapshot]:
        yield self._snapshot


def gateways(snapshot: Snapshot) -> list[HubGateway]:
    """Every gateway that may write, heard or not, by its id."""
    rows = snapshot.db.execute(
        f"SELECT g.gateway_id, g.contact_at, count(p.point), max({DATA_AT})"
        " FROM hub.gateway g LEFT JOIN hub.point p ON p.site_id = g.site_id AND p.gateway_id = g.gateway_id"
        " WHERE g.site_id = ? GROUP BY g.gateway_id ORDER BY g.gateway_id",
        (snapshot.now, snapshot.site.file.site.id),
    )
    return [HubGateway(*row) for row in rows]


def _balanced(
    snapshot: Snapshot,
    quantity: str,
    start: int,
    end: int,
    split: Callable[[Snapshot, int, int], list[views.Share]],
) -> list[views.Share]:
    """The split of that part of [start, end) in which all gateways with meters of ``quantity`` have data: what the main meter
    counted before or after those of another gateway would pass for loss. Where there is no such part the rest is not known."""
    spans = spans_of(snapshot, quantity)
    first, last = max([start, *(began for began, _ in spans)]), min([end, *(ended for _, ended in spans)])
    if first < last:
        return split(snapshot, first, last)
    return [share if share.code else replace(share, value=None) for share in split(snapshot, start, end)]


def spans_of(snapshot: Snapshot, quantity: str) -> list[tuple[int, int]]:
    """From when and until when the hub has data of ``quantity``, for each gateway that has sent any of a point that the site
    file has."""
    rows = snapshot.db.execute(
        f"SELECT min(p.first_at), max({DATA_AT}) FROM hub.point p JOIN main.point m ON m.name = p.point"
        " WHERE p.site_id = ? AND p.quantity = ? GROUP BY p.gateway_id",
        (snapshot.now, snapshot.site.file.site.id, quantity),
    )
    return [(began, ended) for began, ended in rows if began is not None and ended is not None]


def senders(snapshot: Snapshot) -> dict[str, tuple[str, int | None]]:
    """Device → the gateway that sends it, or those that do where its points come from several; and the end of its newest
    known quarter-hour."""
    rows = snapshot.db.execute(
        f"SELECT p.device, group_concat(DISTINCT p.gateway_id), max({DATA_AT}) FROM hub.point p"
        " WHERE p.site_id = ? GROUP BY p.device",
        (snapshot.now, snapshot.site.file.site.id),
    )
    return {device: (gateway, data_at) for device, gateway, data_at in rows}


def _device(row: views.DeviceRow, gateway: str, data_at: int | None) -> views.DeviceRow:
    latest = [_not_sent(one) for one in row.latest]
    return replace(row, latest=latest, state=UNKNOWN, line=gateway, seen_at=data_at, rejected=None)


def _not_sent(latest: views.Latest) -> views.Latest:
    return replace(latest, reason=NOT_SENT)


def _unheard(latest: views.Latest | None) -> views.Latest | None:
    return None if latest is None else _not_sent(latest)


def _room(room: views.Room) -> views.Room:
    figures = {name: _not_sent(one) for name, one in room.figures.items()}
    return replace(room, state=UNKNOWN, figures=figures, why=[], advice_zh="", advice_en="")


def _unit(unit: views.ColdUnit) -> views.ColdUnit:
    return replace(unit, state=UNKNOWN, latest=_not_sent(unit.latest), door_open=None)
