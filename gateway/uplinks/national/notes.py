"""Takes down what the centre tells: the period it sets, before that is acknowledged; its clock, when it moved."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec

from edge_config.uplinks import NationalUplink
from gateway.uplinks.national import memo
from gateway.uplinks.national.memo import Memo
from runtime import logs
from runtime.clock import Clock

CLOCK_WARN_S = 60.0
CLOCK_STEP_S, CLOCK_KEPT_MS = 5.0, 3_600_000
"""The offset is taken down when it moved by more than this, or after so long."""


class Notes:
    """The memo of one uplink. ``run`` has to run beside it."""

    def __init__(self, buffer: Path, uplink: NationalUplink, clock: Clock) -> None:
        self._path, self._clock = memo.path_of(buffer, uplink.id), clock
        self._own_min = uplink.period_min
        self._log = logs.get("national").bind(uplink=uplink.id)
        self._writing, self._told = asyncio.Lock(), asyncio.Event()
        self.memo: Memo = memo.read(self._path)

    async def set_period(self, minutes: int) -> bool:
        """Keep what the centre set, over restarts; False where the disk does not take it. Registers are told at its instants
        from now on."""
        set_at = {"period_min": minutes, "over_period_min": self._own_min, "period_at": self._clock.now_ms()}
        if not await self._write(msgspec.structs.replace(self.memo, **set_at)):
            return False
        self.memo = msgspec.structs.replace(self.memo, **set_at)
        self._log.info("the centre set the period", minutes=minutes)
        return True

    def told_time(self, offset_s: float) -> None:
        """The centre's clock less ours: a fact for people, never a reason to set our clock."""
        now, last = self._clock.now_ms(), self.memo
        moved_s = abs(offset_s - (last.clock_offset_s or 0.0))
        if last.clock_at is not None and moved_s < CLOCK_STEP_S and now - last.clock_at < CLOCK_KEPT_MS:
            return
        if abs(offset_s) > CLOCK_WARN_S:
            self._log.warning("the centre's clock differs from ours", offset_s=round(offset_s))
        self.memo = msgspec.structs.replace(last, clock_offset_s=round(offset_s, 1), clock_at=now)
        self._told.set()

    async def run(self) -> None:
        """Write what was told of the clock, apart from the connection, which does not wait for a disk. Until cancelled."""
        while True:
            await self._told.wait()
            self._told.clear()
            await self._write(self.memo)

    async def _write(self, fresh: Memo) -> bool:
        async with self._writing:
            try:
                await asyncio.to_thread(memo.write, self._path, fresh)
            except OSError as error:
                self._log.error("what the centre told cannot be kept", path=str(self._path), why=str(error))
                return False
        return True
