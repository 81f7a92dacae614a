"""The collector's memory: idle, under the job, and through three days without a district and the upload that follows.

The collector is a process of its own with a real district behind its uplink; the meters are another process. The three days
pass as fast as the machine can, on a clock that waits for every poll: 300 points every 10 s, 7.8 million readings, and their
intervals wait in the change feed. Then the district starts, and takes them in while readings go on. Figures are the kernel's
for the collector (``VmHWM``, ``VmRSS``), medians of three for what takes seconds.
"""

from __future__ import annotations

import signal
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bench import child
from bench.child import ROOT
from bench.measure import RUNS
from district import enrolment
from district.store.database import open_database

HOURS = 72.0
SITE, JOB = ("5", "3", "10", "1"), ("10", "5", "1", "1")
"""Buses, meters on each, seconds between polls and between commits: 300 points every 10 s, and the common job of 1,000 points a
second."""
SITE_AT_SPEED = (*SITE[:3], "10")
"""A tenth of the commits, whose number says nothing of memory."""

FIRST_MS = 1_790_000_000_000
ANY_READING, NEWEST, HEAD = (
    "SELECT 1 FROM reading LIMIT 1",
    "SELECT max(measured_at) FROM reading",
    "SELECT max(seq) FROM change",
)
IDLE_S, JOB_S, PATIENCE_S = 5.0, 20.0, 3600.0
GOALS = {
    "start to the first stored reading, s": 1.5,
    "idle, RSS, MB": 60,
    "under the job, peak RSS, MB": 80,
    "through the backlog, peak RSS, MB": 100,
}


@dataclass
class Collector:
    """A running collector, its folder and the port its district is looked for at."""

    folder: Path
    district_port: int
    process: subprocess.Popen[bytes]
    begun_s: float = field(default_factory=time.monotonic)

    def memory_mb(self, key: str = "VmRSS") -> float:
        status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii").splitlines()
        return next(int(line.split()[1]) for line in status if line.startswith(key + ":")) / 1024

    def asked(self, sql: str) -> int:
        """A number from the buffer; 0 while there is none."""
        try:
            with closing(
                sqlite3.connect(f"file:{self.folder / 'buffer.db'}?mode=ro", uri=True, timeout=5)
            ) as buffer:
                found = buffer.execute(sql).fetchone()
                return int(found[0] or 0) if found else 0
        except sqlite3.OperationalError:  # not there yet, or without its tables
            return 0

    def wait_for(self, is_so: Callable[[], bool], pause_s: float = 0.02) -> float:
        """Real seconds since the start when it is so. Raises TimeoutError; RuntimeError, its last words, where it ended."""
        while not is_so():
            if self.process.poll() is not None:
                raise RuntimeError((self.folder / "log").read_text(encoding="utf-8")[-2000:])
            if time.monotonic() - self.begun_s > PATIENCE_S:
                raise TimeoutError("the collector takes too long")
            time.sleep(pause_s)
        return time.monotonic() - self.begun_s


@contextmanager
def enrolled() -> Iterator[Path]:
    """A folder with a district that has let the gateway in and does not run."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with closing(open_database(folder / "district.db")) as database:
            made = enrolment.redeem(database, enrolment.issue_token(database, "bench", "gw-1", "bench", 0), 0)
        assert made is not None
        (folder / "token").write_text(made.key, encoding="ascii")
        yield folder


@contextmanager
def collector(
    folder: Path, meters: str, size: tuple[str, ...], start_ms: int | None = None
) -> Iterator[Collector]:
    """A collector at work in the folder; ``start_ms`` is when a paced clock starts, else time is real."""
    district_port, health_port = _free_port(), _free_port()
    start = "" if start_ms is None else str(start_ms)
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "bench.backlog_collector", str(folder), meters, str(district_port),
             str(health_port), *size, start],
            cwd=ROOT, stderr=log,
        )  # fmt: skip
    try:
        yield Collector(folder, district_port, process)
    finally:
        _end(process)


@contextmanager
def district(of: Collector) -> Iterator[None]:
    """The real one, on SQLite, where the collector looks for it."""
    process = subprocess.Popen(
        [sys.executable, "-m", "gateway.cli", "district", "--database", str(of.folder / "district.db"),
         "--port", str(of.district_port)],
        cwd=ROOT, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield
    finally:
        _end(process)


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
    process.wait(60)


def at_rest(meters: str) -> dict[str, float]:
    """From exec to the first reading that a reader sees, what the process holds some seconds later, and the same of the next
    start, which finds a buffer."""
    with enrolled() as folder:
        with collector(folder, meters, SITE) as one:
            first_s = one.wait_for(lambda: one.asked(ANY_READING) > 0)
            time.sleep(IDLE_S)
            first_mb, newest = one.memory_mb(), one.asked(NEWEST)
        with collector(folder, meters, SITE) as one:
            one.wait_for(lambda: one.asked(NEWEST) > newest)
            time.sleep(IDLE_S)
            again_mb = one.memory_mb()
    return {
        "start to the first stored reading, s": first_s,
        "idle after the very first start, RSS, MB": first_mb,
        "idle, RSS, MB": again_mb,
    }


def under_the_job(meters: str, seconds: float) -> dict[str, float]:
    with enrolled() as folder, collector(folder, meters, JOB) as one:
        one.wait_for(lambda: one.asked(ANY_READING) > 0)
        time.sleep(seconds)
        return {"under the job, peak RSS, MB": one.memory_mb("VmHWM")}


def through_the_backlog(meters: str, hours: float) -> dict[str, float]:
    with enrolled() as folder, collector(folder, meters, SITE_AT_SPEED, FIRST_MS) as one:
        one.wait_for(lambda: one.asked(NEWEST) >= FIRST_MS + hours * 3_600_000, pause_s=0.5)
        waited_mb, readings = one.memory_mb("VmHWM"), one.asked("SELECT count(*) FROM reading")
        begun_s, head = time.monotonic(), one.asked(HEAD)
        with district(one):
            one.wait_for(lambda: one.asked("SELECT cursor FROM uplink") >= head, pause_s=0.5)
        return {
            "readings while the district was away": float(readings),
            "changes that waited for it": float(head),
            "upload of them while readings go on, s": time.monotonic() - begun_s,
            "before the upload, peak RSS, MB": waited_mb,
            "through the backlog, peak RSS, MB": one.memory_mb("VmHWM"),
        }


def figures(hours: float, job_s: float, runs: int) -> dict[str, float]:
    server, port = child.start("bench.backlog_meters")
    try:
        rests = [at_rest(port) for _ in range(runs)]
        found = {name: statistics.median(one[name] for one in rests) for name in rests[0]}
        return found | under_the_job(port, job_s) | through_the_backlog(port, hours)
    finally:
        child.stop(server)


def table(hours: float = HOURS, job_s: float = JOB_S, runs: int = RUNS) -> str:
    """Each figure, and its goal where there is one."""
    lines = [f"the collector's memory; {hours:g} hours of 300 points without a district"]
    for name, figure in figures(hours, job_s, runs).items():
        shown = f"{figure:12,.0f}  " if figure >= 1000 else f"{figure:14.1f}"
        goal = f"   goal {GOALS[name]:g}" if name in GOALS else ""
        lines.append(f"  {name:42}{shown}{goal}")
    return "\n".join(lines)
