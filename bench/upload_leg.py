"""The upload leg: read, filter, encode, compress, post, verify, move the cursor, beside a bare leg with the same steps.

Ours is the shipped drain over the shipped buffer and its one writer, every row proven by its CRC, every receipt verified and two
commits a batch. Bare is sqlite3, the same join, the same compressor and http.client, with one commit a batch and no checks. It
sends as much at once as ours does at most. What is sent before the batches have grown to that is not counted: it holds what is
done once, on both sides. The two take turns, and the ratio is the median of those of the pairs.
"""

from __future__ import annotations

import asyncio
import hashlib
import http.client
import sqlite3
import sys
import tempfile
from pathlib import Path
from statistics import median

import msgspec

from bench import child
from bench.child import Meter
from bench.measure import RUNS
from edge_config.schema import SiteFile
from edge_config.site import LoadedSite
from edge_config.uplinks import HttpUplink
from gateway.delivery.feed import BufferFeed
from gateway.door.ingest import Door
from gateway.store import database
from gateway.store.changes import ChangeLog
from gateway.uplinks.district_http import DistrictHttp, DistrictSender
from gateway.uplinks.drain import Drain
from gateway.uplinks.feed import Identity
from gateway.uplinks.lanes import GROW_AFTER
from gateway.uplinks.packing import Encoding, best, packed
from runtime.clock import SystemClock

GOAL = 2.0
BATCH = 5000
GROWING = GROW_AFTER * (1000 + 2000 + 4000)
"""Records in batches that are smaller."""
RECORDS = GROWING + 20 * BATCH
START_MS, QUARTER_MS = 1_790_000_100_000, 900_000


def body(number: int) -> bytes:
    """A quarter-hour of one of 300 meters, as the buffer keeps it."""
    start, point = START_MS + number // 300 * QUARTER_MS, number % 300
    register = 10_000 + number * 0.37 + point * 17.3
    return msgspec.json.encode(
        {
            "kind": "interval", "point": f"meter-{point:03}.energy_import", "period": "15min", "start": start,
            "end": start + QUARTER_MS, "content": "measured", "share": 1.0, "value": round(number * 7 % 100 * 0.13, 2),
            "register_start": round(register, 2), "register_end": round(register + number * 7 % 100 * 0.13, 2),
        }
    )  # fmt: skip


def filled(path: Path, records: int) -> None:
    connection = database.open_writer(path)
    connection.execute("BEGIN IMMEDIATE")
    log = ChangeLog(0)
    for number in range(records):
        point, start = f"meter-{number % 300:03}.energy_import", START_MS + number // 300 * QUARTER_MS
        log.append("interval", f"15min/{point}/{start}", 1, start, body(number))
    log.flush(connection)
    connection.execute("COMMIT")
    connection.close()


async def ours(port: int, records: int) -> None:
    clock = SystemClock()
    with tempfile.TemporaryDirectory() as folder:
        path, url = Path(folder) / "buffer.db", f"http://127.0.0.1:{port}/v1"
        filled(path, records)
        about = {
            "site": {"id": "bench", "name": "bench"},
            "gateway": {"id": "gw-1"},
            "buffer": {"path": "buffer.db"},
        }
        site = LoadedSite(SiteFile.model_validate(about), Path(folder), Path(folder) / "site.yaml", {})
        uplink = HttpUplink(id="d", kind="district-http", url=url)
        async with Door(site, [], clock) as door, DistrictHttp(url, None) as wire:
            running = asyncio.create_task(door.run())
            async with BufferFeed(site, door, clock) as feed:
                sender = DistrictSender(wire, Identity("bench", "gw-1", feed.epoch), clock)
                drain = Drain(uplink, feed, sender, clock)
                while (await feed.state("d")).waiting(await feed.head()) > records - GROWING:
                    await drain.step()
                meter = Meter()
                while await drain.step() is not None:
                    pass
                meter.report(records - GROWING)
            door.close()
            await running


def bare(port: int, records: int, encoding: Encoding) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "buffer.db"
        filled(path, records)
        connection = sqlite3.connect(path, isolation_level=None)
        for pragma in ("journal_mode=WAL", "synchronous=FULL"):
            connection.execute(f"PRAGMA {pragma}")
        connection.execute("INSERT INTO uplink (uplink, cursor) VALUES ('d', 0)")
        wire = http.client.HTTPConnection("127.0.0.1", port)
        meter: Meter | None = None
        cursor = counted = 0
        while rows := connection.execute(
            "SELECT seq, key, revision, body FROM change WHERE seq > ? ORDER BY seq LIMIT ?", (cursor, BATCH)
        ).fetchall():
            array = (
                b"["
                + b",".join(
                    [
                        b'{"seq":%d,"key":"%s","revision":%d,"body":%s}' % (s, k.encode(), r, b)
                        for s, k, r, b in rows
                    ]
                )
                + b"]"
            )
            head = {"site": "bench", "gateway": "gw-1", "epoch": "e", "from_seq": cursor, "to_seq": rows[-1][0],
                    "sha256": hashlib.sha256(array).hexdigest()}  # fmt: skip
            plain = msgspec.json.encode(head)[:-1] + b',"changes":' + array + b"}"
            about = {"content-type": "application/json", "content-encoding": encoding}
            wire.request("POST", "/v1/batches", packed(plain, encoding), about)
            wire.getresponse().read()
            cursor = rows[-1][0]
            connection.execute("UPDATE uplink SET cursor = ?", (cursor,))
            if meter is None and cursor >= GROWING:
                meter, counted = Meter(), records - cursor
        assert meter is not None, "there is more than what is not counted"
        meter.report(counted)
        wire.close()
        connection.close()


def table(records: int = RECORDS, runs: int = RUNS) -> str:
    process, port = child.start("bench.upload_sink")
    kinds = ("ours", best()), ("bare", best()), ("bare", "gzip")
    try:
        spent = [
            [
                child.median("bench.upload_leg", which, port, str(records), kind, runs=1)
                for which, kind in kinds
            ]
            for _ in range(runs)
        ]
    finally:
        child.stop(process)
    return "\n".join(
        (
            f"upload leg, {records - GROWING} records in batches of {BATCH}, medians of {runs} rounds",
            f"  ours, {best():4}  {median(own.cpu_us for own, _, _ in spent):6.2f} CPU µs a record",
            *(
                f"  bare, {kind:4}  {median(one[at].cpu_us for one in spent):6.2f} CPU µs a record, ours"
                f" {median(one[0].cpu_us / one[at].cpu_us for one in spent):.2f} ×   goal {GOAL:g}"
                for at, (_, kind) in enumerate(kinds)
                if at
            ),
            (
                f"  peak RSS, MB   {median(own.rss_mb for own, _, _ in spent):6.1f}, bare"
                f" {median(one.rss_mb for _, one, _ in spent):.1f}"
            ),
        )
    )


if __name__ == "__main__":
    if len(sys.argv) == 1:
        print(table())
    elif sys.argv[1] == "ours":
        asyncio.run(ours(int(sys.argv[2]), int(sys.argv[3])))
    else:
        bare(int(sys.argv[2]), int(sys.argv[3]), "gzip" if sys.argv[4] == "gzip" else "zstd")
