"""What a site file says a centre is told of: meters, functions and codes, and which meters a sum is over. Pure."""

from __future__ import annotations

from devices.quantities import QUANTITIES
from edge_config.schema import Device
from edge_config.site import LoadedSite
from edge_config.uplinks import NationalUplink
from gateway.uplinks.national.packets import Mapped, MappedPoint
from gateway.uplinks.national.said import Speaking

NOT_CONSUMED = {"active_energy_export", "active_energy_tariff"}
"""Counters of an energy class that are no consumption, or a part of one that is counted already."""


def speaking_of(site: LoadedSite, uplink: NationalUplink) -> Speaking:
    return Speaking(uplink.spoken, uplink.building_id, uplink.gateway_id, site.zone)


def mapped_of(site: LoadedSite, uplink: NationalUplink, period_min: int) -> Mapped:
    points: dict[str, MappedPoint] = {}
    for name, meter in uplink.meters.items():
        device = site.devices[name]
        for point, function in meter.functions.items():
            points[f"{name}.{point}"] = MappedPoint(
                meter.id, device.name or name, function, device.energy_code or ""
            )
    tops = _tops(site, uplink) if uplink.spoken.body.energy_items else {}
    return Mapped(points, tops, period_min, site.zone)


def _tops(site: LoadedSite, uplink: NationalUplink) -> dict[str, list[str]]:
    """Of each energy code the consumption counters of its mapped meters, less those that are parts of another such."""
    tops: dict[str, list[str]] = {}
    for name, meter in uplink.meters.items():
        device = site.devices[name]
        code = device.energy_code or ""
        if _is_part_of_its_code(site, uplink, device):
            continue
        for point in meter.functions:
            quantity = QUANTITIES[site.profiles[device.profile].points[point].quantity]
            if quantity.energy_class == code[:2] and quantity.name not in NOT_CONSUMED:
                tops.setdefault(code, []).append(f"{name}.{point}")
    return tops


def _is_part_of_its_code(site: LoadedSite, uplink: NationalUplink, device: Device) -> bool:
    above = site.devices.get(device.parent or "")
    while above is not None:
        if above.id in uplink.meters and above.energy_code == device.energy_code:
            return True
        above = site.devices.get(above.parent or "")
    return False
