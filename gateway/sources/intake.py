"""Between a connection and the ingest door: deliveries in, readings out, PUBACK when they are accepted.

Knows deliveries, mapping and presence; does not know sockets. Guarantees: a message is acknowledged once, after
all its readings were accepted, or at once when it gives none; at most two windows of messages wait here or at
the door, then the connection is paused, while acknowledgements go on and make room again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from gateway.model import Readings
from gateway.sources.candidates import Candidates
from gateway.sources.leftovers import leftovers
from gateway.sources.mapping import Mapped, TopicMap
from gateway.sources.presence import DeviceState, Presence
from gateway.sources.seam import Delivery, Sink
from runtime import logs
from runtime.clock import Clock

log = logs.get("sources.mqtt")

ROOM_WINDOWS = 2
"""Brokers that overrun the window, or know none (MQTT 3.1.1), are held back at two of it."""


class Valve(Protocol):
    """What an intake asks of its connection."""

    def pause(self) -> None: ...

    def resume(self) -> None: ...

    def unsubscribe(self, topic: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Ingest:
    """What outlives a connection: the broker's id, topics, presence, the door, the clock, and who may still be adopted."""

    broker: str
    topics: TopicMap
    presence: Presence
    sink: Sink
    clock: Clock
    candidates: Candidates | None = None
    tap: Callable[[Delivery], None] | None = None
    """Told of every message as it comes, for a recording."""


class Intake:
    """The messages of one connection."""

    def __init__(self, ingest: Ingest, window: int) -> None:
        """``window`` is how many unacknowledged messages the broker allows us."""
        self._ingest, self._window, self._room = ingest, window, ROOM_WINDOWS * window
        self._waiting: list[tuple[int, Delivery]] = []
        self._offered = 0
        self._wake = asyncio.Event()
        self._settled = asyncio.Event()
        self._settled.set()
        self._valve: Valve | None = None
        self._is_paused = False

    def attach(self, valve: Valve) -> None:
        self._valve = valve
        self._adjust()

    def put(self, delivery: Delivery) -> None:
        """Take a message off the wire; its time of arrival is now."""
        if self._ingest.tap is not None:
            self._ingest.tap(delivery)
        self._waiting.append((self._ingest.clock.now_ms(), delivery))
        self._wake.set()
        self._adjust()

    async def run(self) -> None:
        """Offer what comes, until cancelled. What the door raises comes out here."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            taken, self._waiting = self._waiting, []
            await self._offer(taken)
            self._adjust()

    async def settled(self) -> None:
        """Wait until the door has accepted all that was offered."""
        if self._offered:
            self._ingest.sink.hurry()
        await self._settled.wait()

    async def _offer(self, taken: list[tuple[int, Delivery]]) -> None:
        groups: list[Readings] = []
        owed: list[Callable[[], None]] = []
        now_s = self._ingest.clock.monotonic_s()
        for arrived_ms, delivery in taken:
            mapped = self._map(arrived_ms, delivery)
            self._note(mapped, now_s)
            if mapped.groups:
                groups += mapped.groups
                owed.append(delivery.ack)
            else:
                delivery.ack()
        if groups:
            self._offered += len(owed)
            self._settled.clear()
            await self._ingest.sink.offer(groups, partial(self._accepted, owed))
            if self._offered >= self._window:
                self._ingest.sink.hurry()

    def _map(self, arrived_ms: int, delivery: Delivery) -> Mapped:
        ingest = self._ingest
        if not ingest.topics.knows(delivery.topic):
            self._stranger(arrived_ms, delivery)
            return Mapped()
        return ingest.topics.map(
            delivery.topic, delivery.payload, is_retained=delivery.retained, now_ms=arrived_ms
        )

    def _stranger(self, arrived_ms: int, delivery: Delivery) -> None:
        """A candidate where we look for such; else left over in the broker's memory of our session from an older site file."""
        ingest, topic = self._ingest, delivery.topic
        candidates = ingest.candidates
        if candidates is not None and candidates.covers(topic):
            refused = candidates.see(topic, delivery.payload, arrived_ms, ingest.clock.monotonic_s())
            if refused is not None:
                ingest.sink.reject(refused.subject, refused.reason, refused.example)
            return
        ingest.sink.reject(ingest.broker, "unknown_topic", topic)
        if self._valve is not None and topic:
            for pattern in leftovers(topic, candidates.patterns if candidates is not None else ()):
                self._valve.unsubscribe(pattern)

    def _note(self, mapped: Mapped, now_s: float) -> None:
        ingest = self._ingest
        for rejection in mapped.rejections:
            ingest.sink.reject(rejection.subject, rejection.reason, rejection.example)
        for device, is_online in mapped.presence:
            presence = ingest.presence
            change = (
                presence.heard(device, now_s)
                if is_online is None
                else presence.said(device, is_online, now_s)
            )
            if change is not None:
                report(ingest.sink, change)

    def _accepted(self, owed: list[Callable[[], None]]) -> None:
        for acknowledge in owed:
            acknowledge()
        self._offered -= len(owed)
        if self._offered == 0:
            self._settled.set()
        self._adjust()

    def _adjust(self) -> None:
        """Pause or resume reading as room goes and comes."""
        is_full = len(self._waiting) + self._offered >= self._room
        if is_full is self._is_paused or self._valve is None:
            return
        self._is_paused = is_full
        if is_full:
            self._valve.pause()
        else:
            self._valve.resume()


def report(sink: Sink, change: DeviceState) -> None:
    """Tell the door, and the log: offline WARNING, recovery INFO, the first sign of life DEBUG."""
    sink.device_state(change.device, change.state, change.detail)
    if change.state == "online":
        (log.info if change.is_recovery else log.debug)("device online", device_id=change.device)
    else:
        log.warning("device offline", device_id=change.device, why=change.detail)
