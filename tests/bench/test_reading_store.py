"""The benchmark runs and measures what it says; its figures are for people."""

from __future__ import annotations

from pathlib import Path

from bench.reading_store import POINTS, bare, ours, table, ticks
from gateway.store.database import open_reader


def test_both_sides_store_the_same_readings(tmp_path: Path) -> None:
    batches = ticks(3 * POINTS)
    ours(tmp_path / "ours.db", batches)
    bare(tmp_path / "bare.db", batches)
    query = "SELECT measured_at, point_id, value FROM reading ORDER BY 1, 2"
    stored = []
    for name in ("ours.db", "bare.db"):
        connection = open_reader(tmp_path / name)
        stored.append(connection.execute(query).fetchall())
        connection.close()
    assert stored[0] == stored[1] == [row for batch in batches for row in batch]


def test_the_table_shows_ours_bare_and_their_ratio() -> None:
    lines = table(rows=600).splitlines()
    assert lines[1].split() == ["ours", "bare", "ratio"]
    assert len(lines) == 5
