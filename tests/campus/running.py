"""The demo as a real process tree at a raised clock rate, with what a test needs to see and to kill."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from runtime.clock import format_utc
from tests.ports import free_ports

DAY_MS = 86_400_000
CROWDING_CPU_S = 0.2


@dataclass
class RunningDemo:
    """``campus-gateway demo`` with simulated time that any process can work out from one anchor."""

    folder: Path
    port_base: int
    rate: float
    start_ms: int
    anchor_s: float
    process: subprocess.Popen[str]

    def now_ms(self) -> int:
        return self.start_ms + int((time.time() - self.anchor_s) * self.rate * 1000)

    def wait_until(self, simulated_ms: int) -> None:
        """Let simulated time pass; fails when the demo ends before."""
        while self.now_ms() < simulated_ms:
            self._check()
            time.sleep(min(0.2, max(0.0, (simulated_ms - self.now_ms()) / 1000 / self.rate)))

    def wait_for(self, what: str, is_so: object, patience_s: float = 120.0) -> None:
        """Until ``is_so()`` is true; fails with ``what`` after real ``patience_s``."""
        assert callable(is_so)
        end = time.monotonic() + patience_s
        while not is_so():
            self._check()
            assert time.monotonic() < end, f"not within {patience_s:g} s: {what}\n{self.logs()}"
            time.sleep(0.1)

    def kill(self, command: str) -> None:
        """SIGKILL the child that runs ``campus-gateway COMMAND``, and wait until another has taken its place."""
        (pid,) = self.pids(command)
        os.kill(pid, signal.SIGKILL)
        self.wait_for(f"{command} runs again", lambda: any(p != pid for p in self.pids(command)))

    def pids(self, command: str = "") -> list[int]:
        """Processes of this demo, or those of one command."""
        return [
            pid
            for pid, words in _processes()
            if str(self.folder) in " ".join(words) and (not command or command in words)
        ]

    def rows(self, sql: str) -> list[tuple[object, ...]]:
        """Of the buffer; nothing while it is not there yet."""
        path = self.folder / "var" / "buffer.db"
        if not path.exists():
            return []
        connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        try:
            return connection.execute(sql).fetchall()
        except sqlite3.OperationalError as error:
            if "no such table" in str(error):
                return []
            raise
        finally:
            connection.close()

    def logs(self) -> str:
        return "\n".join(
            f"== {path.name}\n{path.read_text()[-1500:]}"
            for path in sorted((self.folder / "logs").glob("*.log"))
        )

    def stop(self) -> float:
        """Ctrl-C; the seconds it took to end, by the share of a core that was to be had."""
        crowd, began = crowding(), time.monotonic()
        self.process.send_signal(signal.SIGINT)
        assert self.process.wait(60) == 0, self.logs()
        return (time.monotonic() - began) / crowd

    def _check(self) -> None:
        assert self.process.poll() is None, f"the demo ended with {self.process.returncode}\n{self.logs()}"


def crowding() -> float:
    """How many times its CPU time a piece of work takes just now: 1 where nobody else computes. A promise in seconds is
    one for a machine that does nothing else."""
    began, cpu = time.monotonic(), time.thread_time()
    while time.thread_time() - cpu < CROWDING_CPU_S:
        pass
    return max(1.0, (time.monotonic() - began) / CROWDING_CPU_S)


@contextmanager
def demo(folder: Path, *, rate: float, start_ms: int, history: int = 0) -> Iterator[RunningDemo]:
    """A demo in ``folder`` on free ports; whatever is left of it is killed at the end."""
    port_base, anchor_s = free_ports(10), time.time()
    command = [
        sys.executable, "-m", "gateway.cli", "demo", "--data", str(folder), "--port-base", str(port_base),
        "--history", str(history), "--clock-rate", repr(rate), "--clock-start", f"{format_utc(start_ms)}@{anchor_s!r}",
    ]  # fmt: skip
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    running = RunningDemo(folder, port_base, rate, start_ms, anchor_s, process)
    try:
        yield running
    finally:
        if process.poll() is None:
            process.kill()
        for pid in running.pids():  # first: they hold the pipe whose end is waited for next
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.communicate()


def _processes() -> Iterator[tuple[int, list[str]]]:
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                words = (entry / "cmdline").read_bytes().decode(errors="replace").split("\0")
            except OSError:
                continue
            if "gateway.cli" in words:
                yield int(entry.name), words
