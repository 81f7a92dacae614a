"""The ingest door: commits by the rule, acknowledges after COMMIT and never before, survives a commit that fails."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from edge_config.site import LoadedSite
from gateway.book.accounts import Accounts
from gateway.door.ingest import Door
from gateway.errors import ControlError, StoreError, StoreLockedError
from gateway.model import Reading, groups_of
from gateway.points import build_points
from gateway.store.database import open_reader
from runtime.clock import SystemClock
from tests.gateway.conftest import small_site


def stored(site: LoadedSite) -> int:
    reader = open_reader(site.buffer_path)
    try:
        return int(reader.execute("SELECT count(*) FROM reading").fetchone()[0])
    finally:
        reader.close()


def reading(offset_ms: int, ppm: float = 500.0) -> Reading:
    at = SystemClock().now_ms() + offset_ms - 60_000
    return Reading("air.co2", at, at, ppm)


@asynccontextmanager
async def running(site: LoadedSite) -> AsyncIterator[Door]:
    async with Door(site, build_points(site), SystemClock()) as door:
        task = asyncio.create_task(door.run())
        try:
            yield door
        finally:
            door.close()
            await task


async def accepted(door: Door, *readings: Reading) -> None:
    """Offer and wait for the acknowledgement."""
    done = asyncio.Event()
    await door.offer(groups_of(readings), done.set)
    await done.wait()


async def test_p1_a_reading_is_acknowledged_only_when_another_connection_can_see_it(site: LoadedSite) -> None:
    seen: list[int] = []
    async with running(site) as door:
        done = asyncio.Event()

        def acknowledge() -> None:
            seen.append(stored(site))
            done.set()

        await door.offer(groups_of([reading(1)]), acknowledge)
        assert seen == []
        await done.wait()
    assert seen == [1]


async def test_a_message_with_nothing_to_store_is_still_acknowledged(site: LoadedSite) -> None:
    async with running(site) as door:
        await accepted(door)
    assert stored(site) == 0


async def test_what_was_offered_before_the_end_is_committed_at_the_end(tmp_path: Path) -> None:
    site = small_site(tmp_path, buffer={"path": "buffer.db", "commit_interval_s": 10})
    async with running(site) as door:
        await door.offer(groups_of([reading(1), reading(2)]))
    assert stored(site) == 2


async def test_a_thousand_rows_or_a_hurry_do_not_wait_for_the_interval(tmp_path: Path) -> None:
    site = small_site(tmp_path, buffer={"path": "buffer.db", "commit_interval_s": 10})
    async with running(site) as door, asyncio.timeout(9):
        await accepted(door, *(reading(i) for i in range(1000)))
        done = asyncio.Event()
        await door.offer(groups_of([reading(2000)]), done.set)
        door.hurry()
        await done.wait()


async def test_the_first_readings_after_a_start_do_not_wait_for_the_interval(tmp_path: Path) -> None:
    site = small_site(tmp_path, buffer={"path": "buffer.db", "commit_interval_s": 10})
    async with running(site) as door, asyncio.timeout(9):
        await accepted(door, reading(1))
        assert door._commit_interval_s == 10  # those that follow do
    async with Door(site, build_points(site), SystemClock(), is_replay=True) as door:
        assert door._commit_interval_s == 10


async def test_a_second_writer_on_the_same_buffer_is_refused_with_the_cure(site: LoadedSite) -> None:
    async with running(site):
        with pytest.raises(StoreLockedError, match=r"another collector or replay .* stop it first"):
            async with Door(site, build_points(site), SystemClock()):
                pass


async def test_a_buffer_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    site = small_site(tmp_path)
    site.buffer_path.mkdir()
    with pytest.raises(StoreError, match=r"buffer\.db: cannot open the buffer"):
        async with Door(site, build_points(site), SystemClock()):
            pass


async def test_a_command_is_answered_after_its_commit_and_a_refusal_takes_nothing_with_it(
    site: LoadedSite,
) -> None:
    def refuse(connection: sqlite3.Connection, _: Accounts) -> None:
        connection.execute("INSERT INTO meta VALUES ('half', 'done')")
        raise ControlError("no")

    async with running(site) as door:
        await door.offer(groups_of([reading(1)]))
        with pytest.raises(ControlError, match="no"):
            await door.execute(refuse)
        assert stored(site) == 1
        assert await door.execute(
            lambda c, _: c.execute("SELECT count(*) FROM meta WHERE key='half'").fetchone()
        ) == (0,)


async def test_a_failed_commit_is_retried_under_the_same_identity_and_acknowledged_once(
    site: LoadedSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    failures = iter([sqlite3.OperationalError("disk I/O error"), None])
    book = Accounts.book

    def failing(self: Accounts, *arguments: Any) -> Any:
        outcome = book(self, *arguments)
        error = next(failures, None)
        if error is not None:
            raise error
        return outcome

    monkeypatch.setattr(Accounts, "book", failing)
    monkeypatch.setattr("gateway.door.ingest.RETRY_S", 0.0)
    async with running(site) as door:
        await accepted(door, reading(1), reading(2))
        assert (door.figures.failures, door.figures.problem) == (1, None)
    assert stored(site) == 2


async def test_p5_a_commit_that_happened_although_it_was_reported_as_failed_doubles_nothing(
    site: LoadedSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    transaction = Door._transaction
    failures = iter([True])

    def committed_but_failed(self: Door, *arguments: Any) -> Any:
        answer = transaction(self, *arguments)
        if next(failures, False):
            raise sqlite3.OperationalError("disk I/O error")
        return answer

    monkeypatch.setattr(Door, "_transaction", committed_but_failed)
    monkeypatch.setattr("gateway.door.ingest.RETRY_S", 0.0)
    async with running(site) as door:
        await accepted(door, reading(1), reading(2))
        assert door.figures.repeated == 2
    assert stored(site) == 2


async def test_an_implausible_value_is_counted_with_an_example_and_never_good(site: LoadedSite) -> None:
    async with running(site) as door:
        await accepted(door, reading(1, 1e9), reading(2, float("nan")))
        door.reject("air", "not_json", "{")
        await door.execute(lambda *_: None)
    reader = open_reader(site.buffer_path)
    rows = dict(reader.execute("SELECT reason, count FROM rejection"))
    assert rows == {"range": 1, "not_a_number": 1, "not_json": 1}
    assert reader.execute("SELECT count(*) FROM reading WHERE quality = 0").fetchone() == (0,)
    reader.close()


async def test_p10_offers_wait_while_the_door_is_full(site: LoadedSite) -> None:
    async with Door(site, build_points(site), SystemClock()) as door:
        for i in range(5):
            await door.offer(groups_of([reading(1000 * i + j) for j in range(1000)]))
        late = asyncio.create_task(door.offer(groups_of([reading(9999)])))
        await asyncio.sleep(0)
        assert not late.done()
        task = asyncio.create_task(door.run())
        await late
        door.close()
        await task
    assert stored(site) == 5001


async def test_a_buffer_that_stays_broken_does_not_hold_up_the_end_and_acknowledges_nothing(
    site: LoadedSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> Any:
        raise sqlite3.OperationalError("disk I/O error")

    monkeypatch.setattr("gateway.door.ingest.RETRY_S", 0.0)
    acknowledged: list[bool] = []
    async with Door(site, build_points(site), SystemClock()) as door:
        monkeypatch.setattr(Door, "_transaction", broken)
        await door.offer(groups_of([reading(1)]), lambda: acknowledged.append(True))
        task = asyncio.create_task(door.run())
        door.close()
        with pytest.raises(StoreError, match=r"could not be committed .*disk I/O error"):
            await task
    assert acknowledged == []


async def test_a_hurry_with_nothing_left_to_commit_stops_nobody(site: LoadedSite) -> None:
    async with running(site) as door:
        door.hurry()
        await asyncio.sleep(0)
        await accepted(door, reading(1))
    assert stored(site) == 1
