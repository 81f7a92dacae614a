"""Readings into the buffer: our rows with identity and CRC, beside bare executemany with the same commits."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from pathlib import Path

from bench.measure import Cost, cost
from gateway.store import database
from gateway.store.new_rows import NewRows

POINTS = 300
COMMIT_ROWS = 300
FIRST_MS = 1_790_000_000_000
STEP_MS = 10_000

BARE_SCHEMA = (
    "CREATE TABLE reading (measured_at INTEGER, point_id INTEGER, value INTEGER, quality INTEGER,"
    " PRIMARY KEY (measured_at, point_id)) WITHOUT ROWID"
)


@dataclass(frozen=True, slots=True)
class Figures:
    """Costs per reading; ``at_rest`` is the growth of the file in bytes."""

    cpu_us: float
    written: float
    at_rest: float


def ticks(rows: int) -> list[list[tuple[int, int, int]]]:
    """(measured_at, point, value) of every tick of a site of 300 points."""
    return [
        [(FIRST_MS + tick * STEP_MS, point, tick * 7 + point) for point in range(POINTS)]
        for tick in range(rows // POINTS)
    ]


def ours(path: Path, batches: Sequence[Sequence[tuple[int, int, int]]]) -> None:
    connection = database.open_writer(path)
    for batch in batches:
        connection.execute("BEGIN IMMEDIATE")
        rows = NewRows()
        for at, alike in groupby(batch, itemgetter(0)):
            _, points, values = zip(*alike, strict=True)
            rows.add_good(at, 40, points, values)
        rows.insert(connection)
        connection.execute("COMMIT")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()


def bare(path: Path, batches: Sequence[Sequence[tuple[int, int, int]]]) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    for pragma in ("journal_mode=WAL", "synchronous=FULL"):
        connection.execute(f"PRAGMA {pragma}")
    connection.execute(BARE_SCHEMA)
    for batch in batches:
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany("INSERT INTO reading VALUES (?, ?, ?, 0)", batch)
        connection.execute("COMMIT")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()


def measure(work: Callable[[Path, Sequence[Sequence[tuple[int, int, int]]]], None], rows: int) -> Figures:
    batches = ticks(rows)
    count = len(batches) * POINTS
    spent: Cost = cost(lambda: _size_after(work, batches))
    grown = _size_after(work, batches) - _size_after(work, [])
    return Figures(1e6 * spent.cpu_s / count, spent.written / count, grown / count)


def _size_after(
    work: Callable[[Path, Sequence[Sequence[tuple[int, int, int]]]], None],
    batches: Sequence[Sequence[tuple[int, int, int]]],
) -> int:
    """Bytes of a new file with these readings in it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "buffer.db"
        work(path, batches)
        return path.stat().st_size


def table(rows: int = 150_000) -> str:
    """Both and their ratio; the goals of the budget are 0.6 of the rate, 1.3 times the bytes and 30 bytes at rest."""
    own, other = measure(ours, rows), measure(bare, rows)
    lines = [f"readings to COMMIT, {rows:,} rows, {COMMIT_ROWS} a commit, synchronous=FULL"]
    lines.append(f"  {'':24}{'ours':>10}{'bare':>10}{'ratio':>8}")
    for name, mine, theirs in (
        ("CPU µs a reading", own.cpu_us, other.cpu_us),
        ("bytes written a reading", own.written, other.written),
        ("bytes at rest a reading", own.at_rest, other.at_rest),
    ):
        lines.append(f"  {name:24}{mine:10.2f}{theirs:10.2f}{mine / theirs:8.2f}")
    return "\n".join(lines)
