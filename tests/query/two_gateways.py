"""A campus of two gateways as processes: simulated meters, two collectors, one hub. One shared clock, some hundred times as fast.

The mains are on gw-1, all their sub-meters on gw-2, whose file knows no mains: only the campus's file says what is part of what.
"""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from district import enrolment
from district.store.database import open_database
from edge_config.loader import load_site
from edge_config.site import LoadedSite
from gateway.points import build_points
from runtime.clock import format_utc
from tests.faults.collector import eventually, running
from tests.ports import free_port, free_ports

MINUTE_MS = 60_000
QUARTER_MS = 15 * MINUTE_MS
START_MS = 1_789_322_400_000 + 1180 * MINUTE_MS  # 2026-09-14 21:40 in Shanghai, a school Monday
RATE = 200.0
OUT_MS = (START_MS + 50 * MINUTE_MS, START_MS + 95 * MINUTE_MS)
"""gw-2's collector is killed at the first and started again at the second."""
END_MS = START_MS + 140 * MINUTE_MS
"""Midnight: the slots of the day before it are what is compared."""
NOW_MS = END_MS + 10 * MINUTE_MS
"""When the campus is looked at: the day is over, and one slot of the next has come."""
SCHOOL = "campus"
SPACES = [
    {"id": "campus", "name": "校园", "kind": "site"},
    {"id": "a", "name": "教学楼A", "kind": "building", "in": "campus"},
    {"id": "canteen", "name": "食堂", "kind": "building", "in": "campus"},
    {"id": "kitchen", "name": "厨房", "kind": "kitchen", "in": "canteen"},
    {"id": "dorm", "name": "宿舍楼", "kind": "building", "in": "campus"},
]
MAINS: list[dict[str, Any]] = [
    {"id": "main-e", "name": "总进线", "profile": "acrel-adl400", "space": "campus", "energy_code": "01000"},
    {
        "id": "main-w",
        "name": "总水表",
        "profile": "tuf-2000m-water",
        "space": "campus",
        "energy_code": "02000",
    },
]
PARTS: list[dict[str, Any]] = [
    {"id": "light-a", "name": "A照明", "profile": "chint-dtsu666", "space": "a", "energy_code": "01A00"},
    {
        "id": "light-dorm",
        "name": "宿舍照明",
        "profile": "eastron-sdm630",
        "space": "dorm",
        "energy_code": "01A00",
    },
    {
        "id": "kitchen-e",
        "name": "厨房电",
        "profile": "acrel-adl400",
        "space": "kitchen",
        "energy_code": "01D00",
    },
    {
        "id": "water-canteen",
        "name": "食堂水表",
        "profile": "pulse-water",
        "space": "canteen",
        "energy_code": "02000",
    },
]
PARENTS = {"light-a": "main-e", "light-dorm": "main-e", "kitchen-e": "main-e", "water-canteen": "main-w"}
"""Told by the file of the campus alone."""
LIMITS = {
    "valid_from": "2026-01-01",
    "limits": [
        {
            "id": "on",
            "quantity": "active_power",
            "above": 0,
            "text": "在用电",
            "text_en": "in use",
            "source": "test",
        }
    ],
}
"""An alarm of every electricity meter, so that there are events."""
LOSS: dict[str, Any] = {
    "id": "loss.energy_import",
    "sum": ["main-e.energy_import"],
    "minus": ["light-a.energy_import", "light-dorm.energy_import", "kitchen-e.energy_import"],
}


@dataclass(frozen=True, slots=True)
class Written:
    """The files of the campus, and the moment all its clocks began (real epoch seconds)."""

    folder: Path
    port: int
    began_s: float

    @property
    def campus(self) -> Path:
        return self.folder / "campus.yaml"

    @property
    def world(self) -> Path:
        return self.folder / "world.yaml"

    @property
    def hub(self) -> Path:
        return self.folder / "hub.db"

    @property
    def clock(self) -> tuple[str, ...]:
        return (
            "--clock-rate",
            repr(RATE),
            "--clock-start",
            f"{format_utc(START_MS)}@{self.began_s!r}",
        )

    def gateway(self, name: str) -> Path:
        return self.folder / name / "site.yaml"

    def site(self, name: str) -> LoadedSite:
        return load_site(self.gateway(name))

    def rows(self, name: str, sql: str, *values: object) -> list[tuple[Any, ...]]:
        """Of a gateway's buffer."""
        return rows(self.folder / name / "buffer.db", sql, *values)

    def wait_until(self, simulated_ms: int) -> None:
        eventually(
            lambda: START_MS + (time.time() - self.began_s) * RATE * 1000 >= simulated_ms, "time passes"
        )


def rows(path: Path, sql: str, *values: object) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as reader:
        return reader.execute(sql, values).fetchall()


def command(*words: object) -> list[str]:
    return [sys.executable, "-m", "gateway.cli", *map(str, words)]


def write(folder: Path) -> Written:
    """Four files: the world that is simulated, a site file for each gateway, the campus's over its hub."""
    first = free_ports(2)
    written = Written(folder, free_port(), time.time())
    buses = [
        {"id": bus, "kind": "modbus-tcp", "host": "127.0.0.1", "port": first + n}
        for n, bus in enumerate(("east", "west"))
    ]
    on_wires = [
        [one | {"bus": bus, "unit_id": n, "poll_interval_s": 30} for n, one in enumerate(devices, 1)]
        for bus, devices in (("east", MAINS), ("west", PARTS))
    ]
    _write(written.world, buses=buses, devices=[_told(one) for one in on_wires[0] + on_wires[1]])
    campus = [_told(one) for one in MAINS + PARTS]
    _write(written.campus, devices=campus, points=[LOSS], hub={"database": "hub.db"})
    with closing(open_database(written.hub)) as database:
        for name, bus, devices in zip(("gw-1", "gw-2"), buses, on_wires, strict=True):
            uplink = {"id": "hub", "kind": "district-http", "url": f"http://127.0.0.1:{written.port}/v1"}
            _write(
                written.gateway(name), name, buses=[bus], devices=devices, buffer={"path": "buffer.db"},
                limits="limits.yaml", uplinks=[uplink | {"token_file": "hub.key"}], collector={"port": free_port()},
            )  # fmt: skip
            now = round(written.began_s * 1000)
            made = enrolment.redeem(
                database, enrolment.issue_token(database, SCHOOL, name, "两网关学校", now), now
            )
            assert made is not None
            limits = written.gateway(name).with_name("limits.yaml")
            limits.write_text(yaml.safe_dump(LIMITS, allow_unicode=True), encoding="utf-8")
            key = written.gateway(name).with_name("hub.key")
            key.write_text(made.key)
            key.chmod(0o600)
    return written


def _told(device: dict[str, Any]) -> dict[str, Any]:
    """The device and what it is a part of."""
    above = PARENTS.get(device["id"])
    return device if above is None else device | {"parent": above}


def _write(path: Path, gateway: str = "hub", **more: Any) -> None:
    site = {"id": SCHOOL, "name": "两网关学校", "timezone": "Asia/Shanghai"}
    path.parent.mkdir(exist_ok=True)
    document = {"site": site, "gateway": {"id": gateway}, "spaces": SPACES, **more}
    path.write_text(yaml.safe_dump(document, allow_unicode=True), encoding="utf-8")


def live(folder: Path) -> Written:
    """Two simulated hours with an outage of gw-2's collector. When it returns every process has ended."""
    written = write(folder)
    with ExitStack() as stack:
        hub = ("district", "--role", "hub", "--database", written.hub, "--port", written.port)
        for name, words in (("hub", hub), ("world", ("simulate", written.world))):
            stack.enter_context(running(command(*words, *written.clock), folder / f"{name}.log"))
        one, two = (stack.enter_context(_collector(written, name)) for name in ("gw-1", "gw-2"))
        written.wait_until(OUT_MS[0])
        eventually(lambda: _has_begun(written, "gw-2"), "gw-2 has heard each of its meters")
        two.kill()
        written.wait_until(OUT_MS[1])
        again = stack.enter_context(_collector(written, "gw-2"))
        for name in ("gw-1", "gw-2"):
            _wait_until_delivered(written, name)
        for process in (one, again):
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 0
    return written


def _wait_until_delivered(written: Written, name: str) -> None:
    eventually(lambda: _is_closed(written, name), f"{name} has closed the day")
    head = written.rows(name, "SELECT max(seq) FROM change")[0][0]
    eventually(
        lambda: written.rows(name, "SELECT cursor FROM uplink")[0][0] >= head, f"{name} has delivered it"
    )


def _collector(written: Written, name: str) -> Any:
    return running(command("collect", written.gateway(name), *written.clock), written.folder / f"{name}.log")


def _has_begun(written: Written, name: str) -> bool:
    if not written.gateway(name).with_name("buffer.db").exists():
        return False
    return written.rows(name, "SELECT count(*) FROM watermark") == [(len(build_points(written.site(name))),)]


def _is_closed(written: Written, name: str) -> bool:
    """Whether the day of every point is closed, with a quarter-hour in which nothing of it was late."""
    if not written.gateway(name).with_name("buffer.db").exists():
        return False
    (closed,) = written.rows(name, "SELECT min(closed_to) FROM watermark")[0]
    (dirty,) = written.rows(name, "SELECT count(*) FROM dirty_slot")[0]
    return (closed or 0) >= END_MS + QUARTER_MS and not dirty


@contextmanager
def pages(written: Written) -> Iterator[str]:
    """The address of a real dashboard over the hub, some minutes past midnight, its login token in ``setup.token``."""
    token = written.folder / "setup.token"
    token.write_text("a-one-time-token-for-this-test-only")
    token.chmod(0o600)
    port = free_port()
    now = ("--clock-start", format_utc(NOW_MS))
    words = command("dashboard", written.campus, "--port", port, "--setup-token-file", token, *now)
    with running(words, written.folder / "dashboard.log"):
        yield f"http://127.0.0.1:{port}"


def asked(*words: object) -> list[dict[str, Any]]:
    """What a command answered with ``--json``."""
    done = subprocess.run(command(*words, "--json"), capture_output=True, text=True, timeout=120, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]
