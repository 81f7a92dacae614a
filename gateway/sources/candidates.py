"""Strangers on a broker: counted, sampled and matched with profiles, never stored as data. Pure, and bounded in everything.

Knows topics, patterns and profiles; does not know sockets, the store or staff. Guarantees: at most ``CANDIDATES_MAX``
strangers are remembered and ``LOOKS_PER_S_MAX`` messages a second looked at, what is beyond that is a counted rejection;
a topic below that of a known device or candidate is no stranger.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from devices.profile import MqttProfile
from edge_config.schema import Broker
from gateway.candidate import Candidate
from gateway.sources import fits
from gateway.sources.fits import Fit
from gateway.validate import Rejection

CANDIDATES_MAX = 200
LOOKS_PER_S_MAX = 20
TRIES_MAX = 5
"""So many messages of a stranger are matched with profiles; a partial update may say too little."""
TOPIC_CHARACTERS_MAX = 256
SAMPLE_BYTES_MAX = 400
FIELDS_MAX = 64

HOMEASSISTANT = "homeassistant"
ANNOUNCEMENTS = (f"{HOMEASSISTANT}/+/+/config", f"{HOMEASSISTANT}/+/+/+/config")


@dataclass(frozen=True, slots=True)
class Place:
    """A mapping of the site file with its profile: ``topic`` holds the ``+``."""

    topic: str
    profile: MqttProfile


@dataclass(slots=True)
class _Stranger:
    topic: str
    first_at: int
    last_at: int
    title: str = ""
    fits: tuple[str, ...] = ()
    score: float = 0.0
    sample: str = ""
    fresh: int = 0
    tries: int = 0
    fields: set[tuple[str, ...]] = field(default_factory=set)


class Candidates:
    """The strangers of one broker. ``known`` are the topics of its devices; ``profiles`` those that may be proposed."""

    def __init__(
        self, broker: Broker, places: Sequence[Place], known: Iterable[str], profiles: Sequence[MqttProfile]
    ) -> None:
        self._broker, self._places, self._profiles = broker.id, tuple(places), tuple(profiles)
        self._known = set(known)
        self._asides = {one.availability.topic for one in profiles if one.availability is not None}
        self._strangers: dict[str, _Stranger] = {}
        self._looks, self._looked_s = float(LOOKS_PER_S_MAX), 0.0
        self.patterns = _patterns(broker, places)

    def covers(self, topic: str) -> bool:
        """Whether a message of this topic came because we look for strangers."""
        return any(covers(pattern, topic) for pattern in self.patterns)

    def know(self, topic: str) -> None:
        """The stranger at ``topic`` is a device now."""
        self._known.add(topic)
        self._strangers.pop(topic, None)

    def see(self, topic: str, payload: bytes, now_ms: int, now_s: float) -> Rejection | None:
        """A message of no device; what of it cannot even be looked at is a rejection. ``now_s`` is monotonic."""
        if not payload or self._is_of_somebody(topic):
            return None
        if len(topic) > TOPIC_CHARACTERS_MAX:
            return Rejection(self._broker, "unknown_topic", topic[:SAMPLE_BYTES_MAX])
        if not self._may_look(now_s):
            return Rejection(self._broker, "discover_rate", topic)
        if any(covers(pattern, topic) for pattern in ANNOUNCEMENTS):
            return self._announced(topic, payload, now_ms)
        return self._spoke(topic, payload, now_ms)

    def take(self) -> list[Candidate]:
        """Those that spoke since the last call, each with the messages since then as its count."""
        found: list[Candidate] = []
        for one in self._strangers.values():
            if one.fresh:
                found.append(
                    Candidate(
                        self._broker, one.topic, one.title, one.fits, one.sample, one.first_at, one.last_at, one.fresh
                    )
                )  # fmt: skip
                one.fresh = 0
        return found

    def _is_of_somebody(self, topic: str) -> bool:
        """Whether the topic is, or lies below, that of a device; or is the availability of some device."""
        if any(aside and topic.endswith(aside) for aside in self._asides):
            return True
        parts = topic.split("/")
        return any("/".join(parts[:count]) in self._known for count in range(1, len(parts) + 1))

    def _may_look(self, now_s: float) -> bool:
        passed_s, self._looked_s = max(0.0, now_s - self._looked_s), now_s
        self._looks = min(float(LOOKS_PER_S_MAX), self._looks + passed_s * LOOKS_PER_S_MAX)
        if self._looks < 1:
            return False
        self._looks -= 1
        return True

    def _announced(self, topic: str, payload: bytes, now_ms: int) -> Rejection | None:
        said = fits.announced(payload)
        if said is None or len(said.topic) > TOPIC_CHARACTERS_MAX or self._is_of_somebody(said.topic):
            return None
        known = self._strangers.get(said.topic)
        fields = (known.fields if known else set()) | ({said.field} if said.field else set())
        best = fits.of_fields(self._profiles, said.topic, fields)
        one = self._stranger(best[0].topic if best else said.topic, now_ms)
        if one is None:
            return self._full(topic)
        if len(fields) <= FIELDS_MAX:
            one.fields = fields
        one.title = said.title or one.title
        one.sample = one.sample or _sample(payload)
        one.fresh, one.last_at = one.fresh + 1, now_ms
        self._propose(one, best)
        return None

    def _spoke(self, topic: str, payload: bytes, now_ms: int) -> Rejection | None:
        below = next((one for one in self._above(topic)), None)
        if below is not None and below.tries >= TRIES_MAX:
            self._count(below, payload, now_ms)
            return None
        mapped = list(self._mapped(topic))
        best = fits.of_payload(self._profiles, topic, payload)
        if below is not None and not any(fit.topic == below.topic for fit in best):
            self._count(below, payload, now_ms)
            return None
        root = mapped[0].topic if mapped else best[0].topic if best else topic
        one = self._stranger(root, now_ms)
        if one is None:
            return self._full(topic)
        self._count(one, payload, now_ms)
        self._propose(one, [*mapped, *(fit for fit in best if fit.topic == root)])
        return None

    def _above(self, topic: str) -> Iterator[_Stranger]:
        """Strangers at the topic or above it."""
        parts = topic.split("/")
        for count in range(len(parts), 0, -1):
            found = self._strangers.get("/".join(parts[:count]))
            if found is not None:
                yield found

    def _mapped(self, topic: str) -> Iterator[Fit]:
        """What the site file itself says of a place: surer than anything a payload shows."""
        for place in self._places:
            for suffix in place.profile.fields:
                if topic.endswith(suffix) and covers(place.topic, root := topic.removesuffix(suffix)):
                    yield Fit(place.profile.profile, root, 1000.0)

    def _stranger(self, topic: str, now_ms: int) -> _Stranger | None:
        found = self._strangers.get(topic)
        if found is None and len(self._strangers) < CANDIDATES_MAX:
            found = self._strangers[topic] = _Stranger(topic, now_ms, now_ms)
        return found

    def _count(self, one: _Stranger, payload: bytes, now_ms: int) -> None:
        one.tries += 1
        one.fresh += 1
        one.last_at = now_ms
        one.sample = _sample(payload)

    def _propose(self, one: _Stranger, best: Sequence[Fit]) -> None:
        if best and best[0].score >= one.score:
            one.score = best[0].score
            one.fits = tuple(dict.fromkeys(fit.profile for fit in best))

    def _full(self, topic: str) -> Rejection:
        return Rejection(self._broker, "discover_full", topic)


def covers(pattern: str, topic: str) -> bool:
    """Whether a subscription to ``pattern`` brings messages of ``topic`` (MQTT 5, 4.7.1)."""
    wanted, levels = pattern.split("/"), topic.split("/")
    if wanted[-1] == "#":
        wanted, levels = wanted[:-1], levels[: len(wanted) - 1]
    return len(wanted) == len(levels) and all(a in ("+", b) for a, b in zip(wanted, levels, strict=True))


def _patterns(broker: Broker, places: Sequence[Place]) -> tuple[str, ...]:
    """What to subscribe to, none of them inside another: a broker may send what two bring twice."""
    wanted: dict[str, None] = {}
    for prefix in broker.discover:
        found = ANNOUNCEMENTS if prefix == HOMEASSISTANT else (prefix.rstrip("/") + "/#",)
        wanted.update(dict.fromkeys(found))
    for place in places:
        suffixes = [*place.profile.fields]
        if place.profile.availability is not None:
            suffixes.append(place.profile.availability.topic)
        wanted.update(dict.fromkeys(place.topic + suffix for suffix in suffixes))
    return tuple(one for one in wanted if not any(_contains(other, one) for other in wanted if other != one))


def _contains(pattern: str, other: str) -> bool:
    """Whether everything ``other`` brings comes with ``pattern`` too; a + is no level below #."""
    return (pattern.endswith("#") or not other.endswith("#")) and covers(pattern, other)


def _sample(payload: bytes) -> str:
    return payload[:SAMPLE_BYTES_MAX].decode("utf-8", "backslashreplace")
