"""Staff at the control socket: a meter is changed for another, events are acknowledged, and nobody is sure of the answer.

Without an answer the same command is given again under the same key, to whichever process listens then; and once more when
it was answered. Stands where ``ControlServer`` stands; the handlers are the shipped ones.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable, Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gateway.control.protocol import Command, decode_command, encode
from gateway.errors import ControlError

if TYPE_CHECKING:
    from tests.simulation.world import World

ANSWER_S_MAX = 10.0
REFUSED = {"refused": True}


class Control:
    """The socket of one process."""

    def __init__(
        self, world: World, _: Path, handlers: Mapping[str, Callable[[Command], Awaitable[dict[str, Any]]]]
    ) -> None:
        self._handlers, self._life, self._asked = handlers, world.life, set[asyncio.Future[dict[str, Any]]]()
        self._is_closed = False
        world.staff.control = self

    async def run(self) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            self._is_closed = True
            for task in self._asked:
                task.cancel()
            await asyncio.gather(*self._asked, return_exceptions=True)

    async def ask(self, line: bytes) -> dict[str, Any] | None:
        """The answer, or None where none came."""
        if self._is_closed:
            return None
        command = decode_command(line)
        task = asyncio.ensure_future(self._handlers[command.name](command))
        self._asked.add(task)
        await asyncio.wait({task}, timeout=ANSWER_S_MAX)
        if self._life is None or not self._life.is_alive or not task.done() or task.cancelled():
            return None
        try:
            return task.result()
        except ControlError:
            return REFUSED


class Staff:
    """What was asked and answered goes into the journal."""

    def __init__(self, world: World) -> None:
        self._world, self._tasks = world, set[asyncio.Task[None]]()
        self.control: Control | None = None
        self.contradictions: list[str] = []

    def give(self, command: Command) -> None:
        task = asyncio.ensure_future(self._until_answered(command))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    @property
    def tasks(self) -> set[asyncio.Task[None]]:
        return self._tasks

    def replace(self, device: str, final: int, initial: int) -> None:
        """A water meter was just changed: its registers in steps of a litre."""
        journal = self._world.journal
        registers = {"volume": {"final": str(final / 1000), "initial": str(initial / 1000)}}
        self.give(
            Command(
                f"replace-{device}", "li", "replace_meter", device, {"at": journal.clock.now_ms(), "registers": registers}
            )
        )  # fmt: skip

    def acknowledge(self) -> None:
        """Whatever event the pages show."""
        assert self._world.life is not None
        path = self._world.life.folder / "buffer.db"
        try:
            with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as reader:
                found = reader.execute("SELECT event_id FROM event ORDER BY start LIMIT 1").fetchone()
        except sqlite3.OperationalError:  # no process has got as far as a table
            return
        if found is not None:
            self._world.chaos.saw("acknowledged")
            self.give(Command(f"acknowledge-{found[0]}", "wang", "acknowledge", found[0]))

    async def _until_answered(self, command: Command) -> None:
        world, rng = self._world, self._world.chaos.stream("staff/patience")
        await asyncio.sleep(rng.uniform(0, 300))
        answer = await self._answer(command)
        world.journal.answers[command.key] = answer
        if answer is REFUSED:
            return
        if command.name == "replace_meter":
            self._note_registers(command, int(answer["at"]))
        await asyncio.sleep(rng.uniform(0, 60))
        again = await self._answer(replace(command, user="zhao"))
        if again != answer:
            self.contradictions.append(f"{command.key} was answered {answer}, then {again}")

    async def _answer(self, command: Command) -> dict[str, Any]:
        chaos = self._world.chaos
        for attempt in range(10_000):
            if attempt:
                chaos.saw("command given again")
                await asyncio.sleep(chaos.stream("staff/patience").uniform(1, 20))
            if self.control is None:
                continue
            answer = await self.control.ask(encode(command))
            if answer is not None and not chaos.hits("answer_lost"):
                return answer
        raise AssertionError(f"{command.key} was never answered")

    def _note_registers(self, command: Command, at: int) -> None:
        """What the answer says was kept: the old meter's register, and 1 ms later the new one's."""
        journal, point = self._world.journal, f"{command.subject}.volume"
        final, initial = (
            round(float(command.body["registers"]["volume"][which]) * 1000) for which in ("final", "initial")
        )
        journal.said[point].setdefault(at, []).append(final)
        journal.said[point].setdefault(at + 1, []).append(initial)
        journal.replaced[point][at] = initial
        self._world.chaos.saw("meter replaced")
