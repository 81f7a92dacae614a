"""What the page of the districts above asks beside how they stand. SQL only."""

from __future__ import annotations

from district.queue import refused
from district.queue.refused import RefusedBatch
from district.store.database import Connection

REFUSED_SHOWN = 100


def schools_and_refused(connection: Connection) -> tuple[dict[str, str], list[RefusedBatch]]:
    """Names by site, and the batches that were refused last."""
    return names(connection), refused.newest(connection, REFUSED_SHOWN)


def names(connection: Connection) -> dict[str, str]:
    """Of all sites."""
    return dict(connection.rows("SELECT site_id, name FROM site"))
