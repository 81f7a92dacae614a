"""A meter and a probe under a clock that will not stand still: truth, wall, monotonic clock, crashes and power cuts.

Everything between the stamp and the buffer is shipped code; the door is a plain call of a transaction.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from edge_config.site import LoadedSite
from gateway.book.accounts import Accounts
from gateway.model import Readings
from gateway.points import build_points
from gateway.store import gaps, unsynced
from gateway.store.database import open_writer
from gateway.time.own_clock import OwnClock
from gateway.time.settling import Settling
from tests.gateway.conftest import T0

ENERGY, CO2 = "main-e.energy_import", "air.co2"
MINUTE = 60_000
EVERY_MS = MINUTE


@dataclass
class Wall:
    """``ms`` is the truth; the wall is wrong by ``error_ms``; the machine started at ``booted_ms``."""

    ms: int = T0
    error_ms: int = 0
    booted_ms: int = T0 - 90_000

    def now_ms(self) -> int:
        return self.ms + self.error_ms

    def monotonic_s(self) -> float:
        return (self.ms - self.booted_ms) / 1000

    async def sleep(self, seconds: float) -> None:
        raise NotImplementedError


def register(ms: int) -> int:
    """What the meter really shows, in steps of 0.1 kWh."""
    return 5000 + (ms - T0) * 7 // MINUTE


@dataclass
class Gateway:
    """One buffer and what lives on it. ``offered`` counts readings whose transaction was committed."""

    site: LoadedSite
    wall: Wall
    connection: sqlite3.Connection
    boot: int = 0
    offered: int = 0
    revisions: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.start()

    def start(self) -> None:
        """A process begins: all it knows is in the buffer."""
        self.accounts = Accounts(self.site, build_points(self.site))
        self.settling = Settling(self.site.file, f"boot-{self.boot}")
        self.clock = OwnClock(self.wall)
        self.connection.execute("BEGIN IMMEDIATE")
        self.accounts.restore(self.connection, self.clock.best_ms())
        self.settling.opened(self.connection, self.accounts.received_to)
        self.connection.execute("COMMIT")
        self.clock.begin(self.settling.known_to, self.settling.waits_since)

    def power_cut(self) -> None:
        self.boot += 1
        self.wall.booted_ms = self.wall.ms
        self.start()

    def commit(self, groups: list[Readings]) -> None:
        moment = self.clock.moment()
        self.connection.execute("BEGIN IMMEDIATE")
        self.settling.book(self.connection, self.accounts, groups, moment)
        if moment.is_trusted and not self.settling.is_busy:
            self.accounts.tick(self.connection, moment.now, aged=moment.aged)
        self.connection.execute("COMMIT")
        self.offered += sum(len(group.values) for group in groups)

    def settle(self) -> None:
        """What the door does at once when there is more to do."""
        while self.settling.is_busy and self.clock.is_trusted:
            self.commit([])

    def read(self) -> None:
        """One poll of the meter and one message of the probe."""
        at = self.clock.now_ms()
        minutes = (self.wall.ms - T0) / MINUTE
        energy = Readings((ENERGY,), at, at, [register(self.wall.ms) / 10])
        self.commit([energy, Readings((CO2,), at, at, [400 + round(minutes)])])
        self.settle()

    def run(self, minutes: int) -> None:
        for _ in range(minutes * MINUTE // EVERY_MS):
            self.wall.ms += EVERY_MS
            self.read()

    # -- what there is to see ------------------------------------------------------------------------------------------

    def count(self, sql: str) -> int:
        return int(self.connection.execute(sql).fetchone()[0] or 0)

    @property
    def accounted(self) -> int:
        """Readings that are held, were put out by a correction, wait, or are in a gap record."""
        return (
            self.count("SELECT count(*) FROM reading")
            + self.count("SELECT count(*) FROM correction")
            + unsynced.count(self.connection)
            + sum(gap.count for gap in gaps.all_gaps(self.connection))
        )

    def quarters(self, point: str) -> list[sqlite3.Row]:
        """Those that say something, in time order."""
        self.connection.row_factory = sqlite3.Row
        rows = self.connection.execute(
            "SELECT interval.* FROM interval JOIN point USING (point_id) WHERE name = ? AND period = '15min'"
            " AND content <> 'missing' ORDER BY start",
            (point,),
        ).fetchall()
        self.connection.row_factory = None
        return rows

    def bad(self, reason: str = "clock_step") -> int:
        return self.count(f"SELECT count(*) FROM reading WHERE quality = 2 AND reason = '{reason}'")


@contextmanager
def gateway_on(site: LoadedSite, wall: Wall | None = None) -> Iterator[Gateway]:
    connection = open_writer(site.buffer_path)
    connection.execute("PRAGMA synchronous=OFF")
    try:
        yield Gateway(site, wall or Wall(), connection)
    finally:
        connection.close()
