"""One connection that posts over HTTP/1.1 and gives back what came, whatever is said on it.

On httpcore2, the client that httpx2 itself sits on: of what httpx2 adds (cookies, redirects, proxies of the environment,
unpacking of replies) an uplink wants nothing, and it costs a collector 1.8 MB. Certificates are always verified, no reply
is read past its limit, and time-outs are real seconds whatever the process's clock does.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from types import TracebackType
from typing import Self
from urllib.parse import quote, urlsplit

import httpcore2

from gateway.uplinks.verdict import Reply

KEEP_ALIVE_S = 4.0
"""Below what servers usually keep an idle connection for, so that none is used while the other side closes it."""
USER_AGENT = "campus-gateway"

POST_ERRORS = (
    httpcore2.NetworkError, httpcore2.ProtocolError, httpcore2.TimeoutException, httpcore2.UnsupportedProtocol,
    httpcore2.ConnectionNotAvailable, OSError, ValueError,
)  # fmt: skip
"""What ``post`` raises where no reply came; ValueError for a url that names no server."""


class ReplyTooLargeError(Exception):
    """The reply is larger than it may be; its connection is closed."""


class HttpConnection:
    """One connection, to the server that ``url`` names. Use as ``async with``."""

    def __init__(self, url: str, connect_s: float, total_s: float, reply_bytes_max: int) -> None:
        self._reply_bytes_max, self._tls = reply_bytes_max, _tls_context(url)
        self._timeouts = {"connect": connect_s, "read": total_s, "write": total_s, "pool": total_s}
        self._pool = httpcore2.AsyncConnectionPool(
            ssl_context=self._tls,
            max_connections=1,
            max_keepalive_connections=1,
            keepalive_expiry=KEEP_ALIVE_S,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._pool.aclose()

    def trust_anew(self) -> None:
        """An authority may have been installed since."""
        if self._tls is not None:
            self._tls.load_default_certs()

    async def post(self, url: str, content: bytes, headers: Mapping[str, str]) -> Reply:
        """Names of ``headers`` are lower case. Raises what ``POST_ERRORS`` names, and ReplyTooLargeError."""
        target, host = wire_url(url)
        said = [("host", host), ("accept", "*/*"), ("user-agent", USER_AGENT), *headers.items()]
        async with self._pool.stream(
            "POST", target, headers=said, content=content, extensions={"timeout": self._timeouts}
        ) as response:
            body = bytearray()
            async for chunk in response.aiter_stream():
                body += chunk
                if len(body) > self._reply_bytes_max:
                    raise ReplyTooLargeError(f"the answer is larger than {self._reply_bytes_max} bytes")
            found = {name.lower(): value.decode("latin-1") for name, value in response.headers}
            return Reply(
                response.status, found.get(b"content-type", ""), found.get(b"retry-after", ""), bytes(body)
            )


def wire_url(url: str) -> tuple[httpcore2.URL, str]:
    """The url in ASCII, as it goes over the wire, and its ``host`` header, where IPv6 addresses keep their brackets. Raises
    ValueError for one that names no server."""
    parts = urlsplit(url)
    if not parts.hostname:
        raise ValueError(f"{url!r} names no server")
    name = parts.hostname if parts.hostname.isascii() else parts.hostname.encode("idna").decode("ascii")
    path = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~") + (f"?{parts.query}" if parts.query else "")
    shown = f"[{name}]" if ":" in name else name
    target = httpcore2.URL(scheme=parts.scheme, host=name, port=parts.port, target=path)
    return target, shown if parts.port is None else f"{shown}:{parts.port}"


def _tls_context(url: str) -> ssl.SSLContext | None:
    """The system's trusted certificates, where https is spoken; loading them costs memory, so not elsewhere."""
    return ssl.create_default_context() if urlsplit(url).scheme == "https" else None
