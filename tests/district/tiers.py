"""A district and one above it, each the real application on its own database, with a bad network between them."""

from __future__ import annotations

import json
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2

from district.app import create_app
from district.relay.forward import Forwarder
from district.relay.outbox import Onward
from district.relay.wire import UpstreamHttp
from district.serve import listen, serving
from district.service import Service
from district.store import relays
from district.store.database import Row, open_database
from tests.district import campus
from tests.district.campus import NOW
from tests.district.conftest import StillClock
from tests.uplinks.front import Front, standing

ABOVE = "city"
MIB = 1024 * 1024


def rows(where: Path | str, sql: str) -> list[Row]:
    with closing(open_database(where)) as store, store.snapshot() as connection:
        return connection.rows(sql)


@dataclass
class Tiers:
    below: Path | str
    above: Path
    service: Service
    clock: StillClock
    front: Front
    forwarder: Forwarder
    keys: dict[str, str]
    client: httpx2.AsyncClient

    async def take(self, raw: bytes, gateway: str = "gw-1", expected: int = 200) -> dict[str, Any]:
        """A gateway's upload to the district below."""
        headers = campus.signed(self.keys[gateway], raw)
        reply = await self.client.post("/v1/batches", content=raw, headers=headers)
        assert reply.status_code == expected, reply.text
        answer: dict[str, Any] = json.loads(reply.text)
        return answer

    def waiting(self) -> list[Row]:
        return rows(
            self.below, "SELECT gateway_id, epoch, from_seq, to_seq FROM relay_batch ORDER BY 1, number"
        )

    def cursors(self) -> list[Row]:
        return rows(
            self.below,
            "SELECT gateway_id, epoch, number, stopped_for, lacking FROM relay_cursor ORDER BY 1, 2, upstream",
        )


@asynccontextmanager
async def standing_tiers(
    below: Path | str, folder: Path, *, bytes_max: int = 64 * MIB, sites: tuple[str, ...] = ("demo",)
) -> AsyncIterator[Tiers]:
    """Gateways gw-1 and gw-2 of ``demo`` are enrolled below only; above knows the relay for ``sites``."""
    above, clock = folder / "above.db", StillClock()
    with closing(open_database(above)) as database:
        key_file = folder / "relay.key"
        key_file.write_text(relays.enrol(database, "district-1", sites, NOW) + "\n")
    keys = {gateway: campus.enrolled(below, gateway=gateway) for gateway in ("gw-1", "gw-2")}
    with (
        closing(Service(above, clock)) as high,
        closing(Service(below, clock, Onward((ABOVE,), bytes_max))) as low,
        closing(listen("127.0.0.1", 0)) as high_listener,
    ):
        async with (
            serving(create_app(high), high_listener),
            httpx2.AsyncClient(
                transport=httpx2.ASGITransport(create_app(low)), base_url="http://d"
            ) as client,
            standing(Front(high_listener.getsockname()[1])) as front,
            UpstreamHttp(front.url, key_file) as wire,
        ):
            forwarder = Forwarder(ABOVE, low, wire, "here", random.Random(7))
            yield Tiers(below, above, low, clock, front, forwarder, keys, client)
