"""What every wire of a bus does alike: the pause before it connects again, the silence before a request, the line's parity.

Knows no framing. Times are the loop's, so never scaled by a clock.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from typing import Final

import structlog

from edge_config.schema import SerialBus, TcpBus
from gateway.errors import NonsenseError, NotConnectedError
from gateway.sources import faults

RECONNECT_S_FIRST, RECONNECT_S_MAX = 0.5, 5.0

SILENCES_UNTIL_RECONNECT: Final = 8
"""Requests in a row without a byte, from any device, after which a TCP connection is taken for dead."""

DRAIN_ROUNDS_MAX: Final = 5

Tap = Callable[[bool, bytes], None]
"""Told the bytes of each request sent (True), and at each piece received (False) all that is not yet understood."""


class Reconnect:
    """A growing pause after each attempt that failed; its first failure is a warning, what follows is for DEBUG."""

    def __init__(self, bus: TcpBus | SerialBus, log: structlog.stdlib.BoundLogger) -> None:
        self._bus, self._log = bus, log
        self._pause_s, self._problem = RECONNECT_S_FIRST, ""
        self.not_before = 0.0

    def refuse_early(self) -> None:
        """Raises NotConnectedError during the pause."""
        if asyncio.get_running_loop().time() < self.not_before:
            raise NotConnectedError(self._problem)

    def failed(self) -> NotConnectedError:
        """What to raise for an attempt that failed just now."""
        problem = faults.not_connected(self._bus)
        (self._log.debug if self._problem else self._log.warning)("no connection", why=problem)
        self._problem = problem
        self.not_before = asyncio.get_running_loop().time() + self._pause_s
        self._pause_s = min(RECONNECT_S_MAX, 2 * self._pause_s)
        return NotConnectedError(problem)

    def made(self) -> None:
        """There is a connection again."""
        if self._problem:
            self._log.info("connected again")
        self._pause_s, self._problem = RECONNECT_S_FIRST, ""


async def until_silent(heard_at: Callable[[], float], quiet_s: float, timeout_s: float) -> None:
    """Wait until nothing was heard for ``quiet_s``. Raises NonsenseError when the line never falls silent."""
    now = asyncio.get_running_loop().time
    started_at = now()
    while (wait_s := heard_at() + quiet_s - now()) > 0:
        if now() - started_at > DRAIN_ROUNDS_MAX * timeout_s:
            raise NonsenseError(faults.NEVER_SILENT)
        await asyncio.sleep(wait_s)


def parity_of(bus: SerialBus) -> str:
    """The line's parity; a pseudo-terminal, as a simulator gives, has none and refuses to be set to one."""
    return "N" if os.path.realpath(bus.port).startswith("/dev/pts/") else bus.parity
