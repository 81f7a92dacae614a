"""Every device of the site file and how it is."""

from __future__ import annotations

from devices.profile import AnyProfile, MqttProfile
from edge_config.schema import Device
from gateway.query.completeness import measured_share_today
from gateway.query.latest import latest_of
from gateway.query.snapshot import Snapshot
from gateway.query.views import DeviceRow

UNKNOWN = ("unknown", None, "")


def devices(snapshot: Snapshot) -> list[DeviceRow]:
    rejected, shares = _rejected(snapshot), measured_share_today(snapshot)
    return [_row(snapshot, device, rejected, shares) for device in snapshot.site.file.devices]


def online(snapshot: Snapshot) -> int:
    """How many of the site file's devices are online."""
    known = snapshot.site.devices
    return sum(
        state == "online" for device, (state, _, _) in snapshot.device_states.items() if device in known
    )


def _row(snapshot: Snapshot, device: Device, rejected: dict[str, int], shares: dict[str, float]) -> DeviceRow:
    profile = snapshot.site.profiles[device.profile]
    state, since, detail = snapshot.device_states.get(device.id, UNKNOWN)
    latest = [latest_of(snapshot, point) for point in snapshot.points.of_device(device.id)]
    return DeviceRow(
        device=device.id, name=device.name or device.id, profile=device.profile,
        title_zh=profile.title.zh or profile.title.en, title_en=profile.title.en, wire=profile.wire.value,
        line=device.bus or device.broker or "", address=_address(device, profile), space=device.space,
        state=state, since=since, seen_at=max((row.measured_at for row in latest if row.measured_at), default=None),
        detail=detail, rejected=rejected.get(device.id, 0), completeness_today=shares.get(device.id), latest=latest,
    )  # fmt: skip


def _address(device: Device, profile: AnyProfile) -> str:
    if isinstance(profile, MqttProfile):
        return device.topic or ""
    return str(device.unit_id) if device.unit_id is not None else device.address or ""


def _rejected(snapshot: Snapshot) -> dict[str, int]:
    """Refused messages and values by device; a rejection's subject is a device or a point of one."""
    counts: dict[str, int] = {}
    for subject, count in snapshot.db.execute("SELECT subject, sum(count) FROM rejection GROUP BY subject"):
        device = str(subject).partition(".")[0]
        counts[device] = counts.get(device, 0) + count
    return counts
