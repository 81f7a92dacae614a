"""Conservation (P2): per point, readings accepted = held + shed + quarantined; the first and third are counted here.

A row per point in every commit would double the bytes written. So what was accepted is counted in memory by quarter-hour
and kept in ``tally`` when that quarter-hour lies behind ``settled_to``, for all points in one transaction; a reading that
arrives for a time before it is kept in the transaction that takes it in. After a crash what came since is counted again from
``reading``, whose newest half an hour is read anyway. What is shed is always kept in the transaction that sheds it.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter

from gateway.model import QUARTER_MS
from gateway.slots import quarter_start
from gateway.store.points import meta, put_meta

SETTLED_TO, ADOPTED = "tally_settled_to", "tally_adopted"
OPEN_QUARTERS = 1
"""So many whole quarter-hours before the present one are still counted in memory: readings may be a little late."""

EVER = 2**62
"""``kept`` up to here counts what is in quarantine of all times."""

_point_of = itemgetter(1)


@dataclass(slots=True)
class Shed:
    """Readings that go in this transaction, by point; ``told`` are those among them that a gap record tells of."""

    rows: list[tuple[int, int]] = field(default_factory=list)
    told: Counter[int] = field(default_factory=Counter)


@dataclass(slots=True)
class Tally:
    """Lives on the writer's thread beside the accounts, and is rebuilt with them after a failed commit."""

    settled_to: int = 0
    watch: Callable[[Sequence[tuple[int, int]]], None] | None = None
    """Told the keys (measured_at, point_id) of new rows of a settled time; see ``audit``."""
    _open: dict[int, Counter[int]] = field(default_factory=dict)
    _late: Counter[int] = field(default_factory=Counter)

    def restore(self, connection: sqlite3.Connection, now: int) -> None:
        """Take up the kept figures, and count what came since. Readings from before there was a tally are left to the first
        audit, which adopts them: a start must not wait for the count of a whole buffer."""
        kept_to = meta(connection, SETTLED_TO)
        if kept_to is None:
            kept_to = str(_settled_at(now))
            put_meta(
                connection, {SETTLED_TO: kept_to}
            )  # a start after a crash must count from the same moment
        self.settled_to = int(kept_to)
        self._count_open(connection)

    def _count_open(self, connection: sqlite3.Connection) -> None:
        rows = connection.execute(
            "SELECT measured_at - measured_at % :quarter, point_id, count(*) FROM reading WHERE measured_at >= :since"
            " GROUP BY 1, 2 UNION ALL"
            " SELECT start - start % :quarter, point_id, count(*) FROM quarantine WHERE source = 'reading'"
            " AND start >= :since GROUP BY 1, 2",
            {"quarter": QUARTER_MS, "since": self.settled_to},
        )
        self._open, self._late = {}, Counter()
        for quarter, point_id, count in rows:
            self._open.setdefault(quarter, Counter())[point_id] += count

    def book(self, at: int, point_ids: Sequence[int]) -> None:
        """Count new rows measured at ``at``, one of each point."""
        if at >= self.settled_to:
            quarter = at - at % QUARTER_MS
            counts = self._open.get(quarter)
            if counts is None:
                counts = self._open[quarter] = Counter()
            counts.update(point_ids)
            return
        self._late.update(point_ids)
        if self.watch is not None:
            self.watch([(at, point_id) for point_id in point_ids])

    def flush(self, connection: sqlite3.Connection) -> None:
        """Keep what arrived late in this transaction."""
        if self._late:
            _add(connection, "accepted", self._late)
            self._late.clear()

    def settle(self, connection: sqlite3.Connection, now: int) -> None:
        """Keep the counts of the quarter-hours that are over."""
        limit = _settled_at(now)
        if self.settled_to > now:
            self._unsettle(connection, limit)
        if limit <= self.settled_to:
            return
        over: Counter[int] = Counter()
        for quarter in [quarter for quarter in self._open if quarter < limit]:
            over.update(self._open.pop(quarter))
        _add(connection, "accepted", over)
        self.settled_to = limit
        put_meta(connection, {SETTLED_TO: str(limit)})

    def _unsettle(self, connection: sqlite3.Connection, limit: int) -> None:
        """Our clock had leapt ahead: what is not over after all is counted in memory again."""
        settled_to, self.settled_to = self.settled_to, limit
        self._count_open(connection)
        again: Counter[int] = Counter()
        for quarter, counts in self._open.items():
            if quarter < settled_to:
                again.update(counts)
        _add(connection, "accepted", {point_id: -count for point_id, count in again.items()})
        put_meta(connection, {SETTLED_TO: str(limit)})

    def shed(self, connection: sqlite3.Connection, shed: Shed) -> None:
        """Keep what goes. A row of a time that is still counted in memory is settled at once: nothing else tells of it."""
        counts = Counter(map(_point_of, shed.rows))
        early: Counter[int] = Counter()
        for at, point_id in shed.rows:
            if at >= self.settled_to:
                early[point_id] += 1
                self._open.setdefault(quarter_start(at), Counter())[point_id] -= 1
        _add(connection, "accepted", early)
        _add(connection, "shed", counts)
        _add(connection, "told", shed.told)

    def open_count(self) -> int:
        """Readings accepted of times that are not settled, of all points."""
        return sum(counts.total() for counts in self._open.values())

    def open_of(self, point_id: int) -> int:
        """Those of one point."""
        return sum(counts[point_id] for counts in self._open.values())


@dataclass(frozen=True, slots=True)
class Kept:
    """Readings of one point: all but ``accepted`` are those of times before ``settled_to``, and everything shed."""

    accepted: int = 0
    shed: int = 0
    told: int = 0
    quarantined: int = 0

    @property
    def due(self) -> int:
        """How many must be held."""
        return self.accepted - self.shed - self.quarantined


def kept(connection: sqlite3.Connection, settled_to: int) -> dict[int, Kept]:
    """What is kept of each point."""
    quarantined = dict(
        connection.execute(
            "SELECT point_id, count(*) FROM quarantine WHERE source = 'reading' AND start < ? GROUP BY point_id",
            (settled_to,),
        )
    )
    found = {
        point_id: Kept(accepted, shed, told, quarantined.pop(point_id, 0))
        for point_id, accepted, shed, told in connection.execute(
            "SELECT point_id, accepted, shed, told FROM tally"
        )
    }
    return found | {point_id: Kept(quarantined=count) for point_id, count in quarantined.items()}


def correct(connection: sqlite3.Connection, accepted: Mapping[int, int], shed: Mapping[int, int]) -> None:
    """Add to the figures of points what an audit found; see ``audit``."""
    _add(connection, "accepted", accepted)
    _add(connection, "shed", shed)
    _add(connection, "told", shed)


def is_adopted(connection: sqlite3.Connection) -> bool:
    """Whether readings from before there was a tally have been counted."""
    return meta(connection, ADOPTED) is not None


def adopt(connection: sqlite3.Connection, now: int) -> None:
    put_meta(connection, {ADOPTED: str(now)})


def _settled_at(now: int) -> int:
    return quarter_start(now) - OPEN_QUARTERS * QUARTER_MS


def _add(connection: sqlite3.Connection, column: str, counts: Mapping[int, int]) -> None:
    rows: Iterable[tuple[int, int]] = [(point_id, count) for point_id, count in counts.items() if count]
    connection.executemany(
        f"INSERT INTO tally (point_id, {column}) VALUES (?, ?) ON CONFLICT (point_id) DO UPDATE SET"
        f" {column} = {column} + excluded.{column}",
        rows,
    )
