"""Which gateway a point belongs to: the one that described it first, until a person moves it. SQL only."""

from __future__ import annotations

from dataclasses import dataclass

from district.refusal import DistrictError
from district.store.database import Connection
from district.store.gateways import lock


@dataclass(frozen=True, slots=True)
class Known:
    """A described point: its gateway, and the start of its first quarter-hour if one has come."""

    gateway: str
    first_at: int | None


def of_site(connection: Connection, site: str) -> dict[str, Known]:
    found = connection.rows("SELECT point, gateway_id, first_at FROM point WHERE site_id = ?", site)
    return {point: Known(gateway, first_at) for point, gateway, first_at in found}


def lock_site(connection: Connection, site: str) -> None:
    """Until the transaction ends no other gateway of the site describes a point for the first time."""
    connection.rows("SELECT site_id FROM site WHERE site_id = ?" + connection.for_update, site)


def set_first(connection: Connection, site: str, firsts: dict[str, int]) -> None:
    connection.run_many(
        "UPDATE point SET first_at = ? WHERE site_id = ? AND point = ?",
        [(at, site, point) for point, at in sorted(firsts.items())],
    )


def move(connection: Connection, site: str, point: str, gateway: str, by: str, at: int) -> str:
    """Give a point to another gateway of its site, from now on; who had it before. The record of the move stays, and so
    does all that was received. Raises DistrictError when there is no such point or gateway, or nothing to move."""
    found = connection.rows("SELECT gateway_id FROM point WHERE site_id = ? AND point = ?", site, point)
    if not found:
        raise DistrictError(f"{site} has no point {point}; it is known once its gateway has described it")
    before: str = found[0][0]
    if before == gateway:
        raise DistrictError(f"point {point} of {site} belongs to {gateway} already")
    for one in sorted(
        (before, gateway)
    ):  # always in the same order: two moves at once do not wait for each other
        if lock(connection, site, one) is None:
            raise DistrictError(f"no gateway {one} of {site} is enrolled here; enrol it first")
    # Revision 0: the first description by the new gateway counts, whatever the old one had come to.
    moved = connection.run(
        "UPDATE point SET gateway_id = ?, revision = 0 WHERE site_id = ? AND point = ? AND gateway_id = ?",
        gateway, site, point, before,
    )  # fmt: skip
    if not moved:
        raise DistrictError(f"point {point} of {site} was moved by someone else just now; look again")
    connection.run("INSERT INTO point_move VALUES (?, ?, ?, ?, ?, ?)", site, point, at, by, before, gateway)
    return before
