"""A buffer with its accounts and its upkeep, whose clock and ticks a test moves by hand, and which is counted independently."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from edge_config.site import LoadedSite
from gateway.book.accounts import Accounts
from gateway.door.upkeep import Upkeep
from gateway.model import Quality, Reading, groups_of
from gateway.place import Lane, Leg
from gateway.points import build_points
from gateway.store import tally, uplinks
from gateway.store.database import open_writer
from gateway.store.gaps import Gap, all_gaps
from tests.gateway.conftest import T0, small_site

MINUTE, QUARTER_MS, DAY_MS = 60_000, 900_000, 86_400_000
ENERGY, CO2 = "main-e.energy_import", "air.co2"


def pass_to(connection: sqlite3.Connection, uplink: str, to_seq: int) -> None:
    """Let an uplink stand at ``to_seq``."""
    uplinks.skip(connection, uplink, Leg(Lane.BACKFILL, uplinks.state(connection, uplink).cursor, to_seq))


class Shelf:
    """Use as a context manager. ``accepted`` counts what was new, by the test's own reckoning."""

    def __init__(self, folder: Path, catch_up_ms: int = 1000 * DAY_MS, **site: Any) -> None:
        self._catch_up_ms = catch_up_ms
        self.site: LoadedSite = small_site(folder, **site)
        self.now = T0
        self.accepted: Counter[str] = Counter()
        self._keys: set[tuple[str, int]] = set()
        self._open()

    def _open(self) -> None:
        self.connection: sqlite3.Connection = open_writer(self.site.buffer_path)
        self.connection.execute("PRAGMA synchronous=OFF")  # no power is cut here
        self.accounts = Accounts(self.site, build_points(self.site))
        self.upkeep = Upkeep(self.site, self._catch_up_ms)
        with self.transaction():
            self.accounts.restore(self.connection, self.now)
        self.upkeep.opened(self.connection, self.accounts)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.connection.close()

    def restart(self) -> None:
        """As after a kill: nothing is told to the buffer before."""
        self.connection.close()
        self._open()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        self.connection.execute("BEGIN IMMEDIATE")
        yield
        self.connection.execute("COMMIT")

    def take(self, *found: Reading) -> None:
        with self.transaction():
            self.accounts.book(self.connection, groups_of(found), self.now)
        for one in found:
            if (one.point, one.measured_at) not in self._keys:
                self._keys.add((one.point, one.measured_at))
                self.accepted[one.point] += 1

    def tick(self, ms: int = 5_000) -> None:
        """``ms`` later; a longer time passes in half days, since a tick closes a day's slots at most."""
        while ms > DAY_MS // 2:
            self.tick(DAY_MS // 2)
            ms -= DAY_MS // 2
        self.now += ms
        with self.transaction():
            self.accounts.tick(self.connection, self.now)
            self.upkeep.step(self.connection, self.accounts, self.now)
        self.upkeep.after_commit(self.connection)

    def ticks(self, count: int) -> None:
        for _ in range(count):
            self.tick()

    def at(self, minute: float, value: float, point: str = CO2, **more: Any) -> Reading:
        """A reading of ``minute`` after T0, received then unless ``received_at`` says otherwise."""
        measured = T0 + round(minute * MINUTE)
        return Reading(point, measured, more.pop("received_at", measured), value, **more)

    def bad(self, minute: float, point: str = CO2) -> Reading:
        return self.at(minute, 0.0, point, quality=Quality.BAD, reason="range")

    def hours(self, count: float, every_min: float = 1.0) -> None:
        """CO2 as it goes, one reading every so many minutes, with a tick at each quarter-hour."""
        start = (self.now - T0) / MINUTE
        steps = round(count * 60 / every_min)
        batch: list[Reading] = []
        for index in range(steps):
            minute = start + index * every_min
            batch.append(self.at(minute, 500 + index % 7))
            if (index + 1) * every_min % 15 == 0:
                self.now = T0 + round(minute * MINUTE)
                self.take(*batch)
                batch.clear()
                self.tick()
        self.take(*batch)
        self.now = T0 + round((start + count * 60) * MINUTE)

    def held(self, point: str = CO2) -> int:
        return self.one("SELECT count(*) FROM reading JOIN point USING (point_id) WHERE name = ?", (point,))

    def one(self, sql: str, values: tuple[object, ...] = ()) -> int:
        return int(self.connection.execute(sql, values).fetchone()[0])

    def gaps(self) -> list[Gap]:
        return all_gaps(self.connection)

    def kept(self, point: str = CO2) -> tally.Kept:
        """What the buffer says of all times: the settled figures and what is still counted in memory."""
        point_id = self.one("SELECT point_id FROM point WHERE name = ?", (point,))
        kept = tally.kept(self.connection, tally.EVER).get(point_id, tally.Kept())
        accepted = kept.accepted + self.accounts.tally.open_of(point_id)
        return tally.Kept(accepted, kept.shed, kept.told, kept.quarantined)

    def balances(self, point: str = CO2) -> bool:
        kept = self.kept(point)
        return kept.accepted == self.accepted[point] and kept.due == self.held(point)
