"""Looking at a whole buffer without changing it: every row's proof, the count of P2, the sizes of its tables.

Short reads on connections of their own, so that it may be asked while the collector writes.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from gateway.store import aside, proof, quarantine, tally
from gateway.store.audit import Audit, Difference
from gateway.store.database import epoch_of, open_reader, schema_of
from gateway.store.points import meta
from gateway.store.scrub import Scrub


@dataclass(slots=True)
class Findings:
    """``damaged`` counts rows by table that fail their proof now; ``quarantined`` those that were taken out before."""

    epoch: str = ""
    schema: list[str] = field(default_factory=list)
    rows: int = 0
    damaged: dict[str, int] = field(default_factory=dict)
    quarantined: int = 0
    differences: list[Difference] = field(default_factory=list)
    structure: list[str] = field(default_factory=list)
    waiting: list[str] = field(default_factory=list)

    @property
    def is_well(self) -> bool:
        return not (self.damaged or self.differences or self.structure or self.waiting)


@dataclass(frozen=True, slots=True)
class Size:
    """``bytes`` and ``pages`` of a table or index on the disk, and its rows; None rows for an index."""

    name: str
    rows: int | None
    bytes: int


def check(path: Path, *, structure: bool, shown: Callable[[int, int], None]) -> Findings:
    """Everything that can be wrong with a buffer. Raises StoreError when it cannot be opened."""
    found = Findings(waiting=[one.name for one in aside.waiting(path)])
    try:
        with closing(open_reader(path)) as reader:
            found.epoch, found.schema = epoch_of(reader), schema_of(reader)
            found.quarantined = quarantine.count(reader)
            proof.check_seals(reader)
            total = reader.execute("SELECT count(*) FROM reading").fetchone()[0]
            if structure:
                lines = [str(row[0]) for row in reader.execute("PRAGMA quick_check(20)")]
                found.structure += [line for line in lines if line != "ok"]
        _prove(path, found, total, shown)
        found.differences = _count(path)
    except sqlite3.DatabaseError as error:
        found.structure.append(str(error))
    return found


def _prove(path: Path, found: Findings, total: int, shown: Callable[[int, int], None]) -> None:
    walk = Scrub()
    while not walk.passes:
        for table, _ in walk.step(path):
            found.damaged[table] = found.damaged.get(table, 0) + 1
        found.rows = max(found.rows, walk.rows)
        shown(min(walk.rows, total), total)


def _count(path: Path) -> list[Difference]:
    """Readings that must be there and are not, or the other way round."""
    audit, differences = Audit(), None
    while differences is None:
        with closing(open_reader(path)) as reader:
            settled_to = meta(reader, tally.SETTLED_TO)
            if settled_to is None:
                return []  # the collector has not run for long enough to have counted
            differences = audit.step(reader, int(settled_to))
    return differences


def sizes(path: Path, shown: Callable[[int, int], None]) -> list[Size]:
    """Tables and indexes, the largest first. Raises StoreError, or sqlite3.Error where SQLite cannot tell."""
    found = []
    with closing(open_reader(path)) as reader:
        names = reader.execute("SELECT name, type FROM sqlite_master WHERE rootpage > 0").fetchall()
    for done, (name, kind) in enumerate(names):
        shown(done, len(names))
        with closing(open_reader(path)) as reader:
            used = reader.execute("SELECT sum(pgsize) FROM dbstat WHERE name = ?", (name,)).fetchone()
            rows = reader.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0] if kind == "table" else None
        found.append(Size(name, rows, used[0] or 0))
    return sorted(found, key=lambda one: -one.bytes)
