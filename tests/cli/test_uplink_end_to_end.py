"""``uplink status | test | explain | pause | resume | resend`` against a collector, a meter and a district that all run as
processes of their own, on clocks that run 300 times faster: what each command says is what happens at the district."""

from __future__ import annotations

import json
import re
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest

from runtime.clock import format_utc
from tests.faults.collector import eventually, running
from tests.ports import free_port

pytestmark = pytest.mark.real("district")

COMMAND = [sys.executable, "-m", "gateway.cli"]
RATE = 300


@dataclass
class Campus:
    """A school with one simulated meter, its collector, its district."""

    folder: Path
    clock: list[str]
    url: str

    @property
    def site(self) -> Path:
        return self.folder / "site.yaml"

    @property
    def database(self) -> Path:
        return self.folder / "district.db"

    def run(self, *words: str | Path, code: int = 0) -> str:
        done = subprocess.run(
            [*COMMAND, *map(str, words)], capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == code, f"{words}: {done.stdout}{done.stderr}"
        return done.stdout

    def uplink(self, command: str, *words: str, code: int = 0) -> str:
        return self.run("uplink", command, self.site, *words, code=code)

    def status(self) -> dict[str, Any]:
        (line,) = self.uplink("status", "--json", "--over", "0", *self.clock).splitlines()
        return dict(json.loads(line))

    def rows(self, sql: str) -> list[Any]:
        """From the district's own database."""
        with closing(sqlite3.connect(self.database)) as connection:
            return connection.execute(sql).fetchall()

    def received(self) -> int:
        return int(self.rows("SELECT coalesce(max(to_seq), 0) FROM received")[0][0])

    def intervals(self) -> dict[Any, Any]:
        found = self.rows("SELECT point, period, start, revision, value, content FROM interval")
        return {row[:3]: row[3:] for row in found}

    def made(self) -> tuple[int, int]:
        """Between when the changes of the feed were made, UTC ms."""
        with closing(sqlite3.connect(self.folder / "buffer.db")) as connection:
            ((first, last),) = connection.execute("SELECT min(at), max(at) FROM change").fetchall()
        return first, last + 1

    def metric(self, outcome: str) -> float:
        text = httpx2.get(f"{self.url}/metrics", trust_env=False).text
        found = re.search(rf'district_batches_total{{outcome="{outcome}"}} (\S+)', text)
        return float(found[1]) if found else 0.0


def _site(folder: Path, district: int) -> None:
    (folder / "site.yaml").write_text(
        f"""\
site: {{id: demo, name: 测试学校}}
gateway: {{id: gw-1}}
spaces: [{{id: a, name: A, kind: building}}]
buses:
  - {{id: east, kind: modbus-tcp, host: 127.0.0.1, port: {free_port()}}}
devices:
  - {{id: main-e, profile: acrel-adl400, bus: east, unit_id: 1, space: a, energy_code: "01000", poll_interval_s: 60}}
buffer: {{path: buffer.db, commit_interval_s: 0.2}}
uplinks:
  - {{id: district, kind: district-http, url: "http://127.0.0.1:{district}/v1", token_file: key, interval_s: 1}}
collector: {{port: {free_port()}}}
""",
        encoding="utf-8",
    )


@pytest.fixture
def campus(tmp_path: Path) -> Iterator[Campus]:
    port = free_port()
    began_s = int(time.time())  # the true time, since a token is issued by it
    clock = ["--clock-rate", str(RATE), "--clock-start", f"{format_utc(began_s * 1000)}@{began_s}"]
    found = Campus(tmp_path, clock, f"http://127.0.0.1:{port}")
    _site(tmp_path, port)
    log = tmp_path / "log"

    def process(*words: str | Path) -> list[str]:
        return [*COMMAND, *map(str, words), *clock]

    with ExitStack() as stack:
        stack.enter_context(
            running(process("district", "--database", found.database, "--port", str(port)), log)
        )
        eventually(lambda: _answers(found.url), "the district listens")
        token = found.run("district", "enrol", "--database", found.database, "demo", "gw-1").split()[0]
        found.run("district", "redeem", f"{found.url}/v1", token, "--to", tmp_path / "key")
        stack.enter_context(running(process("simulate", found.site), log))
        stack.enter_context(running(process("collect", found.site), log))
        try:
            eventually((tmp_path / "buffer.db").exists, "a buffer")
            eventually(lambda: found.received() > 3, "the district has something")
            yield found
        except BaseException:
            print(log.read_text("utf-8")[-4000:])
            raise


def _answers(url: str) -> bool:
    try:
        return httpx2.get(f"{url}/healthz", trust_env=False).status_code == 200
    except httpx2.HTTPError:
        return False


def test_each_command_does_what_it_says_to_a_running_collector_and_its_district(campus: Campus) -> None:
    eventually(lambda: len(campus.intervals()) >= 2, "two intervals at the district")
    status = campus.status()
    assert (status["receipt"], status["error"], status["is_paused"]) == ("batch", None, False)
    assert status["delivered"] >= 3
    assert "密钥有效" in campus.uplink("test")

    _explained(campus)
    _paused(campus)
    _sent_again(campus)
    _revoked(campus)


def _explained(campus: Campus) -> None:
    """The bytes that are shown are those of a record the district has."""
    said = campus.uplink("explain")
    body = json.loads(said.split("record as stored 存储的记录")[1].split("\n", 2)[1])
    batch = json.loads(said.split("批次原文")[1].split("\n", 2)[1])
    assert batch["changes"][0]["body"] == body
    key = (body["point"], body["period"], body["start"])
    eventually(lambda: key in campus.intervals(), "the explained record is at the district")
    assert campus.intervals()[key][1] == body.get("value")


def _paused(campus: Campus) -> None:
    assert "已暂停" in campus.uplink("pause", "--user", "wang")
    had, head = campus.received(), campus.status()["head"]
    eventually(lambda: campus.status()["head"] >= head + 3, "the school goes on while it is paused")
    status = campus.status()
    assert status["is_paused"] is True
    assert status["waiting"] >= 3
    assert campus.received() == had
    assert "已恢复" in campus.uplink("resume")
    eventually(lambda: campus.received() >= status["head"], "what waited has gone up")
    assert campus.status()["is_paused"] is False


def _sent_again(campus: Campus) -> None:
    """What was delivered waits once more, arrives as a duplicate, and changes nothing."""
    before, duplicates = campus.intervals(), campus.metric("duplicate")
    to_seq = campus.received()
    assert f"1 to {to_seq}" in campus.uplink("resend", "1", str(to_seq))
    eventually(lambda: campus.metric("duplicate") > duplicates, "it came again")
    eventually(lambda: len(campus.status()["lanes"]) == 1, "the lanes have joined")
    after = campus.intervals()
    assert {key: after[key] for key in before} == before
    assert campus.rows("SELECT count(*) FROM incident") == [(0,)]
    times = [format_utc(at) for at in campus.made()]
    assert "waiting again" in campus.uplink("resend", *times)


def _revoked(campus: Campus) -> None:
    """A key that is ended: nothing is lost, and each command says it in words."""
    listed = campus.run("district", "key", "list", "--database", campus.database, "demo", "gw-1")
    key_id = listed.split()[0]
    campus.run("district", "key", "revoke", "--database", campus.database, "demo", "gw-1", key_id)
    assert "对方不认识本网关的密钥" in campus.uplink("test", code=1)
    eventually(lambda: (campus.status()["error"] or "").startswith("unauthorized"), "the refusal is seen")
    status = campus.status()
    assert status["cause_zh"] == "对方不认识本网关的密钥"
    shown = campus.uplink("status", "--over", "0", *campus.clock)
    assert "处理 cure: 请区平台重新登记本网关" in shown
    again = ("enrol", "--database", campus.database, "demo", "gw-1", "--redeem")
    (campus.folder / "key").write_text(campus.run("district", *again), encoding="utf-8")
    eventually(lambda: campus.received() >= status["head"], "all of it goes up under the new key")
    eventually(lambda: campus.status()["error"] is None, "and the trouble is over")
