"""The loop on a line that does not end a large batch in time."""

from __future__ import annotations

import random

import pytest

from edge_config.uplinks import HttpUplink
from gateway.place import Place
from gateway.uplinks.drain import Drain
from gateway.uplinks.sender import Stretch
from gateway.uplinks.verdict import Delivered, Keep, Trouble, Verdict
from tests.uplinks.memory import MemoryFeed, SelfMovingClock, rows


@pytest.mark.parametrize("trouble", [Trouble.NO_ANSWER, Trouble.DAMAGED])
async def test_a_line_too_slow_for_a_large_batch_gets_smaller_ones_whoever_breaks_off(
    trouble: Trouble,
) -> None:
    class SlowLine:
        name = "slow"

        def __init__(self) -> None:
            self.got: list[int] = []

        async def send(self, stretch: Stretch) -> Verdict:
            if len(stretch.changes) > 1200:
                return Keep(trouble, "the body did not arrive within 30 s", "")
            self.got += [change.seq for change in stretch.changes]
            return Delivered(())

    slow, feed = SlowLine(), MemoryFeed(rows(4000), Place(batch_to=4000))
    uplink = HttpUplink(id="d", kind="district-http", url="http://127.0.0.1:1/v1", batch_max=4000)
    drain = Drain(uplink, feed, slow, SelfMovingClock(), random.Random(1))
    for _ in range(12):
        if await drain.step() is None:
            break
    assert slow.got == list(range(1, 4001))
