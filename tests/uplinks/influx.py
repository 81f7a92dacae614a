"""A real InfluxDB 1.x on free ports, started by the test and read back by its query API."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2

from tests.ports import free_ports

INFLUXD = shutil.which("influxd") or "/usr/bin/influxd"

CONF = """\
reporting-disabled = true
bind-address = "127.0.0.1:{rpc}"
[meta]
  dir = "{folder}/meta"
[data]
  dir = "{folder}/data"
  wal-dir = "{folder}/wal"
  query-log-enabled = false
[monitor]
  store-enabled = false
[http]
  bind-address = "127.0.0.1:{http}"
  auth-enabled = {auth}
  log-enabled = false
"""


@dataclass
class Influx:
    """``login`` is asked for where it is set; ``ask`` uses it."""

    folder: Path
    port: int = 0
    login: tuple[str, str] | None = None
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        self.port = self.port or free_ports(2)
        conf = self.folder / "influxdb.conf"
        auth = "true" if self.login else "false"
        conf.write_text(
            CONF.format(rpc=self.port + 1, http=self.port, folder=self.folder, auth=auth), encoding="utf-8"
        )
        with (self.folder / "log").open("wb") as log:
            self.process = subprocess.Popen(
                [INFLUXD, "run", "-config", str(conf)], stdout=log, stderr=subprocess.STDOUT
            )
        async with asyncio.timeout(120), httpx2.AsyncClient(trust_env=False) as client:
            while not await self._answers(client):
                await asyncio.sleep(0.05)

    async def _answers(self, client: httpx2.AsyncClient) -> bool:
        try:
            return (await client.get(f"{self.url}/ping")).status_code == 204
        except httpx2.HTTPError:
            return False

    async def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            await asyncio.to_thread(self.process.wait)
            self.process = None

    async def ask(self, query: str, db: str = "") -> list[dict[str, Any]]:
        """The series of the answer, times in ms."""
        parameters = {"q": query, "db": db, "epoch": "ms"}
        async with httpx2.AsyncClient(trust_env=False, auth=self.login, timeout=60) as client:
            answer = await client.post(f"{self.url}/query", params=parameters)
        result: dict[str, Any] = json.loads(answer.content)["results"][0]
        assert "error" not in result, result
        series: list[dict[str, Any]] = result.get("series", [])
        return series

    async def rows(self, query: str, db: str) -> list[dict[str, Any]]:
        """The rows of the answer by column, tags that were grouped by among them; what has no value is left out."""
        return [
            {key: value for key, value in zip(one["columns"], row, strict=True) if value is not None}
            | one.get("tags", {})
            for one in await self.ask(query, db)
            for row in one["values"]
        ]


@asynccontextmanager
async def influx(folder: Path) -> AsyncIterator[Influx]:
    one = Influx(folder)
    await one.start()
    try:
        yield one
    finally:
        await one.stop()
