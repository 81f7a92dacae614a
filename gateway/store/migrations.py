"""The buffer's schema, as sqlite-utils migrations; each runs in one transaction.

``reading`` is clustered by time (ARCHITECTURE 1): ``lag`` is received_at − measured_at, ``value`` an integer number of
the point's steps, ``crc`` CRC-32 over the row. ``change`` is append-only. Times are UTC epoch milliseconds.
"""

from __future__ import annotations

from collections.abc import Callable
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

SCHEMA_3 = (
    # Readings per point: accepted of settled times, shed in all, and those of the shed that a gap record tells of.
    """CREATE TABLE tally (
        point_id INTEGER PRIMARY KEY, accepted INTEGER NOT NULL DEFAULT 0, shed INTEGER NOT NULL DEFAULT 0,
        told INTEGER NOT NULL DEFAULT 0)""",
    # What was shed and is in no interval, until a day of it makes a gap record.
    """CREATE TABLE shed (
        point_id INTEGER NOT NULL, reason TEXT NOT NULL, first_at INTEGER NOT NULL, last_at INTEGER NOT NULL,
        count INTEGER NOT NULL, since INTEGER NOT NULL, PRIMARY KEY (point_id, reason)) WITHOUT ROWID""",
    # Slots whose late readings came after the others had been shed: their interval does not hold them.
    """CREATE TABLE left_out (
        point_id INTEGER NOT NULL, start INTEGER NOT NULL, PRIMARY KEY (point_id, start)) WITHOUT ROWID""",
    "CREATE INDEX act_by_time ON act (at)",
    "CREATE INDEX dead_letter_by_time ON dead_letter (at)",
)

SCHEMA_4 = (
    # CRC-32 of the row, NULL for rows from before this step (see ``proof``).
    "ALTER TABLE interval ADD COLUMN crc INTEGER",
    "ALTER TABLE change ADD COLUMN crc INTEGER",
    "ALTER TABLE event ADD COLUMN crc INTEGER",
    "ALTER TABLE watermark ADD COLUMN crc INTEGER",
    "CREATE TABLE seal (name TEXT PRIMARY KEY, crc INTEGER NOT NULL) WITHOUT ROWID",
    # Rows that failed their proof; ``found_at`` is NULL until the gap and the event are told.
    """CREATE TABLE quarantine (
        quarantine_id INTEGER PRIMARY KEY, source TEXT NOT NULL, point_id INTEGER, start INTEGER NOT NULL,
        "end" INTEGER NOT NULL, bytes BLOB NOT NULL, found_at INTEGER)""",
    "CREATE INDEX quarantine_untold ON quarantine (quarantine_id) WHERE found_at IS NULL",
)

SCHEMA_5 = (
    # How often a state changed in the slot; of other kinds it is not known.
    "ALTER TABLE interval ADD COLUMN changes INTEGER",
    # ``at`` is the old meter's last moment; its final register is a reading of that time, the new meter's of 1 ms later.
    """CREATE TABLE replacement (
        point_id INTEGER NOT NULL, at INTEGER NOT NULL, final_steps INTEGER NOT NULL, initial_steps INTEGER NOT NULL,
        ct_ratio TEXT NOT NULL, pt_ratio TEXT NOT NULL, PRIMARY KEY (point_id, at)) WITHOUT ROWID""",
)

SCHEMA_6 = (
    # Readings accepted while our clock was in doubt. ``mono_ms`` is when each was received; ``measured_at`` the device's own
    # time, or one of ``timekeeping.UNSYNCED_MS`` where ours is to be found.
    """CREATE TABLE unsynced (
        unsynced_id INTEGER PRIMARY KEY, boot_id TEXT NOT NULL, mono_ms INTEGER NOT NULL, point_id INTEGER NOT NULL,
        measured_at INTEGER NOT NULL, value INTEGER, quality INTEGER NOT NULL, reason TEXT, crc INTEGER NOT NULL)""",
)

SCHEMA_7 = (
    # What is delivered ahead of the cursor, and what no batch of this epoch covers; see ``gateway.place``.
    """CREATE TABLE uplink_range (
        uplink TEXT NOT NULL, from_seq INTEGER NOT NULL, to_seq INTEGER NOT NULL,
        PRIMARY KEY (uplink, from_seq)) WITHOUT ROWID""",
    """CREATE TABLE uplink_void (
        uplink TEXT NOT NULL, from_seq INTEGER NOT NULL, to_seq INTEGER NOT NULL,
        PRIMARY KEY (uplink, from_seq)) WITHOUT ROWID""",
    "ALTER TABLE uplink ADD COLUMN live_to INTEGER",
    "ALTER TABLE uplink ADD COLUMN passed_from INTEGER",
    "ALTER TABLE uplink ADD COLUMN live_passed_from INTEGER",
    "ALTER TABLE uplink ADD COLUMN paused INTEGER NOT NULL DEFAULT 0",
    # Which stretches a filter had left empty before was not kept.
    "INSERT INTO uplink_void SELECT uplink, 0, cursor FROM uplink WHERE cursor > 0",
    # The seal is over more columns from here on.
    "DELETE FROM seal WHERE name = 'uplink'",
)

SCHEMA_8 = (
    # The digest of what went up under each bounds of this epoch, so that they never name other content; see ``uplinks.bounds``.
    """CREATE TABLE uplink_sent (
        uplink TEXT NOT NULL, from_seq INTEGER NOT NULL, to_seq INTEGER NOT NULL, sha256 BLOB NOT NULL, at INTEGER NOT NULL,
        PRIMARY KEY (uplink, from_seq, to_seq)) WITHOUT ROWID""",
)

STEPS = {
    "schema_1": SCHEMA_1,
    "schema_2": SCHEMA_2,
    "schema_3": SCHEMA_3,
    "schema_4": SCHEMA_4,
    "schema_5": SCHEMA_5,
    "schema_6": SCHEMA_6,
    "schema_7": SCHEMA_7,
    "schema_8": SCHEMA_8,
}
"""Every step in order. One that has shipped is never edited; a new one is added below it."""


def register(migrations: Migrations) -> None:
    """Each step is one migration in one transaction."""
    for name, statements in STEPS.items():
        migrations(name=name)(_step(statements))


def _step(statements: tuple[str, ...]) -> Callable[[Database], None]:
    def run(db: Database) -> None:
        for statement in statements:
            db.execute(statement)

    return run
