"""The messages a sensor publishes, in its family's own form.

The form is an example of the profile: fields that no point reads stay as the example has them, and each point's value
goes where the family puts it. Written by this room's own few lines, apart from the gateway's decoder.
"""

from __future__ import annotations

import base64
import copy
import json
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Any

from devices.profile import Channels, FieldPoint, MqttProfile, keys_of
from simulators.campus import SimPoint


@dataclass(frozen=True, slots=True)
class Message:
    topic: str
    payload: str
    retain: bool = False


def messages(
    profile: MqttProfile, topic: str, points: list[SimPoint], ms: int, zone: tzinfo = UTC
) -> list[Message]:
    """Everything a device says at ``ms``: one message per topic suffix. ``zone`` is that of its clock, where it writes a time
    without one."""
    suffixes: dict[str, list[tuple[FieldPoint, float]]] = {}
    for point in points:
        if isinstance(point.spec, FieldPoint):
            suffixes.setdefault(point.spec.topic, []).append((point.spec, point.raw(ms)))
    time = _device_time(profile, ms, zone)
    return [
        Message(topic + suffix, _payload(profile, suffix, some, time)) for suffix, some in suffixes.items()
    ]


def availability(profile: MqttProfile, topic: str, *, is_online: bool) -> Message | None:
    """What the device's bridge says of it, retained; None where the family says nothing."""
    told = profile.availability
    if told is None:
        return None
    word = told.online if is_online else told.offline
    return Message(topic + told.topic, json.dumps({told.path: word}) if told.path else word, retain=True)


def _payload(profile: MqttProfile, suffix: str, fields: list[tuple[FieldPoint, float]], time: object) -> str:
    if profile.format == "plain":
        return _plain(*fields[0])
    form = _form(profile, suffix)
    if profile.channels is not None:
        _place(form, profile.channels.data, _channel_text(profile.channels, fields))
        return json.dumps(form, separators=(",", ":"), ensure_ascii=False)
    for spec, raw in fields:
        value = _json_value(spec, raw, _at(form, spec.path))
        _place(form, spec.path, str(value) if profile.quoted else value)
        if spec.unit_path:
            _place(form, spec.unit_path, "C")
    if profile.time_path:
        _place(form, profile.time_path, time)
    return json.dumps(form, separators=(",", ":"), ensure_ascii=False)


def _channel_text(channels: Channels, fields: list[tuple[FieldPoint, float]]) -> str:
    """Channel, type and value of every point one after the other, low byte first, in base64."""
    data = b""
    for spec, raw in fields:
        form = str(channels.types[spec.path])
        number = round(raw).to_bytes(int(form[1:]) // 8, "little", signed=form[0] == "i")
        data += bytes.fromhex(spec.path) + number
    return base64.b64encode(data).decode("ascii")


def _form(profile: MqttProfile, suffix: str) -> dict[str, Any]:
    """The first example under this suffix that is a whole and right object."""
    for example in profile.examples:
        if example.topic == suffix and example.readings and not example.errors:
            form = json.loads(example.payload)
            if isinstance(form, dict):
                return copy.deepcopy(form)
    return {}


def _at(form: dict[str, Any], path: str) -> object:
    here: Any = form
    for key in keys_of(path):
        if isinstance(here, list) and key.isdecimal() and int(key) < len(here):
            here = here[int(key)]
        elif isinstance(here, dict) and key in here:
            here = here[key]
        else:
            return None
    return here


def _place(form: dict[str, Any], path: str, value: object) -> None:
    *above, last = keys_of(path)
    here: Any = form
    for key in above:
        here = here[int(key)] if isinstance(here, list) else here.setdefault(key, {})
    here[int(last) if isinstance(here, list) else last] = value


def _json_value(spec: FieldPoint, raw: float, example: object) -> object:
    """The raw number as the family writes it: a word, true or false, or a number without needless digits."""
    if spec.values:
        word = min(spec.values, key=lambda one: abs(spec.values[one] - raw))
        return word == "true" if word in {"true", "false"} else word
    if isinstance(example, bool):
        return raw >= 0.5
    return int(raw) if raw == int(raw) else round(raw, 6)


def _plain(spec: FieldPoint, raw: float) -> str:
    value = _json_value(spec, raw, None)
    return str(value).lower() if isinstance(value, bool) else str(value)


def _device_time(profile: MqttProfile, ms: int, zone: tzinfo) -> object:
    match profile.time_format:
        case "epoch_ms" | "epoch_s":
            time = ms if profile.time_format == "epoch_ms" else round(ms / 1000, 2)
            return str(time) if profile.quoted else time
        case "compact":
            return f"{datetime.fromtimestamp(ms // 1000, zone):%Y%m%d%H%M%S}{ms % 1000:03d}"
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
