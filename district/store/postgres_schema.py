"""Tables of the district's PostgreSQL database, made in one transaction by whichever process comes first.

The same tables as in SQLite, ``interval`` partitioned by the UTC month of ``start``. Every unique key begins with
``site_id`` and no foreign key joins two sites, so that Citus distributes each table by it
(``create_distributed_table('…', 'site_id')``) and nothing here changes. ``schema_version`` has one row and stays on one machine.
"""

from __future__ import annotations

from datetime import UTC, datetime

import psycopg

from district.refusal import DistrictError

VERSION = 4
LOCK = 0x63616D707573
"""Key of the advisory lock under which tables and partitions are made."""

TABLES = (
    "CREATE TABLE schema_version (version INTEGER NOT NULL)",
    """CREATE TABLE site (
        site_id TEXT PRIMARY KEY, name TEXT NOT NULL, timezone TEXT NOT NULL, students BIGINT, area_m2 DOUBLE PRECISION,
        revision BIGINT NOT NULL)""",
    """CREATE TABLE gateway (
        site_id TEXT NOT NULL, gateway_id TEXT NOT NULL, name TEXT NOT NULL, enrolled_at BIGINT NOT NULL,
        contact_at BIGINT, epoch TEXT, PRIMARY KEY (site_id, gateway_id))""",
    """CREATE TABLE gateway_key (
        site_id TEXT NOT NULL, gateway_id TEXT NOT NULL, key_id TEXT NOT NULL, sha256 TEXT NOT NULL,
        made_at BIGINT NOT NULL, ends_at BIGINT, PRIMARY KEY (site_id, gateway_id, key_id))""",
    """CREATE TABLE enrolment (
        site_id TEXT NOT NULL, gateway_id TEXT NOT NULL, sha256 TEXT NOT NULL, expires_at BIGINT NOT NULL,
        used_at BIGINT, PRIMARY KEY (site_id, gateway_id, sha256))""",
    """CREATE TABLE epoch (
        site_id TEXT NOT NULL, gateway_id TEXT NOT NULL, epoch TEXT NOT NULL, first_at BIGINT NOT NULL,
        fenced_at BIGINT, PRIMARY KEY (site_id, gateway_id, epoch))""",
    """CREATE TABLE received (
        site_id TEXT NOT NULL, gateway_id TEXT NOT NULL, epoch TEXT NOT NULL, from_seq BIGINT NOT NULL,
        to_seq BIGINT NOT NULL, PRIMARY KEY (site_id, gateway_id, epoch, from_seq))""",
    """CREATE TABLE batch (
        site_id TEXT NOT NULL, gateway_id TEXT NOT NULL, epoch TEXT NOT NULL, from_seq BIGINT NOT NULL,
        to_seq BIGINT NOT NULL, sha256 TEXT NOT NULL, at BIGINT NOT NULL,
        PRIMARY KEY (site_id, gateway_id, epoch, from_seq, to_seq))""",
    """CREATE TABLE incident (
        site_id TEXT NOT NULL, gateway_id TEXT NOT NULL, kind TEXT NOT NULL, epoch TEXT NOT NULL,
        first_at BIGINT NOT NULL, last_at BIGINT NOT NULL, count BIGINT NOT NULL, detail TEXT NOT NULL,
        PRIMARY KEY (site_id, gateway_id, kind, epoch))""",
    """CREATE TABLE rejected (
        site_id TEXT NOT NULL, gateway_id TEXT NOT NULL, epoch TEXT NOT NULL, seq BIGINT NOT NULL,
        key TEXT NOT NULL, reason TEXT NOT NULL, at BIGINT NOT NULL,
        PRIMARY KEY (site_id, gateway_id, epoch, seq))""",
    """CREATE TABLE point (
        site_id TEXT NOT NULL, point TEXT NOT NULL, gateway_id TEXT NOT NULL, device TEXT NOT NULL, space TEXT,
        quantity TEXT NOT NULL, unit TEXT NOT NULL, value_kind TEXT NOT NULL, step TEXT NOT NULL, energy_code TEXT,
        role TEXT NOT NULL, label_zh TEXT NOT NULL, label_en TEXT NOT NULL, first_at BIGINT, revision BIGINT NOT NULL,
        PRIMARY KEY (site_id, point))""",
    """CREATE TABLE point_move (
        site_id TEXT NOT NULL, point TEXT NOT NULL, at BIGINT NOT NULL, moved_by TEXT NOT NULL,
        from_gateway TEXT NOT NULL, to_gateway TEXT NOT NULL, PRIMARY KEY (site_id, point, at))""",
    """CREATE TABLE interval (
        site_id TEXT NOT NULL, period TEXT NOT NULL, start BIGINT NOT NULL, point TEXT NOT NULL, "end" BIGINT NOT NULL,
        content TEXT NOT NULL, share DOUBLE PRECISION NOT NULL, value DOUBLE PRECISION,
        register_start DOUBLE PRECISION, register_end DOUBLE PRECISION, mean DOUBLE PRECISION, low DOUBLE PRECISION,
        high DOUBLE PRECISION, changes BIGINT, revision BIGINT NOT NULL,
        PRIMARY KEY (site_id, period, start, point)) PARTITION BY RANGE (start)""",
    """CREATE TABLE slot (
        site_id TEXT NOT NULL, start BIGINT NOT NULL, measured INTEGER NOT NULL, estimated INTEGER NOT NULL,
        missing INTEGER NOT NULL, PRIMARY KEY (site_id, start))""",
    """CREATE TABLE event (
        site_id TEXT NOT NULL, event_id TEXT NOT NULL, gateway_id TEXT NOT NULL, event_kind TEXT NOT NULL,
        subject TEXT NOT NULL, start BIGINT NOT NULL, "end" BIGINT, level INTEGER NOT NULL, state TEXT NOT NULL,
        evidence TEXT NOT NULL, revision BIGINT NOT NULL, PRIMARY KEY (site_id, event_id))""",
    "CREATE INDEX event_open ON event (site_id, level, start) WHERE state = 'open'",
    """CREATE TABLE gap (
        site_id TEXT NOT NULL, gateway_id TEXT NOT NULL, key TEXT NOT NULL, point TEXT NOT NULL, start BIGINT NOT NULL,
        "end" BIGINT NOT NULL, count BIGINT NOT NULL, reason TEXT NOT NULL, revision BIGINT NOT NULL,
        PRIMARY KEY (site_id, gateway_id, key))""",
    """CREATE TABLE statement (
        site_id TEXT NOT NULL, gateway_id TEXT NOT NULL, day TEXT NOT NULL, points BIGINT NOT NULL,
        slots_due BIGINT NOT NULL, slots_measured BIGINT NOT NULL, slots_estimated BIGINT NOT NULL,
        slots_missing BIGINT NOT NULL, events_opened BIGINT NOT NULL, revision BIGINT NOT NULL,
        PRIMARY KEY (site_id, gateway_id, day))""",
)

STEPS = {
    # quota: JSON, year → electricity_kwh, water_m3.
    2: ("ALTER TABLE site ADD COLUMN school_kind TEXT", "ALTER TABLE site ADD COLUMN quota TEXT"),
    3: (
        """CREATE TABLE relay_batch (
            site_id TEXT NOT NULL, gateway_id TEXT NOT NULL, number BIGINT NOT NULL, epoch TEXT NOT NULL,
            from_seq BIGINT NOT NULL, to_seq BIGINT NOT NULL, count BIGINT NOT NULL, sha256 TEXT NOT NULL,
            at BIGINT NOT NULL, bytes BIGINT NOT NULL, encoding TEXT NOT NULL, body BYTEA NOT NULL,
            PRIMARY KEY (site_id, gateway_id, number))""",
        """CREATE TABLE relay_cursor (
            site_id TEXT NOT NULL, gateway_id TEXT NOT NULL, epoch TEXT NOT NULL, upstream TEXT NOT NULL,
            number BIGINT NOT NULL, delivered_at BIGINT, lacking BIGINT NOT NULL, stopped_for TEXT, detail TEXT,
            claimed_by TEXT NOT NULL, claimed_until BIGINT NOT NULL,
            PRIMARY KEY (site_id, gateway_id, epoch, upstream))""",
        """CREATE TABLE relay_rejected (
            site_id TEXT NOT NULL, gateway_id TEXT NOT NULL, epoch TEXT NOT NULL, upstream TEXT NOT NULL,
            seq BIGINT NOT NULL, reason TEXT NOT NULL, at BIGINT NOT NULL,
            PRIMARY KEY (site_id, gateway_id, epoch, upstream, seq))""",
        """CREATE TABLE queue_refused (
            site_id TEXT NOT NULL, gateway_id TEXT NOT NULL, epoch TEXT NOT NULL, from_seq BIGINT NOT NULL,
            to_seq BIGINT NOT NULL, sha256 TEXT NOT NULL, error TEXT NOT NULL, detail TEXT NOT NULL, at BIGINT NOT NULL,
            encoding TEXT NOT NULL, body BYTEA NOT NULL,
            PRIMARY KEY (site_id, gateway_id, epoch, from_seq, to_seq, sha256))""",
        """CREATE TABLE relay_key (
            site_id TEXT NOT NULL, relay TEXT NOT NULL, key_id TEXT NOT NULL, sha256 TEXT NOT NULL,
            made_at BIGINT NOT NULL, ends_at BIGINT, PRIMARY KEY (site_id, relay, key_id))""",
    ),
    # Why a cursor's next batch does not get through, and since when.
    4: (
        "ALTER TABLE relay_cursor ADD COLUMN trouble TEXT",
        "ALTER TABLE relay_cursor ADD COLUMN trouble_since BIGINT",
    ),
}
"""What brings a database of the version before to this one. A step that has shipped is never edited."""

STAGING = "CREATE TEMP TABLE IF NOT EXISTS staging (LIKE interval) ON COMMIT DELETE ROWS"
"""Of each connection: where a batch's intervals land before they are put in their place."""


def make_tables(connection: psycopg.Connection) -> None:
    """Raises DistrictError when the database belongs to a newer version."""
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (LOCK,))
        if connection.execute("SELECT to_regclass('schema_version')").fetchone() == (None,):
            for statement in TABLES:
                connection.execute(statement)
            connection.execute("INSERT INTO schema_version VALUES (1)")
        found = connection.execute("SELECT version FROM schema_version").fetchone()
        if found is None or found[0] > VERSION:
            raise DistrictError(
                f"the database was made by a newer version (schema {found and found[0]}, this one knows {VERSION}); upgrade"
            )
        for step in range(found[0] + 1, VERSION + 1):
            for statement in STEPS[step]:
                connection.execute(statement)
            connection.execute("UPDATE schema_version SET version = %s", (step,))


def month_of(start_ms: int) -> tuple[int, int]:
    """(year, month) of a UTC time."""
    at = datetime.fromtimestamp(start_ms / 1000, UTC)
    return at.year, at.month


def make_partition(connection: psycopg.Connection, month: tuple[int, int]) -> None:
    """A table for a month's intervals, unless there is one. Attaching holds up neither readers nor other writers, which
    CREATE TABLE … PARTITION OF would."""
    year, number = month
    name = f"interval_{year}_{number:02}"
    low = _first_ms(year, number)
    high = _first_ms(year + number // 12, number % 12 + 1)
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (LOCK,))
        if connection.execute("SELECT to_regclass(%s)", (name,)).fetchone() == (None,):
            connection.execute(f"CREATE TABLE {name} (LIKE interval INCLUDING DEFAULTS)")
            connection.execute(
                f"ALTER TABLE interval ATTACH PARTITION {name} FOR VALUES FROM ({low}) TO ({high})"
            )


def _first_ms(year: int, month: int) -> int:
    return int(datetime(year, month, 1, tzinfo=UTC).timestamp()) * 1000
