"""Server-sent events: one task looks whether the buffer changed, and tells every open page.

A page that hears ``change`` fetches itself again. The look costs one small query every two seconds however many pages
are open; the number of pages is bounded; ``stop`` ends every stream at once, so that shutdown never waits for a browser.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncGenerator, Callable

from gateway.errors import GatewayError
from runtime import logs

LOOK_S = 2.0
SAY_S_MIN = 5.0  # a page that rebuilt itself at every commit would only flicker
HEARTBEAT_S = 15.0
CLIENTS_MAX = 100
CHANGE = b"event: change\ndata: 1\n\n"

log = logs.get("dashboard")


def stamp(token: object) -> str:
    """A page carries the stamp of what it shows, so that a change between its making and its listening is not missed."""
    return hashlib.sha256(str(token).encode()).hexdigest()[:16]


class Live:
    """``token`` blocks and is called on a thread; a change of its answer is the message."""

    def __init__(
        self, token: Callable[[], object], look_s: float = LOOK_S, say_s_min: float = SAY_S_MIN
    ) -> None:
        self._token, self._look_s, self._say_s_min = token, look_s, say_s_min
        self._seen = ""
        self._waiting: set[asyncio.Queue[bool]] = set()
        self._stopped = asyncio.Event()
        self._is_failing = False

    @property
    def clients(self) -> int:
        return len(self._waiting)

    @property
    def is_full(self) -> bool:
        return len(self._waiting) >= CLIENTS_MAX

    async def look(self) -> bool:
        """Look once; True when the token changed and every client was told."""
        try:
            seen = stamp(await asyncio.to_thread(self._token))
        except GatewayError as error:
            if not self._is_failing:
                log.warning("the buffer cannot be read", error=str(error))
            self._is_failing = True
            return False
        self._is_failing = False
        changed = self._seen not in {"", seen}
        self._seen = seen
        if changed:
            for queue in self._waiting:
                if queue.empty():  # one message not yet read says as much as two
                    queue.put_nowait(True)
        return changed

    async def run(self) -> None:
        """Look every two seconds while somebody listens, until ``stop``."""
        while not self._stopped.is_set():
            said = await self.look() if self._waiting else False
            await self._pause(self._say_s_min if said else self._look_s)

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._stopped.wait()
        except TimeoutError:
            return

    def stop(self) -> None:
        self._stopped.set()
        for queue in self._waiting:
            queue.put_nowait(False)

    async def stream(self, seen: str = "") -> AsyncGenerator[bytes, None]:
        """The body of one client's /events; ``seen`` is the stamp of the page it shows."""
        queue: asyncio.Queue[bool] = asyncio.Queue()
        self._waiting.add(queue)
        try:
            yield b"retry: 3000\n\nevent: hello\ndata: 1\n\n"
            await self.look()
            if seen and queue.empty() and seen != self._seen:
                yield CHANGE
            while not self._stopped.is_set():
                try:
                    async with asyncio.timeout(HEARTBEAT_S):
                        is_change = await queue.get()
                except TimeoutError:
                    yield b": still here\n\n"
                    continue
                if not is_change:
                    return
                yield CHANGE
        finally:
            self._waiting.discard(queue)
