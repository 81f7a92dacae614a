"""A dashboard over an invented campus: the application, a signed-in client, and the parts a test may change."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from dashboard.app import create_app
from dashboard.seams import Parts
from edge_config.loader import load_site
from edge_config.site import LoadedSite
from simulators.demo_site import write_demo_site
from tests.dashboard.campus import Campus, Collected, StillClock


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> LoadedSite:
    return load_site(write_demo_site(tmp_path_factory.mktemp("school")))


@pytest.fixture
def campus(site: LoadedSite) -> Campus:
    return Campus(site)


@pytest.fixture
def commands() -> Collected:
    return Collected()


@pytest.fixture
def clock() -> StillClock:
    return StillClock()


@pytest.fixture
def parts(site: LoadedSite, campus: Campus, commands: Collected, clock: StillClock, tmp_path: Path) -> Parts:
    return Parts(site, campus, commands, StillClock(), clock, tmp_path / "dashboard.db")


@pytest.fixture
def app(parts: Parts) -> FastAPI:
    return create_app(parts)


@pytest.fixture
def stranger(app: FastAPI) -> Iterator[TestClient]:
    """A browser that is not signed in."""
    with TestClient(app, base_url="http://127.0.0.1:8600", follow_redirects=False) as client:
        client.headers["accept"] = "text/html"
        yield client


@pytest.fixture
def client(app: FastAPI, stranger: TestClient) -> TestClient:
    """The same browser after the one-time link."""
    answer = stranger.get("/login", params={"token": app.state.accounts.issue_setup_token()})
    assert answer.status_code == 303
    return stranger
