"""What takes the place of the wires, sockets and chance below the collector for the length of a run."""

from __future__ import annotations

import asyncio
import random
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from types import SimpleNamespace
from typing import TYPE_CHECKING
from unittest.mock import patch
from uuid import UUID

from tests.simulation.broker import Connection
from tests.simulation.district_side import Wire

if TYPE_CHECKING:
    from tests.simulation.world import World

TICK_S = 20.0
"""The door looks after its buffer every 5 s; with files as small as here that would be most of a run."""


class _Control:
    """The control socket: nobody calls."""

    def __init__(self, *_: object) -> None:
        pass

    async def run(self) -> None:
        await asyncio.Event().wait()


@contextmanager
def in_the_world(world: World) -> Iterator[None]:
    """The shipped modules with what is below their seams replaced, and no chance but the seed's."""
    chaos = world.chaos
    numbers = chaos.stream("uuid")
    chance = SimpleNamespace(Random=lambda: random.Random(chaos.stream("jitter").random()))
    epochs = SimpleNamespace(uuid4=lambda: UUID(int=numbers.getrandbits(128)))
    before = random.getstate()
    random.seed(world.options.seed)
    with ExitStack() as stack:
        stack.callback(random.setstate, before)
        for name, stand_in in {
            "gateway.sources.modbus.Link": world.link,
            "gateway.app.HealthServer": world.health_server,
            "gateway.app.ControlServer": _Control,
            "gateway.app.memory": SimpleNamespace(settle=lambda: None),
            "gateway.sources.mqtt.Connection": partial(Connection, world.broker),
            "gateway.uplinks.district_http.DistrictHttp": partial(Wire, world.district),
            "gateway.uplinks.drain.random": chance,
            "gateway.store.database.sqlite3": SimpleNamespace(**{**vars(sqlite3), "connect": world.connect}),
            "gateway.store.database.uuid": epochs,
            "gateway.ingest.TICK_S": TICK_S,
            "gateway.delivery.SCRUB_S": 3 * TICK_S,
        }.items():
            stack.enter_context(patch(name, stand_in))
        yield
