"""The loop of the tests: stalls are left out of its time, waiting is not."""

from __future__ import annotations

import asyncio
import time

from tests.loop import TURN_S_MAX


async def test_a_stall_makes_no_time_out_fall_due() -> None:
    async with asyncio.timeout(10 * TURN_S_MAX):
        time.sleep(20 * TURN_S_MAX)
        await asyncio.sleep(0)


async def test_waiting_takes_as_long_as_ever() -> None:
    began = time.monotonic()
    await asyncio.sleep(0.05)
    assert time.monotonic() - began >= 0.05
