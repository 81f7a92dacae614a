"""Who may write: gateways, and the one-time tokens that give them keys. SQL only; only digests are stored."""

from __future__ import annotations

from dataclasses import dataclass

from district.store.database import Connection


@dataclass(frozen=True, slots=True)
class Locked:
    """A gateway's row, held until the transaction ends: batches of one gateway take effect one after the other."""

    contact_at: int | None


def lock(connection: Connection, site: str, gateway: str) -> Locked | None:
    """None when no such gateway is enrolled."""
    found = connection.rows(
        "SELECT contact_at FROM gateway WHERE site_id = ? AND gateway_id = ?" + connection.for_update,
        site,
        gateway,
    )
    return Locked(found[0][0]) if found else None


def register(connection: Connection, site: str, gateway: str, name: str, at: int) -> None:
    """Make room for a gateway; one that is there stays as it is. ``name`` is shown until the school sends its own."""
    connection.run(
        "INSERT INTO site (site_id, name, timezone, revision) VALUES (?, ?, 'Asia/Shanghai', 0)"
        " ON CONFLICT (site_id) DO NOTHING",
        site,
        name,
    )
    connection.run(
        "INSERT INTO gateway (site_id, gateway_id, name, enrolled_at) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (site_id, gateway_id) DO NOTHING",
        site, gateway, name, at,
    )  # fmt: skip


def note_contact(connection: Connection, site: str, gateway: str, epoch: str, at: int) -> None:
    connection.run(
        "UPDATE gateway SET contact_at = ?, epoch = ? WHERE site_id = ? AND gateway_id = ?",
        at, epoch, site, gateway,
    )  # fmt: skip


def add_key(connection: Connection, site: str, gateway: str, key_id: str, sha256: str, at: int) -> None:
    connection.run("INSERT INTO gateway_key VALUES (?, ?, ?, ?, ?, NULL)", site, gateway, key_id, sha256, at)


def add_token(connection: Connection, site: str, gateway: str, sha256: str, expires_at: int) -> None:
    connection.run("INSERT INTO enrolment VALUES (?, ?, ?, ?, NULL)", site, gateway, sha256, expires_at)


def use_token(connection: Connection, site: str, gateway: str, sha256: str, at: int) -> bool:
    """True for one caller only, and not after its time."""
    return bool(
        connection.run(
            "UPDATE enrolment SET used_at = ? WHERE site_id = ? AND gateway_id = ? AND sha256 = ?"
            " AND used_at IS NULL AND expires_at > ?",
            at, site, gateway, sha256, at,
        )
    )  # fmt: skip
