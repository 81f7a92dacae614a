"""The wire to a district above: post a kept body under the relay's signature, give back what came.

Certificates are always verified, redirects are not followed, nothing goes over plain HTTP to another machine, and no reply is
read past its bound. Time-outs are real seconds whatever the process's clock does.
"""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

import httpx2

from district import keys
from district.contract import REPLY_BYTES_MAX
from district.contract.answers import Reply, Trouble
from district.relay.limits import AT_ONCE, CONNECT_S, TOTAL_S
from district.relay.outbox import Kept
from runtime.addresses import may_carry_secrets

KEEP_ALIVE_S = 4.0


class NoAnswer(Exception):  # noqa: N818 - nobody's mistake
    """Nothing that can be judged came back, or nothing could be sent; the message says what a person can do."""

    def __init__(self, message: str, trouble: Trouble = Trouble.NO_ANSWER) -> None:
        super().__init__(message)
        self.trouble = trouble


class UpstreamHttp:
    """Connections to ``url`` (which ends in /v1). Use as ``async with``."""

    def __init__(self, url: str, key_file: Path, total_s: float = TOTAL_S) -> None:
        self.url = url.rstrip("/") + "/batches"
        self._key_file, self._total_s = key_file, total_s
        self._client = httpx2.AsyncClient(
            verify=_tls_context(url),
            timeout=httpx2.Timeout(total_s, connect=CONNECT_S),
            limits=httpx2.Limits(
                max_connections=AT_ONCE, max_keepalive_connections=AT_ONCE, keepalive_expiry=KEEP_ALIVE_S
            ),
            follow_redirects=False,
            trust_env=False,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.aclose()

    async def post(self, kept: Kept) -> Reply:
        """Raises NoAnswer when there is no reply to judge."""
        headers = {
            "content-type": "application/json",
            "accept-encoding": "identity",
            "authorization": self._authorization(kept),
        }
        if kept.parcel.encoding:
            headers["content-encoding"] = kept.parcel.encoding
        try:
            async with asyncio.timeout(self._total_s):
                return await self._exchange(kept.parcel.raw, headers)
        except TimeoutError as error:
            raise NoAnswer(f"no complete answer within {self._total_s:g} s") from error
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError, ValueError) as error:
            raise NoAnswer(f"{type(error).__name__}: {error}".rstrip(": ")) from error

    async def _exchange(self, raw: bytes, headers: dict[str, str]) -> Reply:
        async with self._client.stream("POST", self.url, content=raw, headers=headers) as response:
            answer = bytearray()
            async for chunk in response.aiter_raw():
                answer += chunk
                if len(answer) > REPLY_BYTES_MAX:
                    raise NoAnswer(
                        f"the answer is larger than {REPLY_BYTES_MAX} bytes; check the URL",
                        Trouble.NOT_A_RECEIPT,
                    )
            named = response.headers
            return Reply(
                response.status_code,
                named.get("content-type", ""),
                named.get("retry-after", ""),
                bytes(answer),
            )

    def _authorization(self, kept: Kept) -> str:
        """The key is read anew each time: a file that appears or changes needs no restart."""
        if not may_carry_secrets(self.url):
            raise NoAnswer(
                "data is not sent over http:// to another machine; write https:// in --relay-to",
                Trouble.TOKEN,
            )
        try:
            key = self._key_file.read_text("utf-8").strip()
        except (OSError, ValueError) as error:
            raise NoAnswer(
                f"cannot read the relay's key file {self._key_file}: {error}", Trouble.TOKEN
            ) from error
        signed = keys.relay_authorization(key, kept.site, kept.gateway, kept.parcel.raw)
        if signed is None:
            raise NoAnswer(
                f"{self._key_file} does not hold a relay's key; it is the one line `district enrol-relay` prints above",
                Trouble.TOKEN,
            )
        return signed


def _tls_context(url: str) -> ssl.SSLContext:
    """The system's trusted certificates, where https is spoken; loading them costs memory, so not elsewhere."""
    if urlsplit(url).scheme == "https":
        return ssl.create_default_context()
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # trusts nobody; never used for http
