"""Letting gateways in: a one-time token becomes a key, keys rotate and end. Each function is one transaction."""

from __future__ import annotations

from district import hub, keys
from district.contract import Enrolled
from district.refusal import DistrictError
from district.store import gateways, held_keys
from district.store.database import Connection, Database
from district.store.held_keys import OF_GATEWAYS, KeyRow

HOUR_MS = 60 * 60 * 1000
TOKEN_HOURS = 24.0
KEYS_MAX = 10
"""Keys of one gateway in force at once."""


def issue_token(
    database: Database,
    site: str,
    gateway: str,
    name: str,
    at: int,
    valid_ms: int = int(TOKEN_HOURS * HOUR_MS),
) -> str:
    """Enrol a gateway, or one more machine for a gateway that is there; the token is told once. Raises DistrictError for a
    gateway of another campus than the one this is the hub of."""
    token = keys.new_token(site, gateway)
    with database.transaction() as connection:
        hub.expect_same_site(connection, site)
        gateways.register(connection, site, gateway, name, at)
        gateways.add_token(connection, site, gateway, keys.digest(token), at + valid_ms)
    return token


def redeem(database: Database, token: str, at: int) -> Enrolled | None:
    """The key a token stands for; None for a token that is unknown, used or too old. Raises DistrictError when the
    gateway has all the keys it may have; the token is then as good as before."""
    named = keys.named_in(token)
    if named is None:
        return None
    with database.transaction() as connection:
        # The row first: of two requests with one token the second waits here and finds it used.
        if gateways.lock(connection, *named) is None:
            return None
        if not gateways.use_token(connection, *named, keys.digest(token), at):
            return None
        return _new_key(connection, *named, at)


def rotate(database: Database, site: str, gateway: str, at: int, old_for_ms: int) -> str:
    """A new key; those in force until now end ``old_for_ms`` from now."""
    with database.transaction() as connection:
        _expect(connection, site, gateway)
        old = held_keys.in_force(connection, OF_GATEWAYS, site, gateway, at)
        made = _new_key(connection, site, gateway, at)
        for key in old:
            held_keys.end(connection, OF_GATEWAYS, site, gateway, key.key_id, at + old_for_ms)
    return made.key


def revoke(database: Database, site: str, gateway: str, key_id: str, at: int) -> None:
    """End a key now. Raises DistrictError when there is no such key in force."""
    with database.transaction() as connection:
        if not held_keys.end(connection, OF_GATEWAYS, site, gateway, key_id, at):
            raise DistrictError(
                f"{gateway} of {site} has no key {key_id} in force; `key list` shows those it has"
            )


def keys_in_force(database: Database, site: str, gateway: str, at: int) -> list[KeyRow]:
    with database.transaction() as connection:
        _expect(connection, site, gateway)
        return held_keys.in_force(connection, OF_GATEWAYS, site, gateway, at)


def _expect(connection: Connection, site: str, gateway: str) -> None:
    if gateways.lock(connection, site, gateway) is None:
        raise DistrictError(f"no gateway {gateway} of {site} is enrolled here; `district enrol` does it")


def _new_key(connection: Connection, site: str, gateway: str, at: int) -> Enrolled:
    if len(held_keys.in_force(connection, OF_GATEWAYS, site, gateway, at)) >= KEYS_MAX:
        raise DistrictError(
            f"{gateway} of {site} has {KEYS_MAX} keys in force; revoke those it does not use, then try again"
        )
    key_id, key = keys.new_key(site, gateway)
    gateways.add_key(connection, site, gateway, key_id, keys.digest(key), at)
    return Enrolled(site=site, gateway=gateway, key=key)
