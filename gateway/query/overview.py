"""Everything the first page shows, from one snapshot."""

from __future__ import annotations

from gateway.query import alarms, cold, devices, disinfection, facts, power, rooms, uplinks
from gateway.query.comparison import compared
from gateway.query.snapshot import Snapshot
from gateway.query.totals import points_of, total
from gateway.query.views import Overview, Total

ALARMS_MAX = 200


def overview(snapshot: Snapshot) -> Overview:
    power_now = power.now(snapshot)
    power_max, power_max_at = power.highest_today(snapshot, power_now)
    return Overview(
        now=snapshot.now, site_name=snapshot.site.file.site.name,
        electricity_today=_today(snapshot, "active_energy_import"), water_today=_today(snapshot, "water_volume"),
        solar_today=_solar(snapshot), power_now=power_now, power_max_today=power_max, power_max_at=power_max_at,
        rooms=rooms.rooms(snapshot), cold=cold.cold(snapshot), disinfection=disinfection.units(snapshot),
        devices_total=len(snapshot.site.file.devices), devices_online=devices.online(snapshot),
        alarms=alarms.alarms(snapshot, "open", ALARMS_MAX), uplinks=uplinks.uplinks(snapshot),
        activity=facts.activity(snapshot), data_at=snapshot.data_at,
    )  # fmt: skip


def _today(snapshot: Snapshot, quantity: str) -> Total:
    return compared(snapshot, quantity, points_of(snapshot, quantity), *snapshot.day)


def _solar(snapshot: Snapshot) -> Total | None:
    """None where no inverter is fitted."""
    points = points_of(snapshot, "active_energy_yield")
    return total(snapshot, "active_energy_yield", points, *snapshot.day) if points else None
