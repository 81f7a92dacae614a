"""Names of hosts → addresses, for a whole event loop, so that a resolver that hangs holds up its own askers alone.

asyncio asks in the few threads that all of a process shares, in one more for each try, and waits for every one of them when
it ends: a dead name server of one uplink would stop whatever else needs a thread, and the stop of the process. Here a name
is asked once at a time, in a thread that nobody waits for; who asks again meanwhile gets the same answer.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from contextlib import suppress
from typing import Any

Question = tuple[Any, ...]
LOOKUPS_MAX = 32
"""Look-ups at once, each a thread. A site has a handful of names."""


def settle(loop: asyncio.AbstractEventLoop) -> None:
    """From here on names are looked up this way by everything that runs on ``loop``."""
    loop.getaddrinfo = LookUps(loop).getaddrinfo  # type: ignore[method-assign]


class LookUps:
    """The look-ups that are running. ``getaddrinfo`` has the shape of the loop's own, and raises what that raises."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._running: dict[Question, asyncio.Future[Any]] = {}

    async def getaddrinfo(
        self,
        host: Any,
        port: Any,
        *,
        family: int = 0,
        type: int = 0,  # noqa: A002 - the loop's own word for it
        proto: int = 0,
        flags: int = 0,
    ) -> Any:
        """Whoever gives up leaves the look-up to the others."""
        question = (host, port, family, type, proto, flags)
        return await asyncio.shield(self._running.get(question) or self._begin(question))

    def _begin(self, question: Question) -> asyncio.Future[Any]:
        if len(self._running) >= LOOKUPS_MAX:
            raise socket.gaierror(socket.EAI_AGAIN, f"{LOOKUPS_MAX} names are being looked up already")
        answer: asyncio.Future[Any] = self._loop.create_future()
        thread = threading.Thread(target=self._ask, args=(question,), name="name-lookup", daemon=True)
        try:
            thread.start()
        except RuntimeError as error:
            raise socket.gaierror(socket.EAI_AGAIN, "no thread for looking up a name") from error
        self._running[question] = answer
        return answer

    def _ask(self, question: Question) -> None:
        """In a thread of its own."""
        found: Any = None
        failed: Exception | None = None
        try:
            found = socket.getaddrinfo(*question)
        except (OSError, UnicodeError) as error:  # UnicodeError: a name that cannot be one
            failed = error
        with suppress(RuntimeError):  # the loop has ended, and nobody asks any more
            self._loop.call_soon_threadsafe(self._done, question, found, failed)

    def _done(self, question: Question, found: Any, failed: Exception | None) -> None:
        answer = self._running.pop(question)
        if failed is None:
            answer.set_result(found)
        else:
            answer.set_exception(failed)
            answer.exception()  # everybody may have given up
