"""From a topic and its payload to readings. Pure: no socket, no clock of its own.

Knows the devices of one broker, their topics and profiles; does not know brokers, PUBACKs or plausible values.
Guarantees: an untimed message of a device gets a later millisecond than the one before; nothing disappears
without a rejection that names device or point, reason and an example.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import tzinfo

from devices.payloads import DEVICE_TIME, Decoded, PayloadError, decode
from devices.profile import Availability, MqttProfile
from devices.strict_json import read_object, text_of
from gateway.model import Quality, Reading, Readings
from gateway.sources.owners import WRONG_IDENTITY, Owners
from gateway.validate import DEVICE_CLOCK, Rejection

EXAMPLE_CHARACTERS_MAX = 200

REPEATED_WITHIN_MS = 120_000
"""A message number that comes again later is a new message: a device that joins anew counts from 0."""

STEP_BACK_MS = 2_000
"""A clock that goes back by more was wrong before: stamps follow it and not the last stamp."""

STAMP_AHEAD_MS_MAX = 60_000
"""A burst of one device is stamped no further ahead of its arrival than this."""


@dataclass(frozen=True, slots=True)
class MqttDevice:
    """A device behind a broker. ``interval_s`` is how often it should speak; ``zone`` the site's; ``identity`` what its
    payloads call it, where they do."""

    device: str
    topic: str
    profile: MqttProfile
    interval_s: float
    takes_device_time: bool = True
    zone: tzinfo | None = None
    identity: str | None = None


@dataclass(slots=True)
class Mapped:
    """What one message says. ``is_online`` by device: None for a sign of life, else what its will says."""

    groups: list[Readings] = field(default_factory=list)
    rejections: list[Rejection] = field(default_factory=list)
    presence: list[tuple[str, bool | None]] = field(default_factory=list)

    @property
    def readings(self) -> list[Reading]:
        """Each by itself."""
        return [reading for group in self.groups for reading in group.each()]


@dataclass(frozen=True, slots=True)
class _Route:
    """What a topic means to a device: values under a suffix of its topic, or its availability."""

    device: MqttDevice
    suffix: str
    names: dict[str, str]
    availability: Availability | None = None


class TopicMap:
    """The topics of one broker. Remembers the last stamp of each device whose messages carry no time."""

    def __init__(self, devices: Iterable[MqttDevice]) -> None:
        self._routes: dict[str, list[_Route]] = {}
        self._stamps: dict[str, int] = {}
        self._arrived_ms = 0
        self._arrivals: dict[str, dict[str, int]] = {}
        self._owners = Owners()
        for device in devices:
            self.add(device)

    @property
    def topics(self) -> tuple[str, ...]:
        """All topics to subscribe to, sorted."""
        return tuple(sorted(self._routes))

    def knows(self, topic: str) -> bool:
        return topic in self._routes

    def devices_of(self, topic: str) -> tuple[str, ...]:
        """The devices that speak under a topic; none for a topic that is not of this site."""
        return tuple(route.device.device for route in self._routes.get(topic, ()))

    def map(self, topic: str, payload: bytes, *, is_retained: bool, now_ms: int) -> Mapped:
        """``now_ms`` is the time of arrival. A topic of no device gives nothing at all."""
        mapped = Mapped()
        for route in self._routes.get(topic, ()):
            if route.availability is not None:
                self._presence(route, route.availability, payload, mapped)
            else:
                self._values(route, payload, is_retained, now_ms, mapped)
        return mapped

    def add(self, device: MqttDevice) -> tuple[str, ...]:
        """A device that joins while we run; the topics it speaks under."""
        self._owners.add(device.device, device.topic, device.identity)
        names = {name: f"{device.device}.{name}" for name in device.profile.points}
        for suffix in device.profile.fields:
            self._routes.setdefault(device.topic + suffix, []).append(_Route(device, suffix, names))
        availability = device.profile.availability
        if availability is not None:
            route = _Route(device, availability.topic, names, availability)
            self._routes.setdefault(device.topic + availability.topic, []).append(route)
        return tuple(topic for topic, found in self._routes.items() if found[-1].device is device)

    def _values(self, route: _Route, payload: bytes, is_retained: bool, now_ms: int, mapped: Mapped) -> None:
        device = route.device
        if self._owners.is_of_another(device.device, payload):
            mapped.rejections.append(Rejection(device.device, WRONG_IDENTITY, example(payload)))
            return
        try:
            decoded = decode(device.profile, route.suffix, payload, device.zone)
        except PayloadError as error:
            mapped.rejections.append(Rejection(device.device, error.reason, example(payload)))
            return
        measured_at = decoded.device_time if device.takes_device_time else None
        if is_retained and measured_at is None:
            # The broker kept it for late comers: nobody knows when it was measured.
            mapped.rejections.append(Rejection(device.device, "retained", example(payload)))
            return
        if measured_at is None and decoded.message_id is not None:
            measured_at = self._first_arrival(device.device, decoded.message_id, now_ms)
        mapped.presence.extend(() if is_retained else ((device.device, None),))
        if decoded.errors:
            _reject_errors(route, decoded, payload, mapped)
        elif not decoded.readings:
            mapped.rejections.append(Rejection(device.device, "no_value", example(payload)))
        if decoded.readings:
            at = self._stamp(device.device, now_ms) if measured_at is None else measured_at
            mapped.groups.append(_group(route, decoded, at, now_ms))

    def _first_arrival(self, device: str, message_id: str, now_ms: int) -> int:
        """When a message came first: one that comes again gives the same readings and so no new ones."""
        recent = self._arrivals.get(device, {})
        recent = {one: at for one, at in recent.items() if abs(now_ms - at) < REPEATED_WITHIN_MS}
        if message_id not in recent:
            recent[message_id] = self._stamp(device, now_ms)
        self._arrivals[device] = recent
        return recent[message_id]

    def _stamp(self, device: str, now_ms: int) -> int:
        """One for the whole message, later than that of any message of the device before it, hence of any point's."""
        if now_ms < self._arrived_ms - STEP_BACK_MS:
            self._stamps.clear()
        self._arrived_ms = now_ms
        last = self._stamps.get(device)
        if last is not None and now_ms <= last < now_ms + STAMP_AHEAD_MS_MAX:
            now_ms = last + 1
        self._stamps[device] = now_ms
        return now_ms

    def _presence(self, route: _Route, says: Availability, payload: bytes, mapped: Mapped) -> None:
        word = _word_of(says, payload)
        if word in (says.online, says.offline):
            mapped.presence.append((route.device.device, word == says.online))
        else:
            mapped.rejections.append(Rejection(route.device.device, "unknown_word", example(payload)))


def example(payload: bytes) -> str:
    """The beginning of a payload as text, for a rejection."""
    return payload[:EXAMPLE_CHARACTERS_MAX].decode("utf-8", "backslashreplace")


def _group(route: _Route, decoded: Decoded, at: int, now_ms: int) -> Readings:
    """A message whose time is lost gives bad readings."""
    points = tuple([route.names[name] for name in decoded.readings])
    if route.device.takes_device_time and DEVICE_TIME in decoded.errors:
        return Readings(points, at, now_ms, [None] * len(points), Quality.BAD, DEVICE_CLOCK)
    return Readings(points, at, now_ms, list(decoded.readings.values()))


def _reject_errors(route: _Route, decoded: Decoded, payload: bytes, mapped: Mapped) -> None:
    for name, reason in decoded.errors.items():
        subject = route.names.get(name, route.device.device)  # a broken time is the device's
        mapped.rejections.append(Rejection(subject, reason, example(payload)))


def _word_of(says: Availability, payload: bytes) -> str | None:
    """The word of an availability message: at its path where it is an object, else the payload itself.

    Zigbee2MQTT has sent both a bare word and an object in its versions."""
    try:
        if not says.path:
            return text_of(payload).strip()
        try:
            found: object = read_object(payload)
        except PayloadError:
            return text_of(payload).strip()
    except PayloadError:
        return None
    for key in says.path.split("."):
        found = found.get(key) if isinstance(found, dict) else None
    return found if isinstance(found, str) else None
