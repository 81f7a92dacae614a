"""The demo school written into a folder of the test's own, and its campus."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_config.loader import load_site
from edge_config.site import LoadedSite
from runtime.clock import parse_utc
from simulators.campus import Campus
from simulators.demo_site import write_demo_site


@pytest.fixture(scope="session")
def school(tmp_path_factory: pytest.TempPathFactory) -> LoadedSite:
    return load_site(write_demo_site(tmp_path_factory.mktemp("school")))


@pytest.fixture(scope="session")
def campus(school: LoadedSite) -> Campus:
    return Campus(school)


@pytest.fixture
def monday() -> int:
    """Local midnight at the start of a school week."""
    return parse_utc("2026-09-07T00:00:00+08:00")


@pytest.fixture
def fresh_folder(tmp_path: Path) -> Path:
    return tmp_path / "school"
