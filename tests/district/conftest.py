"""A real district on a database of its own, spoken to through its real web application."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest

from district.app import create_app
from district.service import Service
from district.store.database import Database, Row, open_database
from tests.district import campus
from tests.district.campus import NOW
from tests.district.postgresql import Server, server


@dataclass
class StillClock:
    """Time that moves when a test says so."""

    now: int = NOW

    def now_ms(self) -> int:
        return self.now

    def monotonic_s(self) -> float:
        return self.now / 1000

    async def sleep(self, seconds: float) -> None:
        self.now += int(seconds * 1000)


@dataclass
class District:
    where: Path | str
    service: Service
    clock: StillClock
    key: str
    client: httpx2.AsyncClient

    async def post(self, raw: bytes, key: str | None = None, **headers: str) -> httpx2.Response:
        return await self.client.post(
            "/v1/batches",
            content=raw,
            headers=campus.signed(key or self.key, raw, **headers),
        )

    @contextmanager
    def store(self) -> Iterator[Database]:
        """The same database, opened by this thread as a command of the operator opens it."""
        with closing(open_database(self.where)) as database:
            yield database

    def rows(self, sql: str, *values: object) -> list[Row]:
        with self.store() as store, store.snapshot() as connection:
            return connection.rows(sql, *values)

    def count(self, table: str) -> int:
        return int(self.rows(f"SELECT count(*) FROM {table}")[0][0])


STORES = ("sqlite", pytest.param("postgresql", marks=pytest.mark.real("postgresql")))
SQLITE_ONLY = pytest.mark.parametrize("fresh", ["sqlite"], indirect=True)
"""For what is about a file."""


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Server]:
    with server() as running:
        yield running


@pytest.fixture(scope="session", params=STORES)
def fresh(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[], Path | str]:
    """Names a new database each time: a file, or the URL of one on a real PostgreSQL."""
    if request.param == "postgresql":
        running: Server = request.getfixturevalue("postgresql")
        return running.new_database
    return lambda: tmp_path_factory.mktemp("district") / "district.db"


@pytest.fixture
def where(fresh: Callable[[], Path | str]) -> Path | str:
    return fresh()


@pytest.fixture
def key(where: Path | str) -> str:
    return campus.enrolled(where)


@pytest.fixture
def service(where: Path | str, key: str) -> Iterator[Service]:
    with closing(Service(where, StillClock())) as running:
        yield running


@pytest.fixture
async def district(where: Path | str, key: str, service: Service) -> AsyncIterator[District]:
    transport = httpx2.ASGITransport(app=create_app(service), raise_app_exceptions=False)
    async with httpx2.AsyncClient(transport=transport, base_url="http://district") as client:
        assert isinstance(service.clock, StillClock)
        yield District(where, service, service.clock, key, client)
