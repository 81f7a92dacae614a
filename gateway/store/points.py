"""Rows of ``point`` and the site's descriptor: what a change feed says of a point before it says its figures."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass

from edge_config.schema import SiteFile
from gateway.model import Point
from gateway.store import bodies
from gateway.store.changes import ChangeLog


def register(
    connection: sqlite3.Connection, changes: ChangeLog, points: Iterable[Point], parts: set[str], at: int
) -> dict[str, int]:
    """Make every point of the site file known, with a change where its descriptor is new; name → point_id.

    ``parts`` are the devices that have a parent. Points that left the site file stay, out of service. A point whose
    step changed keeps its id only when nothing was stored under the old one: see ``StepChangedError`` in accounts.
    """
    connection.execute("UPDATE point SET in_service = 0")
    told, points = _told_as_parts(connection), list(points)
    gone = (told or frozenset()) - {
        point.device for point in points
    }  # the word of them that is out there stays
    put_meta(connection, {_PARTS: json.dumps(sorted(parts | gone))})
    return {
        point.name: _register(connection, changes, point, _Role(point.device in parts, told), at)
        for point in points
    }


_PARTS = "parts"


def _told_as_parts(connection: sqlite3.Connection) -> frozenset[str] | None:
    """The devices last described as parts; None in a buffer of a version that kept no word of it."""
    kept = meta(connection, _PARTS)
    return None if kept is None else frozenset(json.loads(kept))


@dataclass(frozen=True, slots=True)
class _Role:
    """Whether a device's counters are in another's already, and which devices were told so before."""

    is_part: bool
    told: frozenset[str] | None

    def is_told(self, device: str) -> bool:
        """A district that goes by an older word adds a meter up beside the one that it is a part of."""
        return self.told is not None and (device in self.told) == self.is_part


def _register(connection: sqlite3.Connection, changes: ChangeLog, point: Point, role: _Role, at: int) -> int:
    fields = (
        point.device, point.space, point.quantity, point.unit, point.kind.value, str(point.step),
        point.expected_interval_s, point.energy_code, point.label_zh, point.label_en,
    )  # fmt: skip
    known = connection.execute(
        "SELECT point_id, revision, device, space, quantity, unit, kind, step, expected_interval_s, energy_code, label_zh,"
        " label_en FROM point WHERE name = ?",
        (point.name,),
    ).fetchone()
    is_new_word = known is None or known[2:] != fields or not role.is_told(point.device)
    revision = 1 if known is None else known[1] + is_new_word
    if is_new_word:
        body = bodies.point(point, "part" if role.is_part else "total")
        changes.append("point", f"point/{point.name}", revision, at, body)
    if known is None:
        return int(
            connection.execute(
                "INSERT INTO point (name, device, space, quantity, unit, kind, step, expected_interval_s, energy_code,"
                " label_zh, label_en, in_service, revision) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1, 1) RETURNING point_id",
                (point.name, *fields),
            ).fetchone()[0]
        )
    connection.execute(
        "UPDATE point SET device=?, space=?, quantity=?, unit=?, kind=?, step=?, expected_interval_s=?, energy_code=?,"
        " label_zh=?, label_en=?, in_service=1, revision=? WHERE point_id=?",
        (*fields, revision, known[0]),
    )
    return int(known[0])


def step_of(connection: sqlite3.Connection, name: str) -> str | None:
    row = connection.execute("SELECT step FROM point WHERE name = ?", (name,)).fetchone()
    return None if row is None else str(row[0])


def id_of(connection: sqlite3.Connection, name: str) -> int:
    """Raises LookupError for a point that was never registered."""
    row = connection.execute("SELECT point_id FROM point WHERE name = ?", (name,)).fetchone()
    if row is None:
        raise LookupError(f"no point {name!r} in the buffer")
    return int(row[0])


def quantities(connection: sqlite3.Connection) -> dict[str, str]:
    """Name → quantity of every point there ever was."""
    return dict(connection.execute("SELECT name, quantity FROM point"))


def spaces(connection: sqlite3.Connection) -> dict[str, str]:
    """Name → space of every point there ever was; empty for one that is nowhere."""
    return dict(connection.execute("SELECT name, coalesce(space, '') FROM point"))


def register_site(connection: sqlite3.Connection, changes: ChangeLog, file: SiteFile, at: int) -> None:
    """Keep who this buffer belongs to; a changed description of the school is a change."""
    body = bodies.site(file.site, file.quota).decode()
    known = dict(
        connection.execute("SELECT key, value FROM meta WHERE key IN ('site_body', 'site_revision')")
    )
    if known.get("site_body") != body:
        revision = int(known.get("site_revision", "0")) + 1
        changes.append("site", f"site/{file.site.id}", revision, at, body.encode())
        put_meta(connection, {"site_body": body, "site_revision": str(revision)})
    put_meta(connection, {"site": file.site.id, "gateway": file.gateway.id})


def put_meta(connection: sqlite3.Connection, values: dict[str, str]) -> None:
    connection.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", values.items())


def meta(connection: sqlite3.Connection, key: str) -> str | None:
    row = connection.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
    return None if row is None else str(row[0])
