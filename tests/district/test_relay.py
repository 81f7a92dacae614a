"""A district hands on what it accepted: unchanged, in order, each batch with one effect above, whatever the network does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from pathlib import Path

import pytest

from district.accept import accept
from district.body import parse
from district.relay import outbox, upkeep
from district.relay.limits import CLAIM_MS
from district.store.database import Connection, Database, DatabaseTrouble, open_database
from tests.district import campus
from tests.district.campus import NOW
from tests.district.tiers import ABOVE, Tiers, rows, standing_tiers
from tests.uplinks.front import LOSE_REPLY, PORTAL, canned, read_message, refusal

INTERVALS = "SELECT period, start, point, value, revision FROM interval ORDER BY start, point"


@pytest.fixture
async def tiers(where: Path | str, tmp_path: Path) -> AsyncIterator[Tiers]:
    async with standing_tiers(where, tmp_path) as standing:
        yield standing


def described(gateway: str = "gw-1", epoch: str = "e-1") -> bytes:
    return campus.batch([campus.site(), campus.point(f"{gateway}.x")], gateway=gateway, epoch=epoch)


def slots(number: int, gateway: str = "gw-1", epoch: str = "e-1") -> bytes:
    """The ``number``-th batch of two quarter-hours after the description, from 0."""
    bodies = [campus.slot(f"{gateway}.x", 2 * number + i) for i in range(2)]
    return campus.batch(bodies, 2 + 2 * number, gateway=gateway, epoch=epoch)


async def test_what_goes_up_is_what_the_gateway_sent_byte_for_byte_in_order(tiers: Tiers) -> None:
    sent = [described(), *(slots(n) for n in range(5))]
    for raw in sent:
        await tiers.take(raw)
    assert await tiers.forwarder.round() is False
    assert [request.partition(b"\r\n\r\n")[2] for request in tiers.front.seen] == sent
    assert tiers.waiting() == []
    assert rows(tiers.above, INTERVALS) == rows(tiers.below, INTERVALS)
    assert rows(tiers.above, "SELECT gateway_id, epoch, from_seq, to_seq FROM received") == [
        ("gw-1", "e-1", 0, 12)
    ]
    assert tiers.cursors() == [("gw-1", "e-1", 6, None, 0)]


async def test_a_lost_reply_is_sent_again_and_has_one_effect(tiers: Tiers) -> None:
    for raw in (described(), slots(0), slots(1)):
        await tiers.take(raw)
    tiers.front.script.extend([b"pass", LOSE_REPLY])
    await tiers.forwarder.round()
    assert [to for *_, to in tiers.waiting()] == [4, 6]
    tiers.clock.now += 3_600_000
    await tiers.forwarder.round()
    assert tiers.waiting() == []
    assert tiers.front.seen[1].partition(b"\r\n\r\n")[2] == tiers.front.seen[2].partition(b"\r\n\r\n")[2]
    assert rows(tiers.above, "SELECT count(*), max(revision) FROM interval") == [(4, 1)]


NO_RECEIPTS = (
    PORTAL,
    canned("204 No Content"),
    canned("301 Moved", b"", "text/html", "Location: /elsewhere"),
    canned("200 OK", b"{}", "application/json"),
    canned("500 Oh", b"x"),
    refusal("503 Service Unavailable", "unavailable"),
    refusal("422 Unprocessable", "invalid"),
    refusal("403 Forbidden", "forbidden"),
    refusal("401 Unauthorized", "unauthorized"),
    refusal("413 Too Large", "too_large"),
)


async def test_only_a_receipt_moves_the_cursor(tmp_path: Path) -> None:
    async with standing_tiers(tmp_path / "below.db", tmp_path) as tiers:
        await tiers.take(described())
        for tried, answer in enumerate(NO_RECEIPTS, 1):
            tiers.front.script.append(answer)
            await tiers.forwarder.round()
            assert len(tiers.front.seen) == tried
            assert tiers.cursors() == [("gw-1", "e-1", 0, None, 0)]
            tiers.clock.now += 3_600_000
        assert len(tiers.waiting()) == 1
        await tiers.forwarder.round()
        assert tiers.waiting() == []


async def test_a_receipt_of_another_batch_moves_nothing(tmp_path: Path) -> None:
    async with standing_tiers(tmp_path / "below.db", tmp_path) as tiers:
        await tiers.take(described())
        await tiers.take(described("gw-2"), "gw-2")
        await tiers.forwarder.round()
        assert tiers.waiting() == []
        _, _, receipt = (await _answer_of(tiers, tiers.front.seen[0])).partition(b"\r\n\r\n")
        await tiers.take(slots(0))
        tiers.front.script.append(canned("200 OK", receipt, "application/json"))
        await tiers.forwarder.round()
        assert [to for *_, to in tiers.waiting()] == [4]


async def _answer_of(tiers: Tiers, request: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", tiers.front.upstream)
    writer.write(request)
    answer = await read_message(reader)
    writer.close()
    await writer.wait_closed()
    return answer


async def test_an_upstream_that_is_away_is_asked_less_and_less_by_chance(tmp_path: Path) -> None:
    async with standing_tiers(tmp_path / "below.db", tmp_path) as tiers:
        await tiers.take(described())
        waits = []
        for _ in range(12):
            tiers.front.script.append(canned("502 Bad Gateway"))
            before = len(tiers.front.seen)
            await tiers.forwarder.round()
            assert len(tiers.front.seen) == before + 1
            wait_s = tiers.forwarder._general.until_s - tiers.clock.monotonic_s()
            waits.append(wait_s)
            await tiers.forwarder.round()
            assert len(tiers.front.seen) == before + 1  # not before its time
            tiers.clock.now += int(wait_s * 1000) + 1
        assert max(waits[:2]) <= 4.0
        assert max(waits) <= 300.0
        assert len(set(waits)) == len(waits)


async def test_retry_after_is_kept_to(tmp_path: Path) -> None:
    async with standing_tiers(tmp_path / "below.db", tmp_path) as tiers:
        await tiers.take(described())
        tiers.front.script.append(refusal("429 Too Many", "too_many", "Retry-After: 600"))
        await tiers.forwarder.round()
        tiers.clock.now += 599_000
        await tiers.forwarder.round()
        assert len(tiers.front.seen) == 1
        tiers.clock.now += 1_000
        await tiers.forwarder.round()
        assert tiers.waiting() == []


async def test_a_stop_above_stops_that_gateway_alone_until_a_person_says_so(tmp_path: Path) -> None:
    async with standing_tiers(tmp_path / "below.db", tmp_path) as tiers:
        await tiers.take(described())
        for turn, fault in enumerate(("fenced", "cloned", "covered")):
            tiers.front.script.append(refusal("409 Conflict", fault))
            await tiers.forwarder.round()
            await tiers.take(slots(turn - 1, "gw-2") if turn else described("gw-2"), "gw-2")
            tiers.clock.now += 3_600_000
            await tiers.forwarder.round()
            assert tiers.waiting() == [("gw-1", "e-1", 0, 2)]
            assert [row[2:4] for row in tiers.cursors()] == [(0, fault), (turn + 1, None)]
            with closing(open_database(tiers.below)) as store, store.transaction() as connection:
                (stopped, _) = upkeep.standings(connection)
                assert (stopped.waiting, stopped.stopped_for, stopped.detail) == (1, fault, f"{fault} here")
                assert upkeep.resume(connection, "demo", "gw-1", ABOVE) == 1
        await tiers.forwarder.round()
        assert tiers.waiting() == []


async def test_a_later_epoch_waits_for_the_earlier_one_and_passes_one_that_is_fenced(tiers: Tiers) -> None:
    await tiers.take(described(epoch="e-1"))
    await tiers.take(described(epoch="e-2"))
    tiers.front.script.append(canned("500 Oh", b"x"))
    await tiers.forwarder.round()
    assert len(tiers.front.seen) == 1
    tiers.clock.now += 3_600_000
    tiers.front.script.append(refusal("409 Conflict", "fenced"))
    await tiers.forwarder.round()
    assert tiers.waiting() == [("gw-1", "e-1", 0, 2)]
    with closing(open_database(tiers.below)) as store, store.transaction() as connection:
        assert upkeep.drop(connection, "demo", "gw-1", "e-1", ABOVE) == 1
    assert tiers.waiting() == []


async def test_what_the_district_above_refuses_is_kept_record_by_record(tiers: Tiers) -> None:
    """A point that above belongs to another gateway: described there before this district handed it on."""
    with closing(open_database(tiers.above)) as store:
        campus.enrolled(tiers.above, gateway="gw-9")
        changes = [campus.change(1, campus.point("gw-1.x"))]
        accept(store, parse(campus.envelope(changes, 0, 1, gateway="gw-9")), NOW)
    await tiers.take(described())
    await tiers.take(slots(0))
    await tiers.forwarder.round()
    assert tiers.waiting() == []
    refused = rows(
        tiers.below, "SELECT gateway_id, epoch, upstream, seq, reason FROM relay_rejected ORDER BY seq"
    )
    assert [(row[:3], row[3]) for row in refused] == [(("gw-1", "e-1", ABOVE), seq) for seq in (2, 3, 4)]
    assert {row[4] for row in refused} == {"point gw-1.x belongs to gateway gw-9"}


async def test_what_may_wait_is_bounded_and_more_is_asked_for_later(
    where: Path | str, tmp_path: Path
) -> None:
    first, second = described(), slots(0)
    async with standing_tiers(where, tmp_path, bytes_max=len(first) + len(second) - 1) as tiers:
        await tiers.take(first)
        said = await tiers.take(second, expected=503)
        assert said["error"] == "unavailable"
        assert "wait for the district above" in said["detail"]
        assert rows(tiers.below, "SELECT to_seq FROM received") == [(2,)]  # no effect either
        await tiers.take(described("gw-2"), "gw-2")  # the bound is each gateway's own
        await tiers.forwarder.round()
        await tiers.take(second)
        await tiers.forwarder.round()
        assert tiers.waiting() == []
        assert rows(tiers.above, "SELECT count(*) FROM interval") == [(2,)]


async def test_a_district_above_that_was_restored_is_told_from_one_that_has_all(tiers: Tiers) -> None:
    for raw in (described(), slots(0), slots(1)):
        await tiers.take(raw)
    await tiers.forwarder.round()
    with closing(open_database(tiers.above)) as store, store.transaction() as connection:
        connection.run("UPDATE received SET to_seq = 4 WHERE site_id = 'demo'")
    await tiers.take(slots(2))
    await tiers.forwarder.round()
    assert tiers.cursors() == [("gw-1", "e-1", 4, None, 2)]


async def test_a_second_upstream_has_its_own_cursor_and_a_batch_goes_when_both_have_it(tiers: Tiers) -> None:
    tiers.service.onward = outbox.Onward((ABOVE, "province"), 10**6)
    await tiers.take(described())
    await tiers.forwarder.round()
    assert len(tiers.waiting()) == 1
    assert [row[2] for row in tiers.cursors()] == [1, 0]
    with closing(open_database(tiers.below)) as store, store.transaction() as connection:
        assert outbox.upstreams(connection) == [ABOVE, "province"]
        assert upkeep.end(connection, "province") == 1
        assert upkeep.end(connection, "province") == 0
    assert tiers.waiting() == []


async def test_one_process_at_a_time_has_a_lane_and_a_dead_one_gives_it_up(tiers: Tiers) -> None:
    await tiers.take(described())
    with closing(open_database(tiers.below)) as store:
        (lane,) = outbox_lanes(store, "me", NOW)
        with store.transaction() as connection:
            assert outbox.claim(connection, lane, "dead", NOW)
            assert not outbox.claim(connection, lane, "me", NOW + CLAIM_MS - 1)
        assert outbox_lanes(store, "me", NOW + CLAIM_MS - 1) == []
        assert outbox_lanes(store, "dead", NOW) == [lane]
        with store.transaction() as connection:
            assert outbox.claim(connection, lane, "me", NOW + CLAIM_MS)


def outbox_lanes(store: Database, owner: str, at: int) -> list[outbox.Lane]:
    with store.snapshot() as connection:
        return outbox.lanes_with_work(connection, ABOVE, owner, at)


async def test_a_duplicate_below_is_not_handed_on_again(tiers: Tiers) -> None:
    await tiers.take(described())
    await tiers.take(described())
    assert len(tiers.waiting()) == 1
    assert rows(tiers.below, "SELECT count(*) FROM received") == [(1,)]


async def test_a_database_that_fails_for_a_while_is_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with standing_tiers(tmp_path / "below.db", tmp_path) as tiers:
        for raw in (described(), slots(0)):
            await tiers.take(raw)
        await tiers.take(described("gw-2"), "gw-2")
        act, failures = tiers.service.act, iter(range(3))

        async def failing(work: Callable[[Connection], object]) -> object:
            if next(failures, None) is not None:
                raise DatabaseTrouble("gone")
            return await act(work)

        monkeypatch.setattr(tiers.service, "act", failing)
        running = asyncio.create_task(tiers.forwarder.run())
        while tiers.waiting():
            await asyncio.sleep(0.01)
            assert not running.done()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert next(failures, None) is None
        assert rows(tiers.above, "SELECT count(*) FROM interval") == [(2,)]


@pytest.mark.real("district")
async def test_what_held_a_gateway_up_is_kept_with_its_code_and_gone_with_the_receipt(tiers: Tiers) -> None:
    await tiers.take(described())
    held_up = "SELECT trouble, trouble_since, detail FROM relay_cursor WHERE site_id = 'demo'"
    tiers.front.script.append(refusal("422 Unprocessable", "invalid"))
    await tiers.forwarder.round()
    assert rows(tiers.below, held_up) == [("refused", NOW, "invalid: invalid here")]
    key_file = tiers.above.parent / "relay.key"
    key = key_file.read_text()
    key_file.unlink()
    tiers.clock.now += 3_600_000
    await tiers.forwarder.round()
    ((trouble, since, detail),) = rows(tiers.below, held_up)
    assert (trouble, since) == ("token", NOW + 3_600_000)
    assert "cannot read the relay's key file" in detail
    key_file.write_text(key)
    tiers.clock.now += 3_600_000
    await tiers.forwarder.round()
    assert rows(tiers.below, held_up) == [(None, None, None)]


@pytest.mark.real("district")
async def test_a_school_the_key_does_not_open_above_holds_up_no_other(tiers: Tiers) -> None:
    for gateway in ("gw-1", "gw-2"):
        await tiers.take(described(gateway), gateway)
    tiers.front.script.append(refusal("401 Unauthorized", "unauthorized"))
    await tiers.forwarder.round()
    await tiers.forwarder.round()
    assert len(tiers.waiting()) == 1
