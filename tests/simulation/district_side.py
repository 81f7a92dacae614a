"""The district at the far end: the shipped ``accept`` on a database of its own, behind a network that misbehaves."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Callable
from email.utils import formatdate
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Self

from district import body
from district.accept import accept
from district.contract import Fault, Problem, Rejected
from district.records import Batch
from district.refusal import Refusal
from district.store import gateways
from district.store.sqlite import SqliteDatabase
from gateway.uplinks.district_http import PostError
from gateway.uplinks.packing import Encoding
from gateway.uplinks.verdict import Reply, Trouble
from tests.simulation.chaos import Chaos
from tests.simulation.journal import Journal
from tests.simulation.life import Life

JSON = "application/json"
BUSY = (429, 500, 502, 503, 504)
REFUSED = (301, 401, 403, 404, 408, 400)
WAITS = ("", "0", "30", "120", "nonsense", "date")
LATE_S_MAX = 900.0


class District:
    def __init__(self, folder: Path, chaos: Chaos, journal: Journal) -> None:
        self.path, self.chaos, self.journal = folder / "district.db", chaos, journal
        self.database = SqliteDatabase(self.path)
        with self.database.transaction() as connection:
            gateways.register(connection, "s", "gw-1", "x", round(journal.device_ms))
        self.life: Life | None = None
        self._size_max = chaos.stream("size").choice((1, 3, 10, 40)) if chaos.has("too_large") else 10**6
        self._loop = journal.clock.loop

    def take(self, compressed: bytes) -> Reply:
        """What the district says to a request, whenever it arrives."""
        try:
            batch = body.parse(body.inflate(compressed, encoding_of(compressed)))
            self._look_at(batch)
            receipt = accept(self.database, batch, round(self.journal.device_ms))
        except Refusal as refusal:
            self.chaos.saw(f"district says {refusal.problem.error.value}")
            return Reply(refusal.status, JSON, "", refusal.problem.model_dump_json().encode())
        if receipt.duplicate:
            self.chaos.saw("duplicate batch")
        else:
            self.journal.effects.update(change.seq for change in batch.changes)
        return Reply(200, JSON, "", receipt.model_dump_json().encode())

    def _look_at(self, batch: Batch) -> None:
        if len(batch.changes) > self._size_max and self.chaos.is_on:
            self.chaos.saw("too_large")
            raise Refusal(Fault.TOO_LARGE, f"more than {self._size_max} records")
        poison = round(self.chaos.options.faults.get("poison", 0.0) * 1000)
        bad = [
            c
            for c in batch.changes
            if c.body.kind == "interval" and zlib.crc32(c.key.encode()) % 1000 < poison
        ]
        if bad:
            self.chaos.saw("poison")
            self.journal.poisoned.update({change.seq: change.key for change in bad})
            named = [Rejected(seq=change.seq, reason="not what the contract describes") for change in bad]
            raise Refusal(Fault.INVALID, f"{bad[0].key} is not what the contract describes", invalid=named)

    async def answer(self, compressed: bytes, life: Life) -> Reply:
        """A request on its way through the network. Raises PostError."""
        chaos, rng = self.chaos, self.chaos.stream("way")
        await asyncio.sleep(rng.uniform(0.02, 1.5))
        if not life.is_alive:
            raise _lost()
        self.journal.note("post", len(compressed), zlib.crc32(compressed))
        later = partial(self._loop.call_later, rng.uniform(1, LATE_S_MAX), self._arrive_late, compressed)
        reply = self._of_the_way(rng.choice)
        if reply is not None:
            return reply
        if chaos.is_down("outage", self._loop.time()) or chaos.hits("request_lost"):
            if chaos.hits("copied"):
                later()
            await asyncio.sleep(rng.uniform(1, 60))
            raise _lost()
        return await self._delivered(compressed, life, later)

    async def _delivered(self, compressed: bytes, life: Life, later: Callable[[], object]) -> Reply:
        chaos, rng = self.chaos, self.chaos.stream("way")
        reply = self.take(compressed)
        if chaos.hits("copied"):
            later()
        if chaos.hits("crash_post"):
            life.crash("crash between district commit and reply")
        if chaos.hits("reply_lost"):
            await asyncio.sleep(rng.uniform(1, 60))
            raise _lost()
        await asyncio.sleep(rng.uniform(0.02, 1.5))
        if not life.is_alive:
            raise _lost()
        if reply.status in {200, 400, 422} and chaos.hits("portal"):
            reply = self._spoilt(reply, rng.choice)
        self.journal.note("reply", reply.status)
        return reply

    def _of_the_way(self, choice: Callable[..., int | str]) -> Reply | None:
        """What stands between may answer itself."""
        status = None
        if self.chaos.hits("busy"):
            status = choice(BUSY)
        elif self.chaos.hits("refused"):
            status = choice(REFUSED)
        if status is None:
            return None
        self.chaos.saw(f"HTTP {status}")
        wait = str(choice(WAITS))
        if wait == "date":
            wait = formatdate(self.journal.clock.now_ms() / 1000 + 60, usegmt=True)
        return Reply(int(status), "text/html", wait, b"<html>not now</html>")

    def _spoilt(self, reply: Reply, choice: Callable[..., str]) -> Reply:
        kind = choice(("login page", "no content", "cut off", "other digest", "other range", "firewall"))
        self.chaos.saw(f"reply spoilt: {kind}")
        match kind:
            case "login page":
                return Reply(200, "text/html", "", b"<html>please log in</html>")
            case "no content":
                return Reply(204, "", "", b"")
            case "cut off":
                return Reply(reply.status, JSON, "", reply.body[: len(reply.body) // 2])
            case "other digest":
                return Reply(200, JSON, "", reply.body.replace(b'"sha256":"', b'"sha256":"0'))
            case "other range":
                return Reply(200, JSON, "", reply.body.replace(b'"from_seq":', b'"from_seq":1'))
        return Reply(413 if reply.status == 200 else 400, "text/html", "", b"<html>blocked</html>")

    def _arrive_late(self, compressed: bytes) -> None:
        self.chaos.saw("late copy")
        self.take(compressed)


class Wire:
    """Stands where ``DistrictHttp`` stands: bytes in, a reply or a PostError out."""

    def __init__(self, district: District, url: str, token_file: str | None) -> None:
        assert district.life is not None
        self.url, self._district, self._life = url, district, district.life

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        """There is no connection to close."""

    async def post(self, compressed: bytes, encoding: Encoding) -> Reply:
        assert encoding == encoding_of(compressed)
        reply = await self._district.answer(compressed, self._life)
        self._note_receipt(compressed, reply)
        return reply

    def _note_receipt(self, compressed: bytes, reply: Reply) -> None:
        """What a sender may take as settled: the receipt of this very batch, or a record that was refused by name."""
        batch = body.parse(body.inflate(compressed, encoding_of(compressed)))
        wanted = (
            f'"from_seq":{batch.from_seq},"to_seq":{batch.to_seq},"count":{len(batch.changes)},'
            f'"sha256":"{batch.sha256}"'
        )
        is_receipt = reply.status == 200 and wanted.encode() in reply.body and reply.body.endswith(b"}")
        receipts = self._district.journal.receipts
        if is_receipt:
            receipts.append((batch.from_seq, batch.to_seq))
        elif reply.status == 422 and reply.body.endswith(b"}"):
            seqs = [batch.from_seq, *(change.seq for change in batch.changes)]
            named = {record.seq for record in Problem.model_validate_json(reply.body).invalid}
            receipts += [(before, seq) for before, seq in pairwise(seqs) if seq in named]


def encoding_of(compressed: bytes) -> Encoding:
    return "gzip" if compressed.startswith(b"\x1f\x8b") else "zstd"


def _lost() -> PostError:
    return PostError(Trouble.NO_ANSWER, "no complete answer", "wait")
