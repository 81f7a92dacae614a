"""HTTP connections that may not be held for nothing: uvicorn's, with an end to everything that only the client can go on with.

uvicorn counts connections and ends idle ones after an answer, but waits for ever for a request to arrive and for an answer to be
read: a hundred connections that say nothing would keep every school out (F41, S20). Knows connections, no route.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from uvicorn.protocols.http.h11_impl import H11Protocol

from runtime.addresses import is_loopback, neighbourhood

HEAD_S_MAX = 10.0
"""From a connection, or from the first byte after an answer, to the end of a request's head."""
UNREAD_S_MAX = 60.0
"""How long a client may read nothing of an answer that waits for it."""
SHARE_MAX = 2
"""Of the connections that are served at all, one address has one in so many."""


class TimedHttp(H11Protocol):
    """For ``uvicorn.Config(http=…)``."""

    _head: asyncio.TimerHandle | None = None
    _unread: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        others = [
            one.client[0]
            for one in self.connections
            if isinstance(one, H11Protocol) and one.client is not None
        ]
        super().connection_made(transport)
        self._head = self.loop.call_later(HEAD_S_MAX, transport.abort)
        if self.client and not may_join(self.client[0], others, self.limit_concurrency):
            transport.abort()

    def data_received(self, data: bytes) -> None:
        if self._head is None and not self._is_answering():
            self._head = self.loop.call_later(HEAD_S_MAX, self.transport.abort)
        super().data_received(data)
        if self._is_answering():
            self._head = _end(self._head)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._unread = self.loop.call_later(UNREAD_S_MAX, self.transport.abort)

    def resume_writing(self) -> None:
        self._unread = _end(self._unread)
        super().resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        self._head, self._unread = _end(self._head), _end(self._unread)
        super().connection_lost(exc)

    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete


def may_join(address: str, others: Iterable[str], limit: int | None) -> bool:
    """Whether one more connection of this address leaves room for everybody else. A proxy on this machine speaks for many."""
    if limit is None or is_loopback(address):
        return True
    whole = neighbourhood(address)
    return sum(neighbourhood(one) == whole for one in others) < limit // SHARE_MAX


def _end(timer: asyncio.TimerHandle | None) -> asyncio.TimerHandle | None:
    """What is left of a timer that need not ring."""
    if timer is not None:
        timer.cancel()
    return None
