"""A real district on a real port, and a front before it that misbehaves on request."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from district.app import create_app
from district.serve import listen, serving
from district.service import Service
from edge_config.uplinks import HttpUplink
from gateway.uplinks.feed import Identity
from tests.district import campus
from tests.uplinks.front import Front, standing
from tests.uplinks.memory import SelfMovingClock

IDENTITY = Identity("demo", "gw-1", "e-1")


@dataclass
class Line:
    """An uplink's way to its district."""

    database: Path
    token_file: Path
    front: Front

    def uplink(self, **more: Any) -> HttpUplink:
        values = {
            "id": "district",
            "kind": "district-http",
            "url": self.front.url,
            "token_file": str(self.token_file),
        }
        return HttpUplink(**{**values, **more})

    def rows(self, sql: str) -> list[Any]:
        with closing(sqlite3.connect(self.database)) as connection:
            return connection.execute(sql).fetchall()

    def effects(self) -> int:
        """Intervals the district has; each was sent with revision 1, hence more than one effect would show."""
        found = self.rows("SELECT start, revision FROM interval")
        assert {revision for _, revision in found} <= {1}
        return len(found)


@pytest.fixture
def key(tmp_path: Path) -> str:
    return campus.enrolled(tmp_path / "district.db")


@pytest.fixture
def token_file(tmp_path: Path, key: str) -> Path:
    path = tmp_path / "key"
    path.write_text(key + "\n")
    return path


@pytest.fixture
async def line(tmp_path: Path, token_file: Path) -> AsyncIterator[Line]:
    database = tmp_path / "district.db"
    with (
        closing(Service(database, SelfMovingClock())) as service,
        closing(listen("127.0.0.1", 0)) as listener,
    ):
        async with (
            serving(create_app(service), listener),
            standing(Front(listener.getsockname()[1])) as front,
        ):
            yield Line(database, token_file, front)
