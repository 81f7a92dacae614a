"""A gateway as it uploads: the same bytes until there is a receipt."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import httpx2

from tests.district import campus

AGAIN = {429, 500, 503}


async def upload(url: str, key: str, batches: Sequence[bytes], copies: int = 1) -> list[dict[str, Any]]:
    """``url`` ends in /v1. The first receipt of each batch; ``copies`` of a request may be on their way at once."""
    receipts = []
    async with httpx2.AsyncClient(trust_env=False, timeout=30) as client:
        for raw in batches:
            found = await asyncio.gather(*(_until_taken(client, url, key, raw) for _ in range(copies)))
            receipts.append(found[0])
    return receipts


async def _until_taken(client: httpx2.AsyncClient, url: str, key: str, raw: bytes) -> dict[str, Any]:
    while True:
        try:
            reply = await client.post(url + "/batches", content=raw, headers=campus.signed(key, raw))
        except httpx2.HTTPError:
            await asyncio.sleep(0.05)
            continue
        if reply.status_code == 200:
            receipt: dict[str, Any] = reply.json()
            return receipt
        assert reply.status_code in AGAIN, reply.text
        await asyncio.sleep(0.05)


def slots_of(gateway: str, count: int, each: int) -> list[bytes]:
    """A description, then ``count - 1`` batches of ``each`` quarter-hours of the point ``gateway.x``, worth 1 kWh each."""
    described = [campus.site(), campus.point(f"{gateway}.x")]
    found = [campus.batch(described, gateway=gateway)]
    for number in range(count - 1):
        bodies = [campus.slot(f"{gateway}.x", each * number + i) for i in range(each)]
        found.append(campus.batch(bodies, 2 + each * number, gateway=gateway))
    return found
