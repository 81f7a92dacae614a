"""What must hold between the sections of a site file: ids, references, trees, zone and ports.

Pure: a draft in, findings out, each with the place it is about. ``wiring`` checks devices on their wires,
``measuring`` points, limits and codes; ``cross_check`` runs them all.
"""

from __future__ import annotations

import zoneinfo
from collections.abc import Iterator, Mapping
from typing import Any

from edge_config import measuring, national_checks, uplink_checks, wiring
from edge_config.draft import SECTIONS, Draft
from edge_config.problems import DocPath, Finding, choices, nearest
from edge_config.schema import Device

ANY_HOST = {"0.0.0.0", "::", ""}  # noqa: S104 - compared with, never bound


def cross_check(draft: Draft, data: dict[Any, Any]) -> list[Finding]:
    """Every finding of every check. ``data`` is the file's plain values: wrong entries have ids too."""
    return [
        *duplicate_ids(data),
        *references(draft),
        *filters(draft),
        *cycles(draft),
        *time_zone(draft),
        *ports(draft),
        *hub(draft),
        *wiring.check(draft),
        *measuring.check(draft),
        *national_checks.check(draft),
        *uplink_checks.check(draft),
    ]


def duplicate_ids(data: dict[Any, Any]) -> Iterator[Finding]:
    """Within each list an id is written once; both lines are named."""
    for section in SECTIONS:
        seen: dict[object, DocPath] = {}
        entries = data.get(section)
        for index, entry in enumerate(entries if isinstance(entries, list) else []):
            own = entry.get("id") if isinstance(entry, dict) else None
            path: DocPath = (section, index, "id")
            if isinstance(own, str) and own in seen:
                yield Finding(
                    path, f"the id {own!r} is used twice", "give one of the two another id", seen[own]
                )
            elif isinstance(own, str):
                seen[own] = path


def references(draft: Draft) -> Iterator[Finding]:
    """Spaces, parents, buses and brokers that are named exist."""
    for index, space in draft.spaces.items():
        yield from _reference(draft, ("spaces", index, "in"), space.within, "spaces", "space")
    for index, device in draft.devices.items():
        for key, value, section, word in (
            ("space", device.space, "spaces", "space"),
            ("parent", device.parent, "devices", "device"),
            *(() if draft.is_campus else _wires_of(device)),
        ):
            yield from _reference(draft, ("devices", index, key), value, section, word)


def _wires_of(device: Device) -> tuple[tuple[str, str | None, str, str], ...]:
    return (("bus", device.bus, "buses", "bus"), ("broker", device.broker, "brokers", "broker"))


def filters(draft: Draft) -> Iterator[Finding]:
    """Spaces that an uplink is to send exist."""
    for index, uplink in draft.uplinks.items():
        for number, space in enumerate(uplink.only.spaces or ()):
            yield from _reference(
                draft, ("uplinks", index, "only", "spaces", number), space, "spaces", "space"
            )


def _reference(draft: Draft, path: DocPath, value: str | None, section: str, word: str) -> Iterator[Finding]:
    known = draft.ids.get(section, {})
    if value is None or value in known:
        return
    otherwise = f"add it under `{section}:`, or name one of {choices(known)}"
    yield Finding(path, f"no {word} has the id {value!r}", nearest(value, known, otherwise))


def cycles(draft: Draft) -> Iterator[Finding]:
    """Neither spaces nor meters may lie in themselves, directly or by a detour."""
    inside = {space.id: (("spaces", index, "in"), space.within) for index, space in draft.spaces.items()}
    parents = {
        device.id: (("devices", index, "parent"), device.parent) for index, device in draft.devices.items()
    }
    yield from _cycles(inside, "space", "let the outermost space have no `in`")
    yield from _cycles(parents, "meter", "let the main meter have no `parent`")


def _cycles(above: Mapping[str, tuple[DocPath, str | None]], word: str, right: str) -> Iterator[Finding]:
    told: set[str] = set()
    for start in above:
        chain = [start]
        while (upper := above.get(chain[-1], ((), None))[1]) is not None and upper not in chain:
            chain.append(upper)
        if upper == start and start not in told:
            told.update(chain)
            yield Finding(above[start][0], f"the {word} lies in itself: {' → '.join([*chain, start])}", right)


def time_zone(draft: Draft) -> Iterator[Finding]:
    """The site's zone is one the zone database knows."""
    if draft.site is None:
        return
    try:
        zoneinfo.ZoneInfo(draft.site.timezone)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        right = nearest(draft.site.timezone, zoneinfo.available_timezones(), "write it as Asia/Shanghai")
        yield Finding(("site", "timezone"), f"no time zone is called {draft.site.timezone!r}", right)


def ports(draft: Draft) -> Iterator[Finding]:
    """Collector, dashboard and worker listen on ports of their own."""
    taken: list[tuple[str, str, int]] = []
    for name, listen in draft.listeners.items():
        for other, host, port in taken:
            if listen.port == port and (listen.host == host or ANY_HOST & {listen.host, host}):
                path = _written_listener(draft, name, other)
                yield Finding(
                    path, f"{name} and {other} both listen on port {port}", "give one of them another port"
                )
        taken.append((name, listen.host, listen.port))


def hub(draft: Draft) -> Iterator[Finding]:
    """A campus's file sends nothing: its gateways upload, and their hub hands on."""
    if draft.is_campus:
        right = "each gateway's own file has them; what the hub hands on says `district --relay-to`"
        for index in draft.uplinks:
            yield Finding(("uplinks", index), "has no place in the file of a campus over its hub", right)


def _written_listener(draft: Draft, name: str, other: str) -> DocPath:
    """Point at the one the installer wrote, not at a default."""
    return (name, "port") if (name,) in draft.written else (other, "port")
