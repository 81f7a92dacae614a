"""Whether a buffer that was cut off is whole: opened as the collector opens it, and compared with an undisturbed run.

The oracle is the content of the buffer after each step of a run that nothing disturbed. A cut after the acknowledgement of
step k must leave exactly the content after k, or after k + 1 where that commit was done and not yet told.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gateway.door.ingest import Door
from gateway.errors import StoreError
from gateway.points import build_points
from gateway.store import changes
from gateway.store.database import open_reader
from gateway.store.readings import crc
from tests.power_cuts.perform import ScriptClock, perform
from tests.power_cuts.script import Step, site_in

Content = dict[str, list[tuple[Any, ...]]]
OWN = (("meta", "epoch"), ("meta", "boot"), ("meta", "ended"), ("meta", "lost_from"), ("seal", "meta"))


@dataclass(frozen=True, slots=True)
class Verdict:
    """``is_usable``: it opens and is not malformed. ``lost`` counts acknowledged readings that are gone or changed, ``is_told``
    says whether the buffer itself reports a loss, ``head`` is the end of its feed; ``faults`` names all that is wrong."""

    is_usable: bool
    lost: int
    is_told: bool
    head: int
    faults: tuple[str, ...]


def content(connection: sqlite3.Connection) -> Content:
    """Every table but the library's own; what is another one in each run or start is left out, with the seal that covers it."""
    tables = connection.execute(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT GLOB '[_]*' ORDER BY name"
    )
    found: Content = {}
    for (table,) in tables.fetchall():
        rows = connection.execute(f'SELECT * FROM "{table}"').fetchall()
        found[table] = [row for row in rows if (table, row[0]) not in OWN]
    return found


async def open_once(folder: Path, at: int) -> None:
    """Start the shipped door on the buffer in ``folder`` and end it, our clock at ``at``."""
    site, clock = site_in(folder), ScriptClock()
    clock.ms = at
    async with Door(site, build_points(site), clock):
        pass


async def undisturbed_run(folder: Path, steps: Sequence[Step]) -> list[Content]:
    """The content after each step, the first that of a buffer nothing was told yet."""
    path = site_in(folder).buffer_path
    await open_once(folder, steps[0].at)
    contents: list[Content] = []

    def told(step: int, head: int) -> None:
        del step, head
        with closing(open_reader(path)) as reader:
            contents.append(content(reader))

    told(0, 0)
    await perform(folder, steps, told)
    return contents


async def judge(
    folder: Path, steps: Sequence[Step], step: int, head: int, undisturbed: Sequence[Content]
) -> Verdict:
    """The buffer in ``folder``, whose owner had acknowledged ``step`` with the feed at ``head`` when it was cut off."""
    path = site_in(folder).buffer_path
    try:
        await open_once(folder, steps[step - 1 if step else 0].at)
        with closing(open_reader(path)) as reader:
            (whole,) = reader.execute("PRAGMA integrity_check").fetchone()
            found, feed = content(reader), changes.head(reader)
    except (StoreError, sqlite3.Error) as error:
        return Verdict(False, 0, False, 0, (str(error),))
    allowed = undisturbed[step : step + 2]
    lost = _lost(found, allowed)
    faults = [] if whole == "ok" else [f"integrity_check: {whole}"]
    faults += [f"{lost} acknowledged readings are gone or changed"] if lost else []
    faults += _feed_faults(found, feed, head, undisturbed[-1])
    faults += [f"{n} readings do not match their CRC" for n in [_wrong_crc(found)] if n]
    if found not in allowed:
        differing = [table for table in found if all(found[table] != one.get(table) for one in allowed)]
        faults.append(f"the content is neither that of step {step} nor of the next: {differing}")
    return Verdict(whole == "ok", lost, _is_told(found), feed, tuple(faults))


def content_of(folder: Path) -> Content:
    with closing(open_reader(site_in(folder).buffer_path)) as reader:
        return content(reader)


def _lost(found: Content, allowed: Sequence[Content]) -> int:
    """Acknowledged readings whose row is neither what was acknowledged nor what the step under way would make of it."""
    rows = set(found["reading"])
    under_way = {row[:2]: row for row in allowed[-1]["reading"]}
    return sum(row not in rows and under_way[row[:2]] not in rows for row in allowed[0]["reading"])


def _is_told(found: Content) -> bool:
    """An undisturbed run has neither."""
    return bool(found["gap"]) or any(str(row[1]).startswith("buffer_") for row in found["event"])


def _wrong_crc(found: Content) -> int:
    return sum(
        crc(at, point_id, lag, value, quality) != stored
        for at, point_id, lag, value, quality, _, stored in found["reading"]
    )


def _feed_faults(found: Content, feed: int, head: int, last: Content) -> list[str]:
    faults = []
    seqs = [row[0] for row in found["change"]]
    if seqs != list(range(1, len(seqs) + 1)):
        faults.append("the change feed has a gap")
    if feed < head:
        faults.append(f"the change feed ends at {feed}, {head} was acknowledged")
    if found["change"] != last["change"][: len(seqs)]:
        faults.append("a change that was written is another one now")
    return faults
