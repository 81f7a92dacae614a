"""Several processes under one command: start, restart what dies, and end everything within seconds.

Children run in sessions of their own, so that Ctrl-C reaches only us and we end them in order; the kernel ends them
too should we be killed. A child that fails right at its first start is not restarted: what it said stands, and all stop.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Self

from gateway.errors import GatewayError
from runtime import logs

STOP_S = 3.5
SETTLED_S = 20.0
RESTART_S = 1.0
PR_SET_PDEATHSIG = 1
SPEAKS = "campus-gateway: "
"""How a command's last sentence begins, see ``main``."""

log = logs.get("supervisor")


class ChildFailedError(GatewayError):
    """A process could not start; it has said why on stderr."""


@dataclass(slots=True)
class Child:
    """One process and the command that starts it again. ``log`` is where its stderr goes; None is ours."""

    name: str
    arguments: list[str]
    log: Path | None
    process: asyncio.subprocess.Process
    started_s: float
    restarts: int = 0


@dataclass(slots=True)
class Supervisor:
    """Use ``async with``: leaving it ends every child."""

    log_folder: Path | None = None
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
        log_path = None if self.log_folder is None else self.log_folder / f"{name}.log"
        process = await spawn(*arguments, log_path=log_path)
        started_s = asyncio.get_running_loop().time()
        self.children[name] = Child(name, list(arguments), log_path, process, started_s)
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
            raise ChildFailedError(_last_words(self.children[self._failed_name]))

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
            child.process = await spawn(*child.arguments, log_path=child.log)
            child.started_s = asyncio.get_running_loop().time()


async def spawn(
    *arguments: str,
    stdin: int | IO[bytes] | None = asyncio.subprocess.DEVNULL,
    stdout: int | IO[bytes] | None = None,
    log_path: Path | None = None,
) -> asyncio.subprocess.Process:
    """``campus-gateway ARGUMENTS`` in a session of its own; the kernel ends it with us. ``log_path`` takes its stderr."""
    with contextlib.ExitStack() as stack:
        stderr = None if log_path is None else stack.enter_context(log_path.open("ab"))
        return await asyncio.create_subprocess_exec(
            sys.executable, "-m", "gateway.cli", *arguments,
            stdin=stdin, stdout=stdout, stderr=stderr, start_new_session=True,
            preexec_fn=_die_with_parent(os.getpid()),
        )  # fmt: skip


def _last_words(child: Child) -> str:
    """Why a child could not start, from its log where it has one."""
    if child.log is None:
        return f"{child.name} could not start; what it said stands above"
    lines = child.log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    said = next((line for line in reversed(lines) if line.startswith(SPEAKS)), "")
    return (
        f"{child.name}: {said.removeprefix(SPEAKS)}"
        if said
        else f"{child.name} could not start; see {child.log}"
    )


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
