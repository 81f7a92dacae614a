"""Several processes under one command: start, restart what dies, and end everything within seconds.

Children run in sessions of their own, so that Ctrl-C reaches only us and we end them in order; the kernel ends them
too should we be killed. A child that fails right at its first start is not restarted: what it said stands, and all stop.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import IO, Self

from gateway.errors import GatewayError
from runtime import logs

STOP_S = 3.5
SETTLED_S = 3.0
RESTART_S = 1.0
PR_SET_PDEATHSIG = 1

log = logs.get("supervisor")


class ChildFailedError(GatewayError):
    """A process could not start; it has said why on stderr."""


@dataclass(slots=True)
class Child:
    """One process and the command that starts it again."""

    name: str
    arguments: list[str]
    process: asyncio.subprocess.Process
    started_s: float
    restarts: int = 0


@dataclass(slots=True)
class Supervisor:
    """Use ``async with``: leaving it ends every child."""

    children: dict[str, Child] = field(default_factory=dict)
    _watchers: set[asyncio.Task[None]] = field(default_factory=set)
    _failure: asyncio.Event = field(default_factory=asyncio.Event)
    _failed_name: str | None = None
    _stopping: bool = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._stopping = True
        await asyncio.gather(*(end(child.process) for child in self.children.values()))
        await asyncio.gather(*self._watchers)

    async def start(self, name: str, *arguments: str) -> None:
        """Start ``campus-gateway ARGUMENTS`` as a child that is kept alive."""
        process = await spawn(*arguments)
        self.children[name] = Child(name, list(arguments), process, asyncio.get_running_loop().time())
        watcher = asyncio.create_task(self._watch(self.children[name]))
        self._watchers.add(watcher)

    async def wait(self, stop: asyncio.Event) -> None:
        """Until the stop. Raises ChildFailedError when a child cannot start."""
        stopped = asyncio.create_task(stop.wait())
        failed = asyncio.create_task(self._failure.wait())
        await asyncio.wait({stopped, failed}, return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        failed.cancel()
        if self._failed_name is not None:
            raise ChildFailedError(f"{self._failed_name} could not start; what it said stands above")

    async def _watch(self, child: Child) -> None:
        while True:
            code = await child.process.wait()
            if self._stopping:
                return
            lived_s = asyncio.get_running_loop().time() - child.started_s
            if child.restarts == 0 and lived_s < SETTLED_S and code > 0:
                self._failed_name = child.name
                self._failure.set()
                return
            log.warning(
                "process ended, starting it again", name=child.name, code=code, lived_s=round(lived_s, 1)
            )
            await asyncio.sleep(RESTART_S)
            if self._stopping:
                return
            child.restarts += 1
            child.process = await spawn(*child.arguments)
            child.started_s = asyncio.get_running_loop().time()


async def spawn(
    *arguments: str,
    stdin: int | IO[bytes] | None = asyncio.subprocess.DEVNULL,
    stdout: int | IO[bytes] | None = None,
) -> asyncio.subprocess.Process:
    """``campus-gateway ARGUMENTS`` in a session of its own; the kernel ends it with us."""
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "gateway.cli", *arguments,
        stdin=stdin, stdout=stdout, start_new_session=True, preexec_fn=_die_with_parent(os.getpid()),
    )  # fmt: skip


async def end(process: asyncio.subprocess.Process, patience_s: float = STOP_S) -> None:
    """SIGTERM, and SIGKILL for what has not ended in time."""
    if process.returncode is not None:
        return
    process.send_signal(signal.SIGTERM)
    try:
        await asyncio.wait_for(process.wait(), patience_s)
    except TimeoutError:
        log.warning("process did not end in time, killed", pid=process.pid)
        process.kill()
        await process.wait()


def _die_with_parent(parent: int) -> Callable[[], None]:
    libc = ctypes.CDLL(None)

    def ask() -> None:
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            os._exit(1)

    return ask
