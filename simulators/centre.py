"""A reference energy centre of 分项能耗数据传输: lets collectors in, answers or does not as it is told, and audits its books.

Written from STANDARDS section 1 alone. It is strict where a real one may be, and misbehaves only by order, one ``Act`` for
each report in turn; what it booked it knows (``Ledger``), so that a lost, doubled or invented figure shows.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Self

from runtime import logs
from simulators.centre_frames import BadFrameError, Letter, Line
from simulators.centre_ledger import BadReportError, Ledger
from simulators.centre_words import Answer, BadXmlError, Question, Voice, read

log = logs.get("centre")


class Act(StrEnum):
    """What becomes of a report: booked and acknowledged; swallowed without a word; booked, the acknowledgement lost; refused;
    acknowledged late; the connection closed before or after booking; acknowledged twice; answered with nonsense."""

    ACK = "ack"
    DROP = "drop"
    LOSE_ACK = "lose-ack"
    REFUSE = "refuse"
    DELAY = "delay"
    CLOSE = "close"
    CLOSE_BOOKED = "close-booked"
    ACK_TWICE = "ack-twice"
    NONSENSE = "nonsense"


@dataclass(frozen=True, slots=True)
class Temper:
    """How a centre is by nature. ``good`` is its error code for no error; ``md5`` the order of its login; ``acks`` what it
    answers reports and resent packets with: ``report_ack``, ``record_arrive``, ``end`` (one answer to a whole run of resent
    packets) or ``none``."""

    dialect: str
    secret: str
    key: str
    good: str
    md5: tuple[str, ...]
    acks: str = "report_ack"
    lets_in: bool = True
    clock_offset_s: int = 0


def temper_of(dialect: str, secret: str) -> Temper:
    """A centre as the page describes it."""
    if dialect == "shanghai":
        return Temper(dialect, secret, secret, "", ("key", "sequence"))
    return Temper(dialect, secret, secret, "192", ("sequence", "key"))


@dataclass(eq=False, slots=True)
class Visit:
    """One connection. ``voice`` is known once the collector said who it is."""

    line: Line
    writer: asyncio.StreamWriter
    voice: Voice | None = None
    sequence: str = ""
    is_in: bool = False

    async def say(self, *answers: Answer) -> None:
        for answer in answers:
            self.writer.write(self.line.frame(Letter(answer.xml, answer.kind)))
        await self.writer.drain()


@dataclass(eq=False)
class Centre:
    """Use as ``async with``; ``port`` is known then. ``acts`` are taken one for each report or resent packet, ACK when there
    are none. ``heard`` is every operation a collector said, in order."""

    temper: Temper
    now: Callable[[], datetime]
    host: str = "127.0.0.1"
    port: int = 0
    delay_s: float = 5.0
    ledger: Ledger = field(init=False)
    acts: deque[Act] = field(default_factory=deque)
    heard: list[str] = field(default_factory=list)
    replies: list[Question] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    visits: set[Visit] = field(default_factory=set)
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    """Set after every message; whoever waits clears it."""

    def __post_init__(self) -> None:
        self.ledger = Ledger(self.temper.good)
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._visit, self.host, self.port)
        self.port = int(self._server.sockets[0].getsockname()[1])
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._server is not None:
            self._server.close()
        self.hang_up()
        if self._tasks:
            await asyncio.wait(self._tasks)
        if self._server is not None:
            await self._server.wait_closed()

    def hang_up(self) -> None:
        """End every connection at once."""
        for visit in self.visits:
            visit.writer.transport.abort()

    async def ask(self, make: Callable[[Voice], Answer]) -> None:
        """Say something of its own accord to every collector that was let in."""
        for visit in list(self.visits):
            if visit.is_in and visit.voice is not None:
                await visit.say(make(visit.voice))

    async def noise(self, junk: bytes) -> None:
        """Bytes between frames."""
        for visit in list(self.visits):
            visit.writer.write(junk)
            await visit.writer.drain()

    async def _visit(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a server's callback runs in one
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        visit = Visit(Line(self.temper.dialect, self.temper.secret.encode("ascii")), writer)
        self.visits.add(visit)
        try:
            await self._converse(visit, reader)
        except (asyncio.IncompleteReadError, OSError):
            log.debug("collector left")
        finally:
            self.visits.discard(visit)
            writer.transport.abort()
            with suppress(OSError):
                await writer.wait_closed()
            self.changed.set()

    async def _converse(self, visit: Visit, reader: asyncio.StreamReader) -> None:
        is_shanghai = self.temper.dialect == "shanghai"
        while True:
            try:
                letter = await visit.line.read(reader)
                question = read(letter.xml, is_shanghai)
            except (BadFrameError, BadXmlError) as error:
                self.faults.append(str(error))
                log.warning("not understood, connection closed", why=str(error))
                return
            visit.voice = Voice(question.building, question.gateway, is_shanghai)
            self.heard.append(question.operation)
            goes_on = await self._answer(visit, visit.voice, question)
            self.changed.set()
            if not goes_on:
                return

    async def _answer(self, visit: Visit, voice: Voice, question: Question) -> bool:
        """False ends the connection."""
        if question.operation == "request":
            visit.sequence = f"{secrets.randbelow(10**8):08d}"
            await visit.say(voice.sequence(visit.sequence))
        elif question.operation == "md5":
            visit.is_in = self.temper.lets_in and question.text("md5") == self._digest(visit.sequence)
            await visit.say(voice.result("pass" if visit.is_in else "fail", self._stamp()))
            return visit.is_in
        elif not visit.is_in:
            self.faults.append(f"{question.operation} before the login")
            return False
        elif question.operation == "notify":
            await visit.say(voice.time(self._stamp()))
        elif question.operation == "reply":
            self.replies.append(question)
        elif question.is_data:
            return await self._data(visit, voice, question)
        return True

    async def _data(self, visit: Visit, voice: Voice, question: Question) -> bool:
        act = self.acts.popleft() if self.acts else Act.ACK
        if act in {Act.CLOSE, Act.DROP}:
            return act is Act.DROP
        if act is Act.REFUSE:
            await visit.say(voice.ack("fail"))
            return True
        if act is Act.NONSENSE:
            await visit.say(voice.ack("perhaps"))
            return True
        try:
            self.ledger.book(question.report())
        except BadReportError as error:
            self.faults.append(str(error))
            await visit.say(voice.ack("fail"))
            return True
        if act is Act.DELAY:
            await asyncio.sleep(self.delay_s)
        if act in {Act.CLOSE_BOOKED, Act.LOSE_ACK}:
            return act is Act.LOSE_ACK
        answers = self._acknowledgement(voice, question)
        await visit.say(*answers, *(answers if act is Act.ACK_TWICE else ()))
        return True

    def _acknowledgement(self, voice: Voice, question: Question) -> list[Answer]:
        is_last = question.operation == "continuous" and question.text("total") == question.text("current")
        if self.temper.acks == "none":
            return []
        if self.temper.acks == "end" and question.operation == "continuous":
            return [voice.continuous_ack()] if is_last else []
        answer = voice.record_arrive() if self.temper.acks == "record_arrive" else voice.ack("pass")
        return [answer, voice.continuous_ack()] if is_last and self.temper.acks == "report_ack" else [answer]

    def _digest(self, sequence: str) -> str:
        parts = {"sequence": sequence, "key": self.temper.key}
        text = "".join(parts[name] for name in self.temper.md5)
        return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()

    def _stamp(self) -> str:
        moment = self.now().timestamp() + self.temper.clock_offset_s
        return datetime.fromtimestamp(moment, self.now().tzinfo).strftime("%Y%m%d%H%M%S")
