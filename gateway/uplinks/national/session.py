"""A connection that was let in: who answers what, heartbeats, and what the centre asks of its own accord.

One report is in flight at a time, for an acknowledgement of this protocol does not say what it is for. An acknowledgement
that nobody waits for means that the two sides are out of step, and ends the connection: taken for the next report's it
would lose that one. STANDARDS 1.2 to 1.4.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from edge_config.dialect import Word
from gateway.uplinks.national import said, text
from gateway.uplinks.national.heard import Heard, centre_time_ms
from gateway.uplinks.national.packets import Packet
from gateway.uplinks.national.said import Speaking
from gateway.uplinks.national.trouble import LinkError, NonsenseFromCentreError, no_answer
from gateway.uplinks.national.wire import Wire
from gateway.uplinks.verdict import Trouble
from runtime import logs
from runtime.clock import Clock

PERIODS_MIN = range(15, 24 * 60 + 1, 15)
"""What registers of quarter-hours can be told by; it has to divide the day, see ``is_period``."""
REFUSED_WAIT_S = 60.0
ACKS: frozenset[Word] = frozenset({"report_ack"})

log = logs.get("national")


def is_period(minutes: int) -> bool:
    return minutes in PERIODS_MIN and 24 * 60 % minutes == 0


@dataclass(frozen=True, slots=True)
class Asked:
    """What the centre may ask for, set or tell: the newest registers (None: the buffer cannot say now), the period in minutes
    (False: it could not be kept), its clock less ours in seconds."""

    newest: Callable[[], Awaitable[Packet | None]]
    set_period: Callable[[int], Awaitable[bool]]
    told_time: Callable[[float], None]


@dataclass(slots=True)
class Counts:
    """Since the uplink began: ``ignored`` operations nobody here knows, ``replies`` to queries, periods that cannot be."""

    ignored: int = 0
    replies: int = 0
    refused_periods: int = 0


async def log_in(wire: Wire, speaking: Speaking, key: str, answer_s: float) -> None:
    """request → sequence → md5 → result. Raises LinkError; anything but pass is a no."""
    try:
        async with asyncio.timeout(answer_s):
            await wire.say("request", said.request(speaking))
            sequence = (await _awaited(wire, "sequence")).text("sequence")
            if not sequence:
                raise NonsenseFromCentreError("the centre's sequence is empty")
            await wire.say("md5", said.md5(speaking, text.login(speaking.dialect, sequence, key)))
            result = (await _awaited(wire, "result")).text("result")
    except TimeoutError as error:
        raise no_answer(f"the login was not answered within {answer_s:g} s") from error
    if result != "pass":
        cure = "compare secret, building_id, gateway_id and the order of the md5 with the platform's paper"
        raise LinkError(
            Trouble.UNAUTHORIZED, f"the centre's answer to the login is {result[:20]!r}", cure, REFUSED_WAIT_S
        )


async def _awaited(wire: Wire, word: Word) -> Heard:
    """The message that has to come now; the centre may say other things before."""
    while (found := await wire.hear()).word != word:
        log.debug("said before the login was over", operation=found.name)
    return found


@dataclass
class Session:
    """``began_ms`` is when the centre let us in: what was measured before had to wait."""

    wire: Wire
    speaking: Speaking
    asked: Asked
    clock: Clock
    heartbeat_s: float
    answer_s: float
    counts: Counts
    began_ms: int
    _waiting: dict[Word, asyncio.Future[Heard]] = field(default_factory=dict)
    _telling: asyncio.Lock = field(default_factory=asyncio.Lock)
    _beating: asyncio.Lock = field(default_factory=asyncio.Lock)
    _ended: LinkError | None = None

    async def run(self) -> None:
        """Listen and keep alive until the connection ends, which raises LinkError. No task group: one that is ending for its
        own reasons would swallow a cancellation from outside (CPython 3.11), and the uplink would never stop."""
        tasks = [asyncio.create_task(self._listen()), asyncio.create_task(self._keep_alive())]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            self._end(no_answer("the connection ended"))
            errors = await asyncio.gather(*tasks, return_exceptions=True)
        found = [error for error in errors if isinstance(error, Exception)]
        raise min(found, key=lambda error: isinstance(error, LinkError))

    def _end(self, error: LinkError) -> None:
        """Whoever waits for an answer, or would say more, learns that none comes."""
        self._ended = error
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(error.again())

    async def tell(
        self, word: Word, xml: str, sequence: int | None, answers: frozenset[Word]
    ) -> Heard | None:
        """Send, and wait for one of ``answers``; None where nothing answers. One at a time, whoever asks. Raises LinkError, and
        then the connection is no more: an answer that came later could be taken for another's."""
        async with self._telling:
            return await self._ask(word, xml, sequence, answers)

    async def _ask(
        self, word: Word, xml: str, sequence: int | None, answers: frozenset[Word]
    ) -> Heard | None:
        if self._ended is not None:
            raise self._ended.again()
        if not answers:
            await self.wire.say(word, xml, sequence)
            return None
        future: asyncio.Future[Heard] = asyncio.get_running_loop().create_future()
        self._waiting.update(dict.fromkeys(answers, future))
        try:
            async with asyncio.timeout(self.answer_s):
                await self.wire.say(word, xml, sequence)
                return await future
        except TimeoutError as error:
            self.wire.abort()
            raise no_answer(f"{word} was not answered within {self.answer_s:g} s") from error
        except asyncio.CancelledError:
            self.wire.abort()
            raise
        finally:
            for answer in answers:
                self._waiting.pop(answer, None)
            if future.done() and not future.cancelled():
                future.exception()  # was raised above, or comes too late for anybody

    async def beat(self) -> None:
        """A heartbeat there and, where the dialect has it, back. Raises LinkError."""
        answers: frozenset[Word] = frozenset(
            {"time"} if self.speaking.dialect.receipt.heartbeat_is_answered else ()
        )
        async with self._beating:  # so that the answer is to this one, and to all that was said before it
            await self._ask("notify", said.notify(self.speaking), None, answers)

    async def _keep_alive(self) -> None:
        while True:
            await self.beat()
            await self.clock.sleep(self.heartbeat_s)

    async def _listen(self) -> None:
        while True:
            await self._take(await self.wire.hear())

    async def _take(self, found: Heard) -> None:
        future = self._waiting.get(found.word) if found.word else None
        if found.word == "time":
            self._time(found)
        if future is not None and not future.done():
            future.set_result(found)
        elif found.word in ACKS:
            raise NonsenseFromCentreError(f"{found.name} came for nothing; the two sides are out of step")
        elif found.word == "query" and "reply" in self.speaking.dialect.messages:
            await self._reply()
        elif found.word == "period" and "period_ack" in self.speaking.dialect.messages:
            await self._period(found)
        elif found.word == "result":
            raise LinkError(
                Trouble.UNAUTHORIZED, "the centre took the login back", "ask the platform", REFUSED_WAIT_S
            )
        elif found.word not in {"time", "continuous_ack"}:
            self.counts.ignored += 1
            log.debug("operation ignored", operation=found.name, count=self.counts.ignored)

    async def _reply(self) -> None:
        if (packet := await self.asked.newest()) is not None:
            self.counts.replies += 1
            await self.wire.say("reply", said.reply(self.speaking, packet))

    def _time(self, found: Heard) -> None:
        """The centre's clock is compared with ours and sets nothing: a stranger's word must not move a register's time."""
        theirs = centre_time_ms(found.text("time"), self.speaking.zone)
        if theirs is not None:
            self.asked.told_time((theirs - self.clock.now_ms()) / 1000)

    async def _period(self, found: Heard) -> None:
        """A period we cannot keep is not acknowledged: yes would be a lie, and there is no word for no."""
        wanted = found.text("period")
        minutes = int(wanted) if wanted.isascii() and wanted.isdigit() and len(wanted) < 5 else 0
        if not is_period(minutes):
            self.counts.refused_periods += 1
            log.warning(
                "period refused", wanted=wanted[:20], possible="whole quarter-hours that divide a day"
            )
            return
        if await self.asked.set_period(minutes):
            await self.wire.say("period_ack", said.period_ack(self.speaking))
