"""The service behind the web: threads that write, a few that read, and the keys of those who may write.

How many threads write is the database's affair: one on SQLite, several on PostgreSQL, where N such processes may share one
database. Nothing is kept between two requests but how often a sender asked.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from district import body, enrolment, keys
from district.accept import Passage, accept
from district.contract import Enrolled, Fault, Receipt
from district.keys import Signed
from district.metrics import Metrics
from district.parcel import Parcel
from district.queue.standing import QueueStanding
from district.rates import BATCHES, ENROLMENTS, Buckets
from district.records import Batch
from district.refusal import DistrictError, Refusal
from district.relay.outbox import Onward
from district.store.database import Connection, DatabaseTrouble, open_database
from district.store.held_keys import OF_GATEWAYS, OF_RELAYS, digest_in_force
from runtime import logs
from runtime.addresses import neighbourhood
from runtime.clock import Clock

A = TypeVar("A")
T = TypeVar("T")
READERS = 4


class Service:
    """Open from construction to ``close``. ``where`` is a file or a ``postgresql://`` URL. ``onward`` names the districts above
    that everything accepted is kept for; ``listeners`` are told in the loop whenever something was. Raises DistrictError when
    the database cannot be opened."""

    def __init__(self, where: Path | str, clock: Clock, onward: Onward | None = None) -> None:
        self.clock = clock
        self.onward = onward
        self.listeners: list[Callable[[], None]] = []
        self.metrics = Metrics()
        self.database = open_database(where)
        self._log = logs.get("district")
        self._is_open = True
        self._batches, self._enrolments = Buckets(BATCHES), Buckets(ENROLMENTS)
        self._writers = ThreadPoolExecutor(self.database.writers, "district-writer")
        self._readers = ThreadPoolExecutor(READERS, "district-reader")
        try:
            self._writers.submit(self._touch).result()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Let what is running finish, then close. Safe to call again."""
        self._readers.shutdown()
        if self._is_open:
            self._is_open = False
            self._writers.submit(self.database.close).result()
        self._writers.shutdown()

    async def key_digest(self, signed: Signed) -> str:
        """What is stored of the key a request names; Refusal(UNAUTHORIZED) when it is not in force."""
        now = self.clock.now_ms()

        kept, holder = (OF_GATEWAYS, signed.gateway) if signed.relay is None else (OF_RELAYS, signed.relay)
        found = await self.read(
            lambda connection: digest_in_force(connection, kept, signed.site, holder, signed.key_id, now)
        )
        if found is None:
            raise unauthorized()
        return found

    def count_batch(self, signed: Signed) -> None:
        """Raises Refusal(TOO_MANY) when a gateway, or a relay for it, asks more often than it may."""
        _may_go_on(self._batches, f"{signed.site}.{signed.gateway}.{signed.relay or ''}", self.clock)

    async def take(self, signed: Signed, key_sha256: str, parcel: Parcel) -> Receipt:
        """The receipt of a request's body. Raises Refusal when there is none."""
        loop = asyncio.get_running_loop()
        try:
            receipt = await loop.run_in_executor(self._writers, self._take, signed, key_sha256, parcel)
        except Refusal as refusal:
            self.metrics.batches.labels(refusal.problem.error.value).inc()
            raise
        self.note_taken(receipt)
        return receipt

    def note_taken(self, receipt: Receipt) -> None:
        """Count a batch that had its effect, now or before, and tell the listeners."""
        self.metrics.batches.labels("duplicate" if receipt.duplicate else "accepted").inc()
        if not receipt.duplicate:
            self.metrics.changes.inc(receipt.count - len(receipt.rejected))
            self.metrics.rejected.inc(len(receipt.rejected))
            for listener in self.listeners:
                listener()

    async def redeem(self, token: str, address: str) -> Enrolled:
        """The key of a one-time token, for a request from ``address``."""
        _may_go_on(self._enrolments, neighbourhood(address), self.clock)
        loop = asyncio.get_running_loop()
        try:
            made = await loop.run_in_executor(
                self._writers, enrolment.redeem, self.database, token, self.clock.now_ms()
            )
        except DistrictError as error:
            raise Refusal(Fault.FORBIDDEN, str(error)) from error
        except DatabaseTrouble as error:
            raise self._unavailable("a token was not redeemed", error) from error
        if made is None:
            raise Refusal(
                Fault.UNAUTHORIZED,
                "this token is not known, was used, or is too old; `district enrol` prints a new one",
            )
        return made

    async def read(self, question: Callable[[Connection], T]) -> T:
        """Ask one snapshot; Refusal(UNAVAILABLE) when the answer costs too much or cannot be had."""
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._readers, self._ask, question)
        except DatabaseTrouble as error:
            raise self._unavailable("the database did not answer", error) from error

    @property
    def is_tiered(self) -> bool:
        """There are districts above, or a queue in front."""
        return self.onward is not None

    async def queue(self) -> QueueStanding | None:
        """How the queue that batches go through stands; None: they have their effect at once."""
        return None

    async def apart(self, work: Callable[[A], T], value: A) -> T:
        """Run ``work``, which writes, in a thread that may."""
        return await asyncio.get_running_loop().run_in_executor(self._writers, work, value)

    async def act(self, work: Callable[[Connection], T]) -> T:
        """One transaction in a thread that writes. Raises DatabaseTrouble when its end is not known."""
        return await asyncio.get_running_loop().run_in_executor(self._writers, self._act, work)

    def _act(self, work: Callable[[Connection], T]) -> T:
        with self.database.transaction() as connection:
            return work(connection)

    def _touch(self) -> None:
        with self.database.transaction():
            """Opens the database, or says why it cannot be opened."""

    def _ask(self, question: Callable[[Connection], T]) -> T:
        with self.database.snapshot() as connection:
            return question(connection)

    def _take(self, signed: Signed, key_sha256: str, parcel: Parcel) -> Receipt:
        if not keys.fits(signed, key_sha256, parcel.raw):
            raise unauthorized()
        batch = body.parse(body.inflate(parcel.raw, parcel.encoding))
        check_identity(signed, batch)
        try:
            with self.metrics.seconds.time():
                passage = Passage(parcel, is_vouched=signed.relay is not None, onward=self.onward)
                return accept(self.database, batch, self.clock.now_ms(), passage)
        except (DatabaseTrouble, DistrictError) as error:
            # Whether the transaction is on the disk is not known: the gateway sends the same batch again.
            raise self._unavailable(
                f"a batch of {batch.site}/{batch.gateway} was not stored", error
            ) from error

    def _unavailable(self, what: str, error: Exception) -> Refusal:
        self._log.warning(what, error=str(error))
        return Refusal(Fault.UNAVAILABLE, "the database did not answer; try again in a moment")


def unauthorized() -> Refusal:
    return Refusal(
        Fault.UNAUTHORIZED,
        "no key in force here has signed this; enrol the gateway, and let it sign with the key it got then",
    )


def _may_go_on(buckets: Buckets, sender: str, clock: Clock) -> None:
    wait_s = buckets.wait_s(sender, clock.monotonic_s())
    if wait_s:
        raise Refusal(Fault.TOO_MANY, f"too many requests; the next one in {wait_s} s", retry_after_s=wait_s)


def check_identity(signed: Signed, batch: Batch) -> None:
    if (batch.site, batch.gateway) != (signed.site, signed.gateway):
        raise Refusal(
            Fault.FORBIDDEN,
            f"the key is that of {signed.site}/{signed.gateway}, the batch of {batch.site}/{batch.gateway}",
        )
