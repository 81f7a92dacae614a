"""The shipped feed over a real buffer, behind a door that crashes where a test says, and a district that is the shipped
``accept`` over a database of its own, which may be put back to an earlier state."""

from __future__ import annotations

import gzip
import shutil
import sqlite3
from collections import Counter, deque
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TypeVar, cast

import msgspec

from district import body
from district.accept import accept
from district.contract import Fault, Rejected
from district.refusal import Refusal
from district.store import gateways
from district.store.sqlite import SqliteDatabase
from edge_config.schema import SiteFile
from edge_config.site import LoadedSite
from gateway.delivery.feed import BufferFeed
from gateway.door.ingest import Door
from gateway.place import Content, Lane, Leg, Range
from gateway.store.changes import ChangeLog, head
from gateway.store.database import open_writer
from gateway.uplinks.encode import encode
from gateway.uplinks.feed import Identity, Outcome
from gateway.uplinks.packing import packed
from gateway.uplinks.sender import Stretch
from gateway.uplinks.verdict import Keep, Reply, Trouble, Verdict, judge
from runtime.clock import Clock
from tests.district import campus

T = TypeVar("T")
JSON = "application/json"


class Crash(Exception):  # noqa: N818 - no error of ours: the process is gone
    pass


class CrashingDoor:
    """Runs works in transactions of their own. ``crashes`` holds for each coming one '', 'before' or 'after' its COMMIT."""

    def __init__(self, path: Path) -> None:
        self.connection = open_writer(path)
        self.connection.execute("PRAGMA synchronous=OFF")  # no power is cut here
        self.crashes: deque[str] = deque()
        self.sent_to = 0

    async def execute(self, work: Callable[[sqlite3.Connection, Any], T]) -> T:
        crash = self.crashes.popleft() if self.crashes else ""
        self.connection.execute("BEGIN IMMEDIATE")
        log = ChangeLog(head(self.connection))
        answer = work(self.connection, SimpleNamespace(log=log))
        log.flush(self.connection)
        self.connection.execute("ROLLBACK" if crash == "before" else "COMMIT")
        if crash:
            raise Crash
        return answer

    def sent(self, to_seq: int) -> None:
        self.sent_to = max(self.sent_to, to_seq)

    def append(self, count: int, at: int, period: str = "15min") -> None:
        """Quarter-hours of 1 kWh, after the school and its meter."""
        self.connection.execute("BEGIN IMMEDIATE")
        log = ChangeLog(head(self.connection))
        for _ in range(count):
            seq = log.head
            what = _body(seq, period)
            kind = str(what["kind"])
            log.append(kind, f"{kind}:{seq + 1}", 1, at, msgspec.json.encode(what))
        log.flush(self.connection)
        self.connection.execute("COMMIT")


def _body(seq: int, period: str) -> dict[str, Any]:
    if seq < 2:
        return [campus.site(), campus.point(campus.METER)][seq]
    return {**campus.slot(campus.METER, seq), "period": period}


def site_of(buffer: Path) -> LoadedSite:
    """A site that is nothing but a buffer."""
    about = {
        "site": {"id": "demo", "name": "示例中学"},
        "gateway": {"id": "gw-1"},
        "buffer": {"path": buffer.name},
    }
    return LoadedSite(SiteFile.model_validate(about), buffer.parent, buffer.parent / "site.yaml", {})


class OrderedFeed(BufferFeed):
    """Notes where each lane's batches begin: within a lane they go up in order, unless something waits again."""

    def __init__(self, path: Path, door: CrashingDoor, clock: Clock) -> None:
        super().__init__(site_of(path), cast("Door", door), clock)
        self.begun: dict[Lane, int] = {}

    async def begin(self, uplink: str, leg: Leg, content: Content | None = None) -> bool:
        assert leg.after >= self.begun.get(leg.lane, 0), f"{leg} goes back"
        self.begun[leg.lane] = leg.after
        return await super().begin(uplink, leg, content)

    async def fenced(self, uplink: str, *, is_fenced: bool) -> None:
        """The event wants the accounts of a whole gateway."""
        if not is_fenced:
            await super().fenced(uplink, is_fenced=False)

    async def delivered(self, uplink: str, leg: Leg, outcome: Outcome) -> Sequence[Range]:
        missing = await super().delivered(uplink, leg, outcome)
        if missing:
            self.begun.clear()
        return missing


@dataclass
class RealDistrict:
    """``script`` holds what becomes of each coming request; when it is empty, requests are answered."""

    folder: Path
    identity: Identity
    clock: Clock
    script: deque[str] = field(default_factory=deque)
    poison: set[int] = field(default_factory=set)
    names: bool = True
    """It names the poison records of a batch."""
    effects: Counter[int] = field(default_factory=Counter)
    last: tuple[int, bytes] | None = None
    """Where the last batch began that may have to come again, and its bytes."""
    sizes: list[int] = field(default_factory=list)
    delivered_at: dict[int, int] = field(default_factory=dict)
    """Seq → when the district had it (ms)."""
    meanwhile: Callable[[], object] | None = None
    """What happens while a request is on its way."""
    tells_nothing: bool = False
    """Its receipts name the batch alone as what it holds."""
    name: str = "district"

    def __post_init__(self) -> None:
        self.path = self.folder / "district.db"
        self.store = self._opened()

    def digest(self, stretch: Stretch) -> bytes:
        batch = encode(self.identity, stretch.from_seq, stretch.to_seq, stretch.changes)
        return bytes.fromhex(batch.sha256)

    async def send(self, stretch: Stretch) -> Verdict:
        batch = encode(self.identity, stretch.from_seq, stretch.to_seq, stretch.changes)
        compressed = packed(batch.body, "gzip")
        self.sizes.append(len(stretch.changes))
        if self.last is not None and self.last[0] == stretch.from_seq:
            assert compressed == self.last[1], "a retry is byte-identical"
        if self.meanwhile is not None:
            self.meanwhile()
        act = self.script.popleft() if self.script else "pass"
        self.last = (stretch.from_seq, compressed)
        if act == "lost":
            return Keep(Trouble.NO_ANSWER, "no answer", "wait")
        if act == "portal":
            return judge(Reply(200, "text/html", "", b"<html>log in</html>"), batch, 0)
        reply = self.take(compressed)
        if act == "crash":
            raise Crash
        if act == "reply lost":
            return Keep(Trouble.NO_ANSWER, "no answer", "wait")
        self.last = None
        return judge(reply, batch, 0)

    def take(self, compressed: bytes) -> Reply:
        try:
            batch = body.parse(gzip.decompress(compressed))
            bad = sorted(self.poison & {change.seq for change in batch.changes})
            if bad:
                named = [Rejected(seq=seq, reason="poison") for seq in bad] if self.names else []
                raise Refusal(Fault.INVALID, "a poison record", invalid=named)
            receipt = accept(self.store, batch, self.clock.now_ms())
        except Refusal as refusal:
            return Reply(refusal.status, JSON, "", refusal.problem.model_dump_json().encode())
        if not receipt.duplicate:
            self.effects.update(change.seq for change in batch.changes)
            for change in batch.changes:
                self.delivered_at.setdefault(change.seq, self.clock.now_ms())
        if self.tells_nothing:
            receipt = receipt.model_copy(update={"received": [(batch.from_seq, batch.to_seq)]})
        return Reply(200, JSON, "", receipt.model_dump_json().encode())

    def _opened(self) -> SqliteDatabase:
        database = SqliteDatabase(self.path)
        with database.transaction() as connection:
            gateways.register(connection, self.identity.site, self.identity.gateway, "示例中学", campus.NOW)
        return database

    def back_up(self) -> None:
        self.store.close()
        shutil.copy(self.path, self.folder / "backup.db")
        self.store = self._opened()

    def put_back(self, *, wiped: bool = False) -> None:
        """An older backup takes the district's place, or nothing does."""
        self.store.close()
        self.path.unlink()
        if not wiped:
            shutil.copy(self.folder / "backup.db", self.path)
        self.store = self._opened()

    def rows(self, sql: str) -> list[Any]:
        with closing(sqlite3.connect(self.path)) as connection:
            return connection.execute(sql).fetchall()

    def holds(self) -> set[int]:
        """Indices of the quarter-hours it has."""
        found = self.rows("SELECT start FROM interval")
        return {(start - campus.MIDNIGHT) // campus.QUARTER for (start,) in found}
