"""The only place that reads the wall clock or the monotonic clock.

Every room takes a ``Clock``. ``SystemClock`` is real time; with ``rate`` other than 1 both clocks run N times
faster from a common anchor, so that separate processes agree (tests and the demo only). Time-outs on a wire are
never scaled: use plain asyncio time-outs there.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

MS_PER_SECOND = 1000
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class Clock(Protocol):
    """Wall time in integer milliseconds UTC; monotonic time and sleeps in (possibly scaled) seconds."""

    def now_ms(self) -> int: ...

    def monotonic_s(self) -> float: ...

    async def sleep(self, seconds: float) -> None: ...


@dataclass(frozen=True, slots=True)
class ClockSetting:
    """``--clock-rate`` and ``--clock-start T[@REAL]``: simulated T holds at real epoch second REAL."""

    rate: float = 1.0
    start_ms: int | None = None
    anchor_s: float | None = None

    def arguments(self) -> list[str]:
        """The command-line options that give a child process this very clock."""
        if self.start_ms is None:
            return []
        anchor = self.anchor_s if self.anchor_s is not None else time.time()
        return ["--clock-rate", repr(self.rate), "--clock-start", f"{format_utc(self.start_ms)}@{anchor!r}"]

    def anchored(self) -> ClockSetting:
        """The same setting with its anchor fixed to this moment, so that children share it."""
        if self.rate == 1.0 and self.start_ms is None:
            return self
        now = time.time()
        start = self.start_ms if self.start_ms is not None else int(now * MS_PER_SECOND)
        return ClockSetting(self.rate, start, self.anchor_s if self.anchor_s is not None else now)


class SystemClock:
    """Real time, or time that runs ``rate`` times faster since the setting's anchor."""

    __slots__ = ("_anchor_s", "_mono_origin_s", "_rate", "_start_ms")

    def __init__(self, setting: ClockSetting | None = None) -> None:
        setting = (setting or ClockSetting()).anchored()
        self._rate = setting.rate
        self._start_ms = setting.start_ms
        self._anchor_s = setting.anchor_s or 0.0
        self._mono_origin_s = time.monotonic()

    def now_ms(self) -> int:
        if self._start_ms is None:
            return time.time_ns() // 1_000_000
        return self._start_ms + int((time.time() - self._anchor_s) * self._rate * MS_PER_SECOND)

    def monotonic_s(self) -> float:
        if self._rate == 1.0:
            return time.monotonic()
        return self._mono_origin_s + (time.monotonic() - self._mono_origin_s) * self._rate

    @property
    def is_scaled(self) -> bool:
        return self._rate != 1.0

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(0.0, seconds) / self._rate)


def timeline_of(clock: Clock) -> str:
    """Names what ``clock.monotonic_s`` counts from: the machine's start, so that times of a process that died can be told
    from those of another start. A scaled clock counts from its process's; so does every one where the system does not say."""
    if isinstance(clock, SystemClock) and clock.is_scaled:
        return uuid.uuid4().hex
    return machine_start()


def machine_start() -> str:
    """Names this start of the machine; another name each time where the system does not say."""
    try:
        return BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:
        return uuid.uuid4().hex


def parse_utc(text: str) -> int:
    """ISO 8601 with a zone (or ``Z``) to epoch milliseconds; ValueError when it has no zone."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} has no time zone; write for example 2026-09-01T00:00:00+08:00")
    return round(moment.timestamp() * MS_PER_SECOND)


def format_utc(ms: int) -> str:
    """Epoch milliseconds as ``2026-11-22T05:19:00.000Z``."""
    moment = datetime.fromtimestamp(ms // MS_PER_SECOND, UTC).replace(microsecond=ms % MS_PER_SECOND * 1000)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse_setting(rate: float, start: str | None) -> ClockSetting:
    """Read the two command-line options; ValueError names what is wrong and what would be right."""
    if not 0 < rate <= 10_000:
        raise ValueError(f"--clock-rate {rate:g} must be above 0 and at most 10000")
    if start is None:
        return ClockSetting(rate)
    text, _, anchor = start.partition("@")
    return ClockSetting(rate, parse_utc(text), float(anchor) if anchor else None)
