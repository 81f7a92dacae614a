"""One TCP connection to a centre: messages out, messages in. Every wait has a deadline but that for the centre to speak.

Knows bytes and time-outs, and nothing of what is said. Time-outs are real seconds whatever the process's clock does.
"""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress
from types import TracebackType
from typing import Self

from edge_config.dialect import Dialect, Word
from gateway.uplinks.national import text
from gateway.uplinks.national.frames import Deframer, Frame, written
from gateway.uplinks.national.heard import Heard, heard
from gateway.uplinks.national.trouble import no_answer

READ_BYTES = 8192


class Wire:
    """Use as ``async with``; it ends closed, whatever happened."""

    def __init__(
        self,
        streams: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        dialect: Dialect,
        secret: bytes,
        answer_s: float,
    ) -> None:
        self._reader, self._writer = streams
        self._dialect, self._secret, self._answer_s = dialect, secret, answer_s
        self._deframer = Deframer(dialect.frame)
        self._frames: deque[Frame] = deque()
        self._sent = 0

    @classmethod
    async def to(cls, host: str, port: int, dialect: Dialect, secret: bytes, answer_s: float) -> Wire:
        """Connected. Raises LinkError."""
        try:
            async with asyncio.timeout(answer_s):
                streams = await asyncio.open_connection(host, port)
        except TimeoutError as error:
            raise no_answer(f"no connection within {answer_s:g} s") from error
        except OSError as error:
            raise no_answer(f"no connection: {error.strerror or error}") from error
        return cls(streams, dialect, secret, answer_s)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.abort()
        with suppress(OSError):
            await self._writer.wait_closed()

    def abort(self) -> None:
        """Close at once: what waits in either direction is void."""
        self._writer.transport.abort()

    async def say(self, word: Word, xml: str, sequence: int | None = None) -> None:
        """Send a message; ``sequence`` numbers its frame, by default they are counted. Raises LinkError."""
        self._sent += 1
        data = text.packed(self._dialect, word, xml, self._secret)
        kind = int(self._dialect.messages[word].byte or "0", 16)
        number = self._sent if sequence is None else sequence
        try:
            self._writer.write(written(self._dialect.frame, Frame(data, number, kind)))
            async with asyncio.timeout(self._answer_s):
                await self._writer.drain()
        except TimeoutError as error:
            self.abort()
            raise no_answer(f"the centre takes nothing for {self._answer_s:g} s") from error
        except OSError as error:
            raise no_answer(f"the connection broke: {error.strerror or error}") from error

    async def hear(self) -> Heard:
        """The next message. Raises LinkError when the connection ends, or what comes is of another dialect."""
        while not self._frames:
            try:
                data = await self._reader.read(READ_BYTES)
            except OSError as error:
                raise no_answer(f"the connection broke: {error.strerror or error}") from error
            if not data:
                raise no_answer("the centre closed the connection")
            self._frames.extend(self._deframer.feed(data))
        frame = self._frames.popleft()
        return heard(self._dialect, text.unpacked(self._dialect, frame.data, self._secret))
