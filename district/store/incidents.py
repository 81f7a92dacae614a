"""What a person has to look at: a closed epoch that goes on speaking, two machines with one identity. SQL only.

One row per gateway, kind and epoch, counted up: a machine that knocks all day is one incident."""

from __future__ import annotations

from district.contract import Fault
from district.figures import Incident
from district.records import Batch
from district.store.database import Connection

SHOWN_MAX = 20


def note(connection: Connection, batch: Batch, kind: Fault, detail: str, at: int) -> None:
    connection.run(
        "INSERT INTO incident VALUES (?, ?, ?, ?, ?, ?, 1, ?)"
        " ON CONFLICT (site_id, gateway_id, kind, epoch) DO UPDATE SET last_at = excluded.last_at,"
        " count = incident.count + 1, detail = excluded.detail",
        batch.site, batch.gateway, kind.value, batch.epoch, at, at, detail,
    )  # fmt: skip


def of_site(connection: Connection, site: str) -> list[Incident]:
    """The newest first."""
    found = connection.rows(
        "SELECT gateway_id, kind, epoch, first_at, last_at, count, detail FROM incident WHERE site_id = ?"
        f" ORDER BY last_at DESC, gateway_id, epoch, kind LIMIT {SHOWN_MAX}",
        site,
    )
    return [Incident(*row) for row in found]
