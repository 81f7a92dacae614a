"""One sleep for many waits: whoever waits for an event is woken by it at a time or before, and looks for himself.

A sleep begun and cancelled for each wait would be two for each commit of the door.
"""

from __future__ import annotations

import asyncio

from runtime.clock import Clock


class Nap:
    """Sets ``wake`` when it ends."""

    def __init__(self, clock: Clock, wake: asyncio.Event) -> None:
        self._clock, self._wake = clock, wake
        self._sleep: asyncio.Future[None] | None = None
        self._ends = 0.0

    def until(self, due: float, now: float) -> None:
        """End at ``due`` or before (monotonic seconds, as ``now``)."""
        if self._sleep is not None:
            if self._ends <= due:
                return
            self.stop()
        self._sleep, self._ends = asyncio.ensure_future(self._clock.sleep(due - now)), due
        self._sleep.add_done_callback(self._over)

    def stop(self) -> None:
        """Wake nobody any more."""
        if self._sleep is not None:
            self._sleep.remove_done_callback(self._over)
            self._sleep.cancel()
            self._sleep = None

    def _over(self, _: object) -> None:
        self._sleep = None
        self._wake.set()
