"""The event loop of every test: asyncio's own, except that its time does not count what the machine kept from us.

On a busy machine a process may stand still for longer than a wire's time-out, and what has arrived meanwhile is then
found too late. Here one turn of the loop counts ``TURN_S_MAX`` at most: a time-out falls due only after everybody in the
process has had several turns to answer, and waiting takes as long as ever. Other processes and threads have real time.
"""

from __future__ import annotations

import asyncio
import selectors
import time

WAIT_S_MAX = 0.005
TURN_S_MAX = 0.01
"""More than a wait takes on a quiet machine, so that time is real time there."""


class _Turns(selectors.DefaultSelector):
    """Waits in short steps and adds up what they count."""

    def __init__(self) -> None:
        super().__init__()
        self._began_s = self._counted_s = time.monotonic()

    def time_s(self) -> float:
        return self._counted_s + min(time.monotonic() - self._began_s, TURN_S_MAX)

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        self._counted_s, self._began_s = self.time_s(), time.monotonic()
        return super().select(WAIT_S_MAX if timeout is None else min(timeout, WAIT_S_MAX))


class PatientLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._turns = _Turns()
        super().__init__(self._turns)

    def time(self) -> float:
        """Seconds; since the loop was made, stalls are left out."""
        return self._turns.time_s()
