"""The reader over a buffer that the collector's own accounts wrote: what it says equals what the meters showed."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from edge_config.site import LoadedSite
from gateway.book.accounts import Accounts
from gateway.model import Reading, groups_of
from gateway.points import build_points
from gateway.query.reader import Reader
from gateway.store.database import open_writer
from tests.query.buffers import ManualClock, local_ms, school

MAIN, CO2 = "main-e.energy_import", "air-101.co2"
MINUTE = 60_000


class Collector:
    """The accounts and their connection, one commit per booking."""

    def __init__(self, site: LoadedSite, now: int) -> None:
        self.connection = open_writer(site.buffer_path)
        self.accounts = Accounts(site, build_points(site))
        self.accounts.restore(self.connection, now)

    def book(self, now: int, *readings: Reading) -> None:
        self.connection.execute("BEGIN IMMEDIATE")
        self.accounts.book(self.connection, groups_of(readings), now)
        self.accounts.tick(self.connection, now)
        self.connection.execute("COMMIT")


@pytest.mark.parametrize("seed", range(3))
def test_the_total_since_the_first_reading_is_the_difference_of_the_registers(
    tmp_path: Path, seed: int
) -> None:
    """With gaps, and at any moment between two closed slots."""
    random, site = Random(seed), school(tmp_path)
    clock = ManualClock(local_ms(site, "2026-11-18", "07:00"))
    collector, reader = Collector(site, clock.ms), Reader(site, clock)
    began, register = clock.ms, 10_000
    collector.book(clock.ms, Reading(MAIN, clock.ms, clock.ms, register / 10))
    for _ in range(60):
        clock.ms += random.choice([10_000, MINUTE, 7 * MINUTE, 40 * MINUTE])
        register += random.randrange(0, 50)
        collector.book(clock.ms, Reading(MAIN, clock.ms, clock.ms, register / 10))
        found = reader.total("active_energy_import", began, clock.ms, points=[MAIN])
        assert found.value == pytest.approx((register - 10_000) / 10, abs=1e-9)
    collector.connection.close()


def test_a_meter_that_fell_silent_is_shown_with_its_last_word(tmp_path: Path) -> None:
    site = school(tmp_path)
    clock = ManualClock(local_ms(site, "2026-11-18", "07:00"))
    collector, reader = Collector(site, clock.ms), Reader(site, clock)
    began = clock.ms
    for minute in range(200):
        clock.ms = began + minute * MINUTE
        fresh = [Reading(CO2, clock.ms, clock.ms, 700.0 + minute)]
        if minute <= 67:
            fresh.append(Reading(MAIN, clock.ms, clock.ms, 1000 + minute))
        collector.book(clock.ms, *fresh)
    meter, air = reader.latest([MAIN, CO2])
    assert (meter.value, meter.measured_at, meter.is_delayed) == (1067.0, began + 67 * MINUTE, True)
    assert (air.value, air.quality, air.is_delayed) == (899.0, "good", False)
    total = reader.total("active_energy_import", began, clock.ms, points=[MAIN])
    assert total.value == pytest.approx(67.0)
    assert total.known_share == pytest.approx(67 / 199)
    collector.connection.close()


def test_a_new_meter_counts_before_its_first_slot_has_closed(tmp_path: Path) -> None:
    site = school(tmp_path)
    clock = ManualClock(local_ms(site, "2026-11-18", "07:00"))
    collector, began = Collector(site, clock.ms), clock.ms
    for register in (500.0, 500.4, 501.0):
        clock.ms += MINUTE
        collector.book(clock.ms, Reading(MAIN, clock.ms, clock.ms, register))
    found = Reader(site, clock).total("active_energy_import", began, clock.ms, points=[MAIN])
    assert found.value == pytest.approx(1.0)
    collector.connection.close()


def test_completeness_counts_what_the_collector_closed(tmp_path: Path) -> None:
    site = school(tmp_path)
    clock = ManualClock(local_ms(site, "2026-11-18", "07:00"))
    collector, reader, began = Collector(site, clock.ms), Reader(site, clock), clock.ms
    for minute in range(130):
        clock.ms = began + minute * MINUTE
        silent = 20 <= minute < 70
        collector.book(clock.ms, *([] if silent else [Reading(CO2, clock.ms, clock.ms, 800.0)]))
    row = next(row for row in reader.completeness("2026-11-18", "2026-11-18", "point") if row.subject == CO2)
    contents = dict(
        collector.connection.execute(
            "SELECT content, count(*) FROM interval JOIN point USING (point_id)"
            " WHERE name = ? AND period = '15min' AND start < ? GROUP BY content",
            (CO2, began + 8 * 15 * MINUTE),
        )
    )
    assert row.due == 8
    assert (row.measured, row.estimated, row.missing) == (
        contents.get("measured", 0), contents.get("estimated", 0), contents.get("missing", 0),
    )  # fmt: skip
    collector.connection.close()
