"""The connection to a centre: one frame out, its answer in; requests of the centre in between. Foreign exceptions end here.

The gateway is the client and holds the connection; it is made anew when there is something to say. One frame at a time waits
for its answer, told by QN and MN; a time-out ends the connection, so that an answer that comes late is nobody's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from types import TracebackType
from typing import Self

from gateway.uplinks.hj212_frame import FrameReader, Heard
from gateway.uplinks.verdict import Trouble
from gateway.uplinks.wire import WireFault

CHUNK = 4096
ANSWERS = {"9011", "9012", "9014"}
INTERACTION = ANSWERS | {"9013"}
"""What is never a request. 9013 is to a notice, and we send none."""

Asked = Callable[[Heard], Awaitable[list[bytes]]]
"""What is answered to a request of the centre; raises nothing but what ends the collector."""


class Link:
    """Use as ``async with``."""

    def __init__(self, host: str, port: int, timeout_s: float, asked: Asked) -> None:
        self._host, self._port, self._timeout_s, self._asked = host, port, timeout_s, asked
        self._writer: asyncio.StreamWriter | None = None
        self._listener: asyncio.Task[None] | None = None
        self._waiting: tuple[str, str, asyncio.Future[Heard]] | None = None
        self._turn = asyncio.Lock()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._close()

    async def exchange(self, frame: bytes, qn: str, mn: str) -> Heard:
        """Send a frame that asks for an acknowledgement and give back the answer. Raises WireFault when there is none."""
        async with self._turn:
            answer: asyncio.Future[Heard] = asyncio.get_running_loop().create_future()
            try:
                async with asyncio.timeout(self._timeout_s):
                    writer = await self._open()
                    self._waiting = (qn, mn, answer)
                    await _write(writer, frame)
                    return await answer
            except TimeoutError as error:
                await self._close()
                raise _no_answer(f"no answer within {self._timeout_s:g} s") from error
            except OSError as error:
                await self._close()
                raise _no_answer(f"{type(error).__name__}: {error}".rstrip(": ")) from error
            finally:
                self._waiting = None

    async def tell(self, frames: list[bytes]) -> None:
        """Send what nobody acknowledges. Raises WireFault when there is no connection."""
        async with self._turn:
            try:
                async with asyncio.timeout(self._timeout_s):
                    await _write(await self._open(), b"".join(frames))
            except (TimeoutError, OSError) as error:
                await self._close()
                raise _no_answer(f"{type(error).__name__}: {error}".rstrip(": ")) from error

    async def _open(self) -> asyncio.StreamWriter:
        if self._listener is not None and self._listener.done():
            await self._close()
        if self._writer is None:
            reader, self._writer = await asyncio.open_connection(self._host, self._port)
            self._listener = asyncio.create_task(self._listen(reader, self._writer))
        return self._writer

    async def _listen(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Until the centre hangs up."""
        frames = FrameReader()
        try:
            while data := await reader.read(CHUNK):
                for heard in frames.feed(data):
                    await self._take(heard, writer)
        except OSError as error:
            self._lost(f"{type(error).__name__}: {error}")
        else:
            self._lost("the centre closed the connection")

    async def _take(self, heard: Heard, writer: asyncio.StreamWriter) -> None:
        """An answer goes to who waits for it; one nobody waits for is dropped; anything else is a request."""
        if heard["CN"] not in INTERACTION:
            await _write(writer, b"".join(await self._asked(heard)))
        elif self._waiting is not None and heard["CN"] in ANSWERS and heard.is_intact:
            qn, mn, answer = self._waiting
            if heard.answers(qn, mn) and not answer.done():
                answer.set_result(heard)

    def _lost(self, why: str) -> None:
        if self._waiting is not None and not self._waiting[2].done():
            self._waiting[2].set_exception(ConnectionError(why))

    async def _close(self) -> None:
        listener, writer = self._listener, self._writer
        self._listener = self._writer = None
        if writer is not None:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()
        if listener is not None:
            listener.cancel()
            with suppress(asyncio.CancelledError):
                await listener


async def _write(writer: asyncio.StreamWriter, data: bytes) -> None:
    writer.write(data)
    await writer.drain()


def _no_answer(what: str) -> WireFault:
    return WireFault(
        Trouble.NO_ANSWER, what, "check the network and that the centre listens; it goes on by itself"
    )
