"""The wire to InfluxDB: post lines over HTTP, give back what came. Foreign exceptions end here.

As with the district certificates are always verified, redirects not followed, no secret travels in the clear beyond this
machine, and no reply is read past 64 KiB.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from urllib.parse import urlencode

from edge_config.uplinks import LineProtocolUplink
from gateway.errors import QueryError
from gateway.model import Change
from gateway.uplinks.district_http import CONNECT_S, TOTAL_S
from gateway.uplinks.http_post import POST_ERRORS, HttpConnection, ReplyTooLargeError
from gateway.uplinks.kinds import Speaker
from gateway.uplinks.line_delete import judged, requests, taken_back
from gateway.uplinks.line_protocol import Facts, encode
from gateway.uplinks.line_verdict import judge, refusal_of_nothing
from gateway.uplinks.packing import packed
from gateway.uplinks.probe import Probe, unwell
from gateway.uplinks.records import busy, standing
from gateway.uplinks.sender import Stretch
from gateway.uplinks.unreached import no_answer, unreached
from gateway.uplinks.verdict import Delivered, Reply, Trouble, Verdict
from gateway.uplinks.wire import WireFault, secret_in
from runtime.addresses import may_carry_secrets

RECEIVER = "InfluxDB"
REPLY_BYTES_MAX = 64 * 1024
LINES = {"content-type": "text/plain; charset=utf-8", "content-encoding": "gzip"}


def write_url(uplink: LineProtocolUplink) -> str:
    """The endpoint of 1.x or 2.x, with times in ms."""
    base = uplink.url.rstrip("/")
    if uplink.db is not None:
        query = {"db": uplink.db, "precision": "ms"}
        if uplink.retention_policy is not None:
            query["rp"] = uplink.retention_policy
        return f"{base}/write?{urlencode(query)}"
    return f"{base}/api/v2/write?{urlencode({'org': uplink.org, 'bucket': uplink.bucket, 'precision': 'ms'})}"


class LineSender:
    """A database behind its wire."""

    def __init__(
        self, uplink: LineProtocolUplink, speaker: Speaker, connection: HttpConnection, total_s: float
    ) -> None:
        self._uplink, self._speaker, self._connection, self._total_s = uplink, speaker, connection, total_s
        self._url = write_url(uplink)
        self.name = uplink.url

    async def send(self, stretch: Stretch) -> Verdict:
        try:
            changes = await standing(self._speaker.feed, stretch.changes)
        except QueryError as error:
            return busy(error)
        lines = encode(self._uplink, await self._facts(), changes)
        if not lines.seqs:
            return Delivered(lines.refused)
        try:
            for request in requests(
                self._uplink, taken_back(self._uplink, self._speaker.identity.site, changes)
            ):
                answer = await self._post(request.url, request.body, {"content-type": request.content_type})
                if (kept := judged(answer, request)) is not None:
                    return kept
            compressed = packed(lines.body, "gzip")
            return judge(await self._post(self._url, compressed, LINES), lines)
        except WireFault as fault:
            return fault.keep()

    def explain(self, change: Change) -> list[tuple[str, bytes]]:
        """Label and exact bytes, step by step; nothing is sent."""
        quantities = {name: point.quantity for name, point in self._speaker.points().items()}
        lines = encode(self._uplink, self._facts_with(quantities), [change])
        return [
            ("line protocol 行协议", lines.body),
            ("sent: the lines, gzip 发送的字节", packed(lines.body, "gzip")),
            *(("refused 无法表示", reason.encode()) for _, reason in lines.refused),
        ]

    async def probe(self) -> Probe:
        """A write of no line: 1.x answers 200, 2.x that there is none, once user and database or bucket are known."""
        try:
            reply = await self._post(self._url, b"", {"content-type": LINES["content-type"]})
        except WireFault as fault:
            return unwell(fault.trouble, str(fault), fault.cure)
        keep = refusal_of_nothing(reply)
        if keep is not None:
            return unwell(keep.trouble, keep.message, keep.cure)
        return Probe(True, "数据库有应答, 账号可写; the database answers and lets us write")

    async def _facts(self) -> Facts:
        return self._facts_with(await self._speaker.feed.quantities())

    def _facts_with(self, quantities: Mapping[str, str]) -> Facts:
        spaces = {name: point.space for name, point in self._speaker.points().items() if point.space}
        return Facts(self._speaker.identity.site, quantities, spaces)

    async def _post(self, url: str, content: bytes, headers: Mapping[str, str]) -> Reply:
        headers = {"accept-encoding": "identity", **headers, **authorization(self._uplink)}
        try:
            async with asyncio.timeout(self._total_s):
                return await self._connection.post(url, content, headers)
        except TimeoutError as error:
            what = no_answer(f"no complete answer within {self._total_s:g} s", RECEIVER)
            raise WireFault(what.trouble, what.message, what.cure) from error
        except ReplyTooLargeError as error:
            raise WireFault(Trouble.NOT_A_RECEIPT, str(error), "check the url of the uplink") from error
        except POST_ERRORS as error:
            what = unreached(error, RECEIVER)
            raise WireFault(what.trouble, what.message, what.cure) from error


def authorization(uplink: LineProtocolUplink) -> dict[str, str]:
    """The header that shows who we are; its file is read anew each time. Raises WireFault."""
    name = uplink.token_file or uplink.password_file
    if name is None:
        return {}
    if not may_carry_secrets(uplink.url):
        wrong = "the secret is not sent over http:// to another machine"
        raise WireFault(Trouble.TOKEN, wrong, "write https:// in the url")
    secret = secret_in(name)
    if not secret.isascii():
        raise WireFault(Trouble.TOKEN, f"{name} does not hold a secret", "write it into the file, in ASCII")
    if uplink.token_file is not None:
        return {"authorization": f"Token {secret}"}
    pair = base64.b64encode(f"{uplink.username}:{secret}".encode()).decode()
    return {"authorization": f"Basic {pair}"}


@asynccontextmanager
async def line_sender(
    uplink: LineProtocolUplink, speaker: Speaker, total_s: float = TOTAL_S
) -> AsyncIterator[LineSender]:
    """The database, with its connection for as long as the context lasts."""
    async with HttpConnection(uplink.url, CONNECT_S, total_s, REPLY_BYTES_MAX) as connection:
        yield LineSender(uplink, speaker, connection, total_s)
