"""The loop of one uplink, whatever its kind: lane → range → filter → send → move.

The end of a batch is committed before it is sent and a lane moves only on a verdict that lets it: a crash at any line
sends the same bytes again, and the district has their effect once. One request is in flight at a time, so the batches of
a lane arrive in order. A receiver's trouble never leaves this room; a StoreError does, since nothing may go on without a
buffer.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

from edge_config.uplinks import UplinkBase
from gateway.model import Change
from gateway.place import Content, Lane, Leg, Place
from gateway.uplinks.backoff import wait_s
from gateway.uplinks.bounds import other_end
from gateway.uplinks.feed import Feed, Outcome
from gateway.uplinks.filter import chosen
from gateway.uplinks.lanes import BATCH_START, Condemned, Sizes, Turns, half_of, up_to
from gateway.uplinks.schedule import next_look_s
from gateway.uplinks.sender import Sender, Stretch, content_of
from gateway.uplinks.verdict import CutAt, Delivered, Keep, Poisoned, TooLarge, Trouble
from runtime import logs
from runtime.clock import Clock

POISON_REASON_MAX = 500
AGAIN_S = 600.0
"""What a receiver lost is sent again once in so long: one that never says that it has it causes no storm."""
CUT_OFF = frozenset({Trouble.NO_ANSWER, Trouble.DAMAGED})
"""What becomes of a body that a slow line does not end in time: we break off, or a district does and calls it damaged."""
FENCES = frozenset({Trouble.FENCED, Trouble.CLONED})


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
    delay_s: float | None = None
    while True:
        if delay_s is None:
            await _idle(clock, next_look_s(gateway, clock.now_ms(), uplink.interval_s), wake)
        elif delay_s > 0:
            await clock.sleep(delay_s)
        delay_s = await drain.step()


async def _idle(clock: Clock, seconds: float, wake: asyncio.Event | None) -> None:
    """Wait for the time to pass or for the wake event, whichever is first."""
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
    """How an uplink gets on: whose turn it is, how much it sends at once, and what it is in trouble with."""

    def __init__(
        self, uplink: UplinkBase, feed: Feed, sender: Sender, clock: Clock, rng: random.Random | None = None
    ) -> None:
        self._uplink, self._feed, self._sender, self._clock = uplink, feed, sender, clock
        self._rng = rng or random.Random()  # noqa: S311 - jitter, no secret
        self._log = logs.get("uplink").bind(uplink=uplink.id, to=sender.name)
        self._turns, self._sizes, self._condemned = Turns(), Sizes(uplink.batch_max), Condemned()
        self._failures = 0
        self._trouble: str | None = None
        self._comes_back = True
        """Nothing has been delivered since the start or the last trouble."""
        self._sent_again_s: float | None = None

    async def step(self) -> float | None:
        """Send at most one batch. Seconds to wait before the next step; None when there is nothing left to send."""
        place = await self._feed.state(self._uplink.id)
        if place.is_paused:
            return None
        for lane in self._turns.order(place):
            changes = await self._changes(place, lane)
            if (to_seq := _end_of(place, lane, changes)) is not None:
                return await self._go(place, Leg(lane, place.stands_at(lane), to_seq), changes)
        return None

    async def _changes(self, place: Place, lane: Lane) -> Sequence[Change]:
        """The changes of the batch that may be on its way, or else of the next one."""
        after, sent_to = place.stands_at(lane), place.sent_to(lane)
        limit = place.ends_at(lane) if sent_to is None else sent_to
        if sent_to is None:
            found = await self._feed.read(after, self._sizes.after(after))
            return self._condemned.first_alike(found if limit is None else up_to(limit, found))
        changes: list[Change] = []
        while after < sent_to:
            more = await self._feed.read(after, self._uplink.batch_max)
            changes += up_to(sent_to, more)
            if not more:
                break
            after = more[-1].seq
        return changes

    async def _go(self, place: Place, leg: Leg, changes: Sequence[Change]) -> float:
        picked = await self._picked(changes)
        if not picked:
            await self._feed.skip(self._uplink.id, leg)
            return 0.0
        if refused := self._condemned.take(picked):
            return await self._put_aside(leg, refused)
        stretch = Stretch(place.begins_at(leg.lane), leg.to_seq, picked)
        content = content_of(self._sender, stretch)
        if content is None and place.sent_to(leg.lane) is not None:
            return await self._send(leg, stretch)
        if await self._feed.begin(self._uplink.id, leg, content):
            return await self._send(leg, stretch)
        if content is not None:
            await self._elsewhere(leg, stretch, content)
        return 0.0

    async def _elsewhere(self, leg: Leg, stretch: Stretch, content: Content) -> None:
        """Give the stretch other bounds, where its own have named other content before."""
        taken = await self._feed.sent(self._uplink.id, stretch.from_seq)
        if taken.get(leg.to_seq, content.sha256) == content.sha256:
            return  # a command has moved the lane
        self._log.info("other content than before, hence other bounds", bounds=(stretch.from_seq, leg.to_seq))
        end = other_end(stretch.from_seq, leg.to_seq, stretch.changes, taken)
        if end is not None:
            await self._feed.begin(self._uplink.id, Leg(leg.lane, leg.after, end))
            return
        before = stretch.changes[0].seq - 1
        if before > leg.after:
            await self._feed.skip(self._uplink.id, Leg(leg.lane, leg.after, before))
        await self._feed.cut(self._uplink.id, leg.lane, before)

    async def _picked(self, changes: Sequence[Change]) -> Sequence[Change]:
        only = self._uplink.only
        quantities = await self._feed.quantities() if only.quantities is not None else {}
        spaces = await self._feed.spaces() if only.spaces is not None else {}
        return chosen(changes, only, quantities, spaces)

    async def _send(self, leg: Leg, stretch: Stretch) -> float:
        count = len(stretch.changes)
        match await self._sender.send(stretch):
            case Delivered(refused, held):
                await self._delivered(leg, Outcome(count, refused, held=held))
            case Keep() as keep:
                if keep.trouble in CUT_OFF and count > BATCH_START:
                    self._sizes.too_large(count)
                    await self._halve(leg, stretch, keep.message)
                return await self._keep(leg, keep)
            case CutAt(at):
                await self._cut(leg, at)
            case TooLarge(reason, is_final):
                if count == 1 and not is_final:
                    return await self._keep(leg, _single_too_large(reason))
                self._sizes.too_large(count)
                await self._halve(leg, stretch, reason)
            case Poisoned(reason, named):
                if not named:
                    self._sizes.poisoned(leg.after, leg.to_seq, count)
                    await self._halve(leg, stretch, reason)
                else:
                    self._condemned.add(named)
                    end = self._condemned.first_alike(stretch.changes)[-1].seq
                    await self._feed.begin(self._uplink.id, Leg(leg.lane, leg.after, end))
        return 0.0

    async def _delivered(self, leg: Leg, outcome: Outcome) -> None:
        now_s = self._clock.monotonic_s()
        if self._sent_again_s is not None and now_s - self._sent_again_s < AGAIN_S:
            outcome = replace(outcome, held=None)
        missing = await self._feed.delivered(self._uplink.id, leg, outcome)
        if outcome.refused:
            self._log.warning(
                "records were refused for ever", count=len(outcome.refused), first=outcome.refused[0]
            )
        if missing:
            self._sent_again_s = now_s
            self._log.warning("the receiver has lost what it had, sent again", stretches=list(missing)[:5])
        if self._trouble is not None:
            self._log.info("uplink works again", failures=self._failures)
        self._sizes.fits()
        self._turns.went(leg.lane)
        self._failures, self._trouble = 0, None
        if self._comes_back:
            await self._back(leg)

    async def _back(self, leg: Leg) -> None:
        """The receiver answers again: what is new goes a lane of its own from here on, before what has waited."""
        place = await self._feed.state(self._uplink.id)
        if place.ranges and place.live_to is not None:
            return  # that batch comes first, as it was
        self._comes_back = False
        await self._feed.fenced(self._uplink.id, is_fenced=False)
        if self._uplink.lanes and await self._feed.split(
            self._uplink.id, min(self._uplink.batch_max, BATCH_START)
        ):
            self._log.info("what has waited is sent behind what is new", after_seq=leg.to_seq)

    async def _cut(self, leg: Leg, at: int) -> None:
        """Let the batch end at ``at``, or begin there where that lies in what the filter passed before it."""
        if at > leg.after:
            await self._feed.begin(self._uplink.id, Leg(leg.lane, leg.after, at))
        else:
            await self._feed.cut(self._uplink.id, leg.lane, at)

    async def _halve(self, leg: Leg, stretch: Stretch, reason: str) -> None:
        """Go on with the first half of a stretch; a record that is alone is put aside with the answer."""
        changes = stretch.changes
        if len(changes) == 1:
            await self._put_aside(leg, [(changes[0].seq, reason)])
            return
        await self._feed.begin(self._uplink.id, Leg(leg.lane, leg.after, half_of(changes)))

    async def _put_aside(self, leg: Leg, refused: Sequence[tuple[int, str]]) -> float:
        """Go on behind a leg all of whose records were refused for ever."""
        reasons = [(seq, reason[:POISON_REASON_MAX]) for seq, reason in refused]
        await self._feed.begin(self._uplink.id, leg)
        await self._delivered(leg, Outcome(len(reasons), reasons, by_receipt=False))
        return 0.0

    async def _keep(self, leg: Leg, keep: Keep) -> float:
        """Say what is wrong once, and how long to wait. A repeat of the same trouble is only for DEBUG."""
        self._failures += 1
        self._comes_back = True
        self._turns.failed(leg.lane)
        self._condemned.forget()
        await self._feed.failed(self._uplink.id, f"{keep.trouble}: {keep.message}")
        if keep.trouble in FENCES and self._trouble != keep.trouble:
            await self._feed.fenced(self._uplink.id, is_fenced=True)
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


def _end_of(place: Place, lane: Lane, changes: Sequence[Change]) -> int | None:
    """Where the lane's next leg ends: as it was sent, at its last change, or at what is delivered; None where nothing waits."""
    sent_to = place.sent_to(lane)
    if sent_to is not None:
        return sent_to
    return changes[-1].seq if changes else place.ends_at(lane)


def _single_too_large(reason: str) -> Keep:
    return Keep(Trouble.REFUSED, reason, "something between here and the district refuses even one record")
