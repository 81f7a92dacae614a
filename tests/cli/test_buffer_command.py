"""``campus-gateway buffer``: what is said of a whole and of a damaged buffer, and the drill of backup and restore."""

from __future__ import annotations

import asyncio
import json
import os
import re
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gateway.cli.buffer import buffer
from gateway.cli.sites import open_without_secrets
from gateway.commands.buffer import buffer_handlers
from gateway.control import client
from gateway.control.protocol import Command
from gateway.control.server import ControlServer
from gateway.door.ingest import Door
from gateway.errors import ControlError, StoreError, StoreLockedError
from gateway.model import Readings
from gateway.points import build_points
from gateway.store.database import BufferLock, open_writer
from runtime.clock import SystemClock


def asked(*words: str | Path) -> Result:
    return CliRunner().invoke(buffer, [str(word) for word in words])


@pytest.fixture
def filled(site_file: Path) -> Path:
    """The site file of a buffer that holds two hundred readings."""

    async def fill() -> None:
        site, clock = open_without_secrets(site_file), SystemClock()
        async with Door(site, build_points(site), clock) as door:
            writer = asyncio.create_task(door.run())
            now = clock.now_ms()
            await door.offer(
                [Readings(("main-e.power",), now - k * 1000, now, (1.0 + k,)) for k in range(200, 0, -1)]
            )
            door.close()
            await writer

    asyncio.run(fill())
    return site_file


def damaged(site_file: Path) -> None:
    with closing(open_writer(open_without_secrets(site_file).buffer_path)) as connection:
        connection.execute(
            "UPDATE reading SET value = value + 1 WHERE measured_at = (SELECT min(measured_at) FROM reading)"
        )


def test_a_whole_buffer_is_said_to_be_well(filled: Path) -> None:
    result = asked("check", filled, "--structure")
    assert (result.exit_code, "well 正常" in result.output) == (0, True), result.output


def test_a_damaged_row_is_counted_and_what_to_do_is_said(filled: Path) -> None:
    damaged(filled)
    result = asked("check", filled)
    assert result.exit_code == 1
    assert "1 damaged rows in reading" in result.output
    found = json.loads(asked("check", filled, "--json").stdout)
    assert (found["damaged"], found["well"]) == ({"reading": 1}, False)


def test_a_buffer_that_is_no_database_is_named(filled: Path) -> None:
    open_without_secrets(filled).buffer_path.write_bytes(b"no database" * 1000)
    result = asked("check", filled)
    assert result.exit_code == 1
    assert "file is not a database" in result.output


def test_stats_say_bytes_a_reading_and_name_the_assumption(filled: Path) -> None:
    said = asked("stats", filled)
    assert said.exit_code == 0, said.output
    assert re.search(r"^reading +200 +\d", said.stdout, re.MULTILINE)
    found = json.loads(asked("stats", filled, "--json", "--tbw", "60").stdout)
    assert 10 < found["bytes_per_reading"] < 200
    assert found["tbw_assumed"] == 60


def test_stats_measure_the_process_that_holds_the_buffer(filled: Path) -> None:
    lock = open_without_secrets(filled).buffer_path.with_name("buffer.db.lock")
    lock.write_text(str(os.getpid()))
    assert json.loads(asked("stats", filled, "--json").stdout)["bytes_written_per_day"] >= 0


def test_backup_and_restore_without_a_collector(filled: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    made = asked("backup", filled, copy, "--quiet")
    assert (made.exit_code, "200 readings" in made.output) == (0, True), made.output
    refused = asked("restore", filled, copy)
    assert isinstance(refused.exception, StoreError)
    done = asked("restore", filled, copy, "--replace")
    assert (done.exit_code, "restored, epoch" in done.output) == (0, True), done.output
    assert asked("check", filled).exit_code == 0


def test_a_restore_beside_a_collector_is_refused(filled: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    asked("backup", filled, copy, "--quiet")
    lock = BufferLock(open_without_secrets(filled).buffer_path)
    try:
        assert isinstance(asked("restore", filled, copy, "--replace").exception, StoreLockedError)
    finally:
        lock.release()


def test_salvage_without_a_file_takes_what_waits(filled: Path) -> None:
    path = open_without_secrets(filled).buffer_path
    assert "nothing waits" in asked("salvage", filled).output
    path.rename(path.with_name("buffer.db.corrupt-20260101T000000Z"))
    result = asked("salvage", filled, "--quiet")
    assert "200 reading" in result.output, result.output
    assert [one.name for one in path.parent.glob("*.salvaged-*Z")] == ["buffer.db.salvaged-20260101T000000Z"]


async def test_a_running_collector_makes_the_backup_and_keeps_the_command(
    filled: Path, tmp_path: Path
) -> None:
    site, clock = open_without_secrets(filled), SystemClock()
    async with Door(site, build_points(site), clock) as door:
        writer = asyncio.create_task(door.run())
        async with ControlServer(site.control_path, buffer_handlers(site, door, clock)):
            command = Command("k1", "li", "backup", str(tmp_path / "copy.db"))
            first = await client.send(site.control_path, command, 60)
            assert await client.send(site.control_path, command, 60) == first
            with pytest.raises(ControlError, match="absolute"):
                await client.send(site.control_path, Command("k2", "li", "backup", "copy.db"), 60)
        door.close()
        await writer
    assert (first["readings"], (tmp_path / "copy.db").exists()) == (200, True)
