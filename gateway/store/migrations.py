"""The buffer's schema, as sqlite-utils migrations; each runs in one transaction.

``reading`` is clustered by time (ARCHITECTURE 1): ``lag`` is received_at − measured_at, ``value`` an integer number of
the point's steps, ``crc`` CRC-32 over the row. ``change`` is append-only. Times are UTC epoch milliseconds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlite_utils import Database, Migrations

SCHEMA_1 = (
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
    """CREATE TABLE point (
        point_id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, device TEXT NOT NULL, space TEXT, quantity TEXT NOT NULL,
        unit TEXT NOT NULL, kind TEXT NOT NULL, step TEXT NOT NULL, expected_interval_s REAL NOT NULL, energy_code TEXT,
        label_zh TEXT NOT NULL, label_en TEXT NOT NULL, in_service INTEGER NOT NULL DEFAULT 1, revision INTEGER NOT NULL)""",
    """CREATE TABLE reading (
        measured_at INTEGER NOT NULL, point_id INTEGER NOT NULL, lag INTEGER NOT NULL, value INTEGER,
        quality INTEGER NOT NULL, reason TEXT, crc INTEGER NOT NULL,
        PRIMARY KEY (measured_at, point_id)) WITHOUT ROWID""",
    """CREATE TABLE correction (
        correction_id INTEGER PRIMARY KEY, point_id INTEGER NOT NULL, measured_at INTEGER NOT NULL,
        old_value INTEGER, old_received_at INTEGER NOT NULL, new_value INTEGER, new_received_at INTEGER NOT NULL)""",
    """CREATE TABLE interval (
        point_id INTEGER NOT NULL, period TEXT NOT NULL, start INTEGER NOT NULL, "end" INTEGER NOT NULL,
        content TEXT NOT NULL, share REAL NOT NULL, steps INTEGER, start_steps INTEGER, end_steps INTEGER,
        mean REAL, low REAL, high REAL, revision INTEGER NOT NULL, seq INTEGER NOT NULL, first_seq INTEGER NOT NULL,
        PRIMARY KEY (point_id, period, start)) WITHOUT ROWID""",
    """CREATE TABLE watermark (
        point_id INTEGER PRIMARY KEY, first_at INTEGER NOT NULL, closed_to INTEGER NOT NULL, open_from INTEGER NOT NULL,
        left_at INTEGER NOT NULL, left_steps INTEGER NOT NULL, left_tolerance INTEGER NOT NULL, open_steps INTEGER)""",
    """CREATE TABLE dirty_slot (
        point_id INTEGER NOT NULL, start INTEGER NOT NULL, marked_at INTEGER NOT NULL,
        PRIMARY KEY (point_id, start)) WITHOUT ROWID""",
    """CREATE TABLE replay_span (
        span_id INTEGER PRIMARY KEY, start INTEGER NOT NULL, "end" INTEGER NOT NULL, expected_interval_s REAL NOT NULL)""",
    """CREATE TABLE event (
        event_id TEXT PRIMARY KEY, kind TEXT NOT NULL, subject TEXT NOT NULL, start INTEGER NOT NULL, "end" INTEGER,
        level INTEGER NOT NULL, state TEXT NOT NULL, evidence TEXT NOT NULL, revision INTEGER NOT NULL, seq INTEGER NOT NULL)""",
    "CREATE INDEX event_by_start ON event (start)",
    "CREATE INDEX event_open ON event (state) WHERE state = 'open'",
    """CREATE TABLE act (
        idempotency_key TEXT PRIMARY KEY, at INTEGER NOT NULL, "user" TEXT NOT NULL, command TEXT NOT NULL,
        subject TEXT NOT NULL, body TEXT NOT NULL, answer TEXT NOT NULL) WITHOUT ROWID""",
    "CREATE INDEX act_by_subject ON act (subject, at)",
    """CREATE TABLE change (
        seq INTEGER PRIMARY KEY, kind TEXT NOT NULL, key TEXT NOT NULL, revision INTEGER NOT NULL, at INTEGER NOT NULL,
        body BLOB NOT NULL)""",
    """CREATE TABLE uplink (
        uplink TEXT PRIMARY KEY, cursor INTEGER NOT NULL, batch_to INTEGER, delivered INTEGER NOT NULL DEFAULT 0,
        refused INTEGER NOT NULL DEFAULT 0, delivered_at INTEGER, error TEXT, error_at INTEGER)""",
    """CREATE TABLE dead_letter (
        uplink TEXT NOT NULL, seq INTEGER NOT NULL, at INTEGER NOT NULL, reason TEXT NOT NULL, body BLOB NOT NULL,
        PRIMARY KEY (uplink, seq)) WITHOUT ROWID""",
    """CREATE TABLE gap (
        gap_id INTEGER PRIMARY KEY, point TEXT NOT NULL, start INTEGER NOT NULL, "end" INTEGER NOT NULL,
        count INTEGER NOT NULL, reason TEXT NOT NULL, at INTEGER NOT NULL)""",
    """CREATE TABLE rejection (
        subject TEXT NOT NULL, reason TEXT NOT NULL, count INTEGER NOT NULL, last_at INTEGER NOT NULL, example TEXT NOT NULL,
        PRIMARY KEY (subject, reason)) WITHOUT ROWID""",
    """CREATE TABLE device_state (
        device TEXT PRIMARY KEY, state TEXT NOT NULL, since INTEGER NOT NULL, detail TEXT NOT NULL) WITHOUT ROWID""",
    """CREATE TABLE statement (
        day TEXT PRIMARY KEY, body TEXT NOT NULL, made_at INTEGER NOT NULL, revision INTEGER NOT NULL) WITHOUT ROWID""",
)

SCHEMA_2 = (
    """CREATE TABLE candidate (
        broker TEXT NOT NULL, topic TEXT NOT NULL, title TEXT NOT NULL, fits TEXT NOT NULL, sample TEXT NOT NULL,
        first_at INTEGER NOT NULL, last_at INTEGER NOT NULL, count INTEGER NOT NULL, dismissed_at INTEGER,
        PRIMARY KEY (broker, topic)) WITHOUT ROWID""",
)


def register(migrations: Migrations) -> None:
    """Add every step in order. A step that has shipped is never edited."""

    @migrations()
    def schema_1(db: Database) -> None:
        for statement in SCHEMA_1:
            db.execute(statement)

    @migrations()
    def schema_2(db: Database) -> None:
        for statement in SCHEMA_2:
            db.execute(statement)
