"""Slows down password guessing: per account and per address, each failure past the free ones doubles the wait.

Pure bookkeeping in memory on the monotonic clock; bounded, so that an attacker cannot fill it.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from runtime.clock import Clock

FREE_FAILURES = 4
WAIT_S_FIRST, WAIT_S_MAX = 2.0, 900.0
FORGET_S = 3600.0
ENTRIES_MAX = 4096


@dataclass(slots=True)
class _Record:
    failures: int
    until_s: float
    last_s: float


class Throttle:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._records: OrderedDict[str, _Record] = OrderedDict()

    def wait_s(self, *keys: str) -> float:
        """Seconds until any of these keys may try again; 0 when they may now."""
        now = self._clock.monotonic_s()
        return max((self._records[key].until_s - now for key in keys if key in self._records), default=0.0)

    def failed(self, *keys: str) -> None:
        now = self._clock.monotonic_s()
        for key in keys:
            record = self._records.pop(key, None)
            if record is None or now - record.last_s > FORGET_S:
                record = _Record(0, 0.0, now)
            record.failures += 1
            record.last_s = now
            if record.failures > FREE_FAILURES:
                record.until_s = now + min(
                    WAIT_S_MAX, WAIT_S_FIRST * 2 ** (record.failures - FREE_FAILURES - 1)
                )
            self._records[key] = record
        while len(self._records) > ENTRIES_MAX:
            self._records.popitem(last=False)

    def succeeded(self, *keys: str) -> None:
        for key in keys:
            self._records.pop(key, None)
