"""Records from gateways to committed rows of a district: over HTTP, encoded, compressed and signed by the gateway's own code.

Beside it, the same rows by bare psycopg on the same server: COPY into a staging table, then one upsert by revision, a commit for
each 1,000. PostgreSQL keeps its fsync. Sender, district and database share the machine's cores.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec
import psycopg

from bench.child import ROOT
from bench.district_feed import POINTS, intervals
from bench.measure import RUNS
from district import enrolment
from district.store.database import Row, open_database
from district.store.effects import INTERVAL
from tests.district.postgresql import server

BATCH = 1000
SCHOOLS, SCHOOL_POINTS = 500, 40
GOAL_RATE, GOAL_RATIO = 20_000, 0.5
SERVE = "from gateway.cli.main import main; main()"


@dataclass(frozen=True, slots=True)
class Figures:
    """``rate`` in records a second of wall time, ``service_ms`` the district process's CPU for 1,000 of them."""

    rate: float
    service_ms: float


@contextmanager
def district(where: str) -> Iterator[tuple[str, int]]:
    """A district in a process of its own: its url and process id."""
    command = [sys.executable, "-c", SERVE, "district", "--database", where, "--port", "0"]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        try:
            for line in process.stderr:
                said = json.loads(line)
                if said["event"] == "district is listening":
                    yield said["url"] + "/v1", process.pid
                    return
            raise RuntimeError("the district did not start")
        finally:
            process.terminate()


def enrolled(where: str, schools: int) -> dict[str, str]:
    """Keys by school."""
    place = where if "://" in where else Path(where)
    keys = {}
    with closing(open_database(place)) as database:
        for number in range(schools):
            site = f"school-{number:03}"
            made = enrolment.redeem(database, enrolment.issue_token(database, site, "gw-1", site, 0), 0)
            assert made is not None
            keys[site] = made.key
    return keys


def ingest(where: str, clients: int, schools: int, records: int, batches: int) -> Figures:
    """``clients`` processes share the schools; the points are described before the clock starts."""
    keys = list(enrolled(where, schools).items())
    with tempfile.TemporaryDirectory() as folder, district(where) as (url, pid):
        senders = []
        for number in range(clients):
            path = Path(folder) / f"{number}.json"
            path.write_text(json.dumps(dict(keys[number::clients])))
            senders.append(_sender(url, str(path), str(records), str(batches)))
        for sender in senders:
            assert sender.stdout is not None
            assert sender.stdout.readline() == "ready\n"
        before, from_s = _cpu_s(pid), time.perf_counter()
        for sender in senders:
            assert sender.stdin is not None
            sender.stdin.write("go\n")
            sender.stdin.flush()
        sent = sum(int(sender.communicate(timeout=600)[0]) for sender in senders)
        wall_s, service_s = time.perf_counter() - from_s, _cpu_s(pid) - before
    assert sent == schools * records * batches
    return Figures(sent / wall_s, 1e6 * service_s / sent)


def _sender(*arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "bench.district_feed", *arguments]
    return subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def rows_of(batch: int) -> list[Row]:
    """What the district makes of a batch of the feed."""
    found = []
    for change in intervals(POINTS + batch * BATCH, BATCH, POINTS):
        body = msgspec.json.decode(change.body)
        found.append(("school-000", *(body.get(name) for name in INTERVAL.columns[1:-1]), change.revision))
    return found


def bare(url: str, batches: int) -> float:
    """Records a second of COPY and upsert on one connection, of rows that are ready."""
    columns, batched = INTERVAL.named(), [rows_of(n) for n in range(batches)]
    with closing(open_database(url)) as database:
        database.make_room(row[2] for rows in batched for row in rows)
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TEMP TABLE staging (LIKE interval) ON COMMIT DELETE ROWS")
        connection.commit()
        from_s = time.perf_counter()
        for rows in batched:
            with connection.cursor() as cursor:
                with cursor.copy(f"COPY staging ({columns}) FROM STDIN") as copy:
                    for row in rows:
                        copy.write_row(row)
                cursor.execute(
                    f"INSERT INTO interval ({columns}) SELECT {columns} FROM staging {INTERVAL.on_conflict()}"
                )
            connection.commit()
        return batches * BATCH / (time.perf_counter() - from_s)


def table(batches: int = 40) -> str:
    """Medians of three runs, one after the other on each, so that a busy moment meets all alike."""
    found: dict[str, list[Figures]] = {}
    plain: list[float] = []
    with server(is_synced=True) as postgresql, tempfile.TemporaryDirectory() as folder:
        for run in range(RUNS):
            plain.append(bare(postgresql.new_database(), batches))
            for name, where, clients, schools, records, count in (
                ("SQLite, 1 client", f"{folder}/{run}.db", 1, 1, BATCH, batches),
                ("PostgreSQL, 1 client", postgresql.new_database(), 1, 1, BATCH, batches),
                ("PostgreSQL, 4 clients", postgresql.new_database(), 4, 4, BATCH, batches),
                ("SQLite, 500 schools' quarter-hour", f"{folder}/s{run}.db", 2, SCHOOLS, SCHOOL_POINTS, 1),
                ("PostgreSQL, the same", postgresql.new_database(), 2, SCHOOLS, SCHOOL_POINTS, 1),
            ):
                found.setdefault(name, []).append(ingest(where, clients, schools, records, count))
    by_hand = statistics.median(plain)
    lines = [
        f"district: gateway to committed row, records a second; goals {GOAL_RATE:,} and {GOAL_RATIO} of bare"
    ]
    lines.append(f"  {'':36}{'records/s':>12}{'of bare':>10}{'district CPU, ms per 1,000':>30}")
    for name, runs in found.items():
        rate = statistics.median(one.rate for one in runs)
        service = statistics.median(one.service_ms for one in runs)
        lines.append(f"  {name:36}{rate:12,.0f}{rate / by_hand:10.2f}{service:30.1f}")
    lines.append(f"  {'bare COPY and upsert':36}{by_hand:12,.0f}{1:10.2f}")
    return "\n".join(lines)


if __name__ == "__main__":
    print(table())
