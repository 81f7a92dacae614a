"""How the districts above and the queue stand, in one answer for health, metrics and pages.

It is held for a few seconds: health is open to everybody, and to count what waits costs more than it is worth each time.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from district.queue import refused
from district.queue.standing import QueueStanding
from district.relay import upkeep
from district.relay.standing import UpstreamStanding, upstreams_of
from district.service import Service
from district.store.database import Connection

HELD_S = 5.0


@dataclass(frozen=True, slots=True)
class Tiers:
    """``queue`` None: none is used. ``refused``: batches in ``queue_refused``."""

    upstreams: tuple[UpstreamStanding, ...] = ()
    queue: QueueStanding | None = None
    refused: int = 0

    @property
    def is_any(self) -> bool:
        """There is something to say of districts above or of a queue."""
        return bool(self.upstreams or self.queue or self.refused)

    @property
    def is_queue_away(self) -> bool:
        return self.queue is not None and not self.queue.is_reachable

    def is_wrong(self, now_ms: int) -> bool:
        """A person should look."""
        return self.is_queue_away or self.refused > 0 or any(one.is_wrong(now_ms) for one in self.upstreams)


class TiersView:
    """Of one service; one question at a time."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._lock = asyncio.Lock()
        self._held: tuple[float, Tiers] | None = None

    async def tiers(self) -> Tiers:
        """As of a few seconds ago at most. Raises Refusal(UNAVAILABLE) when the database does not answer."""
        async with self._lock:
            now_s = self._service.clock.monotonic_s()
            if self._held is None or not 0.0 <= now_s - self._held[0] < HELD_S:
                self._held = (now_s, await self._ask())
            return self._held[1]

    async def _ask(self) -> Tiers:
        onward = self._service.onward

        def of_database(connection: Connection) -> tuple[tuple[UpstreamStanding, ...], int]:
            names = onward.upstreams if onward else ()
            return upstreams_of(upkeep.standings(connection), names), refused.count(connection)

        (upstreams, count), queue = await asyncio.gather(
            self._service.read(of_database), self._service.queue()
        )
        return Tiers(upstreams, queue, count)
