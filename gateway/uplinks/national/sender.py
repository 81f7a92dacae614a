"""A stretch of the feed as reports to an energy centre, and what its answers make of them.

A stretch is delivered when each of its packets was acknowledged as the dialect says. What was acknowledged before a
connection broke is not sent again while this process lives; after a restart it is, under the same number and time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence

import msgspec

from edge_config.dialect import Word
from edge_config.uplinks import NationalUplink
from gateway.model import Change
from gateway.uplinks.feed import FeedReads
from gateway.uplinks.kinds import Speaker
from gateway.uplinks.national import said
from gateway.uplinks.national.explain import explained
from gateway.uplinks.national.heard import Heard
from gateway.uplinks.national.link import Link, keys_of
from gateway.uplinks.national.mapping import mapped_of, speaking_of
from gateway.uplinks.national.newest import newest
from gateway.uplinks.national.notes import Notes
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
from gateway.uplinks.probe import Probe, unwell
from gateway.uplinks.reaching import reach
from gateway.uplinks.sender import Stretch
from gateway.uplinks.verdict import Delivered, Keep, Poisoned, Trouble, Verdict
from gateway.uplinks.wire import WireFault
from runtime import logs

BEFORE_ROWS, BEFORE_STEPS = 1000, 20
"""How far back in the feed the rest of a sum is looked for: 20,000 changes, two days of a hundred meters."""
STRETCHES_MAX = 4
ANSWER_TAGS = ("report_ack", "ack")

Answers = dict[int, str | None]
"""By sequence number of a packet: None for a yes, else why it is refused for good."""

log = logs.get("national")


class NationalSender:
    """One centre; ``present`` is the task that keeps the connection up, without which nothing gets there."""

    def __init__(self, uplink: NationalUplink, speaker: Speaker) -> None:
        self._uplink, self._speaker = uplink, speaker
        self._speaking = speaking_of(speaker.site, uplink)
        self._rule = self._speaking.dialect.receipt
        self._sending = asyncio.Lock()
        self._progress: dict[tuple[int, int], Answers] = {}
        self.name = uplink.destination
        self.notes = Notes(speaker.site.buffer_path, uplink, speaker.clock)
        asked = Asked(self._newest, self.notes.set_period, self.notes.told_time)
        self.link = Link(uplink, self._speaking, asked, speaker.clock)

    async def present(self) -> None:
        """Logged in, alive and answering until cancelled. Not of who only asks: a centre lets a gateway in once."""
        beside = [asyncio.create_task(work) for work in (self.link.run(), self.notes.run())]
        try:
            await asyncio.gather(*beside)
        finally:
            for task in beside:
                task.cancel()

    def explain(self, change: Change) -> list[tuple[str, bytes]]:
        """XML and frame of a change alone, by the period that holds now; nothing is sent."""
        period = self.notes.memo.period(self._uplink.period_min)
        uplink = self._uplink.model_copy(update={"period_min": period})
        try:
            return explained(self._speaker.site, uplink, change, keys_of(uplink).secret)
        except LinkError as error:
            return [("没有密钥就没有报文 no frame without its key", str(error).encode())]
        except msgspec.DecodeError as error:
            return [("无法表示 refused", f"an interval that cannot be read: {error}".encode())]

    async def probe(self) -> Probe:
        """The port and the key file alone: a second login would end the running gateway's connection."""
        try:
            keys_of(self._uplink)
            await reach(self._uplink.host, self._uplink.port, self._uplink.answer_s)
        except (LinkError, WireFault) as error:
            return unwell(error.trouble, str(error), error.cure)
        return Probe(
            True,
            "端口有应答, 没有登录; the port answers, no login was tried: it would end the running connection",
        )

    async def send(self, stretch: Stretch) -> Verdict:
        async with self._sending:
            return await self._send(stretch)

    async def _send(self, stretch: Stretch) -> Verdict:
        try:
            told = await packets_of(stretch, self._mapped(), self._speaker.feed)
        except msgspec.DecodeError as error:
            return Poisoned(f"an interval that cannot be read: {error}")
        answers = self._answers_of(stretch)
        try:
            if told:
                await self._tell(await self.link.up(), told, answers)
        except LinkError as error:
            return Keep(error.trouble, str(error), error.cure, error.wait_s)
        del self._progress[stretch.from_seq, stretch.to_seq]
        return Delivered(tuple(refused(told, answers)))

    def _answers_of(self, stretch: Stretch) -> Answers:
        """What the centre said to packets of this stretch before; of a few stretches, for there may be lanes."""
        answers = self._progress.setdefault((stretch.from_seq, stretch.to_seq), {})
        while len(self._progress) > STRETCHES_MAX:
            del self._progress[next(iter(self._progress))]
        return answers

    def _mapped(self) -> Mapped:
        return mapped_of(self._speaker.site, self._uplink, self.notes.memo.period(self._uplink.period_min))

    async def _tell(self, session: Session, told: Sequence[Packet], answers: Answers) -> None:
        """What waited from before the connection first, as a run of its own; then the rest. An answer that says neither yes
        nor no ends the connection: nobody knows what the next one would be to."""
        left = [packet for packet in told if packet.sequence not in answers]
        resumes = "continuous" in self._speaking.dialect.messages
        waited = [packet for packet in left if resumes and packet.at_ms <= session.began_ms]
        try:
            await self._resume(session, waited, answers)
            await self._report(session, [packet for packet in left if packet not in waited], answers)
        except NonsenseFromCentreError:
            session.wire.abort()
            raise
        if self._rule.report is None:
            await session.beat()  # no receipt, but what it answers to it has read what came before

    async def _report(self, session: Session, told: Sequence[Packet], answers: Answers) -> None:
        for packet in told:
            xml = said.report(self._speaking, packet)
            found = await session.tell("report", xml, packet.sequence, _words(self._rule.report))
            answers[packet.sequence] = self._reason(found, packet)

    async def _resume(self, session: Session, waited: Sequence[Packet], answers: Answers) -> None:
        """``total`` and ``current`` count this stretch's packets: how many more wait is not known to it."""
        each, end = _words(self._rule.continuous_each), _words(self._rule.continuous_end)
        for current, packet in enumerate(waited, 1):
            is_last = current == len(waited)
            xml = said.continuous(self._speaking, packet, len(waited), current)
            found = await session.tell(
                "continuous", xml, packet.sequence, end if is_last and not each else each
            )
            if each or is_last:
                reason = self._reason(found, packet)
                answers.update((one.sequence, reason) for one in ([packet] if each else waited))

    def _reason(self, found: Heard | None, packet: Packet) -> str | None:
        """None for a yes, or where nothing answers; why not, where the dialect lets a no condemn the packet. Raises LinkError
        for an answer that keeps it."""
        if found is None:
            return None
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


def refused(told: Sequence[Packet], answers: Answers) -> list[tuple[int, str]]:
    """The changes of packets the centre will never take, each with why."""
    return [
        (seq, reason)
        for packet in told
        if (reason := answers.get(packet.sequence)) is not None
        for seq in packet.seqs
    ]


async def packets_of(stretch: Stretch, mapped: Mapped, feed: FeedReads) -> list[Packet]:
    """The packets of a stretch; the feed is asked for what sums lack. Raises msgspec.DecodeError, StoreError."""
    slots = slots_of(stretch.changes, mapped.points)
    before = await _before(feed, stretch.from_seq, needed(slots, mapped), mapped.points)
    return packets(slots, before, mapped)


async def _before(
    feed: FeedReads, from_seq: int, wanted: Collection[SlotKey], points: Mapping[str, MappedPoint]
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
