"""The loop of one uplink, whatever its kind: cursor → range → filter → send → move.

The end of a batch is committed before it is sent and the cursor moves only on a verdict that lets it: a crash at any
line sends the same bytes again, and the district has their effect once. One request is in flight at a time, so batches
arrive in order. A receiver's trouble never leaves this room; a StoreError does, since nothing may go on without a buffer.
"""

from __future__ import annotations

import asyncio
import random
from contextlib import suppress

from edge_config.uplinks import UplinkBase
from gateway.model import Change
from gateway.uplinks.backoff import first_wait_s, wait_s
from gateway.uplinks.feed import Feed
from gateway.uplinks.filter import chosen
from gateway.uplinks.sender import Sender, Stretch
from gateway.uplinks.verdict import CutAt, Delivered, Keep, Poisoned, TooLarge, Trouble
from runtime import logs
from runtime.clock import Clock

POISON_REASON_MAX = 500
GROW_AFTER = 8
"""Batches that got through before a bigger one is tried again: a limit that is still there costs one request in nine."""


async def run_uplink(
    uplink: UplinkBase,
    gateway: str,
    feed: Feed,
    sender: Sender,
    clock: Clock,
    wake: asyncio.Event | None = None,
) -> None:
    """Deliver until cancelled. ``wake`` is set by whoever appends what cannot wait; it is cleared here."""
    drain = Drain(uplink, feed, sender, clock)
    await _idle(clock, first_wait_s(gateway, uplink.interval_s), wake)
    while True:
        delay_s = await drain.step()
        if delay_s is None:
            await _idle(clock, uplink.interval_s, wake)
        elif delay_s > 0:
            await clock.sleep(delay_s)


async def _idle(clock: Clock, seconds: float, wake: asyncio.Event | None) -> None:
    """Wait for the interval to pass or for the wake event, whichever is first."""
    if wake is None:
        await clock.sleep(seconds)
        return
    waiting = [asyncio.ensure_future(clock.sleep(seconds)), asyncio.ensure_future(wake.wait())]
    try:
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in waiting:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
    wake.clear()


class Drain:
    """How an uplink gets on: how much it sends at once, and what it is in trouble with."""

    def __init__(
        self, uplink: UplinkBase, feed: Feed, sender: Sender, clock: Clock, rng: random.Random | None = None
    ) -> None:
        self._uplink, self._feed, self._sender, self._clock = uplink, feed, sender, clock
        self._rng = rng or random.Random()  # noqa: S311 - jitter, no secret
        self._log = logs.get("uplink").bind(uplink=uplink.id, to=sender.name)
        self._size_max = uplink.batch_max
        self._fitted = 0
        self._suspect_size, self._suspect_to = uplink.batch_max, 0
        self._failures = 0
        self._trouble: str | None = None

    async def step(self) -> float | None:
        """Send at most one batch. Seconds to wait before the next step; None when there is nothing left to send."""
        state = await self._feed.state(self._uplink.id)
        changes = await self._stretch(state.cursor, state.batch_to)
        if not changes and state.batch_to is None:
            return None
        to_seq = state.batch_to if state.batch_to is not None else changes[-1].seq
        picked = await self._picked(changes)
        if not picked:
            await self._feed.skip(self._uplink.id, to_seq)
            return 0.0
        if state.batch_to is None:
            await self._feed.begin(self._uplink.id, to_seq)
        return await self._send(Stretch(state.cursor, to_seq, picked))

    async def _stretch(self, cursor: int, batch_to: int | None) -> list[Change]:
        """The changes of the batch that may be on its way, or else of the next one."""
        if batch_to is None:
            size = self._suspect_size if cursor < self._suspect_to else self._size_max
            return await self._feed.read(cursor, size)
        changes: list[Change] = []
        after = cursor
        while after < batch_to:
            more = await self._feed.read(after, self._uplink.batch_max)
            changes += [change for change in more if change.seq <= batch_to]
            if not more:
                break
            after = more[-1].seq
        return changes

    async def _picked(self, changes: list[Change]) -> list[Change]:
        only = self._uplink.only
        quantities = await self._feed.quantities() if only.quantities is not None else {}
        return chosen(changes, only, quantities)

    async def _send(self, stretch: Stretch) -> float:
        count = len(stretch.changes)
        match await self._sender.send(stretch):
            case Delivered(refused):
                await self._delivered(stretch, refused)
            case Keep() as keep:
                return await self._keep(keep)
            case CutAt(to_seq):
                await self._feed.begin(self._uplink.id, to_seq)
            case TooLarge(reason, is_final):
                if count == 1 and not is_final:
                    return await self._keep(_single_too_large(reason))
                self._size_max, self._fitted = max(1, count // 2), 0
                await self._halve(stretch, reason)
            case Poisoned(reason):
                self._suspect_size, self._suspect_to = max(1, count // 2), stretch.to_seq
                await self._halve(stretch, reason)
        return 0.0

    async def _delivered(self, stretch: Stretch, refused: tuple[tuple[int, str], ...]) -> None:
        await self._feed.delivered(self._uplink.id, stretch.to_seq, len(stretch.changes), refused)
        self._fits()
        if refused:
            self._log.warning("records were refused for ever", count=len(refused), first=refused[0])
        if self._trouble is not None:
            self._log.info("uplink works again", failures=self._failures)
        self._failures, self._trouble = 0, None

    def _fits(self) -> None:
        """A batch got through: what refused a bigger one may not be there any more."""
        self._fitted += 1
        if self._fitted >= GROW_AFTER:
            self._size_max, self._fitted = min(self._uplink.batch_max, 2 * self._size_max), 0

    async def _halve(self, stretch: Stretch, reason: str) -> None:
        """Go on with the first half of a stretch; a record that is alone is put aside with the answer."""
        changes = stretch.changes
        if len(changes) == 1:
            await self._delivered(stretch, ((changes[0].seq, reason[:POISON_REASON_MAX]),))
            return
        await self._feed.begin(self._uplink.id, changes[len(changes) // 2 - 1].seq)

    async def _keep(self, keep: Keep) -> float:
        """Say what is wrong once, and how long to wait. A repeat of the same trouble is only for DEBUG."""
        self._failures += 1
        await self._feed.failed(self._uplink.id, f"{keep.trouble}: {keep.message}")
        delay_s = wait_s(self._failures, self._rng, keep.retry_after_s)
        say = self._log.debug if self._trouble == keep.trouble else self._log.warning
        say(
            "uplink failed",
            trouble=str(keep.trouble),
            message=keep.message,
            cure=keep.cure,
            retry_s=round(delay_s, 1),
        )
        self._trouble = keep.trouble
        return delay_s


def _single_too_large(reason: str) -> Keep:
    return Keep(Trouble.REFUSED, reason, "something between here and the district refuses even one record")
