"""Keys as they are kept, of gateways and of relays alike: a digest, when it was made, when it ends. SQL only."""

from __future__ import annotations

from dataclasses import dataclass

from district.store.database import Connection


@dataclass(frozen=True, slots=True)
class Keys:
    """A table of keys, and the column that says whose they are beside the site's."""

    table: str
    holder: str

    @property
    def of_holder(self) -> str:
        return f"site_id = ? AND {self.holder} = ?"


@dataclass(frozen=True, slots=True)
class KeyRow:
    """A key as its operator sees it. ``ends_at`` None: until it is revoked."""

    key_id: str
    made_at: int
    ends_at: int | None


OF_GATEWAYS = Keys("gateway_key", "gateway_id")
OF_RELAYS = Keys("relay_key", "relay")
IN_FORCE = "(ends_at IS NULL OR ends_at > ?)"


def digest_in_force(
    connection: Connection, keys: Keys, site: str, holder: str, key_id: str, at: int
) -> str | None:
    """What is stored of a key that is in force for the site."""
    found = connection.rows(
        f"SELECT sha256 FROM {keys.table} WHERE {keys.of_holder} AND key_id = ? AND {IN_FORCE}",
        site, holder, key_id, at,
    )  # fmt: skip
    return found[0][0] if found else None


def in_force(connection: Connection, keys: Keys, site: str, holder: str, at: int) -> list[KeyRow]:
    found = connection.rows(
        f"SELECT key_id, made_at, ends_at FROM {keys.table} WHERE {keys.of_holder} AND {IN_FORCE}"
        " ORDER BY made_at, key_id",
        site, holder, at,
    )  # fmt: skip
    return [KeyRow(*row) for row in found]


def end(connection: Connection, keys: Keys, site: str, holder: str, key_id: str, ends_at: int) -> bool:
    """Let a key end then, or when it ends anyway; False when there is none in force at that time."""
    return bool(
        connection.run(
            f"UPDATE {keys.table} SET ends_at = ? WHERE {keys.of_holder} AND key_id = ? AND {IN_FORCE}",
            ends_at, site, holder, key_id, ends_at,
        )
    )  # fmt: skip
