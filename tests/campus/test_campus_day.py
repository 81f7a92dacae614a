"""A simulated day of the whole campus over real sockets, a serial line and a broker, counted to the register step.

Per meter: what the district adds up against the truth that only the simulator knows, from the first stored reading to the
last. Once undisturbed, once with the collector and the district killed in between.
"""

from __future__ import annotations

import json
import urllib.request
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import pytest

from edge_config.loader import load_site
from simulators.campus import Campus
from tests.campus.running import DAY_MS, RunningDemo, demo

pytestmark = [pytest.mark.campus, pytest.mark.timeout(600)]

# 2026-09-14 02:00 in Shanghai, a school Monday. The day begins and ends at night, when little flows: at this rate a reply
# that takes 5 ms is 4 s old, and the first and the last reading are compared with the truth to one register step.
START_MS = 1_789_380_000_000 - 57_600_000
RATE = 900.0
HOUR_MS = 3_600_000


@dataclass(frozen=True)
class Reading:
    """A stored reading: when, and the register in steps."""

    at: int
    steps: int


@dataclass(frozen=True)
class Compared:
    """One meter between its first and its last stored reading: what was counted and what is true, in its unit.

    ``counted`` is the district's total, and from the last boundary it knows the stored register's remainder.
    ``boundary`` is the register there by the district, which the stored readings around it must enclose."""

    point: str
    counted: Decimal
    true: Decimal
    step: Decimal
    boundary: tuple[Decimal, Decimal, Decimal]

    @property
    def is_equal(self) -> bool:
        before, at, after = self.boundary
        return abs(self.counted - self.true) <= self.step and before <= at <= after


def wait_for_the_day_at_the_district(running: RunningDemo, end_ms: int) -> None:
    """Until every counter has closed its slots up to ``end_ms``, and the district has the change that told the last."""
    closed = "SELECT min(closed_to) FROM watermark JOIN point USING (point_id) WHERE kind = 'counter'"
    running.wait_for("the day is closed", lambda: (number(running, closed) or 0) >= end_ms)
    head = number(running, "SELECT max(seq) FROM change") or 0
    cursor = "SELECT min(cursor) FROM uplink"
    running.wait_for("the day is at the district", lambda: (number(running, cursor) or 0) >= head)


def number(running: RunningDemo, sql: str) -> int | None:
    """The one figure of a query."""
    value = running.rows(sql)[0][0]
    return None if value is None else int(str(value))


def district_totals(running: RunningDemo, end_ms: int) -> dict[str, dict[str, object]]:
    url = f"http://127.0.0.1:{running.port_base + 1}/v1/sites/demo-school/totals?from={START_MS}&to={end_ms}"
    with urllib.request.urlopen(url, timeout=30) as reply:
        return {row["point"]: row for row in json.load(reply)["points"]}


def compare(running: RunningDemo, end_ms: int) -> list[Compared]:
    """Every counter: the district's total against the truth between its first and its last stored reading."""
    totals, campus = district_totals(running, end_ms), Campus(load_site(running.folder / "site.yaml"))
    points = running.rows("SELECT point_id, name, step FROM point WHERE kind = 'counter' ORDER BY point_id")
    return [
        compare_one(running, campus, totals[str(name)], int(str(point_id)), Decimal(str(step)), end_ms)
        for point_id, name, step in points
    ]


def compare_one(
    running: RunningDemo, campus: Campus, total: dict[str, object], point_id: int, step: Decimal, end_ms: int
) -> Compared:
    first, last = reading(running, point_id, "ASC"), reading(running, point_id, "DESC")
    before = reading(running, point_id, "DESC", f"measured_at <= {end_ms}")
    after = reading(running, point_id, "ASC", f"measured_at >= {end_ms}")
    name, register_end = str(total["point"]), Decimal(str(total["register_end"]))
    (truth,) = (t for t in campus.counter_truth(first.at, last.at) if t.point == name)
    counted = Decimal(str(total["value"])) + last.steps * step - register_end
    boundary = (before.steps * step, register_end, after.steps * step)
    return Compared(name, counted, truth.end - truth.start, step, boundary)


def reading(running: RunningDemo, point_id: int, order: str, where: str = "1") -> Reading:
    rows = running.rows(
        f"SELECT measured_at, value FROM reading WHERE {where} AND point_id = {point_id} AND quality = 0"
        f" ORDER BY measured_at {order} LIMIT 1"
    )
    return Reading(*(int(str(number)) for number in rows[0]))


def assert_equal_to_the_truth(running: RunningDemo, end_ms: int) -> None:
    compared = compare(running, end_ms)
    for row in compared:
        print(f"{row.point:32} district {row.counted:>12} truth {row.true:>12} step {row.step}")
    assert [row for row in compared if not row.is_equal] == []
    meters = [
        row for row in compared if row.point.partition(".")[2] in {"energy_import", "energy_yield", "volume"}
    ]
    assert len({row.point.partition(".")[0] for row in meters}) >= 14
    assert sum(row.counted for row in meters) > 100


def stop_within_five_seconds(running: RunningDemo) -> None:
    assert running.stop() <= 5.0
    assert running.pids() == []


def test_a_days_totals_at_the_district_equal_the_simulators_truth(tmp_path: Path) -> None:
    end_ms = START_MS + DAY_MS
    with demo(tmp_path / "demo", rate=RATE, start_ms=START_MS) as running:
        running.wait_until(end_ms)
        wait_for_the_day_at_the_district(running, end_ms)
        assert_equal_to_the_truth(running, end_ms)
        stop_within_five_seconds(running)


def test_the_same_after_the_collector_is_killed_twice_and_the_district_once(tmp_path: Path) -> None:
    end_ms = START_MS + DAY_MS
    with demo(tmp_path / "demo", rate=RATE, start_ms=START_MS) as running:
        for hour, command in ((6, "collect"), (10, "district"), (15, "collect")):
            running.wait_until(START_MS + hour * HOUR_MS)
            running.kill(command)
        running.wait_until(end_ms)
        wait_for_the_day_at_the_district(running, end_ms)
        assert_equal_to_the_truth(running, end_ms)
        stop_within_five_seconds(running)
