"""Four stateless processes behind one address on one PostgreSQL: whichever answers, and whichever is killed, one effect."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from contextlib import ExitStack

import pytest

from tests.district import campus
from tests.district.postgresql import Server
from tests.district.round_robin import round_robin
from tests.district.test_district_serve import running
from tests.district.tiers import rows
from tests.district.uploading import slots_of, upload

pytestmark = pytest.mark.real("postgresql")
PROCESSES, GATEWAYS, BATCHES, SLOTS = 4, 20, 25, 4


async def test_five_hundred_batches_have_one_effect_each_although_a_process_is_killed(
    postgresql: Server,
) -> None:
    """Each request goes out twice at once, so that two processes often have the same batch in hand."""
    url = postgresql.new_database()
    keys = {f"gw-{n}": campus.enrolled(url, gateway=f"gw-{n}") for n in range(GATEWAYS)}
    with ExitStack() as stack:
        alive = [stack.enter_context(running(url)) for _ in range(PROCESSES)]
        processes = [process for process, _ in alive]
        async with round_robin([int(where.rpartition(":")[2]) for _, where in alive]) as port:
            address = f"http://127.0.0.1:{port}/v1"
            senders = [
                asyncio.create_task(upload(address, key, slots_of(gateway, BATCHES, SLOTS), copies=2))
                for gateway, key in keys.items()
            ]
            await _until_half(url)
            os.kill(processes[0].pid, signal.SIGKILL)
            receipts = [receipt for found in await asyncio.gather(*senders) for receipt in found]
        assert [process.poll() for process in processes[1:]] == [None] * (PROCESSES - 1)
        assert await asyncio.to_thread(_ended, processes[0]) == -signal.SIGKILL
    slots = (BATCHES - 1) * SLOTS
    assert len(receipts) == GATEWAYS * BATCHES
    assert {len(receipt["rejected"]) for receipt in receipts} == {0}
    assert rows(url, "SELECT count(*), sum(value), max(revision) FROM interval") == [
        (GATEWAYS * slots, float(GATEWAYS * slots), 1)
    ]
    assert rows(url, "SELECT from_seq, to_seq, count(*) FROM received GROUP BY 1, 2") == [
        (0, 2 + slots, GATEWAYS)
    ]
    assert rows(url, "SELECT measured, count(*) FROM slot GROUP BY 1") == [(GATEWAYS, slots)]
    assert rows(url, "SELECT count(*) FROM batch") == [(GATEWAYS * BATCHES,)]
    assert rows(url, "SELECT count(*) FROM incident") == [(0,)]


async def _until_half(url: str) -> None:
    while rows(url, "SELECT count(*) FROM batch")[0][0] < GATEWAYS * BATCHES // 2:
        await asyncio.sleep(0.05)


def _ended(process: subprocess.Popen[str]) -> int:
    return process.wait(60)
