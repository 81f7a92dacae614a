"""Which profile reads what a stranger sent. Pure: payloads and profiles in, the likeliest profiles out.

Knows the fields of profiles and Home Assistant's discovery messages; does not know brokers or candidates.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from devices.payloads import PayloadError, decode
from devices.profile import MqttProfile
from devices.strict_json import read_object

PAYLOAD_BYTES_MAX = 8 * 1024
"""A larger payload is not tried: every profile would read it."""
FITS_MAX = 5
TITLE_CHARACTERS_MAX = 80

_FIELD = re.compile(r"value_json((?:\.\w+|\[\s*['\"][^'\"]{1,64}['\"]\s*\])+)")
_KEY = re.compile(r"\.(\w+)|\[\s*['\"]([^'\"]+)['\"]\s*\]")


@dataclass(frozen=True, slots=True)
class Fit:
    """``topic`` is the device's with this profile, without the suffix the message came under."""

    profile: str
    topic: str
    score: float


@dataclass(frozen=True, slots=True)
class Announced:
    """What a discovery message says: where a device speaks, what it calls itself, one field of its payload."""

    topic: str
    title: str
    field: tuple[str, ...]


def of_payload(profiles: Iterable[MqttProfile], topic: str, payload: bytes) -> list[Fit]:
    """The likeliest first. A field that is read counts one, one that cannot be read takes one away, one that is not there
    half. A bare number proves a profile only together with the profile's suffix."""
    if len(payload) > PAYLOAD_BYTES_MAX:
        return []
    fits: list[Fit] = []
    for profile, suffix, root in _places(profiles, topic):
        if profile.format == "plain" and not suffix:
            continue
        try:
            decoded = decode(profile, suffix, payload)
        except PayloadError:
            continue
        read = sum(name in profile.points for name in decoded.readings)
        wrong = sum(name in profile.points for name in decoded.errors)
        if read > wrong:
            missing = len(profile.fields[suffix]) - read - wrong
            fits.append(Fit(profile.profile, root, read - wrong - missing / 2))
    return _best(fits)


def of_fields(profiles: Iterable[MqttProfile], topic: str, fields: Iterable[tuple[str, ...]]) -> list[Fit]:
    """As ``of_payload``, from the field names that discovery messages announced."""
    known, fits = set(fields), []
    for profile, suffix, root in _places(profiles, topic):
        keys = [one.keys for one in profile.fields[suffix] if one.keys]
        read = sum(one in known for one in keys)
        if read:
            fits.append(Fit(profile.profile, root, read - (len(keys) - read) / 2))
    return _best(fits)


def announced(payload: bytes) -> Announced | None:
    """A Home Assistant discovery message, with its keys in full or abbreviated; None for one without a state topic."""
    try:
        found = read_object(payload)
    except PayloadError:
        return None
    topic = _text(found, "state_topic", "stat_t")
    base = _text(found, "~")
    if topic.startswith("~"):
        topic = base + topic[1:]
    elif topic.endswith("~"):
        topic = topic[:-1] + base
    if not topic or set(topic) & set("+#"):
        return None
    device: dict[str, object] = next(
        (found[key] for key in ("device", "dev") if isinstance(found.get(key), dict)), {}
    )
    words = [_text(device, "manufacturer", "mf"), _text(device, "model", "mdl"), _text(device, "name")]
    title = " ".join(word for word in words if word) or _text(found, "name")
    return Announced(topic, title[:TITLE_CHARACTERS_MAX], _field(_text(found, "value_template", "val_tpl")))


def _places(profiles: Iterable[MqttProfile], topic: str) -> Iterator[tuple[MqttProfile, str, str]]:
    """Where a topic could be one of a profile's: the suffix, and the device's topic before it."""
    for profile in profiles:
        for suffix in profile.fields:
            if topic.endswith(suffix) and len(topic) > len(suffix):
                yield profile, suffix, topic.removesuffix(suffix)


def _best(fits: Sequence[Fit]) -> list[Fit]:
    return sorted(fits, key=lambda one: (-one.score, one.profile))[:FITS_MAX]


def _text(found: dict[str, object], *keys: str) -> str:
    """The first of the keys that holds text."""
    return next((value for key in keys if isinstance(value := found.get(key), str)), "")


def _field(template: str) -> tuple[str, ...]:
    """The keys in ``{{ value_json.co2 }}`` or ``{{ value_json['ENERGY']['Power'] }}``; none in anything cleverer."""
    found = _FIELD.search(template)
    return () if found is None else tuple(a or b for a, b in _KEY.findall(found[1]))
