"""What stands between a gateway and its district in a test: it passes on, loses replies, or answers by itself.

The district behind it is the real one; this is only the bad network in front.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

PASS = b"pass"
LOSE_REPLY = b"lose"
"""The district takes the batch, and nobody ever hears of it."""


def canned(status: str, body: bytes = b"", content_type: str = "text/html", *headers: str) -> bytes:
    lines = [
        f"HTTP/1.1 {status}",
        f"Content-Type: {content_type}",
        f"Content-Length: {len(body)}",
        "Connection: close",
    ]
    return "\r\n".join([*lines, *headers, "", ""]).encode() + body


def refusal(status: str, error: str, *headers: str) -> bytes:
    body = json.dumps({"error": error, "detail": f"{error} here", "covered": []}).encode()
    return canned(status, body, "application/json", *headers)


PORTAL = canned("200 OK", b"<html>please log in</html>")


@dataclass
class Front:
    """``script`` holds one behaviour for each coming request; when it is empty, requests pass. ``seen`` keeps them."""

    upstream: int
    script: deque[bytes] = field(default_factory=deque)
    seen: list[bytes] = field(default_factory=list)
    port: int = 0
    lost: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                request = await read_message(reader)
                self.seen.append(request)
                behaviour = self.script.popleft() if self.script else PASS
                if behaviour not in {PASS, LOSE_REPLY}:
                    writer.write(behaviour)
                    await writer.drain()
                    return
                reply = await self._forward(request)
                if behaviour == LOSE_REPLY:
                    self.lost += 1
                    return
                writer.write(reply)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()

    async def _forward(self, request: bytes) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.upstream)
        try:
            writer.write(request)
            return await read_message(reader)
        finally:
            writer.close()
            await writer.wait_closed()


async def read_message(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    length = 0
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    return head + await reader.readexactly(length)


@asynccontextmanager
async def standing(front: Front) -> AsyncIterator[Front]:
    server = await asyncio.start_server(front.handle, "127.0.0.1", 0)
    front.port = server.sockets[0].getsockname()[1]
    try:
        yield front
    finally:
        server.close()
        await server.wait_closed()
