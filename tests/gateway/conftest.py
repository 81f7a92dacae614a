"""A small site, a clock that only moves when told, and a buffer in a folder of its own."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from devices import profile
from edge_config.schema import LimitsFile, SiteFile
from edge_config.site import LoadedSite
from gateway.book.accounts import Accounts
from gateway.points import build_points
from gateway.store.database import open_writer

QUARTER_MS = 15 * 60_000
T0 = 1_763_856_000_000
"""2025-11-23 00:00 UTC, a quarter-hour boundary."""


@dataclass
class ManualClock:
    """Time moves only when the test says so; ``sleep`` moves it."""

    ms: int = T0
    slept: list[float] = field(default_factory=list)

    def now_ms(self) -> int:
        return self.ms

    def monotonic_s(self) -> float:
        return self.ms / 1000

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.ms += round(seconds * 1000)


def small_site(folder: Path, **more: Any) -> LoadedSite:
    """One meter and one classroom sensor."""
    file = SiteFile.model_validate(
        {
            "site": {"id": "s", "name": "测试学校"},
            "gateway": {"id": "gw-1"},
            "spaces": [
                {"id": "a", "name": "A", "kind": "building"},
                {"id": "a-101", "name": "101", "kind": "classroom", "in": "a"},
            ],
            "buses": [{"id": "east", "kind": "modbus-tcp", "host": "127.0.0.1"}],
            "brokers": [{"id": "local", "host": "127.0.0.1"}],
            "devices": [
                {
                    "id": "main-e",
                    "profile": "acrel-adl400",
                    "bus": "east",
                    "unit_id": 1,
                    "poll_interval_s": 60,
                },
                {
                    "id": "air",
                    "profile": "zigbee2mqtt-air",
                    "broker": "local",
                    "topic": "z/air",
                    "space": "a-101",
                },
            ],
            "buffer": {"path": "buffer.db"},
            **more,
        }
    )
    profiles = {device.profile: profile.load(device.profile) for device in file.devices}
    return LoadedSite(file, folder, folder / "site.yaml", profiles, limits())


def limits() -> LimitsFile:
    return LimitsFile.model_validate(
        {
            "valid_from": "2026-01-01",
            "limits": [
                {
                    "id": "co2", "quantity": "co2", "above": 1500, "clear": 1400, "for_minutes": 10, "level": "major",
                    "text": "二氧化碳 {value} {unit}, 超过 {limit}", "advice": "开窗通风", "source": "test",
                },
            ],
            "disinfection": [
                {"id": "uv", "quantity": "lamp_power", "at_least": 20, "minutes": 30, "warm_up_minutes": 5, "source": "test"}
            ],
        }
    )  # fmt: skip


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def site(tmp_path: Path) -> LoadedSite:
    return small_site(tmp_path)


@pytest.fixture
def connection(site: LoadedSite) -> Iterator[sqlite3.Connection]:
    connection = open_writer(site.buffer_path)
    yield connection
    connection.close()


@pytest.fixture
def accounts(site: LoadedSite, connection: sqlite3.Connection) -> Accounts:
    accounts = Accounts(site, build_points(site))
    accounts.restore(connection, T0)
    return accounts
