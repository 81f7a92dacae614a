"""Tables of the district's SQLite database, and how it is opened.

Every table and every unique key carries ``site_id``: the queries then run unchanged where a database is spread over
machines by site. Times are UTC epoch milliseconds. ``slot`` counts the quarter-hours of a site by content, kept by
triggers in the transaction of the interval itself, so that completeness needs no scan.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

from district.refusal import DistrictError
from runtime.files import make_private

VERSION = 7

TABLES = (
    """CREATE TABLE site (
        site_id TEXT PRIMARY KEY, name TEXT NOT NULL, timezone TEXT NOT NULL, students INTEGER, area_m2 REAL,
        revision INTEGER NOT NULL) WITHOUT ROWID""",
    """CREATE TABLE gateway (
        site_id TEXT NOT NULL, gateway_id TEXT NOT NULL, name TEXT NOT NULL, key_sha256 TEXT NOT NULL,
        enrolled_at INTEGER NOT NULL, contact_at INTEGER, epoch TEXT,
        PRIMARY KEY (site_id, gateway_id)) WITHOUT ROWID""",
    """CREATE TABLE received (
        site_id TEXT NOT NULL, gateway_id TEXT NOT NULL, epoch TEXT NOT NULL, from_seq INTEGER NOT NULL,
        to_seq INTEGER NOT NULL, PRIMARY KEY (site_id, gateway_id, epoch, from_seq)) WITHOUT ROWID""",
    """CREATE TABLE rejected (
        site_id TEXT NOT NULL, gateway_id TEXT NOT NULL, epoch TEXT NOT NULL, seq INTEGER NOT NULL,
        key TEXT NOT NULL, reason TEXT NOT NULL, at INTEGER NOT NULL,
        PRIMARY KEY (site_id, gateway_id, epoch, seq)) WITHOUT ROWID""",
    """CREATE TABLE point (
        site_id TEXT NOT NULL, point TEXT NOT NULL, gateway_id TEXT NOT NULL, device TEXT NOT NULL, space TEXT,
        quantity TEXT NOT NULL, unit TEXT NOT NULL, value_kind TEXT NOT NULL, step TEXT NOT NULL, energy_code TEXT,
        role TEXT NOT NULL, label_zh TEXT NOT NULL, label_en TEXT NOT NULL, first_at INTEGER, revision INTEGER NOT NULL,
        PRIMARY KEY (site_id, point)) WITHOUT ROWID""",
    # Clustered by time: a batch of live intervals lands on one page and not on one page for each point.
    """CREATE TABLE interval (
        site_id TEXT NOT NULL, period TEXT NOT NULL, start INTEGER NOT NULL, point TEXT NOT NULL, "end" INTEGER NOT NULL,
        content TEXT NOT NULL, share REAL NOT NULL, value REAL, register_start REAL, register_end REAL,
        mean REAL, low REAL, high REAL, revision INTEGER NOT NULL,
        PRIMARY KEY (site_id, period, start, point)) WITHOUT ROWID""",
    """CREATE TABLE slot (
        site_id TEXT NOT NULL, start INTEGER NOT NULL, measured INTEGER NOT NULL, estimated INTEGER NOT NULL,
        missing INTEGER NOT NULL, PRIMARY KEY (site_id, start)) WITHOUT ROWID""",
    """CREATE TABLE event (
        site_id TEXT NOT NULL, event_id TEXT NOT NULL, gateway_id TEXT NOT NULL, event_kind TEXT NOT NULL,
        subject TEXT NOT NULL, start INTEGER NOT NULL, "end" INTEGER, level INTEGER NOT NULL, state TEXT NOT NULL,
        evidence TEXT NOT NULL, revision INTEGER NOT NULL, PRIMARY KEY (site_id, event_id)) WITHOUT ROWID""",
    "CREATE INDEX event_open ON event (site_id, level, start) WHERE state = 'open'",
    """CREATE TABLE gap (
        site_id TEXT NOT NULL, gateway_id TEXT NOT NULL, key TEXT NOT NULL, point TEXT NOT NULL, start INTEGER NOT NULL,
        "end" INTEGER NOT NULL, count INTEGER NOT NULL, reason TEXT NOT NULL, revision INTEGER NOT NULL,
        PRIMARY KEY (site_id, gateway_id, key)) WITHOUT ROWID""",
    """CREATE TABLE statement (
        site_id TEXT NOT NULL, gateway_id TEXT NOT NULL, day TEXT NOT NULL, points INTEGER NOT NULL,
        slots_due INTEGER NOT NULL, slots_measured INTEGER NOT NULL, slots_estimated INTEGER NOT NULL,
        slots_missing INTEGER NOT NULL, events_opened INTEGER NOT NULL, revision INTEGER NOT NULL,
        PRIMARY KEY (site_id, gateway_id, day)) WITHOUT ROWID""",
    """CREATE TRIGGER slot_of_new AFTER INSERT ON interval WHEN NEW.period = '15min' BEGIN
        INSERT INTO slot VALUES (NEW.site_id, NEW.start, NEW.content = 'measured', NEW.content = 'estimated',
            NEW.content = 'missing')
        ON CONFLICT (site_id, start) DO UPDATE SET measured = measured + excluded.measured,
            estimated = estimated + excluded.estimated, missing = missing + excluded.missing; END""",
    """CREATE TRIGGER slot_of_revised AFTER UPDATE OF content ON interval
        WHEN NEW.period = '15min' AND NEW.content <> OLD.content BEGIN
        UPDATE slot SET measured = measured + (NEW.content = 'measured') - (OLD.content = 'measured'),
            estimated = estimated + (NEW.content = 'estimated') - (OLD.content = 'estimated'),
            missing = missing + (NEW.content = 'missing') - (OLD.content = 'missing')
        WHERE site_id = NEW.site_id AND start = NEW.start; END""",
)

STEPS = {
    2: ("ALTER TABLE interval ADD COLUMN changes INTEGER",),
    3: (
        # A key of before has no key id and signs nothing: its gateway is enrolled again.
        "ALTER TABLE gateway DROP COLUMN key_sha256",
        """CREATE TABLE gateway_key (
            site_id TEXT NOT NULL, gateway_id TEXT NOT NULL, key_id TEXT NOT NULL, sha256 TEXT NOT NULL,
            made_at INTEGER NOT NULL, ends_at INTEGER,
            PRIMARY KEY (site_id, gateway_id, key_id)) WITHOUT ROWID""",
        """CREATE TABLE enrolment (
            site_id TEXT NOT NULL, gateway_id TEXT NOT NULL, sha256 TEXT NOT NULL, expires_at INTEGER NOT NULL,
            used_at INTEGER, PRIMARY KEY (site_id, gateway_id, sha256)) WITHOUT ROWID""",
        """CREATE TABLE epoch (
            site_id TEXT NOT NULL, gateway_id TEXT NOT NULL, epoch TEXT NOT NULL, first_at INTEGER NOT NULL,
            fenced_at INTEGER, PRIMARY KEY (site_id, gateway_id, epoch)) WITHOUT ROWID""",
        """INSERT INTO epoch SELECT DISTINCT r.site_id, r.gateway_id, r.epoch, g.enrolled_at,
            CASE WHEN r.epoch <> g.epoch THEN g.contact_at END
            FROM received r JOIN gateway g ON g.site_id = r.site_id AND g.gateway_id = r.gateway_id""",
        """CREATE TABLE batch (
            site_id TEXT NOT NULL, gateway_id TEXT NOT NULL, epoch TEXT NOT NULL, from_seq INTEGER NOT NULL,
            to_seq INTEGER NOT NULL, sha256 TEXT NOT NULL, at INTEGER NOT NULL,
            PRIMARY KEY (site_id, gateway_id, epoch, from_seq, to_seq)) WITHOUT ROWID""",
        """CREATE TABLE incident (
            site_id TEXT NOT NULL, gateway_id TEXT NOT NULL, kind TEXT NOT NULL, epoch TEXT NOT NULL,
            first_at INTEGER NOT NULL, last_at INTEGER NOT NULL, count INTEGER NOT NULL, detail TEXT NOT NULL,
            PRIMARY KEY (site_id, gateway_id, kind, epoch)) WITHOUT ROWID""",
        """CREATE TABLE point_move (
            site_id TEXT NOT NULL, point TEXT NOT NULL, at INTEGER NOT NULL, moved_by TEXT NOT NULL,
            from_gateway TEXT NOT NULL, to_gateway TEXT NOT NULL,
            PRIMARY KEY (site_id, point, at)) WITHOUT ROWID""",
    ),
    # quota: JSON, year → electricity_kwh, water_m3.
    4: ("ALTER TABLE site ADD COLUMN school_kind TEXT", "ALTER TABLE site ADD COLUMN quota TEXT"),
    5: (
        # Bodies are large: rows in the order they came, found by the key's own index.
        """CREATE TABLE relay_batch (
            site_id TEXT NOT NULL, gateway_id TEXT NOT NULL, number INTEGER NOT NULL, epoch TEXT NOT NULL,
            from_seq INTEGER NOT NULL, to_seq INTEGER NOT NULL, count INTEGER NOT NULL, sha256 TEXT NOT NULL,
            at INTEGER NOT NULL, bytes INTEGER NOT NULL, encoding TEXT NOT NULL, body BLOB NOT NULL,
            PRIMARY KEY (site_id, gateway_id, number))""",
        "CREATE INDEX relay_batch_bytes ON relay_batch (site_id, gateway_id, number, epoch, bytes)",
        """CREATE TABLE relay_cursor (
            site_id TEXT NOT NULL, gateway_id TEXT NOT NULL, epoch TEXT NOT NULL, upstream TEXT NOT NULL,
            number INTEGER NOT NULL, delivered_at INTEGER, lacking INTEGER NOT NULL, stopped_for TEXT, detail TEXT,
            claimed_by TEXT NOT NULL, claimed_until INTEGER NOT NULL,
            PRIMARY KEY (site_id, gateway_id, epoch, upstream)) WITHOUT ROWID""",
        """CREATE TABLE relay_rejected (
            site_id TEXT NOT NULL, gateway_id TEXT NOT NULL, epoch TEXT NOT NULL, upstream TEXT NOT NULL,
            seq INTEGER NOT NULL, reason TEXT NOT NULL, at INTEGER NOT NULL,
            PRIMARY KEY (site_id, gateway_id, epoch, upstream, seq)) WITHOUT ROWID""",
        """CREATE TABLE queue_refused (
            site_id TEXT NOT NULL, gateway_id TEXT NOT NULL, epoch TEXT NOT NULL, from_seq INTEGER NOT NULL,
            to_seq INTEGER NOT NULL, sha256 TEXT NOT NULL, error TEXT NOT NULL, detail TEXT NOT NULL, at INTEGER NOT NULL,
            encoding TEXT NOT NULL, body BLOB NOT NULL,
            PRIMARY KEY (site_id, gateway_id, epoch, from_seq, to_seq, sha256))""",
        """CREATE TABLE relay_key (
            site_id TEXT NOT NULL, relay TEXT NOT NULL, key_id TEXT NOT NULL, sha256 TEXT NOT NULL,
            made_at INTEGER NOT NULL, ends_at INTEGER,
            PRIMARY KEY (site_id, relay, key_id)) WITHOUT ROWID""",
    ),
    # The one campus that this is the hub of; empty in a district.
    6: ("CREATE TABLE hub (site_id TEXT PRIMARY KEY, since INTEGER NOT NULL) WITHOUT ROWID",),
    # Why a cursor's next batch does not get through, and since when.
    7: (
        "ALTER TABLE relay_cursor ADD COLUMN trouble TEXT",
        "ALTER TABLE relay_cursor ADD COLUMN trouble_since INTEGER",
    ),
}
"""What brings a database of the version before to this one. A step that has shipped is never edited."""


def open_for_writing(path: Path) -> sqlite3.Connection:
    """The one connection of a process that writes; what it has committed survives a power cut.

    Raises DistrictError when the file cannot be opened or was made by a newer version.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        make_private(path)  # with what is stored of a key one can sign
        connection = sqlite3.connect(path, isolation_level=None, timeout=10)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA journal_size_limit = 16777216")
        _make_tables(connection, path)
    except (sqlite3.Error, OSError) as error:
        raise DistrictError(
            f"cannot open the database {path}: {error}; check the path and its permissions"
        ) from error
    return connection


def _make_tables(connection: sqlite3.Connection, path: Path) -> None:
    connection.execute("BEGIN IMMEDIATE")
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > VERSION:
        connection.execute("ROLLBACK")
        connection.close()
        raise DistrictError(
            f"{path} was made by a newer version (schema {version}, this one knows {VERSION}); upgrade"
        )
    if version == 0:
        for statement in TABLES:
            connection.execute(statement)
    for step in range(max(version, 1) + 1, VERSION + 1):
        for statement in STEPS[step]:
            connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {VERSION}")
    connection.execute("COMMIT")


def open_for_reading(path: Path) -> sqlite3.Connection:
    """A connection that cannot write and sees one snapshot. A question that costs more than 200 million steps of
    SQLite's machine (some ten seconds) ends in sqlite3.OperationalError."""
    connection = sqlite3.connect(
        path.absolute().as_uri() + "?mode=ro", uri=True, isolation_level=None, timeout=5
    )
    budget = iter(range(2_000))
    connection.set_progress_handler(lambda: next(budget, None) is None, 100_000)
    connection.execute("BEGIN")
    return connection
