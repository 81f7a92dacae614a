"""What speaks on a broker and is no device of the site: for staff to adopt or dismiss."""

from __future__ import annotations

import json

from gateway.candidate import Candidate
from gateway.query.snapshot import Snapshot


def candidates(snapshot: Snapshot, limit: int) -> list[Candidate]:
    """Not dismissed and not adopted, those with a fitting profile first, then the newest. A buffer that an older collector
    left has none."""
    if not _has_table(snapshot):
        return []
    taken = {(device.broker, device.topic) for device in snapshot.site.file.devices}
    rows = snapshot.db.execute(
        "SELECT broker, topic, title, fits, sample, first_at, last_at, count FROM candidate"
        " WHERE dismissed_at IS NULL ORDER BY fits = '[]', last_at DESC LIMIT ?",
        (limit,),
    )
    return [
        Candidate(broker, topic, title, tuple(json.loads(fits)), *rest)
        for broker, topic, title, fits, *rest in rows
        if (broker, topic) not in taken
    ]


def _has_table(snapshot: Snapshot) -> bool:
    found = snapshot.db.execute("SELECT 1 FROM sqlite_master WHERE name = 'candidate'")
    return found.fetchone() is not None
