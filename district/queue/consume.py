"""From the queue into the database: ``accept``, and an acknowledgement after COMMIT.

A database that is away is waited for with the batch in hand. A batch that is refused for good is kept whole in ``queue_refused``
and said aloud: its gateway has a receipt and will not send it again.
"""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field

from district import body
from district.accept import Passage, accept
from district.contract import Fault, Receipt
from district.queue import refused
from district.queue.stream import BEAT_S, LANES, Stream, Waiting
from district.records import Batch
from district.refusal import DistrictError, Refusal
from district.service import Service
from district.store.database import DatabaseTrouble
from runtime import logs

WAIT_S_MAX = 10.0
"""Between two attempts; well below what the cluster takes for a death."""


@dataclass
class Consumer:
    """Of every lane; several processes may consume at once. ``taken`` counts what had its effect or had had it."""

    service: Service
    stream: Stream
    rng: random.Random = field(default_factory=random.SystemRandom)
    taken: int = 0
    refused: int = 0
    is_stopping: bool = False
    """Set before it is cancelled: Python 3.11's ``wait_for``, which the client is built on, loses a cancellation that comes as
    its answer does."""

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as group:
            for lane in range(LANES):
                group.create_task(self._follow(lane), name=f"consume-{lane}")

    async def _follow(self, lane: int) -> None:
        while not self.is_stopping:
            waiting = await self.stream.fetch(lane)
            if waiting is None:
                await self.service.clock.sleep(self.rng.uniform(0.0, 0.2))
                continue
            if await self._settle(waiting):
                await self.stream.done(waiting)

    async def _settle(self, waiting: Waiting) -> bool:
        """Until the batch has its effect or is kept as refused; False when it was left for the next consumer."""
        failures = 0
        while not self.is_stopping:
            try:
                receipt = await self._at_work(waiting)
            except (DatabaseTrouble, DistrictError, Refusal) as error:
                failures += 1
                wait_s = self.rng.uniform(0.1, min(WAIT_S_MAX, 0.5 * 2.0 ** min(failures, 10)))
                level = logs.get("district").warning if failures == 1 else logs.get("district").debug
                level("a batch waits for the database", batch=waiting.name, error=str(error))
                await self.stream.still_at_it(waiting)
                await self.service.clock.sleep(wait_s)
                continue
            if receipt is None:
                self.refused += 1
            else:
                self.taken += 1
                self.service.note_taken(receipt)
            return True
        return False

    async def _at_work(self, waiting: Waiting) -> Receipt | None:
        """Take it, and tell the cluster meanwhile that this takes a while."""
        work = asyncio.ensure_future(self.service.apart(self._take, waiting))
        try:
            while not (await asyncio.wait({work}, timeout=BEAT_S))[0]:
                await self.stream.still_at_it(waiting)
        finally:
            work.cancel()
        return work.result()

    def _take(self, waiting: Waiting) -> Receipt | None:
        """None when it was refused for good, and is kept so."""
        parcel = waiting.parcel
        batch = body.parse(body.inflate(parcel.raw, parcel.encoding))
        now = self.service.clock.now_ms()
        passage = Passage(parcel, is_vouched=bool(waiting.relay), onward=self.service.onward)
        try:
            return accept(self.service.database, batch, now, passage)
        except Refusal as refusal:
            if refusal.problem.error is Fault.UNAVAILABLE:
                raise
            self._keep(batch, waiting, refusal, now)
            return None

    def _keep(self, batch: Batch, waiting: Waiting, refusal: Refusal, now: int) -> None:
        with self.service.database.transaction() as connection:
            refused.keep(connection, batch, waiting.parcel, refusal.problem, now)
        logs.get("district").error(
            "a batch that had its receipt is refused, and kept in queue_refused",
            batch=waiting.name,
            error=refusal.problem.error.value,
            detail=str(refusal),
        )
