"""What a device stands in: teaching building, kitchen, dormitory or something else, from the site's spaces."""

from __future__ import annotations

from edge_config.schema import Device
from edge_config.site import LoadedSite

_PLACE_OF_KIND = {"classroom": "teaching", "kitchen": "kitchen", "dormitory": "dormitory"}
COLD_ROOM_WORDS = ("freezer", "frozen", "冷冻")


def place_of(site: LoadedSite, space_id: str | None) -> str:
    """``teaching``, ``kitchen``, ``dormitory`` or ``office``: the nearest space that says so, else what it contains."""
    while space_id is not None:
        space = site.spaces[space_id]
        if space.kind in _PLACE_OF_KIND:
            return _PLACE_OF_KIND[space.kind]
        inside = {other.kind for other in site.spaces.values() if other.within == space_id}
        for kind in ("kitchen", "dormitory", "classroom"):
            if kind in inside:
                return _PLACE_OF_KIND[kind]
        space_id = space.within
    return "office"


def room_of(device: Device) -> str:
    """What tells one room from another: the space, or the device where the site names none."""
    return device.space or device.id


def is_freezer(site: LoadedSite, device: Device) -> bool:
    """Whether the names of a cold store say that it freezes."""
    space = site.spaces.get(device.space) if device.space else None
    words = f"{device.id} {device.name or ''} {space.name if space else ''}".lower()
    return any(word in words for word in COLD_ROOM_WORDS)
