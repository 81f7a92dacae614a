"""A hub's database in the shape of a buffer: the tables that the questions are written for, over what a hub was sent.

Knows, as a reader, the tables ``point``, ``interval``, ``event``, ``statement`` and ``gateway`` of a district on SQLite, and
never writes them. Readings, device states, acts of staff and cursors stay the empty tables of a new buffer: a hub has none.
Only points of the campus's site file have a place among its meters; what else the hub holds is named and not counted.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from fractions import Fraction
from pathlib import Path

from edge_config.site import LoadedSite
from gateway.errors import StoreError
from gateway.model import Point
from gateway.points import build_points
from gateway.query.connection import empty_buffer, within

INDEX = "interval_by_point"
"""What ``district --role hub`` makes: without it a question about one point reads the whole campus."""

SITE = "(SELECT site_id FROM temp.campus)"

SHAPE = (
    "CREATE TEMP TABLE campus (site_id TEXT NOT NULL)",
    "CREATE TEMP TABLE step (point_id INTEGER PRIMARY KEY, step REAL NOT NULL)",
    "CREATE TEMP TABLE began (gateway_id TEXT PRIMARY KEY, day TEXT NOT NULL) WITHOUT ROWID",
    # A value on the wire is the float nearest to a whole number of steps, so the division lands far within half a step.
    f"""CREATE TEMP VIEW interval AS SELECT p.point_id, i.period, i.start, i."end", i.content, i.share,
        CAST(round(i.value / s.step) AS INTEGER) AS steps,
        CAST(round(i.register_start / s.step) AS INTEGER) AS start_steps,
        CAST(round(i.register_end / s.step) AS INTEGER) AS end_steps,
        i.mean, i.low, i.high, i.revision, i.changes, 0 AS seq, 0 AS first_seq
        FROM main.point p CROSS JOIN temp.step s ON s.point_id = p.point_id
        CROSS JOIN hub.interval i INDEXED BY {INDEX} ON i.site_id = {SITE} AND i.point = p.name""",
    f"""CREATE TEMP VIEW watermark AS SELECT p.point_id, h.first_at, NULL AS closed_to, NULL AS left_at, NULL AS left_steps
        FROM main.point p JOIN hub.point h ON h.site_id = {SITE} AND h.point = p.name WHERE h.first_at IS NOT NULL""",
    f"""CREATE TEMP VIEW event AS SELECT event_id, event_kind AS kind, subject, start, "end", level, state, evidence,
        revision, 0 AS seq FROM hub.event WHERE site_id = {SITE}""",
    # The campus has stated a day when every gateway has that had begun by then.
    f"""CREATE TEMP VIEW statement AS SELECT s.day, NULL AS made_at, max(s.revision) AS revision,
        json_object('day', s.day, 'points', sum(s.points), 'slots_due', sum(s.slots_due),
            'slots_measured', sum(s.slots_measured), 'slots_estimated', sum(s.slots_estimated),
            'slots_missing', sum(s.slots_missing), 'events_opened', sum(s.events_opened)) AS body
        FROM hub.statement s JOIN temp.began b ON b.gateway_id = s.gateway_id AND b.day <= s.day
        WHERE s.site_id = {SITE} GROUP BY s.day
        HAVING count(*) = (SELECT count(*) FROM temp.began WHERE day <= s.day)""",
)


@contextmanager
def snapshot_of(path: Path, site: LoadedSite, deadline_s: float) -> Iterator[sqlite3.Connection]:
    """A connection that answers as the buffer of one gateway with all the campus's points would. Raises QueryTimeoutError
    past the deadline, StoreError when this is not the database of a hub of this site."""
    with within(_open(path, deadline_s), path, deadline_s) as connection:
        _expect_hub(connection, path, site.file.site.id)
        _fill(connection, site)
        yield connection


def _open(path: Path, timeout_s: float) -> sqlite3.Connection:
    if path.parts and path.parts[0] in {"postgresql:", "postgres:"}:
        raise StoreError(
            "a hub's database is a file (汇总数据库是本机的一个文件); a campus is not shown from PostgreSQL: "
            "serve it with `district --role hub --database PATH`"
        )
    if not path.is_file():
        raise StoreError(
            f"{path}: there is no such database; it is the hub's `district --role hub --database`"
        )
    connection = empty_buffer(timeout_s)
    try:
        connection.execute("ATTACH ? AS hub", (f"{path.resolve().as_uri()}?mode=ro",))
    except sqlite3.Error as error:
        connection.close()
        raise StoreError(f"{path}: cannot open the hub's database: {error}; check who may read it") from error
    connection.execute("BEGIN")
    return connection


def _expect_hub(connection: sqlite3.Connection, path: Path, site: str) -> None:
    if not connection.execute("SELECT 1 FROM hub.sqlite_master WHERE name = ?", (INDEX,)).fetchone():
        raise StoreError(f"{path} is no hub's database; serve it with `district --role hub` first")
    held = [row[0] for row in connection.execute("SELECT DISTINCT site_id FROM hub.gateway ORDER BY site_id")]
    if held not in ([], [site]):
        raise StoreError(f"{path} is the hub of {', '.join(held)}; the site file is that of {site}")


def _fill(connection: sqlite3.Connection, site: LoadedSite) -> None:
    for statement in SHAPE:
        connection.execute(statement)
    connection.execute("INSERT INTO temp.campus VALUES (?)", (site.file.site.id,))
    for point, step in sent_points(connection, site):
        found = connection.execute(
            "INSERT INTO main.point (name, device, space, quantity, unit, kind, step, expected_interval_s, energy_code,"
            " label_zh, label_en, revision) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0)",
            (point.name, point.device, point.space, point.quantity, point.unit, point.kind.value, step,
             point.expected_interval_s, point.energy_code, point.label_zh, point.label_en),
        )  # fmt: skip
        connection.execute("INSERT INTO temp.step VALUES (?, ?)", (found.lastrowid, float(Fraction(step))))
    first = connection.execute(
        "SELECT gateway_id, min(first_at) FROM hub.point WHERE site_id = ? AND first_at IS NOT NULL GROUP BY gateway_id",
        (site.file.site.id,),
    ).fetchall()
    days = [(gateway, f"{datetime.fromtimestamp(at / 1000, site.zone):%Y-%m-%d}") for gateway, at in first]
    connection.executemany("INSERT INTO temp.began VALUES (?, ?)", days)


def sent_points(connection: sqlite3.Connection, site: LoadedSite) -> Iterator[tuple[Point, str]]:
    """Points of the site file that a gateway described in the same terms, with the step it counts them in. Where they lie
    and what they are part of is what the campus's site file says."""
    described = _described(connection, site)
    for point in build_points(site):
        terms = described.get(point.name)
        if terms is not None and terms[:3] == (point.quantity, point.unit, point.kind.value):
            yield point, terms[3]


def strangers(connection: sqlite3.Connection, site: LoadedSite) -> list[str]:
    """What the hub holds and the site file has not, or has in other terms: in no figure."""
    known = {point.name for point, _ in sent_points(connection, site)}
    return sorted(_described(connection, site).keys() - known)


def _described(connection: sqlite3.Connection, site: LoadedSite) -> dict[str, tuple[str, str, str, str]]:
    rows = connection.execute(
        "SELECT point, quantity, unit, value_kind, step FROM hub.point WHERE site_id = ?",
        (site.file.site.id,),
    )
    return {point: (quantity, unit, kind, step) for point, quantity, unit, kind, step in rows}
