"""The card of candidates on the devices page: who speaks on a broker and is no device, ready to be adopted."""

from __future__ import annotations

import re
from dataclasses import dataclass

from dashboard.desk import Desk
from devices import profile as device_profile
from devices.profile import MqttProfile
from devices.quantities import Kind
from gateway.query.views import Candidate

SHOWN_MAX = 20
ID_CHARACTERS_MAX = 40


@dataclass(frozen=True, slots=True)
class Choice:
    """A profile or space to choose, by its id."""

    id: str
    title: str


@dataclass(frozen=True, slots=True)
class Stranger:
    broker: str
    topic: str
    title: str
    sample: str
    seen: str
    count: int
    proposed_id: str
    fits: list[Choice]


@dataclass(frozen=True, slots=True)
class Card:
    """``others`` are the profiles that read nothing in what came; ``meters`` what a device may be a part of; ``more``
    candidates are not shown."""

    rows: list[Stranger]
    more: int
    others: list[Choice]
    spaces: list[Choice]
    meters: list[Choice]


def card(desk: Desk) -> Card | None:
    """None when nobody waits to be adopted."""
    found = desk.views.candidates()
    if not found:
        return None
    taken = set(desk.site.devices)
    rows = [_stranger(desk, one, taken) for one in found[:SHOWN_MAX]]
    titles = {name: title for name, title in _profiles(desk).items() if title}
    spaces = [Choice(space.id, desk.place(space.id)) for space in desk.site.file.spaces]
    return Card(
        rows,
        max(0, len(found) - SHOWN_MAX),
        [Choice(*one) for one in sorted(titles.items())],
        spaces,
        _meters(desk),
    )


def _meters(desk: Desk) -> list[Choice]:
    """The site's devices that count something."""
    return [
        Choice(device.id, device.name or device.id)
        for device in desk.site.file.devices
        if any(
            point.info.kind is Kind.COUNTER for point in desk.site.profiles[device.profile].points.values()
        )
    ]


def _stranger(desk: Desk, one: Candidate, taken: set[str]) -> Stranger:
    titles = _profiles(desk)
    fits = [Choice(name, titles[name]) for name in one.fits if name in titles]
    seen = desk.times.ago(one.last_at)
    return Stranger(
        one.broker, one.topic, one.title, one.sample, seen, one.count, proposed_id(one.topic, taken), fits
    )


def proposed_id(topic: str, taken: set[str]) -> str:
    """An id from the last level of the topic that has letters for one; numbered where it is taken, else empty."""
    words = (re.sub(r"[^a-z0-9]+", "-", level.lower()).strip("-") for level in reversed(topic.split("/")))
    base = next((word for word in words if word), "")[: ID_CHARACTERS_MAX - 3].strip("-")
    if not base or base not in taken:
        return base
    return next(name for number in range(2, len(taken) + 3) if (name := f"{base}-{number}") not in taken)


def _profiles(desk: Desk) -> dict[str, str]:
    """Profiles of devices behind a broker, and their titles."""
    found = (device_profile.load(name) for name in device_profile.names())
    return {
        one.profile: desk.language.pick(one.title.zh or "", one.title.en)
        for one in found
        if isinstance(one, MqttProfile)
    }
