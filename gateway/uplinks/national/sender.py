"""A stretch of the feed as reports to an energy centre, and what its answers make of them.

A stretch is delivered when each of its packets was acknowledged as the dialect says. What was acknowledged before a
connection broke is not sent again while this process lives; after a restart it is, under the same number and time.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager

import msgspec

from edge_config.dialect import Word
from edge_config.uplinks import NationalUplink
from gateway.uplinks.feed import Feed
from gateway.uplinks.kinds import Speaker
from gateway.uplinks.national import memo, said
from gateway.uplinks.national.heard import Heard
from gateway.uplinks.national.link import Link
from gateway.uplinks.national.mapping import mapped_of, speaking_of
from gateway.uplinks.national.memo import Memo
from gateway.uplinks.national.newest import newest
from gateway.uplinks.national.packets import (
    Mapped,
    MappedPoint,
    Packet,
    Slot,
    SlotKey,
    needed,
    packets,
    slots_of,
)
from gateway.uplinks.national.session import Asked, Session
from gateway.uplinks.national.trouble import LinkError, NonsenseFromCentreError
from gateway.uplinks.sender import Stretch
from gateway.uplinks.verdict import Delivered, Keep, Poisoned, Trouble, Verdict
from runtime import logs

BEFORE_ROWS, BEFORE_STEPS = 1000, 20
"""How far back in the feed the rest of a sum is looked for: 20,000 changes, two days of a hundred meters."""
ANSWER_TAGS = ("report_ack", "ack")
CLOCK_WARN_S = 60.0
CLOCK_STEP_S, CLOCK_KEPT_MS = 5.0, 3_600_000
"""The memo's clock offset is written when it moved by more than this, or after so long."""

log = logs.get("national")


@asynccontextmanager
async def national_sender(uplink: NationalUplink, speaker: Speaker) -> AsyncIterator[NationalSender]:
    """The sender, its connection kept up for as long as the context lasts."""
    sender = NationalSender(uplink, speaker)
    async with asyncio.TaskGroup() as group:
        beside = [
            group.create_task(work, name=f"national {uplink.id}")
            for work in (sender.link.run(), sender.note())
        ]
        try:
            yield sender
        finally:
            for task in beside:
                task.cancel()


class NationalSender:
    """One centre. ``link.run()`` and ``note()`` have to run beside it."""

    def __init__(self, uplink: NationalUplink, speaker: Speaker) -> None:
        self._uplink, self._speaker = uplink, speaker
        self._speaking = speaking_of(speaker.site, uplink)
        self._rule = self._speaking.dialect.receipt
        self._memo_path = memo.path_of(speaker.site.buffer_path, uplink.id)
        self._stretch: tuple[int, int] | None = None
        self._answered: dict[int, str | None] = {}
        self.memo: Memo = memo.read(self._memo_path)
        self._writing, self._noted = asyncio.Lock(), asyncio.Event()
        self.name = uplink.destination
        asked = Asked(self._newest, self._set_period, self._told_time)
        self.link = Link(uplink, self._speaking, asked, speaker.clock)

    async def send(self, stretch: Stretch) -> Verdict:
        if self._stretch != (stretch.from_seq, stretch.to_seq):
            self._stretch, self._answered = (stretch.from_seq, stretch.to_seq), {}
        try:
            told = await packets_of(stretch, self._mapped(), self._speaker.feed)
        except msgspec.DecodeError as error:
            return Poisoned(f"an interval that cannot be read: {error}")
        try:
            if told:
                await self._tell(await self.link.up(), told)
        except LinkError as error:
            return Keep(error.trouble, str(error), error.cure, error.wait_s)
        return Delivered(tuple(self._refused(told)))

    def _mapped(self) -> Mapped:
        return mapped_of(self._speaker.site, self._uplink, self.memo.period(self._uplink.period_min))

    def _refused(self, told: Sequence[Packet]) -> list[tuple[int, str]]:
        return [
            (seq, reason)
            for packet in told
            if (reason := self._answered.get(packet.sequence)) is not None
            for seq in packet.seqs
        ]

    async def _tell(self, session: Session, told: Sequence[Packet]) -> None:
        """What waited from before the connection first, as a run of its own; then the rest."""
        left = [packet for packet in told if packet.sequence not in self._answered]
        resumes = "continuous" in self._speaking.dialect.messages
        waited = [packet for packet in left if resumes and packet.at_ms <= session.began_ms]
        await self._resume(session, waited)
        for packet in left:
            if packet not in waited:
                found = await session.tell(
                    "report", said.report(self._speaking, packet), packet.sequence, _words(self._rule.report)
                )
                self._judge(found, [packet])
        if self._rule.report is None:
            await session.beat()  # no receipt, but what it answers to it has read what came before

    async def _resume(self, session: Session, waited: Sequence[Packet]) -> None:
        """``total`` and ``current`` count this stretch's packets: how many more wait is not known to it."""
        each = _words(self._rule.continuous_each)
        for current, packet in enumerate(waited, 1):
            answers = each
            if not each and current == len(waited):
                answers = _words(self._rule.continuous_end)
            xml = said.continuous(self._speaking, packet, len(waited), current)
            found = await session.tell("continuous", xml, packet.sequence, answers)
            if each:
                self._judge(found, [packet])
            elif current == len(waited):
                self._judge(found, waited)

    def _judge(self, found: Heard | None, told: Sequence[Packet]) -> None:
        """Book an answer. Raises LinkError for one that keeps the packets."""
        reason = None if found is None else self._reason(found, told[-1])
        self._answered.update((packet.sequence, reason) for packet in told)

    def _reason(self, found: Heard, packet: Packet) -> str | None:
        """None for a yes; why not, where the dialect lets a no condemn the packet."""
        number = found.text("sequence")
        if number and number != str(packet.sequence):
            raise NonsenseFromCentreError(f"{found.name} names {number[:20]} and not {packet.sequence}")
        tag = next((tag for tag in ANSWER_TAGS if tag in found.texts), None)
        word = None if tag is None else found.text(tag).lower()
        if word is None or word in self._rule.good_words:
            return None
        if word not in self._rule.bad_words:
            raise NonsenseFromCentreError(f"{found.name} says {word[:20]!r}, which is neither yes nor no")
        sentence = (
            f"the centre answered {word!r} to {packet.sequence} of {self._speaking.stamp(packet.at_ms)}"
        )
        if self._rule.on_bad == "keep":
            raise LinkError(
                Trouble.REFUSED, sentence, "ask the platform what it does not like; compare its ids"
            )
        return sentence

    async def _newest(self) -> Packet | None:
        sequence = await self._speaker.feed.head()
        return await newest(self._speaker.site, self._speaker.clock, self._mapped(), sequence)

    async def _set_period(self, minutes: int) -> bool:
        """Keep what the centre set, over restarts. Registers are told at its instants from now on."""
        now = self._speaker.clock.now_ms()
        fresh = msgspec.structs.replace(
            self.memo, period_min=minutes, over_period_min=self._uplink.period_min, period_at=now
        )
        log.info("the centre set the period", uplink=self._uplink.id, minutes=minutes)
        if not await self._remember(fresh):
            return False
        self.memo = msgspec.structs.replace(
            self.memo, period_min=minutes, over_period_min=self._uplink.period_min, period_at=now
        )
        return True

    def _told_time(self, offset_s: float) -> None:
        """A fact for people, never a reason to set our clock."""
        now, last = self._speaker.clock.now_ms(), self.memo
        moved_s = abs(offset_s - (last.clock_offset_s or 0.0))
        if last.clock_at is not None and moved_s < CLOCK_STEP_S and now - last.clock_at < CLOCK_KEPT_MS:
            return
        if abs(offset_s) > CLOCK_WARN_S:
            log.warning(
                "the centre's clock differs from ours", uplink=self._uplink.id, offset_s=round(offset_s)
            )
        self.memo = msgspec.structs.replace(last, clock_offset_s=round(offset_s, 1), clock_at=now)
        self._noted.set()

    async def note(self) -> None:
        """Write what was told of the centre's clock, apart from the connection, which does not wait for a disk."""
        while True:
            await self._noted.wait()
            self._noted.clear()
            await self._remember(self.memo)

    async def _remember(self, fresh: Memo) -> bool:
        async with self._writing:
            try:
                await asyncio.to_thread(memo.write, self._memo_path, fresh)
            except OSError as error:
                log.error("what the centre told cannot be kept", path=str(self._memo_path), why=str(error))
                return False
        return True


async def packets_of(stretch: Stretch, mapped: Mapped, feed: Feed) -> list[Packet]:
    """The packets of a stretch; the feed is asked for what sums lack. Raises msgspec.DecodeError, StoreError."""
    slots = slots_of(stretch.changes, mapped.points)
    before = await _before(feed, stretch.from_seq, needed(slots, mapped), mapped.points)
    return packets(slots, before, mapped)


async def _before(
    feed: Feed, from_seq: int, wanted: Collection[SlotKey], points: Mapping[str, MappedPoint]
) -> dict[SlotKey, Slot]:
    """The newest word on each wanted quarter-hour up to ``from_seq``, as far as the feed is looked through."""
    found: dict[SlotKey, Slot] = {}
    high = from_seq
    for _ in range(BEFORE_STEPS):
        if high <= 0 or found.keys() >= set(wanted):
            break
        low = max(0, high - BEFORE_ROWS)
        rows = [change for change in await feed.read(low, BEFORE_ROWS) if change.seq <= high]
        for key, (_, slot) in slots_of(rows, points).items():
            if key in wanted:
                found.setdefault(key, slot)
        high = low
    return found


def _words(word: Word | None) -> frozenset[Word]:
    return frozenset() if word is None else frozenset({word})
