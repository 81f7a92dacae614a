"""The shipped collector as a process, with a site of one MQTT meter that sends its own time and one Modbus meter."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gateway.errors import StoreError
from gateway.store.database import open_reader
from tests.house.source import ROOT
from tests.ports import free_port

TOPIC = "meters/total"
PATIENCE_S = 120.0


@dataclass(frozen=True, slots=True)
class Plant:
    """A site's folder. Ports that nobody listens on are as good as any."""

    folder: Path
    broker_port: int
    bus_port: int

    @property
    def site(self) -> Path:
        path = self.folder / "site.yaml"
        if not path.exists():
            path.write_text(self._text(), encoding="utf-8")
        return path

    def _text(self) -> str:
        return f"""\
site: {{id: s, name: 测试学校}}
gateway: {{id: gw-1}}
buses:
  - {{id: east, kind: modbus-tcp, host: 127.0.0.1, port: {self.bus_port}, timeout_s: 1}}
brokers:
  - {{id: local, host: 127.0.0.1, port: {self.broker_port}}}
devices:
  - {{id: total, profile: thingsboard-meter, broker: local, topic: {TOPIC}}}
  - {{id: main-e, profile: acrel-adl400, bus: east, unit_id: 1, poll_interval_s: 60}}
buffer: {{path: buffer.db, commit_interval_s: 0.2}}
collector: {{port: {free_port()}}}
"""

    def rows(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        """Nothing while there is no buffer yet."""
        try:
            reader = open_reader(self.folder / "buffer.db")
        except StoreError:
            return []
        with closing(reader):
            try:
                return reader.execute(sql, values).fetchall()
            except sqlite3.OperationalError:
                return []

    def stored(self, device: str = "total") -> int:
        found = self.rows(
            "SELECT count(DISTINCT measured_at) FROM reading JOIN point USING (point_id) WHERE device = ?",
            device,
        )
        return int(found[0][0]) if found else 0

    def command(self, *options: str) -> list[str]:
        return [sys.executable, "-m", "gateway.cli", "collect", str(self.site), *options]


@contextmanager
def running(words: list[str], log: Path, **more: Any) -> Iterator[subprocess.Popen[bytes]]:
    """A process that is killed at the end if it still runs; what it says goes to ``log``."""
    with log.open("ab") as sink:
        process = subprocess.Popen(words, cwd=ROOT, **{"stdout": sink, "stderr": sink, **more})
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def eventually(is_so: Callable[[], bool], what: str, patience_s: float = PATIENCE_S) -> None:
    end = time.monotonic() + patience_s
    while not is_so():
        assert time.monotonic() < end, f"not within {patience_s:g} s: {what}"
        time.sleep(0.02)


def cpu_s(pid: int) -> float:
    """User and system time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
