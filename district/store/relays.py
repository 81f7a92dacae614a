"""Which relays may speak for the gateways of which sites: keys, one row for each site a key is good for.

A relay hands on what gateways sent under their own identity; its signature says that it was a receipt's batch below, and its key
opens the sites it was enrolled for and no other.
"""

from __future__ import annotations

from collections.abc import Sequence

from district import keys
from district.refusal import DistrictError
from district.store import held_keys
from district.store.database import Connection, Database
from district.store.held_keys import IN_FORCE, OF_RELAYS


def enrol(database: Database, relay: str, sites: Sequence[str], at: int) -> str:
    """A new key of ``relay``, good for ``sites``. Told once; only its digest is kept."""
    key_id, key = keys.new_relay_key(relay)
    with database.transaction() as connection:
        for site in sites:
            add_key(connection, site, relay, key_id, keys.digest(key), at)
    return key


def extend(database: Database, relay: str, key_id: str, sites: Sequence[str], at: int) -> None:
    """Let a key in force open more sites. Raises DistrictError when there is no such key."""
    with database.transaction() as connection:
        found = digests(connection, relay, key_id, at)
        if not found:
            raise DistrictError(
                f"relay {relay} has no key {key_id} in force; `enrol-relay {relay} SITE` makes one"
            )
        for site in sites:
            add_key(connection, site, relay, key_id, found[0], at)


def revoke(database: Database, relay: str, sites: Sequence[str], at: int) -> int:
    """End every key of a relay for these sites, or for all when none is named. How many (key, site) ended."""
    with database.transaction() as connection:
        return sum(end_keys(connection, site, relay, at) for site in sites or sites_of(connection, relay, at))


def add_key(connection: Connection, site: str, relay: str, key_id: str, sha256: str, at: int) -> None:
    connection.run(
        "INSERT INTO relay_key VALUES (?, ?, ?, ?, ?, NULL) ON CONFLICT (site_id, relay, key_id)"
        " DO UPDATE SET ends_at = NULL",
        site, relay, key_id, sha256, at,
    )  # fmt: skip


def digests(connection: Connection, relay: str, key_id: str, at: int) -> list[str]:
    """Of a key in force for any site."""
    found = connection.rows(
        f"SELECT DISTINCT sha256 FROM relay_key WHERE relay = ? AND key_id = ? AND {IN_FORCE}",
        relay, key_id, at,
    )  # fmt: skip
    return [sha256 for (sha256,) in found]


def sites_of(connection: Connection, relay: str, at: int) -> list[str]:
    found = connection.rows(
        f"SELECT DISTINCT site_id FROM relay_key WHERE relay = ? AND {IN_FORCE} ORDER BY site_id",
        relay, at,
    )  # fmt: skip
    return [site for (site,) in found]


def end_keys(connection: Connection, site: str, relay: str, at: int) -> int:
    return sum(
        held_keys.end(connection, OF_RELAYS, site, relay, one.key_id, at)
        for one in held_keys.in_force(connection, OF_RELAYS, site, relay, at)
    )
