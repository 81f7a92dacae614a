"""The entries of a site file, each with its place and without what is wrong in itself, for the checks between them.

Where one key of a device is wrong, the checks still look at its other keys and at all other devices; where a device
cannot be read at all its id still counts as known, so that one mistake gives one message. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError

from devices.profile import AnyProfile
from edge_config.problems import DocPath
from edge_config.schema import (
    Broker,
    Buffer,
    Bus,
    Device,
    Listen,
    Site,
    SiteFile,
    Space,
    VirtualPoint,
)
from edge_config.uplinks import Uplink

Profile = AnyProfile
M = TypeVar("M", bound=BaseModel)

SECTIONS: dict[str, TypeAdapter[Any]] = {
    "spaces": TypeAdapter(Space),
    "buses": TypeAdapter(Bus),
    "brokers": TypeAdapter(Broker),
    "devices": TypeAdapter(Device),
    "points": TypeAdapter(VirtualPoint),
    "uplinks": TypeAdapter(Uplink),
}
LISTENERS = ("collector", "dashboard", "worker")


@dataclass(frozen=True, slots=True)
class Draft:
    """Entries by their index in the file's lists; ``ids`` also holds the ids of entries that are wrong."""

    spaces: dict[int, Space] = field(default_factory=dict)
    buses: dict[int, Bus] = field(default_factory=dict)
    brokers: dict[int, Broker] = field(default_factory=dict)
    devices: dict[int, Device] = field(default_factory=dict)
    points: dict[int, VirtualPoint] = field(default_factory=dict)
    uplinks: dict[int, Uplink] = field(default_factory=dict)
    listeners: dict[str, Listen] = field(default_factory=dict)
    site: Site | None = None
    buffer: Buffer | None = None
    ids: dict[str, dict[str, DocPath]] = field(default_factory=dict)
    written: frozenset[DocPath] = frozenset()
    patched: frozenset[DocPath] = frozenset()
    """Entries that lost a wrong key: what they lack proves nothing."""
    profiles: dict[str, Profile] = field(default_factory=dict)
    profile_names: tuple[str, ...] = ()
    is_campus: bool = False
    """Whether it is the file of a campus over its hub: then the wires stand in the gateways' own files."""
    adopted: frozenset[str] = frozenset()
    """Ids of the devices that staff adopted on the pages: who wrote the site file may not know of them."""

    def profile(self, device: Device) -> Profile | None:
        return self.profiles.get(device.profile)

    def device_points(self) -> Iterator[tuple[str, str]]:
        """(point id, quantity) of every device whose profile is known."""
        for device in self.devices.values():
            profile = self.profile(device)
            for name, point in (profile.points if profile else {}).items():
                yield f"{device.id}.{name}", point.quantity

    def is_complete(self) -> bool:
        """Whether every device, and its profile, could be read: else an unknown point proves nothing."""
        return len(self.ids.get("devices", {})) == len(self.devices) and all(
            self.profile(device) for device in self.devices.values()
        )


def draft(data: dict[Any, Any], written: Iterable[DocPath]) -> Draft:
    """What of ``data`` is right entry by entry. ``written`` are the paths that stand in the file."""
    patched: set[DocPath] = set()
    entries: dict[str, Any] = {name: _entries(data.get(name), name, patched) for name in SECTIONS}
    listeners = {
        name: SiteFile.model_fields[name].default if name not in data else _one(data[name], Listen)
        for name in LISTENERS
    }
    return Draft(
        **entries,
        listeners={name: listen for name, listen in listeners.items() if listen is not None},
        site=_one(data.get("site"), Site),
        buffer=_one(data.get("buffer", {}), Buffer),
        ids={name: _ids(data.get(name), name) for name in SECTIONS},
        written=frozenset(written),
        patched=frozenset(patched),
        is_campus=data.get("hub") is not None,
    )


def _entries(found: Any, section: str, patched: set[DocPath]) -> dict[int, Any]:
    if not isinstance(found, list):
        return {}
    entries: dict[int, Any] = {}
    for index, entry in enumerate(found):
        read = _validated(entry, SECTIONS[section])
        if read is None and (read := _validated(_without_wrong_keys(entry, section), SECTIONS[section])):
            patched.add((section, index))
        if read is not None:
            entries[index] = read
    return entries


def _one(found: Any, model: type[M]) -> M | None:
    entry: M | None = _validated(found, TypeAdapter(model))
    return entry


def _validated(entry: Any, adapter: TypeAdapter[Any]) -> Any:
    """The entry as its model, or None: its errors are reported by the validation of the whole file."""
    try:
        return adapter.validate_python(entry)
    except ValidationError:
        return None


def _without_wrong_keys(entry: Any, section: str) -> Any:
    """The entry without the keys pydantic names; a union puts its tag before them."""
    if not isinstance(entry, dict):
        return entry
    try:
        SECTIONS[section].validate_python(entry)
    except ValidationError as error:
        wrong = {next((part for part in one["loc"] if part in entry), None) for one in error.errors()}
        return {key: value for key, value in entry.items() if key not in wrong}
    return entry


def _ids(found: Any, section: str) -> dict[str, DocPath]:
    """Every id of a list with the place of its first use."""
    ids: dict[str, DocPath] = {}
    for index, entry in enumerate(found if isinstance(found, list) else []):
        own = entry.get("id") if isinstance(entry, dict) else None
        if isinstance(own, str):
            ids.setdefault(own, (section, index, "id"))
    return ids
