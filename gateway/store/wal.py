"""The write-ahead log stays at 16 MiB or less (P9), for one bad bit in it drops every later commit (PROMISES, finding 5).

SQLite copies pages back every 1,000, but begins the log anew only at a moment without readers, which fifty viewers may never
leave it. So from 8 MiB on the writer asks for that moment itself, between two transactions. Our readers all end within
their deadline of 5 s; one from outside that does not is waited for once, and then reported.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from pathlib import Path

from gateway.store.space import MIB, wal_bytes

LONG_BYTES, LONGER_BYTES, MAX_BYTES = 8 * MIB, 12 * MIB, 16 * MIB
SHORT_WAIT_MS, LONG_WAIT_MS = 50, 6_000
"""How long the writer waits for readers: at each tick, and once when the log is nearly too long."""
BUSY_TIMEOUT_MS = 5_000


@dataclass(slots=True)
class LogLimit:
    """Watches one buffer's log."""

    path: Path
    _waited: bool = False

    def hold(self, connection: sqlite3.Connection) -> int:
        """Begin the log anew if it has grown, outside a transaction; its bytes afterwards."""
        size = wal_bytes(self.path)
        if size < LONG_BYTES:
            self._waited = False
            return size
        is_long_wait = size >= LONGER_BYTES and not self._waited
        self._waited = self._waited or is_long_wait
        connection.execute(f"PRAGMA busy_timeout={LONG_WAIT_MS if is_long_wait else SHORT_WAIT_MS}")
        try:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        finally:
            connection.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
        return wal_bytes(self.path)
