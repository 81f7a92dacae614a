"""The site's points: every device with its profile, its ratios and its place, as the store and the rules know them."""

from __future__ import annotations

from decimal import Decimal

from devices import registers
from devices.profile import AnyPoint, AnyProfile, FieldPoint, ModbusProfile, MqttProfile
from devices.quantities import Kind
from edge_config.schema import Device
from edge_config.site import LoadedSite
from gateway.model import Point
from gateway.sources.frame_groups import slow_frames
from gateway.sources.poll_groups import slow_every, slow_points
from gateway.sources.request_plan import plan

POLL_INTERVAL_S = 10.0
"""Where the site file gives none."""

APPLIANCE_GROUPS = frozenset({"air", "canteen", "disinfection"})


def expected_interval_s(device: Device, profile: AnyProfile) -> float:
    """How often the device's readings should come, in seconds."""
    if isinstance(profile, MqttProfile):
        return device.poll_interval_s or profile.interval_s
    return device.poll_interval_s or POLL_INTERVAL_S


def build_points(site: LoadedSite) -> list[Point]:
    """All real points in the order of the site file; virtual points are sums over these and have no readings."""
    return [
        _point(device, name, point, _interval_s(device, profile, is_slow=name in slow))
        for device in site.file.devices
        for profile in (site.profiles[device.profile],)
        for slow in (_slow_points(profile),)
        for name, point in profile.points.items()
    ]


def _interval_s(device: Device, profile: AnyProfile, *, is_slow: bool) -> float:
    """How often a point's readings should come, in seconds: a meter's slow group comes more rarely."""
    interval_s = expected_interval_s(device, profile)
    return interval_s * slow_every(interval_s) if is_slow else interval_s


def _slow_points(profile: AnyProfile) -> frozenset[str]:
    if isinstance(profile, ModbusProfile):
        return slow_points(profile.points, plan(profile.points, profile.limits))
    return slow_frames(profile)


def parts(site: LoadedSite) -> set[str]:
    """Devices whose counters must not be added to a school's total: what has a parent is in it already, and the energy
    counter of a lamp or a sensor is no meter unless the site file gives it an energy code."""
    return {device.id for device in site.file.devices if device.parent or _is_appliance(site, device)}


def _is_appliance(site: LoadedSite, device: Device) -> bool:
    groups = {point.info.group for point in site.profiles[device.profile].points.values()}
    return device.energy_code is None and bool(groups & APPLIANCE_GROUPS)


def _point(device: Device, name: str, point: AnyPoint, interval_s: float) -> Point:
    info, ratio = point.info, Decimal(1)
    if not isinstance(point, FieldPoint):
        ratio = registers.ratio_of(point, device.ct_ratio, device.pt_ratio)
    step = registers.resolution(point, ratio)
    modulus = registers.modulus(point, ratio, step)
    low, high = point.range or (None, None)
    label = point.label
    return Point(
        name=f"{device.id}.{name}", device=device.id, space=device.space, quantity=point.quantity, unit=info.unit,
        kind=info.kind, step=step, expected_interval_s=interval_s,
        range_min=None if low is None else low * float(ratio), range_max=None if high is None else high * float(ratio),
        modulus_steps=modulus, rate_max_per_h=_rate_max(device, info.kind, info.group), energy_code=device.energy_code,
        label_zh=(label and label.zh) or info.label_zh, label_en=(label and label.en) or info.label_en,
    )  # fmt: skip


def _rate_max(device: Device, kind: Kind, group: str) -> float | None:
    """The fastest rise the site file declares possible, in the counter's unit per hour."""
    if kind is not Kind.COUNTER:
        return None
    return {"energy": device.power_max_kw, "water": device.flow_max_m3h}.get(group)
