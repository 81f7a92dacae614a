"""Three real NATS servers with JetStream on loopback, their files in a temporary folder; any of them can be killed."""

from __future__ import annotations

import asyncio
import json
import shutil
import signal
import subprocess
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.ports import free_ports

SIZE = 3
CONFIG = """\
server_name: {name}
listen: 127.0.0.1:{port}
http: 127.0.0.1:{monitor}
max_payload: 5MB
jetstream {{ store_dir: "{folder}", max_memory_store: 16MB, max_file_store: 256MB }}
cluster {{ name: campus, listen: 127.0.0.1:{route}, routes: [{routes}] }}
"""


@dataclass
class Cluster:
    folder: Path
    first: int
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def servers(self) -> tuple[str, ...]:
        return tuple(f"nats://127.0.0.1:{self.first + n}" for n in range(SIZE))

    def start(self, n: int) -> None:
        program = shutil.which("nats-server") or "/usr/sbin/nats-server"
        with (self.folder / f"n{n}.log").open("ab") as log:
            command = [program, "-c", str(self.folder / f"n{n}.conf")]
            self.processes[n:] = [subprocess.Popen(command, stdout=log, stderr=log), *self.processes[n + 1 :]]

    def kill(self, n: int) -> None:
        self.processes[n].send_signal(signal.SIGKILL)
        self.processes[n].wait(60)

    async def until_ready(self) -> None:
        """All servers know the leader of JetStream."""
        for n in range(SIZE):
            while not await asyncio.to_thread(self._has_leader, n):
                await asyncio.sleep(0.1)

    def _has_leader(self, n: int) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.first + SIZE + n}/jsz", timeout=5) as answer:
                meta = json.load(answer).get("meta_cluster", {})
        except OSError:
            return False
        return bool(meta.get("leader")) and meta.get("cluster_size") == SIZE


@asynccontextmanager
async def cluster(folder: Path) -> AsyncIterator[Cluster]:
    running = Cluster(folder, free_ports(3 * SIZE))
    routes = ", ".join(f"nats://127.0.0.1:{running.first + 2 * SIZE + n}" for n in range(SIZE))
    for n in range(SIZE):
        ports = {
            "port": running.first + n,
            "monitor": running.first + SIZE + n,
            "route": running.first + 2 * SIZE + n,
        }
        text = CONFIG.format(name=f"n{n}", folder=folder / f"store{n}", routes=routes, **ports)
        (folder / f"n{n}.conf").write_text(text)
    try:
        for n in range(SIZE):
            running.start(n)
        await running.until_ready()
        yield running
    finally:
        for process in running.processes:
            process.kill()
            process.wait(60)
