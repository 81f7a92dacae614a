"""Uplinks of kind ``national-tcp``: every meter with a code is mapped or left out by name, and what is mapped can be told.

A meter that nobody thought of would be missing in the centre's sum without a word; hence it is an error and not a warning.
Pure but for ``secrets``, which looks at the length of a key and forgets it.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from pydantic import ValidationError

from devices.profile import AnyProfile
from devices.quantities import QUANTITIES, Kind
from edge_config.draft import Draft
from edge_config.explain import sentence
from edge_config.problems import DocPath, Finding, choices, nearest
from edge_config.schema import Device
from edge_config.uplinks import NationalUplink

SECRET_LENGTH = 16
LIBRARIES = ("cryptography", "defusedxml")
"""Of the extra upload-legacy; looked for, never imported here."""


def check(draft: Draft) -> Iterator[Finding]:
    """Every finding about the national uplinks of a draft."""
    for index, uplink in draft.uplinks.items():
        if isinstance(uplink, NationalUplink):
            path: DocPath = ("uplinks", index)
            yield from _speech(uplink, path)
            yield from _only(uplink, path)
            yield from _mapped(draft, uplink, path)
            yield from _taken_twice(uplink, path)
            yield from _unmapped(draft, uplink, path)


def secrets(draft: Draft, folder: Path) -> Iterator[Finding]:
    """What a collector of this site would fail on here: a library that is not installed, a key that is none of AES-128. What
    cannot be read at all ``files.secrets`` has told."""
    for index, uplink in draft.uplinks.items():
        if not isinstance(uplink, NationalUplink) or not uplink.enabled:
            continue
        yield from _libraries(("uplinks", index, "kind"))
        try:
            text = (folder / uplink.secret_file).read_text("ascii").strip()
        except OSError:
            continue
        except ValueError:
            text = ""
        if len(text) != SECRET_LENGTH:
            wrong = (
                f"{folder / uplink.secret_file} holds {len(text)} characters"
                if text
                else "holds no ASCII text"
            )
            right = "write the 16 characters the platform gave out, on one line"
            yield Finding(("uplinks", index, "secret_file"), wrong, right)  # fmt: skip


def _libraries(path: DocPath) -> Iterator[Finding]:
    lacking = [name for name in LIBRARIES if find_spec(name) is None]
    if lacking:
        right = "install the extra: pip install 'campus-gateway[upload-legacy]'"
        yield Finding(path, f"needs {choices(lacking)}, which is not installed", right)


def _speech(uplink: NationalUplink, path: DocPath) -> Iterator[Finding]:
    """The dialect exists, and what differs fits into it."""
    from edge_config import dialect  # only where a centre is spoken to

    known = dialect.names()
    if uplink.dialect not in known:
        otherwise = f"dialects are {choices(known)}"
        wrong = f"no dialect is called {uplink.dialect!r}"
        yield Finding((*path, "dialect"), wrong, nearest(uplink.dialect, known, otherwise))
        return
    try:
        dialect.with_changes(uplink.dialect, uplink.differs)
    except ValidationError as error:
        for detail in error.errors(include_url=False):
            if detail["type"] == "extra_forbidden":
                wrong, right = (
                    f"{detail['loc'][-1]!r} is no key of a dialect",
                    "see edge_config/dialects/README.md",
                )
            else:
                wrong, right = sentence(detail)
            yield Finding((*path, "differs", *detail["loc"]), wrong, right)  # fmt: skip


def _only(uplink: NationalUplink, path: DocPath) -> Iterator[Finding]:
    periods = uplink.only.periods
    if periods is not None and "15min" not in periods:
        yield Finding(
            (*path, "only", "periods"), "lets no quarter-hour through, and nothing else goes up here", "add 15min"
        )  # fmt: skip


def _mapped(draft: Draft, uplink: NationalUplink, path: DocPath) -> Iterator[Finding]:
    """What is named exists, counts, and has an energy code."""
    devices = {device.id: device for device in draft.devices.values()}
    for name, meter in uplink.meters.items():
        here: DocPath = (*path, "meters", name)
        device = devices.get(name)
        if device is None:
            yield from _unknown(draft, here, name)
            continue
        if device.energy_code is None:
            wrong = f"the device {name!r} has no energy code"
            yield Finding(here, wrong, "add `energy_code:` to the device, such as 01000")
        profile = draft.profile(device)
        counters = _counters(profile)
        for point in meter.functions if profile else ():
            if point not in counters:
                wrong = f"{device.profile} has no counter {point!r}"
                yield Finding((*here, "functions", point), wrong, f"its counters are {choices(counters)}")
    for place, name in enumerate(uplink.leave_out):
        if name not in devices:
            yield from _unknown(draft, (*path, "leave_out", place), name)


def _unknown(draft: Draft, path: DocPath, name: str) -> Iterator[Finding]:
    known = draft.ids.get("devices", {})
    if name not in known:
        yield Finding(
            path, f"no device has the id {name!r}", nearest(name, known, f"name one of {choices(known)}")
        )


def _counters(profile: AnyProfile | None) -> list[str]:
    points = profile.points.items() if profile else ()
    return [name for name, point in points if QUANTITIES[point.quantity].kind is Kind.COUNTER]


def _taken_twice(uplink: NationalUplink, path: DocPath) -> Iterator[Finding]:
    """One meter id, one device; one function id of a meter, one counter."""
    seen: dict[str, str] = {}
    for name, meter in uplink.meters.items():
        other = seen.setdefault(meter.id, name)
        if other != name:
            wrong = f"the meter id {meter.id!r} is that of {other!r} already"
            yield Finding(
                (*path, "meters", name, "id"), wrong, "give each device the id the platform gave it"
            )
        if len(set(meter.functions.values())) < len(meter.functions):
            wrong = "two counters have the same function id"
            yield Finding((*path, "meters", name, "functions"), wrong, "give each its own")


def _unmapped(draft: Draft, uplink: NationalUplink, path: DocPath) -> Iterator[Finding]:
    """Meters with a code that nobody named; of one that staff adopted it is a warning, for it must not keep the gateway from
    starting. A name that was mistyped has been told, and is not told again as two."""
    if not uplink.meters.keys() <= draft.ids.get("devices", {}).keys():
        return
    for device in draft.devices.values():
        if device.id in uplink.meters or not _is_due(draft, uplink, device):
            continue
        if device.id not in uplink.leave_out:
            wrong = f"the meter {device.id!r} ({device.energy_code}) is not mapped"
            right = f"add `{device.id}: {{id: …, functions: {{…}}}}`, or name it under `leave_out:`"
            yield Finding((*path, "meters"), wrong, right, is_warning=device.id in draft.adopted)
    for place, name in enumerate(uplink.leave_out):
        if name in uplink.meters:
            yield Finding((*path, "leave_out", place), f"{name!r} is mapped as well", "keep one of the two")


def _is_due(draft: Draft, uplink: NationalUplink, device: Device) -> bool:
    """Whether a device with an energy code has a counter the uplink's filter lets through."""
    profile, only = draft.profile(device), uplink.only.quantities
    groups = (
        {QUANTITIES[profile.points[name].quantity].group for name in _counters(profile)} if profile else set()
    )
    return device.energy_code is not None and bool(groups if only is None else groups & set(only))  # fmt: skip
