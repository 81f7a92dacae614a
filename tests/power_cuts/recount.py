"""Quarter-hours counted again: the stored readings in the order of their times, as if all had come at once."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from gateway.book.accounts import Accounts
from gateway.model import Reading, groups_of
from gateway.points import build_points
from gateway.store.database import open_reader, open_writer
from tests.power_cuts.script import site_in

QUARTERS = (
    "SELECT point.name, start, content, round(share, 6), steps, start_steps, end_steps, round(mean, 6), low, high"
    " FROM interval JOIN point USING (point_id) WHERE period = '15min' AND"
    " point_id NOT IN (SELECT point_id FROM dirty_slot)"
)
Quarters = dict[tuple[str, int], tuple[Any, ...]]


def recount(folder: Path, scratch: Path, now: int) -> tuple[Quarters, Quarters]:
    """The running quarter-hours of the buffer in ``folder``, and those counted again in a buffer in ``scratch``. Points that
    wait for a slot to be computed again are left out."""
    site = site_in(folder)
    with closing(open_reader(site.buffer_path)) as reader:
        running = _quarters(reader)
        steps = {point.name: float(point.step) for point in build_points(site)}
        rows = reader.execute(
            "SELECT name, measured_at, measured_at + lag, value FROM reading JOIN point USING (point_id)"
            " WHERE quality = 0 ORDER BY measured_at"
        ).fetchall()
    readings = [Reading(name, at, received_at, value * steps[name]) for name, at, received_at, value in rows]
    with closing(open_writer(scratch / "recount.db")) as connection:
        connection.execute("BEGIN IMMEDIATE")
        accounts = Accounts(site, build_points(site))
        accounts.restore(connection, now)
        accounts.book(connection, groups_of(readings), now)
        accounts.tick(connection, now)
        counted = _quarters(connection)
        connection.execute("ROLLBACK")
    return running, {key: counted[key] for key in running if key in counted}


def _quarters(connection: sqlite3.Connection) -> Quarters:
    return {(row[0], row[1]): row[2:] for row in connection.execute(QUARTERS)}
