"""What a person sees of the relay and may decide: how far each gateway is, go on after a stop, give up what waits. SQL only."""

from __future__ import annotations

from dataclasses import dataclass

from district.relay.outbox import prune
from district.relay.outbox import upstreams as known_upstreams
from district.store import gateways
from district.store.database import Connection

_CURSOR = "site_id = ? AND gateway_id = ? AND epoch = ? AND upstream = ?"


@dataclass(frozen=True, slots=True)
class Standing:
    """One cursor. ``oldest_at`` and ``delivered_at``: UTC ms; ``lacking``: how many ``seq`` are held here and not above, and
    do not wait; ``rejected``: records that the district above refused; ``trouble``: why the next one does not get through, a
    code of ``Trouble``, ``detail`` in a sentence; ``trouble_since``: UTC ms, None where it was not kept."""

    site: str
    gateway: str
    epoch: str
    upstream: str
    waiting: int
    bytes: int
    oldest_at: int | None
    delivered_at: int | None
    lacking: int
    rejected: int
    stopped_for: str | None
    detail: str | None
    trouble: str | None
    trouble_since: int | None


def standings(connection: Connection) -> list[Standing]:
    """Every cursor, of all sites."""
    found = connection.rows(
        "SELECT c.site_id, c.gateway_id, c.epoch, c.upstream, count(b.number),"
        # The counts are read off the index; only of the oldest is the row itself looked up.
        " CAST(coalesce(sum(b.bytes), 0) AS BIGINT), (SELECT o.at FROM relay_batch o WHERE o.site_id = c.site_id"
        " AND o.gateway_id = c.gateway_id AND o.epoch = c.epoch AND o.number > c.number ORDER BY o.number LIMIT 1),"
        " c.delivered_at, c.lacking,"
        " (SELECT count(*) FROM relay_rejected r WHERE r.site_id = c.site_id AND r.gateway_id = c.gateway_id"
        " AND r.epoch = c.epoch AND r.upstream = c.upstream), c.stopped_for, c.detail,"
        " coalesce(c.stopped_for, c.trouble), c.trouble_since"
        " FROM relay_cursor c LEFT JOIN relay_batch b ON b.site_id = c.site_id AND b.gateway_id = c.gateway_id"
        " AND b.epoch = c.epoch AND b.number > c.number"
        " GROUP BY c.site_id, c.gateway_id, c.epoch, c.upstream, c.delivered_at, c.lacking, c.stopped_for, c.detail,"
        " c.trouble, c.trouble_since, c.number"
        " ORDER BY c.upstream, c.site_id, c.gateway_id, c.epoch"
    )
    return [Standing(*row) for row in found]


def resume(connection: Connection, site: str, gateway: str, upstream: str) -> int:
    """Let a stopped gateway go on; how many of its epochs were stopped."""
    return connection.run(
        "UPDATE relay_cursor SET stopped_for = NULL, detail = NULL, trouble = NULL, trouble_since = NULL"
        " WHERE site_id = ? AND gateway_id = ? AND upstream = ? AND stopped_for IS NOT NULL",
        site, gateway, upstream,
    )  # fmt: skip


def drop(connection: Connection, site: str, gateway: str, epoch: str, upstream: str) -> int:
    """Give up what waits of an epoch for one upstream; how many batches. They stay here and never get there."""
    gateways.lock(connection, site, gateway)
    cursor = (site, gateway, epoch, upstream)
    waiting, last = connection.rows(
        "SELECT count(*), max(b.number) FROM relay_batch b JOIN relay_cursor c ON c.site_id = b.site_id"
        " AND c.gateway_id = b.gateway_id AND c.epoch = b.epoch WHERE b.site_id = ? AND b.gateway_id = ?"
        " AND b.epoch = ? AND c.upstream = ? AND b.number > c.number",
        *cursor,
    )[0]
    if waiting:
        connection.run(f"UPDATE relay_cursor SET number = ? WHERE {_CURSOR}", last, *cursor)
        prune(connection, site, gateway, epoch)
    return int(waiting)


def end(connection: Connection, upstream: str) -> int:
    """Relay no longer to an upstream: forget its cursors, and what only it waits for. How many gateways it concerned."""
    if upstream not in known_upstreams(connection):
        return 0
    feeds = lanes(connection, upstream)
    for site, gateway, epoch in feeds:
        gateways.lock(connection, site, gateway)
        connection.run(f"DELETE FROM relay_cursor WHERE {_CURSOR}", site, gateway, epoch, upstream)
        prune(connection, site, gateway, epoch)
    return len({(site, gateway) for site, gateway, _ in feeds})


def lanes(connection: Connection, upstream: str) -> list[tuple[str, str, str]]:
    """(site, gateway, epoch) of an upstream, of all sites."""
    found = connection.rows(
        "SELECT site_id, gateway_id, epoch FROM relay_cursor WHERE upstream = ? ORDER BY site_id, gateway_id, epoch",
        upstream,
    )
    return [(site, gateway, epoch) for site, gateway, epoch in found]
