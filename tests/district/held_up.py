"""Two districts above and a queue behind which batches were refused, in every state a page shows: for pages and pictures."""

from __future__ import annotations

import hashlib
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from district.store.database import Connection, open_database
from tests.district.campus import NOW

CITY, PROVINCE = "city.example", "province.example"
MINUTE = 60_000
DIGEST = hashlib.sha256(b"x").hexdigest()


@dataclass(frozen=True)
class Cursor:
    """A gateway on its way up; ``waiting`` batches of 7 KB, the oldest of ``minutes`` ago."""

    site: str
    upstream: str
    waiting: int = 0
    minutes: int = 0
    trouble: str | None = None
    stopped_for: str | None = None
    detail: str | None = None
    lacking: int = 0
    rejected: int = 0
    has_receipt: bool = True


CURSORS = (
    Cursor("demo-school", CITY, 3, 95, "no_answer", detail="ConnectError: All connection attempts failed"),
    Cursor("first-junior", CITY, 12, 190, None, "cloned", "(1200, 1400] was received with the digest 3f1c8f5e6d2b…"),
    Cursor("nine-year", CITY, 1, 20),
    Cursor("vocational", CITY, lacking=1_204),
    Cursor("hongqi-primary", CITY),
    Cursor("little-star", PROVINCE, 2, 12, "unauthorized", detail="unauthorized: no key in force here", has_receipt=False),
    Cursor("riverside-primary", PROVINCE, 4, 12, None, "fenced", "a later epoch of gw-1 has begun; epoch e-1 is closed"),
    Cursor("demo-school", PROVINCE, rejected=3),
)  # fmt: skip
REFUSED = (
    ("demo-school", "covered", "a part of (1200, 1400) was received before", 41_300),
    ("nine-year", "fenced", "a later epoch of gw-1 has begun; epoch 3f1c8f5e6d2b4f0e is closed", 2_100),
    ("jinyang-senior", "unauthorized", "gw-1 of jinyang-senior is not enrolled here", 390_000),
)


def fill(where: Path | str) -> None:
    with closing(open_database(where)) as store, store.transaction() as connection:
        for one in CURSORS:
            _write(connection, one)
        for minutes, (site, error, detail, size) in enumerate(REFUSED, 30):
            connection.run(
                "INSERT INTO queue_refused (site_id, gateway_id, epoch, from_seq, to_seq, sha256, error, detail, at, encoding,"
                " body) VALUES (?, 'gw-1', '3f1c8f5e6d2b4f0e', 1200, 1400, ?, ?, ?, ?, 'gzip', ?)",
                site, DIGEST, error, detail, NOW - minutes * MINUTE, b"x" * size,
            )  # fmt: skip


def _write(connection: Connection, one: Cursor) -> None:
    since = NOW - one.minutes * MINUTE
    connection.run(
        "INSERT INTO relay_cursor (site_id, gateway_id, epoch, upstream, number, delivered_at, lacking, stopped_for, detail,"
        " claimed_by, claimed_until, trouble, trouble_since) VALUES (?, 'gw-1', ?, ?, 0, ?, ?, ?, ?, '', 0, ?, ?)",
        one.site, f"e-{one.upstream}", one.upstream, since - MINUTE if one.has_receipt else None, one.lacking,
        one.stopped_for, one.detail, one.trouble, since if one.trouble or one.stopped_for else None,
    )  # fmt: skip
    connection.run_many(
        "INSERT INTO relay_rejected (site_id, gateway_id, epoch, upstream, seq, reason, at) VALUES (?, ?, ?, ?, ?, ?, ?)",
        [(one.site, "gw-1", f"e-{one.upstream}", one.upstream, seq, "x", NOW) for seq in range(one.rejected)],
    )
    last = connection.rows(
        "SELECT coalesce(max(number), 0) FROM relay_batch WHERE site_id = ? AND gateway_id = 'gw-1'", one.site
    )[0][0]
    connection.run_many(
        "INSERT INTO relay_batch (site_id, gateway_id, number, epoch, from_seq, to_seq, count, sha256, at, bytes, encoding,"
        " body) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (
                one.site,
                "gw-1",
                last + n,
                f"e-{one.upstream}",
                n,
                n + 1,
                1,
                DIGEST,
                since + n * 1000,
                7_168,
                "gzip",
                b"x",
            )
            for n in range(1, one.waiting + 1)
        ],
    )
