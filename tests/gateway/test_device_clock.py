"""What devices say of the time, from payload to interval (P13): a wrong clock is kept as bad, told, and moves nothing (S14)."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from edge_config.site import LoadedSite
from gateway.book.accounts import Accounts
from gateway.points import build_points
from gateway.sources.mapping import TopicMap
from gateway.sources.mqtt import mqtt_device
from gateway.store.database import open_writer
from gateway.validate import Validator
from tests.gateway.conftest import QUARTER_MS, T0, small_site

MINUTE, DAY, YEAR = 60_000, 86_400_000, 365 * 86_400_000
POINT = "tb.energy_import"


class Wire:
    """Messages in, buffer out: mapping, judging and booking as shipped."""

    def __init__(self, site: LoadedSite, connection: sqlite3.Connection) -> None:
        points = build_points(site)
        self.topics = TopicMap([mqtt_device(site, site.file.devices[0])])
        self.validator = Validator({point.name: point for point in points})
        self.connection, self.accounts = connection, Accounts(site, points)
        self.accounts.restore(connection, T0)

    def hear(self, ts: object, kwh: float, now: int) -> None:
        payload = json.dumps({"ts": ts, "values": {"energy": kwh}}).encode()
        mapped = self.topics.map("site/tb", payload, is_retained=False, now_ms=now)
        judged = self.validator.judge_all(mapped.groups)
        self.accounts.book(self.connection, judged.groups, now)

    def rows(self, sql: str) -> list[tuple[object, ...]]:
        return self.connection.execute(sql).fetchall()

    def slots(self) -> list[tuple[object, ...]]:
        return self.rows("SELECT start, content, steps FROM interval WHERE period = '15min' ORDER BY start")


@pytest.fixture
def wire(tmp_path: Path) -> Iterator[Wire]:
    site = small_site(
        tmp_path,
        devices=[{"id": "tb", "profile": "thingsboard-meter", "broker": "local", "topic": "site/tb"}],
    )
    connection = open_writer(site.buffer_path)
    yield Wire(site, connection)
    connection.close()


@pytest.mark.parametrize(
    "wrong",
    [
        lambda at: at // 1000,  # seconds where milliseconds are due: January 1970
        lambda at: at * 1000,  # microseconds: the year 57,000
        lambda at: at * 1_000_000,
        lambda at: at + 10 * YEAR,
        lambda at: at - 10 * YEAR,
        lambda at: at + 5 * MINUTE + 1,
        lambda at: at - 7 * DAY - 1,
        lambda at: at - T0,  # the time since it was switched on
        lambda _: -1,
        str,
        lambda _: "2025-11-23T08:00:00",
    ],
    ids=["s", "us", "ns", "ahead", "behind", "5min", "7days", "uptime", "negative", "text", "iso"],
)
def test_p13_f22_a_time_that_cannot_be_right_enters_no_interval_and_is_told_of_the_device(
    wire: Wire, wrong: object
) -> None:
    assert callable(wrong)
    for minute in range(40):
        at = T0 + minute * MINUTE
        wire.hear(wrong(at) if minute % 7 == 3 else at, 10 + minute / 10, at)
    bad = wire.rows("SELECT count(*), count(value), max(reason) FROM reading WHERE quality = 2")
    assert bad == [(6, 0, "device_clock")]
    assert wire.slots() == [(T0, "measured", 150), (T0 + QUARTER_MS, "measured", 150)]
    assert wire.rows("SELECT kind, subject FROM event") == [("clock", "tb")]


@pytest.mark.parametrize("order", [range(40), range(39, -1, -1), [*range(0, 40, 2), *range(1, 40, 2)]])
def test_f22_times_that_come_reversed_or_mixed_tell_the_same_story(wire: Wire, order: Sequence[int]) -> None:
    now = T0 + 40 * MINUTE
    for minute in order:
        wire.hear(T0 + minute * MINUTE, 10 + minute / 10, now)
    wire.accounts.tick(wire.connection, now + 2 * MINUTE)
    wire.accounts.tick(wire.connection, now + 4 * MINUTE)
    assert wire.slots()[:2] == [(T0, "measured", 150), (T0 + QUARTER_MS, "measured", 150)]


def test_p5_f22_the_same_times_again_are_no_new_rows(wire: Wire) -> None:
    for _ in range(3):
        for minute in range(20):
            wire.hear(T0 + minute * MINUTE, 10 + minute / 10, T0 + 20 * MINUTE)
    assert wire.rows("SELECT count(*) FROM reading") == [(20,)]
    assert wire.rows("SELECT count(*) FROM correction") == [(0,)]


def test_a_device_ten_years_ahead_leaves_the_shown_value_and_the_open_slot_alone(wire: Wire) -> None:
    wire.hear(T0, 10.0, T0)
    before = wire.rows("SELECT * FROM watermark")
    wire.hear(T0 + 10 * YEAR, 99.0, T0 + MINUTE)
    assert wire.rows("SELECT * FROM watermark") == before
    assert wire.rows("SELECT count(*) FROM interval") == [(0,)]
