"""Falls of counters that wait for the next sample to tell a dip from a reset, of points that have been silent since.

A restart reads such a point's raw readings again only from its last closed slot on, where the sample that fell is not: here is
when it was measured. Few and short-lived, so one line of ``meta``.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping

from gateway.store.points import meta, put_meta

KEY = "fallen"


def load(connection: sqlite3.Connection) -> dict[int, int]:
    """point_id → when its waiting sample was measured, ms."""
    return {
        int(point_id): int(at)
        for point_id, _, at in (one.partition(":") for one in (meta(connection, KEY) or "").split())
    }


def save(connection: sqlite3.Connection, found: Mapping[int, int]) -> None:
    put_meta(connection, {KEY: " ".join(f"{point_id}:{at}" for point_id, at in sorted(found.items()))})
