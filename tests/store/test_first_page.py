"""P18, F10: a buffer whose first page is gone is read all the same."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from gateway.door import ingest
from gateway.store import first_page
from tests.store import damaged
from tests.store.damaged import History
from tests.store.test_high_water import killed

PAGE = 4096


@pytest.fixture(autouse=True)
def _retry_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ingest, "RETRY_S", 0.0)


@pytest.fixture
async def history(tmp_path: Path) -> History:
    return await damaged.begun(tmp_path / "whole", 240)


def without_first_page(path: Path, noise: bytes) -> None:
    data = path.read_bytes()
    path.write_bytes(noise + data[PAGE:])


@pytest.mark.parametrize("noise", [bytes(PAGE), random.Random(1).randbytes(PAGE)], ids=["zeros", "noise"])
async def test_p18_all_that_lies_behind_a_first_page_that_is_gone_comes_back(
    history: History, noise: bytes
) -> None:
    without_first_page(history.site.buffer_path, noise)
    after = await damaged.lived_through(history)
    assert after.renewals == 1
    assert after.readings.keys() == history.offered.keys()
    assert damaged.wrong_values(history, after) == []
    assert damaged.wrong_intervals(after) == []
    [kept] = history.site.folder.glob("*.first-page")
    assert kept.read_bytes() == noise


async def test_p18_of_a_killed_buffer_too_nothing_is_lost_in_silence(tmp_path: Path) -> None:
    image = await killed(tmp_path)
    without_first_page(image.site.buffer_path, bytes(PAGE))
    after = await damaged.lived_through(image)
    assert damaged.wrong_values(image, after) == []
    assert damaged.silently_lost(image, after) == []


async def test_a_first_page_that_leads_nowhere_is_taken_back(history: History) -> None:
    """Where the list of tables is gone with it."""
    path = history.site.buffer_path
    path.write_bytes(random.Random(2).randbytes(path.stat().st_size))
    before = path.read_bytes()
    after = await damaged.lived_through(history)
    assert damaged.silently_lost(history, after) == []
    [salvaged] = history.site.folder.glob("*.salvaged-*Z")
    assert salvaged.read_bytes() == before
    assert list(history.site.folder.glob("*.first-page")) == []


def test_a_file_that_has_its_first_page_is_not_touched(history: History) -> None:
    before = history.site.buffer_path.read_bytes()
    assert not first_page.replace(history.site.buffer_path)
    assert history.site.buffer_path.read_bytes() == before
