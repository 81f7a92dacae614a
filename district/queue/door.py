"""The web in front of a queue: what is checked without the database, and what a receipt may promise then.

Signature, identity, sizes, digest and schema are checked as ever. A batch that the database says is new, or cannot be asked
about, is published, and its receipt means: the quorum holds it, and it will have its effect. What is known to be anything else
(received before, a closed epoch, other content) is answered by ``accept`` itself.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from dataclasses import replace
from pathlib import Path

from district import body, keys
from district.contract import Fault, Receipt
from district.keys import Signed
from district.parcel import Parcel
from district.queue.standing import QueueStanding
from district.queue.stream import Stream
from district.records import Batch
from district.refusal import Refusal
from district.relay.outbox import Onward
from district.service import Service, check_identity, unauthorized
from district.store import received
from district.store.database import Connection
from district.store.ranges import overlaps
from runtime.clock import Clock

KEY_GOOD_S = 3600.0
"""How long a key that was looked up is good while the database is away; its end comes that much later at most."""
KEYS_MAX = 10_000
AWAY_S = 5.0
"""How long a database that did not answer is not asked again."""


class QueuedService(Service):
    """A service whose batches take effect later, by ``district consume``. It starts with its database, and goes on without."""

    def __init__(self, where: Path | str, clock: Clock, stream: Stream, onward: Onward | None = None) -> None:
        super().__init__(where, clock, onward)
        self._stream = stream
        self._away_until_s = 0.0
        self._known: OrderedDict[Signed, tuple[str, float]] = OrderedDict()

    async def key_digest(self, signed: Signed) -> str:
        signer = replace(signed, sha256="")
        if not self._is_away():
            try:
                return self._remember(signer, await super().key_digest(signed))
            except Refusal as refusal:
                if refusal.problem.error is not Fault.UNAVAILABLE:
                    self._known.pop(signer, None)
                    raise
                self._note_away()
        digest, at_s = self._known.get(signer, ("", float("-inf")))
        if self.clock.monotonic_s() - at_s > KEY_GOOD_S:
            raise Refusal(Fault.UNAVAILABLE, "the database did not answer, and this key was not seen of late")
        return digest

    async def take(self, signed: Signed, key_sha256: str, parcel: Parcel) -> Receipt:
        batch = await asyncio.get_running_loop().run_in_executor(
            self._readers, _checked, signed, key_sha256, parcel
        )
        if await self._is_known(batch):
            return await super().take(signed, key_sha256, parcel)
        is_duplicate = await self._stream.publish(batch, parcel, signed.relay or "")
        self.metrics.batches.labels("queued").inc()
        return Receipt(
            site=batch.site, gateway=batch.gateway, epoch=batch.epoch, from_seq=batch.from_seq, to_seq=batch.to_seq,
            count=len(batch.changes), sha256=batch.sha256, duplicate=is_duplicate,
        )  # fmt: skip

    @property
    def is_tiered(self) -> bool:
        return True

    async def queue(self) -> QueueStanding:
        return await self._stream.standing()

    async def _is_known(self, batch: Batch) -> bool:
        """The database has an answer to it that is not: new. False when it cannot be asked."""
        if self._is_away():
            return False
        try:
            return await self.read(lambda connection: _has_answer(connection, batch))
        except Refusal:
            self._note_away()
            return False

    def _remember(self, signer: Signed, digest: str) -> str:
        self._known[signer] = (digest, self.clock.monotonic_s())
        self._known.move_to_end(signer)
        if len(self._known) > KEYS_MAX:
            self._known.popitem(last=False)
        return digest

    def _is_away(self) -> bool:
        return self.clock.monotonic_s() < self._away_until_s

    def _note_away(self) -> None:
        self._away_until_s = self.clock.monotonic_s() + AWAY_S


def _checked(signed: Signed, key_sha256: str, parcel: Parcel) -> Batch:
    if not keys.fits(signed, key_sha256, parcel.raw):
        raise unauthorized()
    batch = body.parse(body.inflate(parcel.raw, parcel.encoding))
    check_identity(signed, batch)
    return batch


def _has_answer(connection: Connection, batch: Batch) -> bool:
    if received.is_fenced(connection, batch):
        return True
    return bool(overlaps(received.touching(connection, batch), (batch.from_seq, batch.to_seq)))
