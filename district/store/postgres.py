"""PostgreSQL behind the seam: connections that are lent, rows by COPY into a staging table, then one upsert by revision.

Any number of processes may share one database. What must not happen at once is kept apart by the lock of the gateway's
row; keys are written in their order, so that two gateways of one site wait for each other and never in a circle.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache

import psycopg
from psycopg import IsolationLevel

from district.refusal import DistrictError
from district.store.database import DatabaseTrouble, Row, Table
from district.store.postgres_schema import STAGING, make_partition, make_tables, month_of
from runtime.addresses import without_secrets

WRITERS = 4
CONNECT_S = 5
WRITE_OPTIONS = "-c synchronous_commit=on -c statement_timeout=60000 -c lock_timeout=20000"
"""What is in a receipt is on the disk, whatever the server's own setting; a lock that is not had is no answer."""
READ_OPTIONS = "-c statement_timeout=10000 -c idle_in_transaction_session_timeout=60000"

_CHANGE = ", ".join(
    f"count(*) FILTER (WHERE s.content = '{content}') - count(*) FILTER (WHERE i.content = '{content}')"
    for content in ("measured", "estimated", "missing")
)
SLOTS = f"""
INSERT INTO slot (site_id, start, measured, estimated, missing)
SELECT s.site_id, s.start, {_CHANGE}
FROM staging s LEFT JOIN interval i ON i.site_id = %(site)s AND i.start BETWEEN %(low)s AND %(high)s
    AND i.period = s.period AND i.start = s.start AND i.point = s.point
WHERE s.site_id = %(site)s AND s.period = '15min' AND (i.revision IS NULL OR s.revision > i.revision)
GROUP BY s.site_id, s.start ORDER BY s.start
ON CONFLICT (site_id, start) DO UPDATE SET measured = slot.measured + excluded.measured,
    estimated = slot.estimated + excluded.estimated, missing = slot.missing + excluded.missing
"""


@cache
def _translated(sql: str) -> str:
    """``?`` as psycopg writes it; the shared SQL holds neither sign but as a place for a value."""
    return sql.replace("?", "%s")


@cache
def _upsert(table: Table) -> str:
    marks = ", ".join(["%s"] * len(table.columns))
    return f"INSERT INTO {table.name} ({table.named()}) VALUES ({marks}) {table.on_conflict()}"


@cache
def _from_staging(table: Table) -> str:
    return (
        f"INSERT INTO {table.name} ({table.named()}) SELECT {table.named()} FROM staging WHERE site_id = %s"
        f" {table.on_conflict()}"
    )


class PostgresConnection:
    """One transaction or snapshot; foreign errors are converted by whoever opened it."""

    __slots__ = ("_connection", "_staged")
    for_update = " FOR UPDATE"

    def __init__(self, connection: psycopg.Connection) -> None:
        self._connection = connection
        self._staged: str | None = None

    def rows(self, sql: str, *values: object) -> list[Row]:
        return self._connection.execute(_translated(sql), values).fetchall()

    def run(self, sql: str, *values: object) -> int:
        return self._connection.execute(_translated(sql), values).rowcount

    def run_many(self, sql: str, rows: Sequence[Row]) -> None:
        if rows:
            self._connection.cursor().executemany(_translated(sql), rows)

    def upsert(self, table: Table, rows: Sequence[Row]) -> None:
        if table.name == "interval":
            self._upsert_intervals(table, rows)
        elif rows:
            self._connection.cursor().executemany(_upsert(table), rows)

    def _upsert_intervals(self, table: Table, rows: Sequence[Row]) -> None:
        """All of one site. The counts of ``slot`` first: they need to see what is replaced."""
        site, starts = rows[0][0], [row[2] for row in rows]
        if self._staged:
            self.run("DELETE FROM staging WHERE site_id = ?", self._staged)
        self._staged = site
        with self._connection.cursor() as cursor:
            with cursor.copy(f"COPY staging ({table.named()}) FROM STDIN") as copy:
                for row in rows:
                    copy.write_row(row)
            cursor.execute(SLOTS, {"site": site, "low": min(starts), "high": max(starts)})
            cursor.execute(_from_staging(table), (site,))


class _Lender:
    """Connections of one kind, as many as are asked for at once: whoever borrows has a thread of its own, and the service
    has few. A server that is away is an error at once, and one that is back is used at once; a pool that connects by
    itself in the background would wait longer and longer in between."""

    def __init__(
        self, url: str, name: str, options: str, prepare: Callable[[psycopg.Connection], None]
    ) -> None:
        self._url, self._name, self._options, self._prepare = url, name, options, prepare
        self._idle: list[psycopg.Connection] = []

    @contextmanager
    def lent(self) -> Iterator[psycopg.Connection]:
        """A transaction that is committed when the block ends well."""
        connection = self._one()
        try:
            yield connection
            connection.commit()
        except BaseException:
            with suppress(psycopg.Error):  # of a broken connection the server rolls back by itself
                connection.rollback()
            raise
        finally:
            if not connection.closed:
                self._idle.append(connection)

    def close(self) -> None:
        while self._idle:
            self._idle.pop().close()

    def _one(self) -> psycopg.Connection:
        while self._idle:
            connection = self._idle.pop()
            if _answers(connection):
                return connection
            connection.close()
        connection = psycopg.connect(
            self._url, options=self._options, connect_timeout=CONNECT_S, application_name=self._name
        )
        self._prepare(connection)
        return connection


class PostgresDatabase:
    """A database by its URL. Connects at the first use; raises DistrictError when that fails."""

    writers = WRITERS

    def __init__(self, url: str) -> None:
        self._url = url
        self._opening = threading.Lock()
        self._is_made = False
        self._months: set[tuple[int, int]] = set()
        self._write = _Lender(url, "district-writer", WRITE_OPTIONS, _prepare_writer)
        self._read = _Lender(url, "district-reader", READ_OPTIONS, _prepare_reader)

    @contextmanager
    def transaction(self) -> Iterator[PostgresConnection]:
        self._make_tables()
        with _converted(), self._write.lent() as connection:
            yield PostgresConnection(connection)

    @contextmanager
    def snapshot(self) -> Iterator[PostgresConnection]:
        self._make_tables()
        with _converted(), self._read.lent() as connection:
            yield PostgresConnection(connection)

    def make_room(self, starts: Iterable[int]) -> None:
        months = {month_of(start) for start in starts} - self._months
        if not months:
            return
        self._make_tables()
        with _converted(), self._write.lent() as connection:
            for month in sorted(months):
                make_partition(connection, month)
        self._months |= months

    def close(self) -> None:
        self._write.close()
        self._read.close()

    def _make_tables(self) -> None:
        with self._opening:
            if self._is_made:
                return
            try:
                with psycopg.connect(self._url, connect_timeout=CONNECT_S) as connection:
                    make_tables(connection)
            except psycopg.Error as error:
                said = without_secrets(" ".join(str(error).split()))
                raise DistrictError(
                    f"cannot open the PostgreSQL database: {said}; check --database"
                ) from error
            self._is_made = True


def _answers(connection: psycopg.Connection) -> bool:
    """False after the server was started anew."""
    try:
        connection.execute("")
    except psycopg.OperationalError:
        return False
    return True


def _prepare_writer(connection: psycopg.Connection) -> None:
    connection.execute(STAGING)
    connection.commit()


def _prepare_reader(connection: psycopg.Connection) -> None:
    connection.isolation_level = IsolationLevel.REPEATABLE_READ
    connection.read_only = True


@contextmanager
def _converted() -> Iterator[None]:
    try:
        yield
    except psycopg.Error as error:
        raise DatabaseTrouble(" ".join(str(error).split())) from error
