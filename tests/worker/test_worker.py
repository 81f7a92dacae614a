"""The worker against a real control socket: every due day once, patience with a collector that is away, a quick end."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from district.contract import StatementBody
from edge_config import web_file
from edge_config.site import LoadedSite
from gateway.cli.main import app
from gateway.control.protocol import Command
from gateway.control.server import ControlServer
from gateway.errors import CollectorAwayError, ConfigError, ControlError
from gateway.worker import RETRY_S, Worker, work
from runtime import logs
from tests.ports import free_port
from tests.query.buffers import DAY_MS, Buffer, ManualClock, local_ms, school, steady, write_site_file


@dataclass
class Collector:
    """Keeps statements as the collector does: the same key is one act."""

    buffer: Buffer
    commands: list[Command] = field(default_factory=list)
    refusal: str | None = None

    async def statement(self, command: Command) -> dict[str, Any]:
        if self.refusal:
            raise ControlError(self.refusal)
        self.commands.append(command)
        body = StatementBody.model_validate(command.body)
        self.buffer.connection.execute(
            "INSERT OR REPLACE INTO statement VALUES (?, ?, 1, 1)", (body.day, body.model_dump_json())
        )
        return {"day": body.day}

    def server(self) -> ControlServer:
        return ControlServer(self.buffer.site.control_path, {"statement": self.statement})


@pytest.fixture
def site(tmp_path: Path) -> LoadedSite:
    return school(tmp_path)


@pytest.fixture
def clock(site: LoadedSite) -> ManualClock:
    return ManualClock(local_ms(site, "2026-11-18", "00:10"))


@pytest.fixture
def collector(site: LoadedSite, clock: ManualClock) -> Iterator[Collector]:
    """Three days of one sensor, and one event a day."""
    with Buffer(site) as buffer:
        began = local_ms(site, "2026-11-15", "12:00")
        buffer.gauge("air-101.co2", began, clock.ms, steady(700.0))
        for number in range(3):
            buffer.event(f"e{number}", "limit", "air-101.co2", began + number * DAY_MS)
        yield Collector(buffer)


@pytest.fixture
async def listening(collector: Collector) -> AsyncIterator[Collector]:
    async with collector.server():
        yield collector


async def test_every_missing_day_is_handed_over_once_oldest_first(
    listening: Collector, site: LoadedSite, clock: ManualClock
) -> None:
    worker = Worker(site, clock)
    await worker.work_off()
    assert [command.subject for command in listening.commands] == ["2026-11-15", "2026-11-16", "2026-11-17"]
    assert listening.commands[0].key == "statement-school-2026-11-15"
    bodies = [command.body for command in listening.commands]
    assert [(body["slots_due"], body["slots_measured"], body["events_opened"]) for body in bodies] == [
        (48, 48, 1),
        (96, 96, 1),
        (96, 96, 1),
    ]
    assert await worker.work_off() == []


async def test_a_device_adopted_while_it_runs_is_known_from_the_next_round_on(
    listening: Collector, site: LoadedSite, clock: ManualClock
) -> None:
    write_site_file(site)
    worker = Worker(site, clock)
    assert len(await worker.work_off()) == 3
    assert worker.site is site
    entry = {"id": "box-2", "profile": "zigbee2mqtt-air", "broker": "local", "topic": "site/box-2"}
    web_file.write(site.web_path, web_file.text_with([entry]))
    assert await worker.work_off() == []
    assert worker.site.adopted == ("box-2",)
    assert len(listening.commands) == 3


async def test_yesterday_waits_for_its_last_slots(
    listening: Collector, site: LoadedSite, clock: ManualClock
) -> None:
    clock.ms -= 1
    made = await Worker(site, clock).work_off()
    assert [statement.day for statement in made] == ["2026-11-15", "2026-11-16"]


async def test_nothing_is_due_while_history_is_being_replayed(
    listening: Collector, site: LoadedSite, clock: ManualClock
) -> None:
    activity = json.dumps({"kind": "replay", "done": 1, "total": 2, "updated_at": clock.ms - 60_000})
    listening.buffer.connection.execute("INSERT INTO meta VALUES ('activity', ?)", (activity,))
    worker = Worker(site, clock)
    assert await worker.work_off() == []
    clock.ms += 10 * 60_000  # nothing more was heard of that replay
    assert len(await worker.work_off()) == 3


async def test_nothing_is_due_before_the_first_reading(tmp_path: Path) -> None:
    assert await Worker(school(tmp_path), ManualClock(DAY_MS * 20_000)).work_off() == []


async def test_a_statement_made_again_has_a_key_of_its_own_figures(
    listening: Collector, site: LoadedSite, clock: ManualClock
) -> None:
    worker, day = Worker(site, clock), worker_day(site, clock)
    for _ in range(2):
        await worker.hand_over(day, again=True)
    listening.buffer.event("late", "limit", "air-101.co2", clock.ms - DAY_MS)
    await worker.hand_over(day, again=True)
    keys = [command.key for command in listening.commands]
    assert keys[0] == keys[1] != keys[2]
    assert all(key.startswith("statement-school-2026-11-17-") for key in keys)


@pytest.mark.parametrize("days", [0, 1, -36])
async def test_a_day_that_is_not_over_or_long_past_is_refused(
    listening: Collector, site: LoadedSite, clock: ManualClock, days: int
) -> None:
    day = date(2026, 11, 18) + timedelta(days=days)
    with pytest.raises(ControlError, match=f"{day} cannot have a statement now"):
        await Worker(site, clock).hand_over(day, again=True)
    assert listening.commands == []


def test_the_command_says_when_there_is_nothing_to_do_and_when_nobody_listens(
    collector: Collector, site: LoadedSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "configure", lambda *_, **__: None)  # the test's own process keeps its logs
    path = write_site_file(site)
    early = CliRunner().invoke(
        app, ["work", str(path), "--once", "--clock-start", "2026-11-15T12:00:00+08:00"]
    )
    assert early.exit_code == 0, early.output
    assert early.stdout == "no statement is due (没有待生成的日报)\n"
    late = CliRunner().invoke(
        app, ["work", str(path), "--day", "2026-11-16", "--clock-start", "2026-11-18T12:00:00+08:00"]
    )
    assert isinstance(late.exception, CollectorAwayError)


def worker_day(site: LoadedSite, clock: ManualClock) -> date:
    return Worker(site, clock).due()[-1]


class Steps:
    """A clock whose sleeps end one by one, after ``between`` has done something."""

    def __init__(self, ms: int, between: list[Callable[[], Awaitable[object]]]) -> None:
        self.ms, self._between, self.slept = ms, between, list[float]()
        self.done = asyncio.Event()

    def now_ms(self) -> int:
        return self.ms

    def monotonic_s(self) -> float:
        return self.ms / 1000

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        if not self._between:
            self.done.set()
            await asyncio.get_running_loop().create_future()
        await self._between.pop(0)()


async def test_it_tries_again_until_the_collector_is_back(
    collector: Collector, site: LoadedSite, clock: ManualClock
) -> None:
    server = collector.server()

    async def still_away() -> None:
        assert worker.figures.health().problems

    steps = Steps(clock.ms, [still_away, server.__aenter__])
    worker = Worker(site, steps)
    task = asyncio.create_task(worker.run())
    await steps.done.wait()
    assert [command.subject for command in collector.commands] == ["2026-11-15", "2026-11-16", "2026-11-17"]
    assert steps.slept[:2] == [RETRY_S, RETRY_S]
    assert worker.figures.health().problems == ()
    assert worker.figures.health().facts == {"last_statement": "2026-11-17"}
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await server.__aexit__()


async def test_a_refusal_is_kept_for_healthz_and_tried_again(
    listening: Collector, site: LoadedSite, clock: ManualClock
) -> None:
    listening.refusal = "no such day"
    steps = Steps(clock.ms, [])
    worker = Worker(site, steps)
    task = asyncio.create_task(worker.run())
    await steps.done.wait()
    assert worker.figures.health().problems == ("no such day",)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_without_a_collector_handing_over_says_so(
    collector: Collector, site: LoadedSite, clock: ManualClock
) -> None:
    with pytest.raises(CollectorAwayError, match="not running"):
        await Worker(site, clock).work_off()


async def test_it_ends_within_two_seconds_when_told(tmp_path: Path) -> None:
    site = school(tmp_path, worker={"port": free_port()})
    stop = asyncio.Event()
    task = asyncio.create_task(work(site, ManualClock(DAY_MS * 20_000), stop))
    stop.set()
    await asyncio.wait_for(task, 2)


async def test_a_taken_port_is_named_with_the_cure(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        site = school(tmp_path, worker={"port": other.getsockname()[1]})
        with pytest.raises(ConfigError, match=r"cannot be used.*worker: \{port"):
            await work(site, ManualClock(0), asyncio.Event())


def test_the_process_ends_in_order_at_sigterm(tmp_path: Path) -> None:
    port = free_port()
    site = school(tmp_path, worker={"port": port})
    path = write_site_file(site)
    process = subprocess.Popen(
        [sys.executable, "-m", "gateway.cli", "work", str(path)], stderr=subprocess.PIPE, text=True
    )
    try:
        wait_for_port(port, process)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 0
    finally:
        process.kill()
        process.communicate()


def wait_for_port(port: int, process: subprocess.Popen[str]) -> None:
    """Until something listens; the test's own time-out is the limit."""
    while process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
    raise AssertionError(process.stderr.read() if process.stderr else "")
