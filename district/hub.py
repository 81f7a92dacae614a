"""The role of a hub (校区汇总): several gateways of one campus upload to it, and the campus's own pages read its file.

Knows the one site it is for and the index those pages need. A hub is a file on one machine: ``gateway.query.hub`` reads it.
"""

from __future__ import annotations

from district.contract import Fault
from district.refusal import DistrictError, Refusal
from district.store.database import Connection, Database

INDEX = "CREATE INDEX IF NOT EXISTS interval_by_point ON interval (site_id, point, period, start, content)"
"""Questions of a campus are about one point over a span, how much of it is known first; those of a district are about all
points of a moment."""


def take_role(database: Database, at: int) -> str:
    """Make the hub of the campus whose gateways are enrolled; which one. Raises DistrictError when there is none, more than one,
    or no file that the pages could read."""
    if database.writers != 1:
        raise DistrictError(
            "a hub keeps its data in a file, which the campus's dashboard reads; give --database PATH"
        )
    with database.transaction() as connection:
        held = [row[0] for row in connection.rows("SELECT DISTINCT site_id FROM gateway ORDER BY site_id")]
        if len(held) != 1:
            raise DistrictError(
                f"a hub is for the gateways of one campus, here are those of {', '.join(held) or 'none'}; "
                + ("use a database of its own" if held else "`district enrol` the first one, then start it")
            )
        connection.run("INSERT INTO hub VALUES (?, ?) ON CONFLICT (site_id) DO NOTHING", held[0], at)
        connection.run(INDEX)
    return str(held[0])


def site_of(connection: Connection) -> str | None:
    """The campus this is the hub of; None for a district. A database of several writers is none, and has no such table."""
    if connection.for_update:
        return None
    found = connection.rows("SELECT site_id FROM hub")
    return str(found[0][0]) if found else None


def expect_same_site(connection: Connection, site: str) -> None:
    """Raises DistrictError where a gateway of another site would be let into a hub."""
    own = site_of(connection)
    if own not in (None, site):
        raise DistrictError(
            f"this is the hub of {own} alone; a gateway of {site} belongs to a district or to its own hub"
        )


def refuse_other_site(connection: Connection, site: str) -> None:
    """The same for a batch: Refusal(FORBIDDEN)."""
    try:
        expect_same_site(connection, site)
    except DistrictError as error:
        raise Refusal(Fault.FORBIDDEN, str(error)) from error
