"""The oracle: recounts from what the tester saw what buffer and district must hold, with arithmetic of its own.

Knows journals, clocks and registers; imports nothing of the gateway. Each finding is one sentence.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path

from tests.simulation.journal import Journal
from tests.simulation.meters import Truth
from tests.simulation.recount import QUARTER, counted, held, unwrapped
from tests.simulation.site import POINTS, Known

STAMP_MS, SETTLED_MS = 61_000, 8 * 60_000
"""The latter: a slot that ended longer ago than this in the calm has been closed and delivered."""
Rows = dict[int, tuple[int | None, int]]
Told = dict[str, object]


def findings(journal: Journal, truths: Mapping[str, Truth], buffer: Path, district: Path) -> Iterator[str]:
    with closing(sqlite3.connect(buffer)) as db, closing(sqlite3.connect(district)) as far:
        names: dict[int, str] = dict(db.execute("SELECT point_id, name FROM point"))
        stored: dict[str, Rows] = {name: {} for name in POINTS}
        for at, point, *row in db.execute("SELECT measured_at, point_id, value, quality FROM reading"):
            stored[names[point]][at] = (row[0], row[1])
        rows = db.execute("SELECT point_id, measured_at, old_value FROM correction")
        old = {(names[point], at, value) for point, at, value in rows}
        yield from _lost(journal, stored, old)
        yield from _phantoms(journal, stored)
        yield from _feed(journal, db)
        told: dict[str, dict[int, Told]] = {name: {} for name in POINTS}
        far.row_factory = sqlite3.Row
        for row in far.execute("SELECT * FROM interval WHERE period = '15min' ORDER BY start"):
            told[row["point"]][row["start"]] = dict(row)
    poisoned = set(journal.poisoned.values())
    for name, known in POINTS.items():
        good = [
            (at, value) for at, (value, bad) in sorted(stored[name].items()) if not bad and value is not None
        ]
        yield from _slots(journal, name, known, good, told[name], poisoned, truths)


def _lost(
    journal: Journal, stored: Mapping[str, Rows], old: set[tuple[str, int, int | None]]
) -> Iterator[str]:
    """Acknowledged means kept: under its device's time, or under that of one of its arrivals; as it was, or corrected."""
    for message in (one for one in journal.messages if one.is_acknowledged):
        for point, value in message.values.items():
            rows, times = stored[point], [message.time_ms] if message.time_ms is not None else []
            for arrival in () if times else message.arrivals:
                times = times + [at for at in rows if journal.was_set or 0 <= at - arrival <= STAMP_MS]
            kept = any(
                at in rows and (rows[at][0] in (value, None) or {(point, at, value), (point, at, None)} & old)
                for at in times
            )
            if not kept:
                yield f"lost: {point} = {value} was acknowledged at {message.arrivals} and is not stored"


def _phantoms(journal: Journal, stored: Mapping[str, Rows]) -> Iterator[str]:
    """Nothing but what was said; when, too, unless the clock was set, which lets readings take other times."""
    heard: dict[str, dict[int, list[int]]] = {name: dict(journal.said[name]) for name in POINTS}
    spoken: dict[str, list[tuple[int, int]]] = {name: [] for name in POINTS}
    for message in journal.messages:
        for point, value in message.values.items():
            if message.time_ms is not None:
                heard[point].setdefault(message.time_ms, []).append(value)
            spoken[point] += [(arrival, value) for arrival in message.arrivals if message.time_ms is None]
    for point, rows in stored.items():
        ever = {value for values in heard[point].values() for value in values} if journal.was_set else set()
        for at, (kept, quality) in rows.items():
            value = kept or 0
            by_arrival = (one for one in spoken[point] if journal.was_set or 0 <= at - one[0] <= STAMP_MS)
            is_heard = (
                value in ever
                or value in heard[point].get(at, ())
                or value in {said for _, said in by_arrival}
            )
            if not quality and not is_heard:
                yield f"phantom: {point} = {value} at {at} was never said"


def _feed(journal: Journal, db: sqlite3.Connection) -> Iterator[str]:
    """Every seq once, none left out; the cursor only as far as receipts reach, and as far as it should have come."""
    cursor = db.execute("SELECT cursor FROM uplink").fetchone()[0]
    seqs = [seq for (seq,) in db.execute("SELECT seq FROM change ORDER BY seq")]
    gone = set(range(1, seqs[-1] + 1)).difference(seqs)  # a leap of days makes what is delivered old
    if gone and (not journal.was_set or max(gone) > cursor):
        yield f"the change feed has holes: {sorted(gone)[-5:]}"
    twice = [seq for seq, count in journal.effects.items() if count > 1]
    if twice:
        yield f"doubled: the district let {twice[:5]} take effect twice"
    reached = 0
    for begin, end in sorted(journal.receipts):
        reached = max(reached, end) if begin <= reached else reached
    if cursor > reached:
        yield f"the cursor is at {cursor}, receipts reach {reached}"
    due = db.execute(
        "SELECT max(seq) FROM change WHERE at <= ?", (journal.clock.now_ms() - 120_000,)
    ).fetchone()[0]
    if cursor < due:
        yield f"not delivered in the calm: the cursor is at {cursor}, the feed was at {due} two minutes ago"
    lacking = {seq for seq in range(1, cursor + 1) if not journal.effects[seq]} - set(journal.poisoned)
    if lacking:
        yield f"lost on the way: the district never had {sorted(lacking)[:5]}"


def _slots(
    journal: Journal, name: str, known: Known, good: list[tuple[int, int]], told: dict[int, Told],
    poisoned: set[str], truths: Mapping[str, Truth],
) -> Iterator[str]:  # fmt: skip
    line = unwrapped(good, known, journal.replaced[name]) if known.is_counter else good
    limit = journal.clock.now_ms() - SETTLED_MS
    first = good[0][0] // QUARTER * QUARTER if good else limit
    for start in range(first, limit - QUARTER, QUARTER):
        if f"15min/{name}/{start}" in poisoned:
            continue
        said = told.get(start)
        if said is None and journal.was_set:
            continue
        if said is None:
            yield f"{name} {start}: no slot at the district"
            continue
        figure = said["value"] if known.is_counter else said["mean"]
        if (said["content"] == "missing") != (figure is None):
            yield f"{name} {start}: {said['content']} with {figure}"
        elif isinstance(figure, float) and known.is_counter and figure < 0:
            yield f"{name} {start}: negative {figure}"
        if journal.was_set:  # which readings then count, and as of when, is the gateway's own story
            continue
        want = counted(line, start) if known.is_counter else held(line, start)
        have = (said["content"], None if figure is None else round(float(str(figure)) / known.step, 3))
        if have[0] != want[0] or abs((have[1] or 0) - (want[1] or 0)) > (0.01 if known.is_counter else 1):
            yield f"{name} {start}: the district has {have}, a recount gives {want}"
        elif known.truth and have[0] == "measured" and have[1] is not None:
            yield from _true(journal, truths[known.truth], name, start, have[1])


def _true(journal: Journal, truth: Truth, name: str, start: int, have: float) -> Iterator[str]:
    """Measured consumption is what really flowed, within the step that each end is rounded by."""
    ends = [journal.true_s(at, is_own=name.startswith("tb")) for at in (start, start + QUARTER)]
    if all(at is not None and truth.is_steady(at) for at in ends):
        begin_s, end_s = (at for at in ends if at is not None)
        begin, end = truth.flow(begin_s), truth.flow(end_s)
        if not any(begin_s < at < end_s for at in truth.resets) and abs(end - begin - have) > 2:
            yield f"{name} {start}: {have} steps, {end - begin:.1f} really flowed"
