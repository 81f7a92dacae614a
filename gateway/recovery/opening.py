"""Opening the buffer so that it may be trusted: what is damaged is set aside, what is missing is told, before ingest begins.

Runs on the writer's thread. A file that cannot be used is renamed and a new one begun at once, with the points, marks and
open slots that the old one still proves; ``salvaging`` brings the rest. No full check is made here: a start must be short.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from edge_config.site import LoadedSite
from gateway.book.accounts import Accounts
from gateway.errors import DamagedBufferError, StoreError
from gateway.recovery import damage
from gateway.store import carry, changes, ending, high_water, points, proof, readings, uplinks
from gateway.store.aside import UNREADABLE_MAX, is_headless, is_malformed, is_unreadable, set_aside, waiting
from gateway.store.changes import ChangeLog
from gateway.store.database import epoch_of, new_epoch, open_writer
from gateway.store.ending import Marks
from gateway.store.high_water import HighWater, Loss, Witness
from gateway.store.salvage import Known, Source
from gateway.store.tally import SETTLED_TO
from gateway.time.own_clock import Moment
from runtime import logs

WAITING_MAX = 8
"""Damaged files beside a buffer: a card that damages one after the other is not filled with them."""

HOUR_MS, NEWEST_MS = 3_600_000, 86_400_000

log = logs.get("buffer")


class Opening:
    """One for the life of a door: knows why the next opening must begin a new file, and keeps the high-water file."""

    def __init__(self, site: LoadedSite, boot: str) -> None:
        """``boot`` names this start of the machine."""
        self._site, self._path, self._boot = site, site.buffer_path, boot
        self._why: str | None = None
        self._water: HighWater | None = None
        self._opened_mono_ms = 0.0
        self._unreadable = 0
        self._is_doubtful: bool | None = None
        """Whether the end of an earlier life is still to be told; None while nobody has looked."""

    def suspect(self, error: BaseException) -> bool:
        """Whether ``error`` says that the file's bytes are wrong or gone, so that it is worth opening again: the next opening, or
        the one after some more that could not read it, sets it aside."""
        if is_malformed(error):
            self._why = str(error)
        elif is_unreadable(error):
            self._unreadable += 1
            if self._unreadable >= UNREADABLE_MAX:
                self._why, self._unreadable = f"it cannot be read: {error}", 0
            return True
        return self._why is not None

    def open(self, now: int, mono_ms: float) -> sqlite3.Connection:
        """A buffer to write. Raises StoreError or sqlite3.Error; ``suspect`` says whether to open once more."""
        self.close()
        self._opened_mono_ms = mono_ms
        why, self._why = self._why, None
        if why is None and is_headless(self._path):
            why = "the database is empty and its log is not"
        witness = before = high_water.read(self._path)
        was_there = self._path.exists() and self._path.stat().st_size > 0
        aside = self._set_aside(now) if why is not None else None
        connection = open_writer(self._path)
        try:
            connection.execute("BEGIN IMMEDIATE")
            changes.prove_head(connection)
            changed, marks = ChangeLog(changes.head(connection)), ending.marks(connection)
            if aside is not None:
                log.error("buffer damaged, a new one begun", aside=aside.name, why=why)
                marks = self._take_over(connection, aside, before, now)
                damage.tell_set_aside(connection, changed, self._site.file, aside.name, why or "", now)
                witness = None
            else:
                proof.check_seals(connection)
                witness = self._compare(connection, changed, witness, was_there, now)
                _prove_newest(connection, now)
            is_doubtful = self._is_doubtful
            if is_doubtful is None:
                is_doubtful = ending.may_have_lost(marks, before, self._boot)
            ending.begin(connection, self._boot)
            if is_doubtful:
                ending.doubt(connection, marks, before.at if before else 0)
            damage.tell_rows(connection, changed, self._site.file, now)
            changed.flush(connection)
            proof.seal(connection)
            self._water = HighWater(self._path, epoch_of(connection), changed.head, witness, self._boot)
            connection.execute("COMMIT")
        except BaseException:
            self.close()
            connection.close()
            raise
        self._is_doubtful = is_doubtful
        return connection

    def before_commit(self, connection: sqlite3.Connection, head: int) -> None:
        """What a restart rests on is sealed, and no commit goes beyond what the high-water file covers."""
        proof.seal(connection, proof.OFTEN)
        if self._water is not None:
            self._water.cover(head)

    def after_commit(self, connection: sqlite3.Connection, head: int, now: int) -> None:
        self._unreadable = 0
        if self._water is not None:
            newest = connection.execute(
                "SELECT measured_at, point_id FROM reading WHERE measured_at <= ? ORDER BY measured_at DESC LIMIT 1",
                (now,),
            ).fetchone()
            self._water.note(head, newest, now)

    def tell_end(self, connection: sqlite3.Connection, changed: ChangeLog, moment: Moment) -> None:
        """Once the clock is trusted: what the end of an earlier life may have cost. The caller flushes ``changed``."""
        since = ending.lost_from(connection)
        if since is None:
            return
        opened_at = min(moment.now, round(self._opened_mono_ms + moment.offset))
        damage.tell_unclean_end(connection, changed, self._site.file, since, opened_at, moment.now)
        ending.told(connection)
        self._is_doubtful = False

    def end(self, connection: sqlite3.Connection, now: int) -> None:
        """Mark a life that ends well and close its buffer: the next start has nothing to tell."""
        try:
            with closing(connection):
                connection.execute("BEGIN IMMEDIATE")
                mark = ending.end(connection, now)
                proof.seal(connection, proof.OFTEN)
                connection.execute("COMMIT")
                if self._water is not None:
                    self._water.end(mark)
        except sqlite3.Error as error:
            log.warning("the buffer could not be ended in order; the next start says so", error=str(error))

    def sent(self, to_seq: int) -> None:
        """A batch up to here is about to be sent."""
        if self._water is not None:
            self._water.sent(to_seq)

    def renew(self, connection: sqlite3.Connection, head: int) -> str:
        """Begin another epoch inside a transaction; the second witness knows both until it has committed."""
        before = high_water.read(self._path)
        epoch = new_epoch(connection)
        uplinks.begin_epoch(connection)
        self.close()
        self._water = HighWater(self._path, epoch, head, before)
        return epoch

    def close(self) -> None:
        if self._water is not None:
            self._water.close()
            self._water = None

    def _set_aside(self, now: int) -> Path:
        if len(waiting(self._path)) >= WAITING_MAX:
            raise StoreError(
                f"{self._path}: {WAITING_MAX} damaged buffers wait beside it to be salvaged, and this one is damaged too; "
                "replace the storage card and move them away"
            )
        return set_aside(self._path, now)

    def _take_over(
        self, connection: sqlite3.Connection, aside: Path, before: Witness | None, now: int
    ) -> Marks:
        """What is needed to go on; which start of the machine wrote the old file, by itself or else by the witness."""
        boot = before.boot if before and before.boot else ""
        try:
            source = Source(aside, known_points(self._site))
        except (sqlite3.Error, DamagedBufferError) as error:
            log.error("nothing can be taken over", aside=aside.name, error=str(error))
            return Marks(boot)
        connection.execute("SAVEPOINT over")
        try:
            carry.take_over(connection, source, now)
        except (sqlite3.Error, TypeError, ValueError) as error:
            # What stands there is not believed; the salvage takes what can be proven row by row.
            connection.execute("ROLLBACK TO over")
            log.error("open slots cannot be taken over", aside=aside.name, error=str(error))
        finally:
            connection.execute("RELEASE over")
            meta = source.meta()
            source.close()
        return Marks(meta.get(ending.BOOT, boot), settled_to=meta.get(SETTLED_TO))

    def _compare(
        self,
        connection: sqlite3.Connection,
        changed: ChangeLog,
        witness: Witness | None,
        was_there: bool,
        now: int,
    ) -> Witness | None:
        """What the second witness saw against what is here; the witness where its epoch ends with this opening."""
        if witness is None:
            return None
        if not was_there:
            loss: Loss | None = Loss(0, witness.head, 0, (witness.at or now) + 1)
        elif not witness.knows(epoch_of(connection)):
            raise DamagedBufferError(
                "this is another buffer than the one that was here, or has another one's log"
            )
        else:
            loss = high_water.loss(connection, witness)
        if loss is None:
            return None
        log.error("the end of the buffer is gone", after_seq=loss.after, to_seq=loss.to)
        if was_there:
            new_epoch(connection)
            uplinks.begin_epoch(connection, loss.after)
        damage.tell_loss(connection, changed, self._site.file, loss, now)
        return witness if was_there else None


def refuse_epoch(epoch: str, why: str, connection: sqlite3.Connection, _: Accounts) -> None:
    """A work that fails while the buffer is the one that a reader found damaged, so that it is opened anew."""
    if epoch_of(connection) == epoch:
        raise DamagedBufferError(why)


def _prove_newest(connection: sqlite3.Connection, now: int) -> None:
    """What is counted and accounted for again at a start is proven before it is: at most a day, in practice half an hour."""
    settled_to = points.meta(connection, SETTLED_TO)
    start = now - HOUR_MS if settled_to is None else max(int(settled_to), now - NEWEST_MS)
    for _ in readings.since(connection, start):
        pass  # what fails its proof is taken out on the way


def known_points(site: LoadedSite) -> dict[str, Known]:
    """The site's points as the buffer would describe them."""
    from gateway.points import build_points

    return {
        point.name: Known(point.quantity, point.unit, point.kind.value, str(point.step))
        for point in build_points(site)
    }
