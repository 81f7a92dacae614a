"""The wire to a district: post bytes over HTTP, give back what came. Foreign exceptions end here.

Certificates are always verified, redirects are not followed, the key never travels in the clear beyond this machine, and
no reply is read past 64 KiB. Time-outs are real seconds whatever the process's clock does.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from district.contract import REPLY_BYTES_MAX
from gateway.errors import UplinkError
from gateway.model import Change
from gateway.uplinks.encode import EncodedBatch, encode
from gateway.uplinks.feed import Identity
from gateway.uplinks.http_post import POST_ERRORS, HttpConnection, ReplyTooLargeError
from gateway.uplinks.packing import MAY_NOT_KNOW_ZSTD, Encoding, best, packed
from gateway.uplinks.probe import Probe, probe_of
from gateway.uplinks.sender import Stretch
from gateway.uplinks.signing import authorization
from gateway.uplinks.unreached import no_answer, unreached
from gateway.uplinks.verdict import Delivered, Keep, Reply, Trouble, Verdict, judge
from gateway.uplinks.words import WORDS_ZH
from runtime import logs
from runtime.addresses import may_carry_secrets
from runtime.clock import Clock

CONNECT_S, TOTAL_S = 10.0, 60.0
KEY_LENGTH_MAX = 4096
UNPROCESSABLE = 422
"""With which a district that could read a batch says that a record of it is no record."""
RECEIVER = "the district"
HEADERS = {"content-type": "application/json", "accept-encoding": "identity"}


class PostError(UplinkError):
    """Nothing that can be judged came back, or nothing could be sent."""

    def __init__(self, trouble: Trouble, message: str, cure: str) -> None:
        super().__init__(message)
        self.trouble, self.cure = trouble, cure


class DistrictHttp:
    """One connection to ``url`` (which ends in /v1). Use as ``async with``."""

    def __init__(self, url: str, token_file: str | None, total_s: float = TOTAL_S) -> None:
        self.url = url.rstrip("/") + "/batches"
        self._token_file = Path(token_file) if token_file else None
        self._total_s = total_s
        self._is_unproven = False
        # Each of TCP and TLS has its own end, well before that of the whole: a handshake that is cut off from outside
        # leaves its socket open.
        self._connection = HttpConnection(url, min(CONNECT_S, total_s / 3), total_s, REPLY_BYTES_MAX)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._connection.__aexit__(kind, error, trace)

    async def post(self, compressed: bytes, encoding: Encoding) -> Reply:
        """Send a body that is compressed as ``encoding`` says. Raises PostError when there is no reply to judge."""
        headers = {**HEADERS, "content-encoding": encoding, **self._authorization(compressed)}
        if self._is_unproven:
            self._connection.trust_anew()  # its authority may have been installed since
        try:
            async with asyncio.timeout(self._total_s):
                return await self._connection.post(self.url, compressed, headers)
        except TimeoutError as error:
            what = no_answer(f"no complete answer within {self._total_s:g} s", RECEIVER)
            raise PostError(what.trouble, what.message, what.cure) from error
        except ReplyTooLargeError as error:
            raise PostError(Trouble.NOT_A_RECEIPT, str(error), "check the url of the uplink") from error
        except POST_ERRORS as error:
            what = unreached(error, RECEIVER)
            self._is_unproven = what.trouble is Trouble.TLS
            raise PostError(what.trouble, what.message, what.cure) from error

    def head(self, compressed: bytes, encoding: Encoding) -> bytes:
        """The request's head as it goes out, the signature left out."""
        parts = urlsplit(self.url)
        lines = [f"POST {parts.path} HTTP/1.1", f"host: {parts.netloc}", f"content-length: {len(compressed)}"]
        named = {
            **HEADERS,
            "content-encoding": encoding,
            **({"authorization": "(signed by the key)"} if self._token_file else {}),
        }
        return "\r\n".join([*lines, *(f"{name}: {value}" for name, value in named.items()), "", ""]).encode()

    def _authorization(self, compressed: bytes) -> dict[str, str]:
        """Signed with the key, read anew each time: a file that appears or changes needs no restart."""
        if self._token_file is None:
            return {}
        if not may_carry_secrets(self.url):
            raise PostError(
                Trouble.TOKEN,
                "data is not sent over http:// to another machine",
                "write https:// in the url",
            )
        try:
            key = self._token_file.read_text("utf-8").strip()
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or "it is not text"
            raise PostError(
                Trouble.TOKEN,
                f"cannot read the token file {self._token_file}: {reason}",
                "write the key that `district redeem` printed into it and let the gateway's user read it",
            ) from error
        if key.count(".") != 3 or len(key) > KEY_LENGTH_MAX or not key.isascii() or not key.isprintable():
            raise PostError(
                Trouble.TOKEN,
                f"the token file {self._token_file} does not hold a key",
                "redeem the token that `district enrol` printed; the file holds the one line `district redeem` prints",
            )
        return {"authorization": authorization(key, compressed)}


class DistrictSender:
    """A district behind its wire: a stretch becomes a batch, its answer a verdict."""

    def __init__(self, wire: DistrictHttp, identity: Identity, clock: Clock) -> None:
        self._wire, self._identity, self._clock = wire, identity, clock
        self._encoded: tuple[Stretch, EncodedBatch] | None = None
        self._encoding = best()
        self._knows_zstd = False
        self.name = wire.url

    def digest(self, stretch: Stretch) -> bytes:
        return bytes.fromhex(self._batch(stretch).sha256)

    def _batch(self, stretch: Stretch) -> EncodedBatch:
        """Encoded once for its digest and for the wire."""
        if self._encoded is None or self._encoded[0] is not stretch:
            self._encoded = (
                stretch,
                encode(self._identity, stretch.from_seq, stretch.to_seq, stretch.changes),
            )
        return self._encoded[1]

    async def send(self, stretch: Stretch) -> Verdict:
        batch = self._batch(stretch)
        self._encoded = None
        try:
            reply = await self._posted(batch)
        except PostError as error:
            return Keep(error.trouble, str(error), error.cure)
        verdict = judge(reply, batch, self._clock.now_ms())
        self._knows_zstd |= self._encoding == "zstd" and isinstance(verdict, Delivered)
        return verdict

    async def _posted(self, batch: EncodedBatch) -> Reply:
        """What zstd is refused for is asked once more as gzip, whose answer alone condemns a record: a district that does not
        know zstd calls the whole batch invalid. One that takes gzip instead is told gzip from then on. Where zstd got
        through before, a batch is halved on its word, and only a record that stands alone is asked of again."""
        reply = await self._wire.post(packed(batch.body, self._encoding), self._encoding)
        if self._encoding == "gzip" or reply.status not in MAY_NOT_KNOW_ZSTD:
            return reply
        if self._knows_zstd and reply.status == UNPROCESSABLE and len(batch.changes) > 1:
            return reply
        again = await self._wire.post(packed(batch.body, "gzip"), "gzip")
        if again.status not in MAY_NOT_KNOW_ZSTD:
            self._encoding = "gzip"
            logs.get("uplink").info("the receiver does not take zstd, gzip from here on", to=self.name)
        return again

    def explain(self, change: Change) -> list[tuple[str, bytes]]:
        batch = encode(self._identity, change.seq - 1, change.seq, [change])
        compressed = packed(batch.body, self._encoding)
        return [
            ("record as stored 存储的记录", change.body),
            ("body, a batch of this record alone 批次原文", batch.body),
            ("head 请求头", self._wire.head(compressed, self._encoding)),
            (f"sent: the body, {self._encoding} 发送的字节", compressed),
        ]

    async def probe(self) -> Probe:
        """A body that holds no batch: the district knows the key or does not, and takes nothing in."""
        try:
            reply = await self._wire.post(packed(b"{}", "gzip"), "gzip")
        except PostError as error:
            cause, cure = WORDS_ZH[error.trouble]
            return Probe(False, f"没有连通 no connection: {cause}; {error}", f"{cure}; {error.cure}")
        return probe_of(reply)
