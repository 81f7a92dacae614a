"""Accounts, sessions and the one-time setup link, in a SQLite database of their own beside the buffer.

Passwords are kept as argon2id, session ids and setup tokens as SHA-256 only. Expiry counts monotonic time from a wall
anchor taken at start, so that a step of the wall clock ends or prolongs no session. Blocking; calls take well under a
millisecond except ``password`` work, which callers run on a thread, one at a time (PROMISES S5).
"""

from __future__ import annotations

import hashlib
import os
import secrets
import sqlite3
import threading
from dataclasses import dataclass
from pathlib import Path

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from gateway.errors import ConfigError, StoreError
from runtime.clock import Clock

IDLE_MS = 30 * 60 * 1000
ABSOLUTE_MS = 12 * 3600 * 1000
SETUP_MS = 3600 * 1000
TOUCH_MS = 60 * 1000  # one write a minute is enough to know that a session is in use
PASSWORD_LENGTH_MIN, PASSWORD_LENGTH_MAX = 8, 256
FIRST_ACCOUNT = "admin"

SCHEMA = """
CREATE TABLE IF NOT EXISTS secret (name TEXT PRIMARY KEY, value BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS user (name TEXT PRIMARY KEY, role TEXT NOT NULL, password TEXT, created_at INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS session (
    id_hash BLOB PRIMARY KEY, user TEXT NOT NULL REFERENCES user (name) ON UPDATE CASCADE ON DELETE CASCADE,
    created_at INTEGER NOT NULL, seen_at INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS setup_token (token_hash BLOB PRIMARY KEY, expires_at INTEGER NOT NULL, used_at INTEGER);
"""


@dataclass(frozen=True, slots=True)
class Session:
    """A signed-in person. ``key`` is the hash of the session id; ``has_password`` False until one is set."""

    key: bytes
    user: str
    role: str
    has_password: bool


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


class Accounts:
    """Raises StoreError when the database cannot be opened or written."""

    def __init__(self, path: Path, clock: Clock) -> None:
        self._clock = clock
        self._anchor_ms = clock.now_ms() - int(clock.monotonic_s() * 1000)
        self._lock = threading.Lock()
        # LIBRARIES: 19 MiB and two passes; the 64 MiB default is too much for a Pi of 1 GB.
        self._hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
        self._nobody = self._hasher.hash(secrets.token_hex(16))
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
            self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=5)
            self._db.executescript("PRAGMA foreign_keys = ON; PRAGMA synchronous = FULL;" + SCHEMA)
        except (OSError, sqlite3.Error) as error:
            raise StoreError(f"cannot open the dashboard's accounts {path}: {error}") from error
        self.form_key = self._secret("form_key")

    def close(self) -> None:
        self._db.close()

    def _now_ms(self) -> int:
        return self._anchor_ms + int(self._clock.monotonic_s() * 1000)

    def _run(self, statement: str, *values: object) -> list[tuple[object, ...]]:
        try:
            with self._lock:
                return self._db.execute(statement, values).fetchall()
        except sqlite3.Error as error:
            raise StoreError(f"the dashboard's accounts cannot be used: {error}") from error

    def _secret(self, name: str) -> bytes:
        self._run("INSERT OR IGNORE INTO secret VALUES (?, ?)", name, secrets.token_bytes(32))
        value = self._run("SELECT value FROM secret WHERE name = ?", name)[0][0]
        return bytes(value) if isinstance(value, bytes) else b""

    # -- the one-time setup link

    def needs_setup(self) -> bool:
        """True until somebody has set a password."""
        return not self._run("SELECT 1 FROM user WHERE password IS NOT NULL")

    def issue_setup_token(self, token: str | None = None) -> str:
        """Make a token good for one hour and one use; a given token that was used once stays dead."""
        token = token or secrets.token_urlsafe(24)
        self._run(
            "INSERT INTO setup_token VALUES (?, ?, NULL) ON CONFLICT DO UPDATE SET expires_at = excluded.expires_at",
            _digest(token),
            self._now_ms() + SETUP_MS,
        )
        return token

    def redeem_setup_token(self, token: str) -> str | None:
        """Spend the token: a new session id of the first administrator, or None when it is unknown, old or spent."""
        now = self._now_ms()
        spent = self._run(
            "UPDATE setup_token SET used_at = ? WHERE token_hash = ? AND used_at IS NULL AND expires_at > ? RETURNING 1",
            now,
            _digest(token),
            now,
        )
        if not spent:
            return None
        admins = self._run("SELECT name FROM user WHERE role = 'admin' ORDER BY created_at LIMIT 1")
        name = str(admins[0][0]) if admins else FIRST_ACCOUNT
        self._run("INSERT OR IGNORE INTO user VALUES (?, 'admin', NULL, ?)", name, now)
        return self.open_session(name)

    # -- passwords

    def check_password(self, name: str, password: str) -> bool:
        """Takes as long for an unknown name as for a wrong password (about 20 ms on a laptop)."""
        found = self._run("SELECT password FROM user WHERE name = ? AND password IS NOT NULL", name)
        stored = str(found[0][0]) if found else self._nobody
        try:
            self._hasher.verify(stored, password[:PASSWORD_LENGTH_MAX])
        except (VerificationError, InvalidHashError):
            return False
        return bool(found)

    def set_password(self, name: str, new_name: str, password: str) -> bool:
        """Rename the account and set its password, ending its other sessions; False when the name is taken."""
        if new_name != name and self._run("SELECT 1 FROM user WHERE name = ?", new_name):
            return False
        self._run(
            "UPDATE user SET name = ?, password = ? WHERE name = ?",
            new_name,
            self._hasher.hash(password),
            name,
        )
        self._run("DELETE FROM session WHERE user = ?", new_name)
        return True

    # -- sessions

    def open_session(self, name: str) -> str:
        """A new session id (256 bit) for the cookie."""
        session_id, now = secrets.token_urlsafe(32), self._now_ms()
        self._run(
            "DELETE FROM session WHERE created_at <= ? OR seen_at <= ?", now - ABSOLUTE_MS, now - IDLE_MS
        )
        self._run("INSERT INTO session VALUES (?, ?, ?, ?)", _digest(session_id), name, now, now)
        return session_id

    def session(self, session_id: str, *, is_active: bool) -> Session | None:
        """The living session of this id. Only an active request (not a page that refreshes itself) prolongs it."""
        now, key = self._now_ms(), _digest(session_id)
        rows = self._run(
            "SELECT s.user, u.role, u.password IS NOT NULL, s.seen_at FROM session s JOIN user u ON u.name = s.user"
            " WHERE s.id_hash = ? AND s.created_at > ? AND s.seen_at > ?",
            key,
            now - ABSOLUTE_MS,
            now - IDLE_MS,
        )
        if not rows:
            return None
        user, role, has_password, seen_at = rows[0]
        if is_active and isinstance(seen_at, int) and now - seen_at > TOUCH_MS:
            self._run("UPDATE session SET seen_at = ? WHERE id_hash = ?", now, key)
        return Session(key, str(user), str(role), bool(has_password))

    def close_session(self, session: Session) -> None:
        self._run("DELETE FROM session WHERE id_hash = ?", session.key)


def read_setup_token(path: Path) -> str:
    """The token in a file that only its owner may read. Raises ConfigError saying what is wrong with the file."""
    try:
        mode, token = path.stat().st_mode, path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"--setup-token-file {path} cannot be read: {error}") from error
    if mode & 0o077:
        raise ConfigError(f"--setup-token-file {path} may be read by others; run: chmod 600 {path}")
    if len(token) < 22:
        raise ConfigError(
            f"--setup-token-file {path} holds {len(token)} characters; a token needs at least 22 random ones"
        )
    return token
