"""What takes the place of the wires, sockets and chance below the collector for the length of a run."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from unittest.mock import patch
from uuid import UUID

from gateway.door.ingest import Door
from gateway.model import Readings
from gateway.sources.intake import ROOM_WINDOWS, Intake
from gateway.sources.seam import Delivery
from tests.simulation.broker import Connection
from tests.simulation.district_side import Wire
from tests.simulation.staff import Control

if TYPE_CHECKING:
    from tests.simulation.world import World

ROWS_MAX, WAITING_MAX = 5, 8
"""Readings that make a commit, and that wait at most: as few as a world with nine points needs to meet a full door."""

TICK_S = 20.0
"""The door looks after its buffer every 5 s; with files as small as here that would be most of a run."""


def _door(world: World, *arguments: Any) -> Door:
    """A small door, that is soon full; what waits at it is watched."""
    return _WatchedDoor(world, *arguments)


class _WatchedDoor(Door):
    def __init__(self, world: World, *arguments: Any) -> None:
        super().__init__(*arguments, rows_max=ROWS_MAX)
        self._world = world

    async def offer(self, groups: Sequence[Readings], accepted: Callable[[], None] | None = None) -> None:
        if not self._room.is_set():
            self._world.chaos.saw("door full")
        await super().offer(groups, accepted)
        before = self._waiting.rows - sum(len(group.values) for group in groups)
        self._world.journal.watch("readings at the door before an offer", before, WAITING_MAX - 1)


class _WatchedIntake(Intake):
    world: World

    def put(self, delivery: Delivery) -> None:
        super().put(delivery)
        waits = len(self._waiting) + self._offered
        self.world.journal.watch("messages of a connection", waits, ROOM_WINDOWS * self._window)


def _intake(world: World, *arguments: Any) -> Intake:
    intake = _WatchedIntake(*arguments)
    intake.world = world
    return intake


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
            "gateway.app.ControlServer": partial(Control, world),
            "gateway.app.Door": partial(_door, world),
            "gateway.sources.mqtt.Intake": partial(_intake, world),
            "gateway.door.ingest.WAITING_MAX": WAITING_MAX,
            "gateway.app.memory": SimpleNamespace(settle=lambda: None),
            "gateway.sources.mqtt.Connection": partial(Connection, world.broker),
            "gateway.uplinks.district_http.DistrictHttp": partial(Wire, world.district),
            "gateway.uplinks.drain.random": chance,
            "gateway.store.database.sqlite3": SimpleNamespace(**{**vars(sqlite3), "connect": world.connect}),
            "gateway.store.database.uuid": epochs,
            "gateway.door.ingest.TICK_S": TICK_S,
            "gateway.delivery.run.SCRUB_S": 3 * TICK_S,
            "gateway.store.space.BALLAST_BYTES": 4096,
        }.items():
            stack.enter_context(patch(name, stand_in))
        yield
