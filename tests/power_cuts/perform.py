"""The scripted run, done by the shipped door and store; also as a process of its own.

``python -m tests.power_cuts.perform FOLDER FIRST LAST [PLANT…]`` does the steps FIRST … LAST on the buffer in FOLDER, writes
``step head`` to a journal there when a step is acknowledged, and leaves as a killed process does.
"""

from __future__ import annotations

import asyncio
import os
import re
import sqlite3
import sys
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any

from gateway.book.accounts import Accounts
from gateway.candidate import Candidate
from gateway.commands.plant import handlers
from gateway.control.protocol import Command
from gateway.door.ingest import Door
from gateway.model import groups_of
from gateway.place import Lane, Leg
from gateway.points import build_points
from gateway.store import candidates, changes, database, uplinks
from tests.power_cuts.script import T0, Step, script, site_in

JOURNAL = "acknowledged"
"""The tester's journal. In the buffer's folder, where the recorder puts it in order with everything else."""
SMALL = {"wal_autocheckpoint": "25", "journal_size_limit": "65536"}
"""Pragmas that make a short run write the main file, begin the log anew and cut it back many times."""

Told = Callable[[int, int], None]
Watch = Callable[[Door], Coroutine[Any, Any, None]]


class ScriptClock:
    """Time stands still but for the steps, and nobody wakes from a sleep."""

    def __init__(self) -> None:
        self.ms = T0

    def now_ms(self) -> int:
        return self.ms

    def monotonic_s(self) -> float:
        return self.ms / 1000

    async def sleep(self, seconds: float) -> None:
        del seconds
        await asyncio.Event().wait()


async def perform(
    folder: Path,
    steps: Sequence[Step],
    told: Told,
    *,
    ended: Callable[[], None] = lambda: None,
    watch: Watch | None = None,
) -> None:
    """Each life through a door of its own. ``told`` (step, head of the feed) is called where a source is acknowledged,
    ``ended`` before the last door closes; ``watch`` runs beside each door."""
    lives = [list(life) for _, life in groupby(steps, lambda step: step.life)]
    for life in lives:
        await _live(folder, life, told, ended if life is lives[-1] else lambda: None, watch)


async def _live(
    folder: Path, steps: Sequence[Step], told: Told, ended: Callable[[], None], watch: Watch | None
) -> None:
    clock, site = ScriptClock(), site_in(folder)
    clock.ms = steps[0].at
    async with Door(site, build_points(site), clock) as door:
        tasks = [asyncio.create_task(watch(door))] if watch is not None else []
        writer = asyncio.create_task(door.run())
        await asyncio.sleep(0)  # it waits for work now, so that it finds a step's parts together
        try:
            for step in steps:
                clock.ms = step.at
                await _take(door, clock, step, told)
            ended()
        finally:
            for task in tasks:
                task.cancel()
            door.close()
            await asyncio.gather(writer, *tasks, return_exceptions=True)


async def _take(door: Door, clock: ScriptClock, step: Step, told: Told) -> None:
    """Readings and act are handed over before the door can run, so they share a transaction."""
    done = asyncio.Event()

    def accepted() -> None:
        told(step.number, door.head)
        done.set()

    act = asyncio.gather(*_act(door, clock, step), done.wait())
    await door.offer(groups_of(step.readings), accepted)
    door.hurry()
    await act


def _act(door: Door, clock: ScriptClock, step: Step) -> list[Awaitable[object]]:
    """What else the step does: at once, or when what is returned is awaited."""
    match step.act:
        case "offline" | "online":
            door.device_state("main-e", step.act, "no answer")
        case "reject":
            door.reject("air", "not_json", f"{step.number}{{")
        case "statement" | "again":
            return [_statement(door, clock, step.number if step.act == "statement" else step.number - 6)]
        case "cursor":
            return [door.execute(partial(_deliver, step.at))]
        case "candidate":
            found = [
                Candidate(
                    "local", f"z/new-{step.number % 3}", "", ("zigbee2mqtt-air",), "{}", step.at, step.at, 1
                )
            ]
            return [door.execute(lambda connection, _: candidates.put(connection, found))]
    return []


def _statement(door: Door, clock: ScriptClock, number: int) -> Awaitable[object]:
    fields = ("points", "slots_due", "slots_measured", "slots_estimated", "slots_missing", "events_opened")
    body = {"day": f"2025-11-{number % 28 + 1:02}", **dict.fromkeys(fields, number)}
    command = Command(f"statement-{number}", "worker", "statement", "", body)
    return handlers(door, dict)["statement"](command)


def _deliver(at: int, connection: sqlite3.Connection, _: Accounts) -> None:
    """A batch that a district has given its receipt for, one record of it refused."""
    head = changes.head(connection)
    cursor = uplinks.state(connection, "district").cursor
    if head > cursor:
        leg = Leg(Lane.BACKFILL, cursor, head)
        uplinks.begin(connection, "district", leg)
        uplinks.delivered(connection, "district", leg, head - cursor, [(head, "422")], at)


# -- as a process -------------------------------------------------------------------------------------------------------


def set_pragmas(**values: str) -> None:
    """Other figures in the shipped pragmas; KeyError for one that is not there."""
    for name, value in values.items():
        found = [pragma for pragma in database.PRAGMAS if pragma.startswith(f"PRAGMA {name}=")]
        if not found:
            raise KeyError(name)
        changed = (re.sub(r"=.*", f"={value}", one) if one in found else one for one in database.PRAGMAS)
        database.PRAGMAS = tuple(changed)  # type: ignore[assignment]


def acknowledge_before_commit() -> None:
    """Planted: the door tells its sources before the transaction begins."""
    commit = Door._commit

    async def early(self: Door, tick: bool) -> None:
        for accepted in self._waiting.accepted:
            accepted()
        self._waiting.accepted.clear()
        await commit(self, tick)

    Door._commit = early  # type: ignore[method-assign]


PLANTS: dict[str, Callable[[], None]] = {
    "normal": lambda: set_pragmas(synchronous="NORMAL"),
    "early": acknowledge_before_commit,
}


def journal_in(folder: Path) -> Told:
    """Each acknowledgement as a line of the tester's journal."""
    journal = os.open(folder / JOURNAL, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def told(step: int, head: int) -> None:
        os.write(journal, b"%d %d\n" % (step, head))

    return told


def main(folder: str, first: str, last: str, *plants: str) -> None:
    set_pragmas(**SMALL)
    for plant in plants:
        PLANTS[plant]()
    steps, told = script(int(last))[int(first) - 1 :], journal_in(Path(folder))
    asyncio.run(perform(Path(folder), steps, told, ended=lambda: os._exit(0)))


if __name__ == "__main__":
    main(*sys.argv[1:])
