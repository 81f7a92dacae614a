"""Handing on: lane by lane, each in the order its batches took effect, one in flight, until nothing waits.

What is wrong with one lane (a stop, a refusal of its own) leaves the others alone; what is wrong with the upstream makes all of
them wait. Waits are drawn with full jitter. Of several processes on one database one at a time has a lane, by a claim that
ends by itself; were two to send the same batch, the upstream would give both the same receipt.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from district.contract.answers import Reply
from district.refusal import Refusal
from district.relay import limits, outbox
from district.relay.answer import Outcome, Stop, Taken, Wait, judge
from district.relay.outbox import Kept, Lane
from district.relay.wire import NoAnswer
from district.store.database import Connection, DatabaseTrouble
from runtime import logs
from runtime.clock import Clock

T = TypeVar("T")


class Store(Protocol):
    """The service, as far as handing on needs it."""

    clock: Clock

    async def act(self, work: Callable[[Connection], T]) -> T: ...

    async def read(self, question: Callable[[Connection], T]) -> T: ...


class Wire(Protocol):
    async def post(self, kept: Kept) -> Reply: ...


@dataclass
class Pause:
    """Failures in a row, and when to try again (monotonic s)."""

    failures: int = 0
    until_s: float = 0.0


@dataclass
class Forwarder:
    """One upstream by its name. ``woken`` is set whenever something was accepted here."""

    upstream: str
    store: Store
    wire: Wire
    owner: str
    rng: random.Random
    woken: asyncio.Event = field(default_factory=asyncio.Event)
    _general: Pause = field(default_factory=Pause)
    _paused: dict[Lane, Pause] = field(default_factory=dict)
    _lacking: dict[tuple[Lane, str], int] = field(default_factory=dict)

    async def run(self) -> None:
        """Until cancelled. A database that is away is asked again with the next round."""
        log = logs.get("relay").bind(upstream=self.upstream)
        failures = 0
        while True:
            self.woken.clear()
            is_more = False
            try:
                is_more = await self.round()
                failures = 0
            except* (DatabaseTrouble, Refusal) as errors:
                failures += 1
                say = log.warning if failures == 1 else log.debug
                say("the relay cannot ask its database", error=str(errors.exceptions[0]))
            if not is_more:
                await self._rest()

    async def round(self) -> bool:
        """Give every lane that may go its turn; whether there is more to do at once."""
        now_s = self.store.clock.monotonic_s()
        if self._general.until_s > now_s:
            return False
        now = self.store.clock.now_ms()
        lanes = await self.store.read(
            lambda connection: outbox.lanes_with_work(connection, self.upstream, self.owner, now)
        )
        ready = [lane for lane in lanes if self._paused.get(lane, Pause()).until_s <= now_s]
        turns = iter(ready)

        async def take_turns() -> bool:
            is_any_left = False
            for lane in turns:
                if self._general.until_s > self.store.clock.monotonic_s():
                    return False
                is_any_left = await self._turn(lane) or is_any_left
            return is_any_left

        async with asyncio.TaskGroup() as group:
            workers = [group.create_task(take_turns()) for _ in range(min(limits.AT_ONCE, len(ready)))]
        return any(worker.result() for worker in workers)

    async def _rest(self) -> None:
        """Until something was accepted here, or for as long as what others accepted may wait."""
        nap = asyncio.ensure_future(self.store.clock.sleep(limits.POLL_S))
        woken = asyncio.ensure_future(self.woken.wait())
        try:
            await asyncio.wait((nap, woken), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in (nap, woken):
                one.cancel()
            await asyncio.gather(nap, woken, return_exceptions=True)

    async def _turn(self, lane: Lane) -> bool:
        """Whether the lane has more to send at once."""
        clock = self.store.clock
        now = clock.now_ms()
        if not await self.store.act(lambda connection: outbox.claim(connection, lane, self.owner, now)):
            return False
        is_more = True
        for _ in range(limits.BATCHES_PER_ROUND):
            kept = await self.store.read(lambda connection: outbox.oldest(connection, lane))
            is_more = kept is not None and await self._send(lane, kept)
            if not is_more:
                break
        await self.store.act(lambda connection: outbox.release(connection, lane, self.owner))
        return is_more

    async def _send(self, lane: Lane, kept: Kept) -> bool:
        """Whether the next one may follow."""
        now = self.store.clock.now_ms()
        try:
            outcome: Outcome = judge(await self.wire.post(kept), kept, now)
        except NoAnswer as error:
            outcome = Wait(error.trouble, str(error))
        log = logs.get("relay").bind(upstream=self.upstream, site=lane.site, gateway=lane.gateway)
        match outcome:
            case Taken(receipt):
                lacking = await self.store.act(
                    lambda connection: outbox.delivered(connection, lane, kept, receipt, now)
                )
                self._went_well(lane)
                if lacking and lacking != self._lacking.pop((lane, kept.epoch), 0):
                    log.warning(
                        "the district above lacks what is not here any more", epoch=kept.epoch, seqs=lacking
                    )
                if lacking:
                    self._lacking[lane, kept.epoch] = lacking
                return True
            case Stop(fault, detail):
                await self.store.act(
                    lambda connection: outbox.stop(connection, lane, kept, fault, detail, now)
                )
                log.error("a gateway's lane is stopped", epoch=kept.epoch, error=fault.value, detail=detail)
                return True
            case Wait():
                pause = self._wait(lane, outcome)
                say = log.warning if pause.failures == 1 else log.debug
                say(
                    "the district above did not take a batch",
                    trouble=outcome.trouble.value,
                    error=outcome.detail,
                )
                await self.store.act(
                    lambda connection: outbox.note_trouble(
                        connection, lane, kept, outcome.trouble, outcome.detail, now
                    )
                )
                return False

    def _went_well(self, lane: Lane) -> None:
        own = self._paused.pop(lane, None)
        if own or self._general.failures:
            logs.get("relay").info(
                "the district above takes batches again", upstream=self.upstream, site=lane.site
            )
        self._general = Pause()

    def _wait(self, lane: Lane, outcome: Wait) -> Pause:
        pause = self._general if outcome.is_general else self._paused.setdefault(lane, Pause())
        now_s = self.store.clock.monotonic_s()
        if pause.until_s <= now_s:  # of several in flight that fail at once the first counts
            pause.failures += 1
        ceiling_s = min(limits.LONGEST_S, limits.FIRST_S * 2.0 ** min(pause.failures - 1, 30))
        wait_s = max(limits.SHORTEST_S, self.rng.uniform(0.0, ceiling_s), outcome.retry_after_s)
        pause.until_s = max(pause.until_s, now_s + wait_s)
        return pause
