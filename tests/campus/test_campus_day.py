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
# that takes 5 ms is 4 s old. Counted and true are equal to one register step, with the first and the last reading as old as
# their replies can be.
START_MS = 1_789_380_000_000 - 57_600_000
RATE = 900.0
HOUR_MS = 3_600_000
REPLY_MS_MAX = int(0.5 * RATE * 1000)
"""A reply takes no longer than the buses' time-out, half a second of real time; it says what was true meanwhile."""


@dataclass(frozen=True)
class Reading:
    """A stored reading: when, and the register in steps."""

    at: int
    steps: int


@dataclass(frozen=True)
class Compared:
    """One meter between its first and its last stored reading: what was counted, and what is true at least and at most,
    in its unit.

    ``counted`` is the district's total, and from the last boundary it knows the stored register's remainder.
    ``boundary`` is the register there by the district, which the stored readings around it must enclose."""

    point: str
    counted: Decimal
    true: tuple[Decimal, Decimal]
    step: Decimal
    boundary: tuple[Decimal, Decimal, Decimal]

    @property
    def is_equal(self) -> bool:
        (least, most), (before, at, after) = self.true, self.boundary
        return least - self.step <= self.counted <= most + self.step and before <= at <= after


def wait_for_the_day_at_the_district(running: RunningDemo, end_ms: int) -> None:
    """Until every counter has closed its slots up to ``end_ms``, and the district has the change that told the last."""
    closed = "SELECT min(closed_to) FROM watermark JOIN point USING (point_id) WHERE kind = 'counter'"
    running.wait_for("the day is closed", lambda: (number(running, closed) or 0) >= end_ms)
    newest = (
        "SELECT min(at) FROM (SELECT max(measured_at) AS at FROM reading JOIN point USING (point_id)"
        " WHERE kind = 'counter' AND quality = 0 GROUP BY point_id)"
    )
    running.wait_for("each meter was read after it", lambda: (number(running, newest) or 0) >= end_ms)
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
    first = reading(running, point_id, "ASC")
    last = reading(running, point_id, "DESC", f"measured_at <= {end_ms + HOUR_MS}")
    before = reading(running, point_id, "DESC", f"measured_at <= {end_ms}")
    after = reading(running, point_id, "ASC", f"measured_at >= {end_ms}")
    name, register_end = str(total["point"]), Decimal(str(total["register_end"]))
    now, before_replies = (
        truth
        for late_ms in (0, REPLY_MS_MAX)
        for truth in campus.counter_truth(first.at - late_ms, last.at - late_ms)
        if truth.point == name
    )
    true = (before_replies.end - now.start, now.end - before_replies.start)
    counted = Decimal(str(total["value"])) + last.steps * step - register_end
    boundary = (before.steps * step, register_end, after.steps * step)
    return Compared(name, counted, true, step, boundary)


def reading(running: RunningDemo, point_id: int, order: str, where: str = "1") -> Reading:
    rows = running.rows(
        f"SELECT measured_at, value FROM reading WHERE {where} AND point_id = {point_id} AND quality = 0"
        f" ORDER BY measured_at {order} LIMIT 1"
    )
    return Reading(*(int(str(number)) for number in rows[0]))


def settled(running: RunningDemo, end_ms: int) -> list[Compared]:
    """The comparison once each row is equal. What came too late for its slot is told as a correction soon after: at this
    rate a reply that waits a second on a busy machine is a quarter of an hour late."""
    compared: list[Compared] = []

    def are_equal() -> bool:
        compared[:] = compare(running, end_ms)
        unequal = [row for row in compared if not row.is_equal]
        print(f"{len(compared)} compared, unequal: {unequal}")
        return not unequal

    running.wait_for("each total at the district equals the truth", are_equal)
    return compared


def assert_equal_to_the_truth(running: RunningDemo, end_ms: int) -> None:
    compared = settled(running, end_ms)
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
