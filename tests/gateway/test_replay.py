"""A replay takes the same way as live readings, says which line is wrong, and is judged by its own interval."""

from __future__ import annotations

import json

import pytest

from edge_config.site import LoadedSite
from gateway.door.replay import Header, replay
from gateway.errors import ConfigError
from gateway.store.database import open_reader
from tests.gateway.conftest import T0, ManualClock

FIVE_MINUTES = 300_000


def lines(count: int, header: bool = True) -> list[bytes]:
    first = {
        "replay": {"expected_interval_s": 300, "start": T0, "end": T0 + count * FIVE_MINUTES, "total": count}
    }
    readings = [
        {"point": "main-e.energy_import", "measured_at": T0 + i * FIVE_MINUTES, "value": i / 10}
        for i in range(count)
    ]
    return [json.dumps(line).encode() + b"\n" for line in ([first] * header + readings)]


def nobody(_done: int, _total: int) -> None:
    """Nobody looks on."""


def contents(site: LoadedSite) -> list[str]:
    reader = open_reader(site.buffer_path)
    rows = reader.execute("SELECT content FROM interval WHERE period = '15min' ORDER BY start").fetchall()
    reader.close()
    return [row[0] for row in rows]


async def test_slots_of_a_replay_count_as_measured_by_its_own_interval(
    site: LoadedSite, clock: ManualClock
) -> None:
    clock.ms = T0 + 13 * FIVE_MINUTES
    shown: list[tuple[int, int]] = []
    stored = await replay(site, clock, "x", lines(13), None, lambda done, total: shown.append((done, total)))
    assert stored == 13
    assert contents(site) == ["measured"] * 4
    assert shown == [(13, 13)]


async def test_without_a_header_the_interval_can_be_said(site: LoadedSite, clock: ManualClock) -> None:
    clock.ms = T0 + 13 * FIVE_MINUTES
    await replay(site, clock, "x", lines(13, header=False), Header(300, 0, clock.ms), lambda *_: None)
    assert contents(site) == ["measured"] * 4


async def test_the_same_replay_again_stores_nothing(site: LoadedSite, clock: ManualClock) -> None:
    clock.ms = T0 + 13 * FIVE_MINUTES
    for wanted in (13, 0):
        assert await replay(site, clock, "x", lines(13), None, lambda *_: None) == wanted


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        (b'{"point": "nobody.power", "measured_at": 1, "value": 1}', "no point 'nobody.power'"),
        (b'{"point": "main-e.power", "measured_at": "2026-01-01T00:00:00", "value": 1}', "no time zone"),
        (b'{"point": "main-e.power", "measured_at": 1, "value": NaN}', "malformed"),
        (b"not json", "malformed"),
        (b'{"point": "main-e.power", "measured_at": 1763856000, "value": 1}', "before 2000"),
        (b'{"point": "main-e.power", "measured_at": 1, "value": 1, "x": 2}', "unknown field"),
    ],
)
async def test_a_line_that_cannot_be_used_is_named_and_what_came_before_is_kept(
    site: LoadedSite, clock: ManualClock, line: bytes, wrong: str
) -> None:
    clock.ms = T0 + 13 * FIVE_MINUTES
    with pytest.raises(ConfigError, match=rf"(?s)history\.jsonl:15: .*{wrong}"):
        await replay(site, clock, "history.jsonl", [*lines(13), line], None, lambda *_: None)
    assert contents(site) == ["measured"] * 4


async def test_our_clock_closes_no_slot_of_a_replay(
    site: LoadedSite, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.door.replay.CHUNK", 2)
    monkeypatch.setattr("gateway.door.ingest.TICK_S", 0.0)
    clock.ms = T0 + 30 * 86_400_000
    await replay(site, clock, "x", lines(13), None, lambda *_: None)
    reader = open_reader(site.buffer_path)
    assert reader.execute(
        "SELECT DISTINCT content, revision FROM interval WHERE period = '15min'"
    ).fetchall() == [("measured", 1)]
    reader.close()


@pytest.mark.parametrize("year", ["2099-01-01T00:00:00Z", "2025-11-23T01:10:30Z"])
async def test_a_line_from_the_future_is_named_and_kept_as_bad_and_makes_nothing_after_it_late(
    site: LoadedSite, clock: ManualClock, year: str
) -> None:
    clock.ms = T0 + 13 * FIVE_MINUTES
    line = {"point": "main-e.energy_import", "measured_at": year, "value": 0.3}
    history = lines(13)
    with pytest.raises(ConfigError, match=r"history\.jsonl:6: .*ahead.*1 such .*lines 6\."):
        await replay(
            site,
            clock,
            "history.jsonl",
            [*history[:5], json.dumps(line).encode(), *history[5:]],
            None,
            nobody,
        )
    reader = open_reader(site.buffer_path)
    assert reader.execute("SELECT count(*) FROM reading WHERE quality = 0").fetchone() == (13,)
    assert reader.execute("SELECT value, reason FROM reading WHERE quality = 2").fetchall() == [
        (None, "device_clock")
    ]
    assert reader.execute("SELECT kind, subject FROM event").fetchall() == [("clock", "main-e")]
    reader.close()
    assert contents(site) == ["measured"] * 4


async def test_a_replay_that_says_it_reaches_into_the_future_does_not_judge_what_comes_then(
    site: LoadedSite, clock: ManualClock
) -> None:
    clock.ms = T0 + 13 * FIVE_MINUTES
    await replay(site, clock, "x", lines(13, header=False), Header(86_400, T0, 2**42), nobody)
    reader = open_reader(site.buffer_path)
    ((end,),) = reader.execute('SELECT "end" FROM replay_span').fetchall()
    reader.close()
    assert end <= clock.ms + FIVE_MINUTES
