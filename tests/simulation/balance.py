"""More of the oracle: what must balance. Sums of quarter-hours, P2's four counters, one effect for each command of staff.

As independent as the rest of it: figures from the district's and the buffer's tables, arithmetic of its own.
"""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from tests.simulation.journal import Journal
from tests.simulation.recount import QUARTER, between, unwrapped
from tests.simulation.site import POINTS

SETTLED_MS = 8 * 60_000
Rows = dict[int, dict[str, Any]]


def findings(journal: Journal, buffer: Path, district: Path) -> Iterator[str]:
    with closing(sqlite3.connect(buffer)) as db, closing(sqlite3.connect(district)) as far:
        db.row_factory = far.row_factory = sqlite3.Row
        yield from _counters(db)
        yield from _effects(journal, db)
        told: dict[tuple[str, str], Rows] = defaultdict(dict)
        for row in far.execute("SELECT * FROM interval ORDER BY start"):
            told[row["point"], row["period"]][row["start"]] = dict(row)
        good: dict[str, list[tuple[int, int]]] = defaultdict(list)
        for row in db.execute(
            "SELECT name, measured_at, value FROM reading JOIN point USING (point_id) WHERE quality = 0 ORDER BY measured_at"
        ):
            good[row["name"]].append((row["measured_at"], row["value"]))
    refused = set(journal.poisoned.values())
    for name in POINTS:
        whole = not any(f"/{name}/" in key for key in refused)
        if whole and not journal.was_set and POINTS[name].is_counter:
            yield from _life(journal, name, good[name], told[name, "15min"])
        for period in ("hour", "day", "month") if whole else ():
            yield from _totals(journal, name, period, told[name, period], told[name, "15min"])


def _counters(db: sqlite3.Connection) -> Iterator[str]:
    """P2 by point: accepted = held + shed + quarantined, of times that are settled; and no count of a start found another."""
    settled = int(
        db.execute("SELECT coalesce(max(value), 0) FROM meta WHERE key = 'tally_settled_to'").fetchone()[0]
    )
    for row in db.execute(
        "SELECT name, accepted, shed, (SELECT count(*) FROM reading r WHERE r.point_id = t.point_id AND measured_at < :to) held,"
        " (SELECT count(*) FROM quarantine q WHERE source = 'reading' AND q.point_id = t.point_id AND start < :to) bad"
        " FROM tally t JOIN point USING (point_id)",
        {"to": settled},
    ):
        if row["accepted"] != row["held"] + row["shed"] + row["bad"]:
            yield f"P2: {dict(row)} do not balance before {settled}"
    wrong = db.execute("SELECT subject FROM event WHERE kind = 'unaccounted'").fetchall()
    if wrong:
        yield f"P2: a count found {[row[0] for row in wrong]} unaccounted for"


def _effects(journal: Journal, db: sqlite3.Connection) -> Iterator[str]:
    """An answered command has one effect, a refused one none."""
    kept = {row[0] for row in db.execute("SELECT idempotency_key FROM act")}
    done = {key for key, answer in journal.answers.items() if "refused" not in answer}
    if kept != done:
        yield f"commands answered {sorted(done)}, kept {sorted(kept)}"
    changes = [key for key in done if key.startswith("replace-")]
    for table in ("replacement", "event WHERE kind = 'meter_replaced'"):
        count = db.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
        if count != len(changes):
            yield f"{len(changes)} meters were changed, {count} rows in {table}"


def _life(journal: Journal, name: str, good: list[tuple[int, int]], told: Rows) -> Iterator[str]:
    """Σ over all slots from the first reading on = the register at the end of the last − the first reading + rollovers."""
    if not good:
        return
    line = unwrapped(good, POINTS[name], journal.replaced[name])
    limit = (journal.clock.now_ms() - SETTLED_MS - QUARTER) // QUARTER * QUARTER
    slots = [told[at] for at in sorted(told) if at < limit]
    if slots and slots[-1]["end"] <= line[-1][0]:
        total = sum(round((slot["value"] or 0) / POINTS[name].step) for slot in slots)
        flowed = between(line, slots[-1]["end"]) - line[0][1]
        if total != flowed:
            yield f"{name}: all slots to {slots[-1]['end']} add up to {total} steps, {flowed} flowed"


def _totals(journal: Journal, name: str, period: str, totals: Rows, quarters: Rows) -> Iterator[str]:
    """An hour, day or month of the site's zone is what its quarter-hours add up to, and each that is over is told."""
    limit = journal.clock.now_ms() - SETTLED_MS
    parts: dict[tuple[object, ...], list[int]] = defaultdict(list)
    for at in sorted(quarters):
        parts[_place(at, period, journal.zone)].append(at)
    for key, starts in parts.items():
        begin, end = _span(key, starts[0], period, journal.zone)
        total = totals.get(begin)
        if end > limit:  # not over yet by the gateway's clock, which may have been further once
            continue
        if total is None:
            if not journal.was_set:
                yield f"{name}: no {period} at {begin}"
            continue
        slots = [quarters[at] for at in starts]
        wrong = [what for what, want, off in _sum(name, slots) if not _is_near(total[what], want, off)]
        if total["end"] != end or wrong:
            yield f"{name}: {period} {begin}: {wrong} of {total} is not that of its {len(slots)} quarter-hours"


def _sum(name: str, slots: list[dict[str, Any]]) -> Iterator[tuple[str, float | None, float]]:
    """What is told of the whole, and how far off it may be: shares and means are told to four places."""
    known = [slot for slot in slots if slot["content"] != "missing"]
    if POINTS[name].is_counter:
        is_whole = len(known) == len(slots)
        yield "value", sum(slot["value"] for slot in known) if is_whole else None, 1e-6
        return
    low = min((slot["low"] for slot in known), default=None)
    high = max((slot["high"] for slot in known), default=None)
    weight = sum(slot["share"] for slot in known)
    mean = sum(slot["mean"] * slot["share"] for slot in known) / weight if weight else None
    yield "mean", mean, 2e-4 + 1e-3 * ((high or 0) - (low or 0))
    yield "low", low, 0.0
    yield "high", high, 0.0


def _is_near(have: float | None, want: float | None, off: float) -> bool:
    return (have is None) == (want is None) and abs((have or 0) - (want or 0)) <= off


def _place(at: int, period: str, zone: str) -> tuple[object, ...]:
    """Quarter-hours with the same one are of one hour, day or month."""
    local = datetime.fromtimestamp(at / 1000, ZoneInfo(zone))
    if period == "hour":
        return local.date(), local.hour, local.utcoffset()
    return (local.date(),) if period == "day" else (local.year, local.month)


@cache
def _span(key: tuple[object, ...], at: int, period: str, zone: str) -> tuple[int, int]:
    """From the first quarter-hour that belongs to it, as the one ``at`` does, to the end of the last."""
    begin = end = at
    while _place(begin - QUARTER, period, zone) == key:
        begin -= QUARTER
    while _place(end, period, zone) == key:
        end += QUARTER
    return begin, end
