"""Rows of ``replacement``: when a meter was changed for another, and where the two registers stood.

The two registers are readings as well, the old one's at ``at`` and the new one's 1 ms later, so that intervals are computed
from readings alone; this table says which step between two readings is no consumption.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Replacement:
    """``at`` is the old meter's last moment, ms; registers in the point's steps; ratios are the new meter's."""

    point_id: int
    at: int
    final_steps: int
    initial_steps: int
    ct_ratio: Decimal
    pt_ratio: Decimal


def put(connection: sqlite3.Connection, one: Replacement) -> None:
    connection.execute(
        "INSERT INTO replacement VALUES (?, ?, ?, ?, ?, ?)",
        (one.point_id, one.at, one.final_steps, one.initial_steps, str(one.ct_ratio), str(one.pt_ratio)),
    )


def times(connection: sqlite3.Connection) -> dict[int, frozenset[int]]:
    """point_id → the last moments of its former meters."""
    found: dict[int, set[int]] = {}
    for point_id, at in connection.execute("SELECT point_id, at FROM replacement"):
        found.setdefault(point_id, set()).add(at)
    return {point_id: frozenset(ats) for point_id, ats in found.items()}


def newest_ratios(connection: sqlite3.Connection, device: str) -> tuple[Decimal, Decimal] | None:
    """CT and PT ratio of a device's present meter, where they are known from its replacement."""
    row = connection.execute(
        "SELECT ct_ratio, pt_ratio FROM replacement JOIN point USING (point_id) WHERE device = ? ORDER BY at DESC LIMIT 1",
        (device,),
    ).fetchone()
    return (Decimal(row[0]), Decimal(row[1])) if row else None
