"""Points, codes, uplink filters and limits: what is named can be measured, in the unit that is meant. Pure."""

from __future__ import annotations

import string
from collections.abc import Iterator, Mapping
from datetime import date

from devices.quantities import QUANTITIES
from edge_config.draft import Draft
from edge_config.problems import DocPath, Finding, choices, nearest
from edge_config.schema import Limit, LimitsFile, VirtualPoint

GROUPS = sorted({quantity.group for quantity in QUANTITIES.values()})
CLASSES = {
    "01": "electricity", "02": "water", "03": "gas", "04": "heat", "05": "cooling", "13": "renewable energy",
}  # fmt: skip
PLACEHOLDERS = {"value", "unit", "limit"}


def check(draft: Draft) -> Iterator[Finding]:
    """Every finding about energy codes, parents, virtual points and uplink filters."""
    yield from energy_codes(draft)
    yield from parents(draft)
    yield from virtual_points(draft)
    for index, uplink in draft.uplinks.items():
        for place, group in enumerate(uplink.only.quantities or ()):
            if group not in GROUPS:
                path: DocPath = ("uplinks", index, "only", "quantities", place)
                yield Finding(
                    path,
                    f"no group of quantities is called {group!r}",
                    nearest(group, GROUPS, f"groups are {choices(GROUPS, 20)}"),
                )


def _classes(draft: Draft, profile_name: str) -> set[str]:
    profile = draft.profiles.get(profile_name)
    points = profile.points.values() if profile else ()
    return {energy for point in points if (energy := QUANTITIES[point.quantity].energy_class)}


def energy_codes(draft: Draft) -> Iterator[Finding]:
    """A national code belongs on a meter of its own class."""
    for index, device in draft.devices.items():
        if device.energy_code is None or draft.profile(device) is None:
            continue
        measured = _classes(draft, device.profile)
        path: DocPath = ("devices", index, "energy_code")
        if not measured:
            wrong = f"{device.energy_code!r} on a device that measures no energy or water ({device.profile})"
            yield Finding(path, wrong, "delete it, or choose the meter's profile")
        elif device.energy_code[:2] not in measured:
            own = _class_names([device.energy_code[:2]])
            wrong = f"{device.energy_code!r} is {own}, {device.profile} measures {_class_names(measured)}"
            yield Finding(path, wrong, f"begin the code with {choices(sorted(measured))}")


def _class_names(codes: set[str] | list[str]) -> str:
    return " and ".join(f"{CLASSES.get(code, 'class')} ({code})" for code in sorted(codes)) or "no energy"


def parents(draft: Draft) -> Iterator[Finding]:
    """A meter is a part of a meter of the same kind; anything else makes a balance nonsense."""
    by_id = {device.id: device for device in draft.devices.values()}
    for index, device in draft.devices.items():
        parent = by_id.get(device.parent or "")
        if parent is None or not draft.profile(device) or not draft.profile(parent):
            continue
        own, above = _classes(draft, device.profile), _classes(draft, parent.profile)
        if not own & above:
            wrong = f"{parent.id!r} measures {_class_names(above)}, this device {_class_names(own)}"
            yield Finding(
                ("devices", index, "parent"),
                wrong,
                "name the meter upstream of the same pipe or cable",
                is_warning=True,
            )


def virtual_points(draft: Draft) -> Iterator[Finding]:
    """A virtual point is new, sums points that exist, and all in one unit."""
    real = dict(draft.device_points())
    virtual = {point.id: index for index, point in draft.points.items()}
    for index, point in draft.points.items():
        if point.id in real:
            yield Finding(
                ("points", index, "id"), f"the device already has a point {point.id!r}", "choose another name"
            )
        for key in ("sum", "minus", "over"):
            for place, name in enumerate(getattr(point, key)):
                path: DocPath = ("points", index, key, place)
                if name in virtual:
                    yield Finding(path, f"{name!r} is itself a virtual point", "sum the devices' own points")
                elif name not in real and draft.is_complete():
                    yield Finding(path, f"no device has the point {name!r}", _point_hint(name, real))
        yield from _one_unit(point, index, real)


def _one_unit(point: VirtualPoint, index: int, real: Mapping[str, str]) -> Iterator[Finding]:
    for key, names in (("sum", (*point.sum, *point.minus)), ("over", point.over)):
        units = sorted({QUANTITIES[real[name]].unit for name in names if name in real})
        if len(units) > 1:
            wrong = f"adds up different units: {choices(units)}"
            yield Finding(("points", index, key), wrong, "sum points of one unit")


def _point_hint(name: str, real: Mapping[str, str]) -> str:
    device = name.split(".", maxsplit=1)[0]
    own = [point for point in real if point.startswith(f"{device}.")]
    if own:
        return nearest(name, own, f"points of {device!r} are {choices(own)}")
    return nearest(name, real, "write device.point as `campus-gateway profiles show` lists them")


def limits(file: LimitsFile, draft: Draft) -> Iterator[Finding]:
    """Findings about a limits file; the paths are those of that file."""
    try:
        date.fromisoformat(file.valid_from)
    except ValueError:
        yield Finding(("valid_from",), f"{file.valid_from!r} is no date", "write it as 2026-09-01")
    real = dict(draft.device_points())
    for index, limit in enumerate(file.limits):
        path: DocPath = ("limits", index)
        yield from _limit_subject(limit, path, real, is_complete=draft.is_complete())
        yield from _limit_figures(limit, path)
        yield from _limit_words(limit, path)
    yield from _twice("limits", [limit.id for limit in file.limits])
    yield from _twice("disinfection", [rule.id for rule in file.disinfection])


def _twice(section: str, ids: list[str]) -> Iterator[Finding]:
    for index, own in enumerate(ids):
        if (first := ids.index(own)) != index:
            path: DocPath = (section, index, "id")
            yield Finding(
                path,
                f"the id {own!r} is used twice",
                "give one of the two another id",
                (section, first, "id"),
            )


def _limit_subject(
    limit: Limit, path: DocPath, real: Mapping[str, str], *, is_complete: bool
) -> Iterator[Finding]:
    if (limit.quantity is None) == (not limit.points):
        yield Finding(
            path,
            "must name either a quantity or points",
            "write `quantity: co2` or `points: [fridge-1.temperature]`",
        )
    if limit.quantity is not None and limit.quantity not in QUANTITIES:
        right = nearest(limit.quantity, QUANTITIES, f"quantities are {choices(sorted(QUANTITIES), 60)}")
        yield Finding((*path, "quantity"), f"no quantity is called {limit.quantity!r}", right)
    for place, name in enumerate(limit.points):
        if name not in real and is_complete:
            yield Finding(
                (*path, "points", place), f"no device has the point {name!r}", _point_hint(name, real)
            )


def _limit_figures(limit: Limit, path: DocPath) -> Iterator[Finding]:
    if limit.above is None and limit.below is None:
        yield Finding(path, "says neither `above` nor `below`", "add the figure that is the limit")
    if limit.above is not None and limit.below is not None and limit.below >= limit.above:
        yield Finding(
            (*path, "below"),
            f"{limit.below:g} is not below {limit.above:g}",
            "the band runs from `below` to `above`",
        )
    if limit.clear is not None and limit.above is not None and limit.clear > limit.above:
        yield Finding(
            (*path, "clear"), f"{limit.clear:g} is beyond the limit", f"write {limit.above:g} or less"
        )
    if (
        limit.clear is not None
        and limit.above is None
        and limit.below is not None
        and limit.clear < limit.below
    ):
        yield Finding(
            (*path, "clear"), f"{limit.clear:g} is beyond the limit", f"write {limit.below:g} or more"
        )


def _limit_words(limit: Limit, path: DocPath) -> Iterator[Finding]:
    for key in ("text", "text_en"):
        try:
            names = {
                name for _, name, _, _ in string.Formatter().parse(getattr(limit, key)) if name is not None
            }
        except ValueError:
            names = {"{"}
        if unknown := sorted(names - PLACEHOLDERS):
            yield Finding(
                (*path, key),
                f"holds {{{unknown[0]}}}, which nothing fills in",
                "use {value}, {unit} or {limit}",
            )
