"""The meters of a site as a sheet lists them, with their newest readings; and the readings around a moment.

Asks the buffer through its one door for readers; knows nothing of files.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from decimal import Decimal

from devices import registers
from devices.profile import FieldPoint
from devices.quantities import Kind
from edge_config.schema import Device
from edge_config.site import LoadedSite
from gateway.commissioning.sheet import Filled, Meter
from gateway.commissioning.verify import Known
from gateway.model import Point
from gateway.points import build_points
from gateway.query.reader import Reader
from gateway.query.views import Latest

AROUND_MS_MIN = 120_000
"""How far from the look at the panel a reading of the gateway may lie and still bound it."""


def meters(site: LoadedSite, reader: Reader) -> list[Meter]:
    """Every counter of the site file. Raises StoreError or QueryError when the buffer cannot be read."""
    newest = {latest.point: latest for latest in reader.latest()}
    return [
        _meter(site, point, newest.get(point.name))
        for point in build_points(site)
        if point.kind is Kind.COUNTER
    ]


def known(site: LoadedSite, reader: Reader, rows: Iterable[Filled]) -> list[Known]:
    """What the gateway knows of each row's point, which is one of the site's."""
    points = {point.name: point for point in build_points(site)}
    return [_known(site, reader, row, points[row.point]) for row in rows]


def _known(site: LoadedSite, reader: Reader, row: Filled, point: Point) -> Known:
    around: list[tuple[int, float]] = []
    if row.panel_at is not None:
        reach = max(AROUND_MS_MIN, round(4000 * point.expected_interval_s))
        found = reader.raw(point.name, row.panel_at - reach, row.panel_at + reach)
        around = [(at, value) for at, value, quality in found if value is not None and quality != "bad"]
    return Known(point, _ratio(site, point), around)


def _meter(site: LoadedSite, point: Point, latest: Latest | None) -> Meter:
    device = site.devices[point.device]
    profile = site.profiles[device.profile]
    value = None if latest is None else latest.value
    return Meter(
        point=point.name, device=device.name or device.id, space=" ".join(_places(site, device)),
        model=f"{profile.maker.zh or profile.maker.en} {profile.models[0]}", bus=device.bus or device.broker or "",
        address=str(device.unit_id) if device.unit_id is not None else device.address or device.topic or "",
        quantity=point.label_zh, unit=point.unit, step=point.step, ratio=_ratio(site, point),
        reading=None if value is None else Decimal(repr(value)),
        read_at=None if latest is None or latest.measured_at is None else _local(site, latest.measured_at),
    )  # fmt: skip


def _places(site: LoadedSite, device: Device) -> Iterator[str]:
    """The building and the space, outermost first."""
    building = site.building_of(device.space)
    if building is not None and building.id != device.space:
        yield building.name
    if device.space is not None:
        yield site.spaces[device.space].name


def _ratio(site: LoadedSite, point: Point) -> Decimal:
    device = site.devices[point.device]
    place = site.profiles[device.profile].points[point.name.partition(".")[2]]
    if isinstance(place, FieldPoint):
        return Decimal(1)
    return registers.ratio_of(place, device.ct_ratio, device.pt_ratio)


def _local(site: LoadedSite, ms: int) -> datetime:
    return datetime.fromtimestamp(ms // 1000, site.zone)
