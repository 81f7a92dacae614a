"""A full buffer: 10 million readings of 300 points and a year of their hours. How long a restart takes, how long questions.

Wall time, because that is what somebody waits for, and CPU time, which a busy machine does not change; medians of three. The
restart is a process of its own: from exec until open slots and rules stand again, as the collector does it before its first
reading.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from bench.child import ROOT
from bench.measure import RUNS
from edge_config.schema import SiteFile
from edge_config.site import LoadedSite
from gateway.book.accounts import Accounts
from gateway.intervals import roll_up
from gateway.model import QUARTER_MS, Content, Interval, Period, Readings
from gateway.points import build_points
from gateway.query.reader import Reader
from gateway.recovery.opening import Opening
from gateway.store import intervals
from gateway.store.database import open_writer
from gateway.store.new_rows import NewRows
from runtime.clock import SystemClock, machine_start

READINGS = 10_000_000
DEVICES, POINTS = 15, 20
STEP_MS = 10_000
HOURS = 365 * 24
HOUR_MS = 4 * QUARTER_MS
ROWS_A_COMMIT = 60_000
GOALS = {"restart, ms": 3000, "one point's day of raw, ms": 150, "one point's year of hours, ms": 50}


def site(folder: Path) -> LoadedSite:
    from bench.modbus_poll import profile

    devices = [
        {
            "id": f"m{number}",
            "profile": "bench-meter",
            "bus": "b",
            "unit_id": number + 1,
            "poll_interval_s": 10,
        }
        for number in range(DEVICES)
    ]
    file = SiteFile.model_validate(
        {
            "site": {"id": "bench", "name": "bench"}, "gateway": {"id": "gw-1"},
            "buses": [{"id": "b", "kind": "modbus-tcp", "host": "127.0.0.1"}], "devices": devices,
            "buffer": {"path": "buffer.db"},
        }
    )  # fmt: skip
    return LoadedSite(file, folder, folder / "site.yaml", {"bench-meter": profile()})


def fill(loaded: LoadedSite, count: int, hours: int, now: int) -> None:
    """Readings up to ``now``, the last of them through the book, so that slots are open; before that, hours."""
    points = build_points(loaded)
    names = tuple(point.name for point in points)
    with closing(open_writer(loaded.buffer_path)) as connection:
        accounts = Accounts(loaded, points)
        connection.execute("BEGIN IMMEDIATE")
        accounts.restore(connection, now)
        connection.execute("COMMIT")
        ticks, ids = count // len(names), range(1, len(names) + 1)
        per_commit = ROWS_A_COMMIT // len(names)
        for first in range(ticks, 0, -per_commit):
            connection.execute("BEGIN IMMEDIATE")
            rows = NewRows()
            for tick in range(first, max(0, first - per_commit), -1):
                rows.add_good(now - tick * STEP_MS, 40, ids, [22_000 + tick % 100] * len(ids))
            rows.insert(connection)
            connection.execute("COMMIT")
        connection.execute("BEGIN IMMEDIATE")
        for point_id, name in enumerate(names, 1):
            for hour in _hours(name, now, hours):
                intervals.put(connection, point_id, hour, 1, 1)
        connection.execute("COMMIT")
        connection.execute("BEGIN IMMEDIATE")
        accounts.book(connection, [Readings(names, now, now, [220.0] * len(names))], now)
        connection.execute("COMMIT")


def _hours(name: str, now: int, hours: int) -> list[Interval]:
    last = now - now % HOUR_MS
    one = Interval(
        name, Period.QUARTER, 0, QUARTER_MS, Content.MEASURED, 1.0, mean=220.0, low=219.0, high=221.0
    )
    return [
        roll_up(
            Period.HOUR, last - number * HOUR_MS, last - (number - 1) * HOUR_MS, [one] * 4, is_counter=False
        )
        for number in range(hours, 0, -1)
    ]


def start_again(folder: Path) -> None:
    """From exec to open slots."""
    subprocess.run([sys.executable, "-m", "bench.full_buffer", str(folder)], cwd=ROOT, check=True)


def restart(folder: Path) -> None:
    """What the child does."""
    loaded, clock = site(folder), SystemClock()
    now, mono_ms = clock.now_ms(), clock.monotonic_s() * 1000
    with (
        closing(Opening(loaded, machine_start())) as opening,
        closing(opening.open(now, mono_ms)) as connection,
    ):
        accounts = Accounts(loaded, build_points(loaded))
        connection.execute("BEGIN IMMEDIATE")
        accounts.restore(connection, now)
        opening.before_commit(connection, accounts.head)
        connection.execute("COMMIT")


def waited_ms(question: Callable[[], object]) -> tuple[float, float]:
    """How long the answer took, and how long it computed, here and in children that have ended; medians."""

    def once() -> tuple[float, float]:
        begun, cpu_s = time.perf_counter(), _cpu_s()
        question()
        return 1000 * (time.perf_counter() - begun), 1000 * (_cpu_s() - cpu_s)

    waited, computed = zip(*(once() for _ in range(RUNS)), strict=True)
    return statistics.median(waited), statistics.median(computed)


def _cpu_s() -> float:
    used = os.times()
    return used.user + used.system + used.children_user + used.children_system


def figures(folder: Path, count: int, hours: int) -> dict[str, tuple[float, float]]:
    clock = SystemClock()
    loaded, now = site(folder), clock.now_ms()
    fill(loaded, count, hours, now)
    reader, point = Reader(loaded, clock), "m7.p7"
    return {
        "restart, ms": waited_ms(lambda: start_again(folder)),
        "one point's day of raw, ms": waited_ms(lambda: reader.raw(point, now - 86_400_000, now, 10_000)),
        "one point's year of hours, ms": waited_ms(
            lambda: reader.series(point, now - hours * HOUR_MS, now, "hour")
        ),
    }


def table(count: int = READINGS, hours: int = HOURS) -> str:
    with tempfile.TemporaryDirectory() as folder:
        found = figures(Path(folder), count, hours)
    lines = [f"a buffer of {count:,} readings and {hours:,} hours of {DEVICES * POINTS} points"]
    lines.append(f"  {'':32}{'waited':>10}{'CPU':>10}")
    for name, (waited, computed) in found.items():
        lines.append(f"  {name:32}{waited:10.1f}{computed:10.1f}   goal {GOALS[name]:g}")
    return "\n".join(lines)


if __name__ == "__main__":
    restart(Path(sys.argv[1]))
