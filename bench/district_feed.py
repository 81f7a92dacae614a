"""A sender for the district's benchmark: gateways that encode, compress, sign and post by the gateway's own code.

``python -m bench.district_feed URL KEYS.json RECORDS BATCHES``: one gateway for each key in the file, up to 16 at once, each
sending its batches one after the other. Says ``ready`` once the points are described, begins at a line on stdin, and says at
the end how many records it has receipts for.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import msgspec

from gateway.model import Change
from gateway.uplinks.district_http import DistrictHttp
from gateway.uplinks.encode import encode
from gateway.uplinks.feed import Identity
from gateway.uplinks.packing import best, packed
from gateway.uplinks.verdict import Delivered, judge

AT_ONCE = 16
POINTS = 250
QUARTER_MS = 900_000
FIRST_MS = 1_793_458_800_000  # a month of quarter-hours: one partition, as a district has it most of the time


def described(points: int) -> list[Change]:
    bodies = [
        {
            "kind": "point", "point": f"m{n:03}.active_energy_import", "device": f"m{n:03}", "unit": "kWh", "step": "0.01",
            "quantity": "active_energy_import", "value_kind": "counter",
        }
        for n in range(points)
    ]  # fmt: skip
    return [_change(n, f"point:{n}", body) for n, body in enumerate(bodies, 1)]


def intervals(after: int, records: int, points: int) -> list[Change]:
    """The ``records`` changes behind ``after`` of a feed in which every quarter-hour closes all points."""
    found = []
    for seq in range(after + 1, after + records + 1):
        slot, point = divmod(seq - 1 - points, points)
        start = FIRST_MS + slot * QUARTER_MS
        register = 1000.0 + slot * 1.25 + point
        body = {
            "kind": "interval", "point": f"m{point:03}.active_energy_import", "period": "15min", "start": start,
            "end": start + QUARTER_MS, "content": "measured", "share": 1.0, "value": 1.25,
            "register_start": register, "register_end": register + 1.25,
        }  # fmt: skip
        found.append(_change(seq, f"interval:{point}:{start}", body))
    return found


def _change(seq: int, key: str, body: Mapping[str, object]) -> Change:
    return Change(seq, str(body["kind"]), key, 1, msgspec.json.encode(body))


async def post(wire: DistrictHttp, identity: Identity, after: int, changes: list[Change]) -> None:
    batch = encode(identity, after, after + len(changes), changes)
    verdict = judge(await wire.post(packed(batch.body, best()), best()), batch, 0)
    if not isinstance(verdict, Delivered) or verdict.refused:
        raise RuntimeError(f"{identity.site}: {verdict}")


async def main(url: str, keys: dict[str, str], records: int, batches: int) -> None:
    points = min(records, POINTS)
    bodies = {n: intervals(points + n * records, records, points) for n in range(batches)}
    turn = asyncio.Semaphore(AT_ONCE)

    async def one(site: str, key_file: Path, first: int, changes: list[list[Change]]) -> None:
        async with turn, DistrictHttp(url, str(key_file)) as wire:
            after = first
            for batch in changes:
                await post(wire, Identity(site, "gw-1", "e"), after, batch)
                after += len(batch)

    with tempfile.TemporaryDirectory() as folder:
        files = {site: Path(folder) / site for site in keys}
        for site, key in keys.items():
            files[site].write_text(key)
        await asyncio.gather(*(one(site, files[site], 0, [described(points)]) for site in keys))
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        await asyncio.gather(*(one(site, files[site], points, list(bodies.values())) for site in keys))
        print(len(keys) * batches * records, flush=True)


if __name__ == "__main__":
    asyncio.run(
        main(sys.argv[1], json.loads(Path(sys.argv[2]).read_text()), int(sys.argv[3]), int(sys.argv[4]))
    )
