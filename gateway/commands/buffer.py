"""What staff may ask of a buffer in use: a backup, a salvage. Each is kept under its key like every other act."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from edge_config.site import LoadedSite
from gateway.control.protocol import Command
from gateway.door.ingest import Door
from gateway.errors import ControlError
from gateway.recovery.salvaging import salvage
from gateway.store import bodies, events
from gateway.store.backup import back_up
from runtime.clock import Clock

Handler = Callable[[Command], Awaitable[dict[str, Any]]]


def buffer_handlers(site: LoadedSite, door: Door, clock: Clock) -> Mapping[str, Handler]:
    """Command name → what carries it out. The subject of each is an absolute path."""

    def once(work: Callable[[Path], Awaitable[dict[str, Any]]]) -> Handler:
        async def handle(command: Command) -> dict[str, Any]:
            known = await door.execute(lambda connection, _: events.act(connection, command.key))
            if known is not None:
                return known
            path = Path(command.subject)
            if not path.is_absolute():
                raise ControlError(f"{command.subject!r} must be an absolute path")
            answer = await work(path)
            await door.execute(lambda connection, _: _keep(connection, command, answer, clock.now_ms()))
            return answer

        return handle

    async def make(path: Path) -> dict[str, Any]:
        return asdict(await asyncio.to_thread(back_up, site.buffer_path, path, clock.now_ms(), _unseen))

    async def bring(path: Path) -> dict[str, Any]:
        if not await asyncio.to_thread(path.is_file):
            raise ControlError(f"{path} is not a file")
        found = await salvage(site, door, clock, path)
        return {"counts": found.counts, "lost": [bodies.as_json(asdict(gap)) for gap in found.lost[:50]]}

    return {"backup": once(make), "salvage": once(bring)}


def _unseen(done: int, total: int) -> None:
    """Who asked watches the file grow."""
    del done, total


def _keep(connection: sqlite3.Connection, command: Command, answer: dict[str, Any], now: int) -> None:
    events.add_act(
        connection, key=command.key, at=now, user=command.user, command=command.name, subject=command.subject,
        body=bodies.as_json(command.body), answer=bodies.as_json(answer),
    )  # fmt: skip
