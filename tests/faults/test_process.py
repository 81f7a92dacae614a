"""What befalls a process: stopped for minutes, started twice, few descriptors, a log nobody reads (F14, F15, F17, F43)."""

from __future__ import annotations

import asyncio
import fcntl
import os
import signal
import socket
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import pairwise
from pathlib import Path

import pytest

from tests.faults.collector import PATIENCE_S, Plant, cpu_s, eventually, running
from tests.ports import free_port
from tests.sources.slave import Slave, tcp

pytestmark = pytest.mark.real("util-linux")

RATE = 60
"""A minute of the collector's is a second of ours: its poll interval is a second, and five minutes are five."""
STOPPED_S = 5.0
POLLS = 4
INGESTS_S_MAX = 20.0


async def polled(plant: Plant, count: int) -> list[int]:
    """When the Modbus meter was read, once there are ``count`` times."""
    sql = "SELECT DISTINCT measured_at FROM reading JOIN point USING (point_id) WHERE name = 'main-e.energy_import' ORDER BY 1"
    async with asyncio.timeout(PATIENCE_S):
        while len(found := plant.rows(sql)) < count:
            await asyncio.sleep(0.05)
    return [int(at) for (at,) in found]


async def test_a_collector_that_stood_still_for_five_minutes_catches_up_with_one_poll(tmp_path: Path) -> None:
    async with tcp(Slave()) as bus:
        plant = Plant(tmp_path, free_port(), bus)
        with running(plant.command("--clock-rate", str(RATE)), tmp_path / "log") as process:
            before = await polled(plant, 2)
            process.send_signal(signal.SIGSTOP)
            await asyncio.sleep(STOPPED_S)  # the standing still is what is tested
            process.send_signal(signal.SIGCONT)
            times = await polled(plant, len(before) + 1 + POLLS)
            process.terminate()
            assert await asyncio.to_thread(process.wait, PATIENCE_S) == 0
    waits_ms = [later - earlier for earlier, later in pairwise(times)]
    gap = max(range(len(waits_ms)), key=waits_ms.__getitem__)
    assert waits_ms[gap] > 0.8 * STOPPED_S * RATE * 1000
    assert sum(wait < 0.5 * RATE * 1000 for wait in waits_ms[gap + 1 :]) <= 1


def test_a_second_collector_is_refused_and_leaves_the_first_alone(tmp_path: Path) -> None:
    plant = Plant(tmp_path, free_port(), free_port())
    with running(plant.command(), tmp_path / "log") as process:
        eventually(lambda: plant.rows("SELECT 1 FROM meta") != [], "the first has opened the buffer")
        second = subprocess.run(
            plant.command(), capture_output=True, text=True, timeout=PATIENCE_S, check=False
        )
        assert second.returncode == 1
        assert "is writing this buffer" in second.stderr
        assert "Traceback" not in second.stderr
        assert process.poll() is None
        process.terminate()
        assert process.wait(PATIENCE_S) == 0


async def test_p18_noise_over_the_whole_buffer_of_a_running_collector_is_found_and_ingest_goes_on(
    tmp_path: Path,
) -> None:
    """F12, as another program would write it; the scrub or the next commit meets it."""
    async with tcp(Slave()) as bus:
        plant = Plant(tmp_path, free_port(), bus)
        with running(plant.command("--clock-rate", str(RATE)), tmp_path / "log") as process:
            await polled(plant, 3)
            process.terminate()  # so that all lies in the file, and not in the log
            assert await asyncio.to_thread(process.wait, PATIENCE_S) == 0
        with running(plant.command("--clock-rate", str(RATE)), tmp_path / "log") as process:
            before = await polled(plant, 6)
            [(epoch,)] = plant.rows(EPOCH)
            noise(tmp_path / "buffer.db")
            async with asyncio.timeout(PATIENCE_S):
                while not goes_on(plant, str(epoch), before[-1]):
                    await asyncio.sleep(0.05)
                while not list(tmp_path.glob("buffer.db.salvaged-*")):
                    await asyncio.sleep(0.05)
            process.terminate()
            assert await asyncio.to_thread(process.wait, PATIENCE_S) == 0
    assert plant.rows("SELECT 1 FROM event WHERE kind = 'buffer_damaged'") != []
    held = {at for (at,) in plant.rows("SELECT measured_at FROM reading")}
    told = plant.rows("SELECT min(start), max(\"end\") FROM gap WHERE point = '*'")
    assert all(at in held or told[0][0] <= at < told[0][1] for at in before)


EPOCH = "SELECT value FROM meta WHERE key = 'epoch'"


def noise(path: Path) -> None:
    """Random bytes over all of a file that others have open; by another process, as closing it would cost us our locks."""
    pages = str(path.stat().st_size // 4096)
    words = [
        "dd",
        "if=/dev/urandom",
        f"of={path}",
        "bs=4096",
        f"count={pages}",
        "conv=notrunc",
        "status=none",
    ]
    subprocess.run(words, check=True)


def goes_on(plant: Plant, epoch: str, newest: int) -> bool:
    """Whether another buffer is in use and has newer readings; the damaged one reads as anything until then."""
    try:
        is_another = plant.rows(EPOCH) not in ([], [(epoch,)])
        return is_another and plant.rows("SELECT 1 FROM reading WHERE measured_at > ?", newest) != []
    except sqlite3.DatabaseError:
        return False


@contextmanager
def many_connections(path: Path, count: int) -> Iterator[None]:
    with ExitStack() as stack:
        for _ in range(count):
            one = stack.enter_context(socket.socket(socket.AF_UNIX))
            one.setblocking(False)
            one.connect_ex(str(path))
        yield


async def test_a_collector_short_of_descriptors_keeps_ingesting_and_does_not_spin(tmp_path: Path) -> None:
    async with tcp(Slave()) as bus:
        plant = Plant(tmp_path, free_port(), bus)
        words = ["prlimit", "--nofile=64", *plant.command("--clock-rate", str(RATE))]
        with running(words, tmp_path / "log") as process:
            before = await polled(plant, 1)
            with many_connections(next(tmp_path.rglob("*.sock")), 100):
                burnt_s, began_s = cpu_s(process.pid), time.monotonic()
                await polled(plant, len(before) + POLLS)
                assert cpu_s(process.pid) - burnt_s < 0.5 * (time.monotonic() - began_s)
            assert process.poll() is None


async def test_a_collector_whose_stderr_is_closed_ingests(tmp_path: Path) -> None:
    async with tcp(Slave()) as bus:
        plant = Plant(tmp_path, free_port(), bus)
        words = ["sh", "-c", 'exec "$@" 2>&-', "sh", *plant.command("--clock-rate", str(RATE))]
        with running(words, tmp_path / "log") as process:
            assert await ingests(plant, process)


async def test_a_log_that_nobody_reads_does_not_hold_up_ingest(tmp_path: Path) -> None:
    with full_pipe() as writing:
        async with tcp(Slave()) as bus:
            plant = Plant(tmp_path, free_port(), bus)
            words = plant.command("--clock-rate", str(RATE))
            with running(words, tmp_path / "log", stderr=writing) as process:
                assert await ingests(plant, process)


async def ingests(plant: Plant, process: subprocess.Popen[bytes]) -> bool:
    """Whether the meter is read twice before the process ends or hangs."""
    end = time.monotonic() + INGESTS_S_MAX
    while plant.stored("main-e") < 2 and process.poll() is None and time.monotonic() < end:
        await asyncio.sleep(0.05)
    return plant.stored("main-e") >= 2


@contextmanager
def full_pipe() -> Iterator[int]:
    """The writing end of a pipe that holds as much as it can, and blocks."""
    reading, writing = os.pipe()
    try:
        os.set_blocking(writing, False)
        os.write(writing, bytes(fcntl.fcntl(writing, fcntl.F_GETPIPE_SZ)))
        os.set_blocking(writing, True)
        yield writing
    finally:
        os.close(reading)
        os.close(writing)
