"""The campus with known truth: every point of a site, exactly, at any time since the campus epoch.

Deterministic in (site, seed, time) and without state that matters: a history process and a live process, killed and
started as often as one likes, show the same registers at the same instant. All chance comes from ``noise``.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from devices.profile import AnyPoint, FieldPoint, RegisterPoint
from edge_config.schema import Device
from edge_config.site import LoadedSite
from simulators.faces import Face, Number, field_face, register_face
from simulators.frame_faces import frame_face
from simulators.signals import Signal, is_counter, signal
from simulators.world import World

DEFAULT_SEED = 20260901


@dataclass(frozen=True, slots=True)
class SimPoint:
    """One point of one device: its truth and what the device shows of it."""

    name: str
    device: Device
    key: str
    spec: AnyPoint
    signal: Signal
    face: Face
    counts: bool

    def raw(self, ms: int) -> Number:
        """The number on the wire at ``ms``."""
        return (
            self.face.counter_raw(int(self.signal(ms)))
            if self.counts
            else self.face.gauge_raw(self.signal(ms))
        )

    def shown(self, ms: int) -> float:
        """The value in the quantity's unit that a correct reader makes of the wire at ``ms``."""
        return self.face.shown(self.raw(ms))

    def exact(self, ms: int) -> Decimal:
        """The truth itself, before any register: exact for counters, as computed for gauges."""
        value = self.signal(ms)
        return Decimal(int(value)).scaleb(-6) if self.counts else Decimal(repr(float(value)))


@dataclass(frozen=True, slots=True)
class CounterTruth:
    """A counter at two times as its register would show it unwrapped, in its unit."""

    point: str
    unit: str
    start: Decimal
    end: Decimal
    resolution: Decimal


def _face(spec: AnyPoint, device: Device) -> Face:
    if isinstance(spec, RegisterPoint):
        return register_face(spec, device)
    return field_face(spec) if isinstance(spec, FieldPoint) else frame_face(spec, device)


class Campus:
    """Every point of a site by name (``device.point``), in the order of the site file."""

    def __init__(self, site: LoadedSite, seed: int = DEFAULT_SEED) -> None:
        self.site = site
        self.world = World(site, seed)
        self.points: dict[str, SimPoint] = {}
        for device in site.file.devices:
            for key, spec in site.profiles[device.profile].points.items():
                point = self._point(device, key, spec)
                self.points[point.name] = point

    def _point(self, device: Device, key: str, spec: AnyPoint) -> SimPoint:
        face = _face(spec, device)
        truth = signal(self.world, device, key, spec.quantity)
        return SimPoint(f"{device.id}.{key}", device, key, spec, truth, face, is_counter(spec.quantity))

    def warm_up(self, ms: int) -> None:
        """Add up the registers from the campus epoch to ``ms`` now, so that the first request need not wait for it."""
        for point in self.points.values():
            point.signal(ms)

    def of(self, device_id: str) -> list[SimPoint]:
        return [point for point in self.points.values() if point.device.id == device_id]

    def truth(self, point: str, ms: int) -> Decimal:
        """The exact value of ``device.point`` at ``ms``. Raises KeyError for a point the site does not have."""
        return self.points[point].exact(ms)

    def counter_truth(self, start_ms: int, end_ms: int) -> list[CounterTruth]:
        """Every counter at both times."""
        return [
            CounterTruth(
                point.name,
                point.spec.info.unit,
                point.face.counter_unwrapped(int(point.signal(start_ms))),
                point.face.counter_unwrapped(int(point.signal(end_ms))),
                point.face.resolution,
            )
            for point in self.points.values()
            if point.counts
        ]
