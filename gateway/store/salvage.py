"""What can still be proven of a buffer that was set aside: its rows by short reads, each checked by its own CRC.

Only reads the old file. A row whose proof fails is not given out; stretches that cannot be read are named. Rows of tables
without a CRC (acts, statements, gaps) come as they are, where they can be read at all.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from gateway.errors import DamagedBufferError
from gateway.model import Period
from gateway.store import changes, events, first_page, intervals, points, proof, readings, tally
from gateway.store.bisect import Piece, Row, Table, joined, read_halving
from gateway.store.high_water import read as read_witness

TIME_MIN_MS, TIME_MAX_MS = 946_684_800_000, 4_102_444_800_000
"""2000 to 2100: outside this nothing is looked for."""

AHEAD_MS = 31 * 86_400_000

NARROW_MS = 1000
SEQ_MAX = 2**40
ROWID_MAX = 2**20
PERIOD_NARROW_MS = 900_000
QUOTE = '"'
POINT = (
    "point_id, name, device, space, quantity, unit, kind, step, expected_interval_s, energy_code, label_zh, label_en,"
    " in_service, revision"
)


@dataclass(frozen=True, slots=True)
class Known:
    """What the site file says of a point: where the old file's own list of points is damaged, its rows that say the same
    are taken for true."""

    quantity: str
    unit: str
    kind: str
    step: str


class Source:
    """A set-aside file, open for reading. One thread. Raises DamagedBufferError where nothing of it can be read.

    ``points`` are its proven rows of ``point`` by point_id."""

    def __init__(self, path: Path, known: Mapping[str, Known]) -> None:
        self.path = path
        self._witness = witness = read_witness(path)
        self._connection = _opened(path, witness.epoch if witness else None)
        self.points = self._points(known)

    def close(self) -> None:
        self._connection.close()

    def meta(self) -> dict[str, str]:
        return dict(self._all("SELECT key, value FROM meta"))  # type: ignore[arg-type]

    def watermarks(self) -> list[Row]:
        """Proven rows of ``intervals.MARKS``."""
        rows = self._all(self._select(intervals.MARKS, "watermark"))
        return [row for row in rows if proof.is_proven(row) and row[0] in self.points]

    def closed_to(self, point_id: int) -> int | None:
        """The end of the newest proven quarter-hour of a point."""
        found = self._newest(point_id, "DESC")
        return None if found is None else int(found[3])

    def first_at(self, point_id: int) -> int | None:
        found = self._newest(point_id, "ASC")
        return None if found is None else int(found[2])

    def _newest(self, point_id: int, order: str) -> Row | None:
        select = self._select(f"SELECT {intervals.PROVEN} FROM interval", "interval")
        rows = self._all(
            f"{select} WHERE point_id = ? AND period = '15min' ORDER BY start {order} LIMIT 8", (point_id,)
        )
        return next((row for row in rows if proof.is_proven(row)), None)

    def cursor(self) -> int:
        """Up to which seq every uplink has delivered; 0 where that cannot be proven, so that all comes again."""
        try:
            proof.check_seals(self._connection, ("uplink",))
            row = self._connection.execute("SELECT min(cursor) FROM uplink").fetchone()
        except (sqlite3.DatabaseError, DamagedBufferError):
            return 0
        return int(row[0] or 0)

    def due(self) -> tuple[int, dict[int, int]] | None:
        """(a moment, how many readings measured before it must be held, by point_id); None where that cannot be known."""
        try:
            proof.check_seals(self._connection, ("meta",))
            settled_to = int(points.meta(self._connection, tally.SETTLED_TO) or 0)
            if not settled_to or not tally.is_adopted(self._connection):
                return None
            kept = tally.kept(self._connection, settled_to)
            return settled_to, {point_id: int(one.due) for point_id, one in kept.items()}
        except (sqlite3.DatabaseError, DamagedBufferError, TypeError, ValueError):
            return None

    def span(self) -> tuple[int, int]:
        """Times between which readings may be looked for: from the oldest that is known of to what the witness saw."""
        firsts = [row[1] for row in self.watermarks()]
        ends = [self._witness.at] if self._witness and self._witness.at else []
        with suppress(sqlite3.DatabaseError):
            low, high = self._connection.execute(
                "SELECT min(measured_at), max(measured_at) FROM reading"
            ).fetchone()
            firsts, ends = [*firsts, low], [*ends, high]
        firsts = [at for at in firsts if isinstance(at, int) and at > TIME_MIN_MS]
        ends = [at for at in ends if isinstance(at, int) and at < TIME_MAX_MS]
        return min(firsts, default=TIME_MIN_MS), max(ends, default=TIME_MAX_MS - AHEAD_MS) + AHEAD_MS

    def readings(self, start: int, end: int) -> Iterator[Piece]:
        """(measured_at, point_id, lag, value, quality, reason, crc) of points that are proven too."""

        def holds(row: Row) -> bool:
            return readings.is_proven(row) and row[1] in self.points

        table = self._table(
            "reading", readings.PROVEN, "measured_at", "measured_at, point_id", holds, NARROW_MS
        )
        return joined(read_halving(table, start, end), table.key)

    def intervals(self, start: int, end: int) -> Iterator[Piece]:
        """Rows of ``intervals.PROVEN``, point by point."""
        for point_id in self.points:
            for period in Period:
                of = f"point_id = {point_id} AND period = '{period.value}' AND start"
                table = self._table(
                    "interval", intervals.PROVEN, of, "start", proof.is_proven, PERIOD_NARROW_MS
                )
                table = replace(table, key=lambda row: _number(row[2]))
                yield from joined(read_halving(table, start, end), table.key)

    def changes(self, after: int) -> Iterator[Piece]:
        """Rows of ``changes.PROVEN`` with seq above ``after``."""
        table = self._table("change", changes.PROVEN, "seq", "seq", changes.is_proven, 1)
        known = self._witness.reserved if self._witness else 0
        return joined(read_halving(table, after + 1, known + 1 if known > after else SEQ_MAX), table.key)

    def events(self) -> Iterator[Piece]:
        """Rows of ``events.PROVEN``, each behind its rowid."""
        table = self._table(
            "event", f"rowid, {events.PROVEN}", "rowid", "rowid", lambda row: proof.is_proven(row[1:]), 1
        )
        return joined(read_halving(table, 0, ROWID_MAX), table.key)

    def acts(self) -> list[Row]:
        return self._all('SELECT idempotency_key, at, "user", command, subject, body, answer FROM act')

    def statements(self) -> list[Row]:
        return self._all("SELECT day, body, made_at, revision FROM statement")

    def gaps(self) -> list[Row]:
        return self._all('SELECT point, start, "end", count, reason, at FROM gap')

    def kept_by_point(self, table: str) -> tuple[int, list[Row]]:
        """How many columns a small table without a CRC has, and its rows, as far as they can be read; its first column is the
        point_id or it has none."""
        columns = self._all("SELECT name FROM pragma_table_info(?)", (table,))
        return len(columns), self._all(f"SELECT * FROM {table}") if columns else []

    def replay_spans(self) -> list[Row]:
        return self._all('SELECT start, "end", expected_interval_s FROM replay_span')

    def _table(
        self, name: str, columns: str, key: str, order: str, holds: Callable[[Row], bool], narrow: int
    ) -> Table:
        select = self._select(f"SELECT {columns} FROM {name}", name)
        span = f"{select} WHERE {key} >= ? AND {key.rsplit(maxsplit=1)[-1]} < ?"
        forward, backward = f"ORDER BY {order}", f"ORDER BY {order.replace(',', ' DESC,')} DESC"

        def fetch(low: int, high: int, limit: int) -> list[Row]:
            rows = self._connection.execute(f"{span} {forward} LIMIT ?", (low, high, limit)).fetchall()
            if len(rows) < limit:
                _check_end(self._connection, f"{span} {backward} LIMIT 1", (low, high), rows)
            return rows

        return Table(fetch, lambda row: _number(row[0]), holds, narrow)

    def _select(self, sql: str, table: str) -> str:
        """The statement with NULL for a column that an older schema does not have."""
        has = {str(row[0]) for row in self._all("SELECT name FROM pragma_table_info(?)", (table,))} | {
            "rowid"
        }
        columns = sql.removeprefix("SELECT ").partition(" FROM ")[0].split(", ")
        return f"SELECT {', '.join(c if c.strip(QUOTE) in has else 'NULL' for c in columns)} FROM {table}"

    def _points(self, known: Mapping[str, Known]) -> dict[int, Row]:
        rows = self._all(self._select(f"SELECT {POINT} FROM point", "point"))
        try:
            proof.check_seals(self._connection, ("point",))
        except (sqlite3.DatabaseError, DamagedBufferError):
            rows = [row for row in rows if known.get(row[1]) == Known(row[4], row[5], row[6], row[7])]
        ids = Counter(row[0] for row in rows)
        return {row[0]: row for row in rows if ids[row[0]] == 1}

    def _all(self, sql: str, values: tuple[object, ...] = ()) -> list[Row]:
        """Rows of a small table as far as they can be read from its beginning."""
        rows: list[Row] = []
        with suppress(sqlite3.DatabaseError):
            rows.extend(self._connection.execute(sql, values))
        return rows


def _check_end(connection: sqlite3.Connection, sql: str, span: tuple[int, int], rows: list[Row]) -> None:
    """A key out of order ends a read too early; read from its other end, the range then ends elsewhere."""
    last = connection.execute(sql, span).fetchone()
    if last != (rows[-1] if rows else None):
        raise sqlite3.DatabaseError("out of order")


def _number(value: object) -> int:
    """A key column; what is no number lies before everything."""
    return value if isinstance(value, int) else -1


def _opened(path: Path, epoch: str | None) -> sqlite3.Connection:
    """The file, if need be with another first page: one that shows the file's own epoch, or tables as they were sealed."""
    try:
        return _open(path, epoch)
    except (sqlite3.DatabaseError, DamagedBufferError):
        if not _has_new_first_page(path):
            raise
    try:
        connection = _open(path, epoch)
        proof.check_seals(connection, ("meta",))
    except (sqlite3.DatabaseError, DamagedBufferError) as error:
        first_page.put_back(path)
        raise DamagedBufferError(f"{path}: its first page is gone, and another one does not fit") from error
    return connection


def _has_new_first_page(path: Path) -> bool:
    try:
        return first_page.replace(path)
    except OSError:  # the card does not even give back what is there
        return False


def _open(path: Path, epoch: str | None) -> sqlite3.Connection:
    """The file with its log, or without a log that belongs to another database."""
    if path.stat().st_size == 0:  # SQLite would delete its log
        raise DamagedBufferError(f"{path}: it is empty")
    unreadable: list[sqlite3.Connection] = []
    for mode in ("mode=ro", "mode=ro&immutable=1"):
        connection = sqlite3.connect(f"{path.resolve().as_uri()}?{mode}", uri=True, check_same_thread=False)
        connection.text_factory = lambda raw: raw.decode("utf-8", "replace")
        try:
            found = connection.execute("SELECT value FROM meta WHERE key = 'epoch'").fetchone()
        except (sqlite3.DatabaseError, UnicodeDecodeError):
            unreadable.append(connection)
            continue
        if epoch is None or (found and found[0] == epoch):
            for other in unreadable:
                other.close()
            return connection
        connection.close()
    for position, connection in enumerate(unreadable):
        with suppress(sqlite3.DatabaseError, UnicodeDecodeError):
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
            for other in unreadable[position + 1 :]:
                other.close()
            return connection
        connection.close()
    raise DamagedBufferError(f"{path}: nothing of it can be read")
