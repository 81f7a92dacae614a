"""The service behind the web: one thread that writes, a few that read, and the keys of those who may write.

All writes and checkpoints go through one connection in one thread; readers are read-only connections, each with a limit on the
work one question may cost.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import TypeVar

from district import body, keys
from district.accept import accept
from district.contract import Batch, Fault, Receipt
from district.metrics import Metrics
from district.refusal import DistrictError, Refusal
from district.schema import open_for_reading
from district.store import Enrolled, Store, find_gateway
from runtime import logs
from runtime.clock import Clock

T = TypeVar("T")
READERS = 4


class Service:
    """Open from construction to ``close``. Raises DistrictError when the database cannot be opened."""

    def __init__(self, path: Path, clock: Clock) -> None:
        self.clock = clock
        self.metrics = Metrics()
        self._path = path
        self._log = logs.get("district")
        self._writer = ThreadPoolExecutor(1, "district-writer")
        self._readers = ThreadPoolExecutor(READERS, "district-reader")
        self._store: Store | None = None
        try:
            self._writer.submit(self._opened).result()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Let what is running finish, then close. Safe to call again."""
        self._readers.shutdown()
        if self._store is not None:
            self._writer.submit(self._drop_store).result()
        self._writer.shutdown()

    async def authenticate(self, key: str | None) -> Enrolled:
        """The gateway whose key it is; Refusal(UNAUTHORIZED) when there is none."""
        named = keys.named_in(key) if key else None
        found = await self.read(lambda connection: find_gateway(connection, *named)) if named else None
        if key is None or found is None or not keys.fits(key, found.key_sha256):
            raise Refusal(
                Fault.UNAUTHORIZED,
                "this key is not known here; enrol the gateway and use the key printed then",
            )
        return found

    async def take(self, gateway: Enrolled, raw: bytes, encoding: str) -> Receipt:
        """The receipt of a request's body. Raises Refusal when there is none."""
        loop = asyncio.get_running_loop()
        try:
            receipt = await loop.run_in_executor(self._writer, self._take, gateway, raw, encoding)
        except Refusal as refusal:
            self.metrics.batches.labels(refusal.problem.error.value).inc()
            raise
        self.metrics.batches.labels("duplicate" if receipt.duplicate else "accepted").inc()
        if not receipt.duplicate:
            self.metrics.changes.inc(receipt.count - len(receipt.rejected))
            self.metrics.rejected.inc(len(receipt.rejected))
        return receipt

    async def read(self, question: Callable[[sqlite3.Connection], T]) -> T:
        """Ask a read-only connection; Refusal(UNAVAILABLE) when the answer costs too much or cannot be had."""
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._readers, self._ask, question)
        except sqlite3.Error as error:
            self._log.warning("the database did not answer", error=str(error))
            raise Refusal(Fault.UNAVAILABLE, "the database did not answer; try again in a moment") from error

    def _ask(self, question: Callable[[sqlite3.Connection], T]) -> T:
        with closing(open_for_reading(self._path)) as connection:
            return question(connection)

    def _take(self, gateway: Enrolled, raw: bytes, encoding: str) -> Receipt:
        batch = body.parse(body.inflate(raw, encoding))
        _check_identity(gateway, batch)
        try:
            with self.metrics.seconds.time():
                return accept(self._opened(), batch, self.clock.now_ms())
        except (sqlite3.Error, DistrictError) as error:
            # Whether the transaction is on the disk is not known: start afresh, the gateway sends the same batch again.
            self._drop_store()
            self._log.warning(
                "a batch was not stored", error=str(error), site=batch.site, gateway=batch.gateway
            )
            raise Refusal(Fault.UNAVAILABLE, "the batch could not be stored; send it again") from error

    def _opened(self) -> Store:
        if self._store is None:
            self._store = Store(self._path)
        return self._store

    def _drop_store(self) -> None:
        if self._store is not None:
            self._store.close()
            self._store = None


def _check_identity(gateway: Enrolled, batch: Batch) -> None:
    if (batch.site, batch.gateway) != (gateway.site, gateway.gateway):
        raise Refusal(
            Fault.FORBIDDEN,
            f"the key is that of {gateway.site}/{gateway.gateway}, the batch of {batch.site}/{batch.gateway}",
        )


def enrol(path: Path, site: str, gateway: str, name: str, at: int, *, replace: bool) -> str | None:
    """A new key for a gateway, printed once and stored as its digest. None when it has a key and ``replace`` is off."""
    with (
        closing(Store(path)) as store,
        store.transaction(),
    ):  # a page or two: never reaches the automatic checkpoint
        if store.find_gateway(site, gateway) and not replace:
            return None
        key = keys.new_key(site, gateway)
        store.enrol(Enrolled(site, gateway, keys.digest(key)), name, at)
        return key
