"""Our sender against the reference centre, which shares no line with it: what the centre books is the truth, once."""

from __future__ import annotations

import asyncio
import random
from collections import deque
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gateway.uplinks.sender import Stretch
from gateway.uplinks.verdict import Delivered, Keep, Poisoned, Trouble
from simulators.centre import Act, temper_of
from simulators.centre_frames import DIALECTS, Letter, Line
from simulators.centre_words import Voice
from tests.uplinks.national.rig import (
    METERS,
    NOW,
    QUARTER_MS,
    SECRET,
    change,
    changes_of,
    interval,
    local,
    missing,
    rig,
)


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_every_quarter_hour_of_every_meter_is_on_the_centre_s_books(
    tmp_path: Path, dialect: str
) -> None:
    changes = changes_of(range(-3, 3))
    async with rig(tmp_path, dialect, changes=changes) as found:
        assert await found.deliver(changes, size=7) == []
        found.differences_are_true(-3, 2)
        assert found.centre.ledger.repeated == 0
        assert found.centre.faults == []


@pytest.mark.parametrize("dialect", ["mohurd", "shanghai"])
@pytest.mark.parametrize(
    "act", [Act.DROP, Act.LOSE_ACK, Act.CLOSE, Act.CLOSE_BOOKED, Act.REFUSE, Act.NONSENSE]
)
async def test_whatever_becomes_of_a_report_it_is_booked_once(tmp_path: Path, dialect: str, act: Act) -> None:
    changes = changes_of(range(-1, 3))
    async with rig(tmp_path, dialect, changes=changes) as found:
        found.centre.acts = deque([Act.ACK, act, Act.ACK])
        kept = await found.deliver(changes)
        assert kept
        found.differences_are_true(-1, 2)
        assert found.centre.ledger.repeated == (act in {Act.LOSE_ACK, Act.CLOSE_BOOKED})
        assert len(found.centre.ledger.packets) == 4


async def test_an_outage_is_made_up_with_continuous_packets_of_their_own_times(tmp_path: Path) -> None:
    changes = changes_of(range(-8, 3))
    async with rig(tmp_path, changes=changes) as found:
        await found.deliver(changes)
        assert (
            found.centre.heard.count("continuous") == 9
        )  # up to and with the instant at which it was let in
        assert found.centre.heard.count("report") == 2
        found.differences_are_true(-8, 2)


async def test_a_run_of_resent_packets_is_delivered_by_its_last_answer_where_the_dialect_says_so(
    tmp_path: Path,
) -> None:
    temper = replace(temper_of("mohurd", SECRET), acks="end")
    differs = {"receipt": {"continuous_each": None, "continuous_end": "continuous_ack"}}
    changes = changes_of(range(-4, 0))
    async with rig(tmp_path, temper=temper, differs=differs, changes=changes) as found:
        found.centre.acts = deque([Act.ACK, Act.ACK, Act.ACK, Act.LOSE_ACK])
        kept = await found.deliver(changes)
        assert kept[0].message == "continuous was not answered within 0.25 s"
        found.differences_are_true(-4, -1)
        assert found.centre.ledger.repeated == 4


async def test_a_vendor_s_record_arrive_is_as_good(tmp_path: Path) -> None:
    temper = replace(temper_of("mohurd", SECRET), acks="record_arrive")
    changes = changes_of(range(-2, 2))
    async with rig(tmp_path, temper=temper, changes=changes) as found:
        assert await found.deliver(changes) == []
        found.differences_are_true(-2, 1)


async def test_where_nothing_is_ever_acknowledged_a_stretch_is_sent_and_a_heartbeat_says_it_arrived(
    tmp_path: Path,
) -> None:
    temper = replace(temper_of("mohurd", SECRET), acks="none")
    changes = changes_of(range(-2, 2))
    none: dict[str, Any] = {"receipt": {"report": None, "continuous_each": None}}
    async with rig(tmp_path, temper=temper, differs=none, changes=changes) as found:
        assert found.site.file.uplinks[0].receipt == "none"
        assert await found.deliver(changes) == []
        found.differences_are_true(-2, 1)
        assert found.centre.heard[-1] == "notify"


async def test_a_second_answer_to_one_report_is_not_taken_for_the_next_one_s(tmp_path: Path) -> None:
    changes = changes_of(range(1, 4))
    async with rig(tmp_path, changes=changes) as found:
        found.centre.acts = deque([Act.ACK_TWICE])
        first = [one for one in changes if one.seq <= 4]
        await found.deliver(first)
        await found.until(lambda: not found.centre.visits or found.sender.link.connections > 1)
        await found.deliver(changes[4:])
        assert found.sender.link.connections == 2
        found.differences_are_true(1, 3)


async def test_two_lanes_at_once_are_one_packet_at_a_time(tmp_path: Path) -> None:
    """Answers carry no number: with two packets in flight one would be booked for the other."""
    changes = changes_of(range(1, 5))
    async with rig(tmp_path, changes=changes) as found:
        found.centre.acts = deque([Act.ACK, Act.REFUSE, Act.ACK, Act.REFUSE])
        await asyncio.gather(found.deliver(changes[:12]), found.deliver(changes[12:]))
        found.differences_are_true(1, 4)
        assert found.centre.ledger.repeated == 0


@pytest.mark.parametrize("dialect", ["mohurd", "shanghai"])
async def test_the_same_stretch_is_the_same_packets_over_a_lost_answer(tmp_path: Path, dialect: str) -> None:
    changes = changes_of(range(1, 2))
    async with rig(tmp_path, dialect, changes=changes) as found:
        found.centre.acts = deque([Act.LOSE_ACK])
        await found.deliver(changes)
        assert (found.centre.ledger.repeated, found.centre.ledger.contradicted) == (1, 0)


async def test_a_refused_packet_is_refused_for_good_where_the_dialect_says_so(tmp_path: Path) -> None:
    changes = changes_of(range(1, 3))
    async with rig(tmp_path, differs={"receipt": {"on_bad": "refuse"}}, changes=changes) as found:
        found.centre.acts = deque([Act.REFUSE])
        verdict = await found.sender.send(Stretch(0, len(changes), changes))
        assert isinstance(verdict, Delivered)
        assert [seq for seq, _ in verdict.refused] == [1, 2, 3, 4]
        assert "answered 'fail' to 4 of 20261122141500" in verdict.refused[0][1]


async def test_a_refused_packet_is_kept_where_the_dialect_says_so(tmp_path: Path) -> None:
    changes = changes_of(range(1, 2))
    async with rig(tmp_path, changes=changes) as found:
        found.centre.acts = deque([Act.REFUSE])
        verdict = await found.sender.send(Stretch(0, len(changes), changes))
        assert isinstance(verdict, Keep)
        assert verdict.trouble is Trouble.REFUSED


async def test_a_login_that_is_refused_keeps_everything_and_says_what_to_compare(tmp_path: Path) -> None:
    temper = replace(temper_of("mohurd", SECRET), key="another secret!!")
    async with rig(tmp_path, temper=temper) as found:
        verdict = await found.sender.send(Stretch(0, 6, changes_of(range(1, 2))))
        assert isinstance(verdict, Keep)
        assert verdict.trouble is Trouble.UNAUTHORIZED
        assert "secret" in verdict.cure
        assert verdict.retry_after_s >= 60
        assert found.centre.ledger.packets == {}


async def test_the_other_order_of_the_md5_is_a_key_of_the_site_file(tmp_path: Path) -> None:
    temper = replace(temper_of("mohurd", SECRET), md5=("key", "sequence"))
    changes = changes_of(range(1, 2))
    async with rig(tmp_path, temper=temper, differs={"auth": {"md5": ["key", "sequence"]}}) as found:
        assert await found.deliver(changes) == []


async def test_missing_is_left_out_and_comes_when_it_is_known(tmp_path: Path) -> None:
    point = "hvac.energy_import"
    changes = [change(1, interval(point, 1)), change(2, missing(point, 2)), change(3, interval(point, 3))]
    async with rig(tmp_path, changes=changes) as found:
        await found.deliver(changes)
        ledger = found.centre.ledger
        assert ledger.missing("1002", "1", local(1), local(3)) == [local(2)]
        await found.deliver([change(4, interval(point, 2, content="estimated", share=0.4), 2)])
        assert ledger.missing("1002", "1", local(1), local(3)) == []
        assert not ledger.registers["1002", "1"][local(2)].is_good
        assert (ledger.flagged, ledger.repeated) == (0, 0)


async def test_sums_of_a_code_are_whole_though_its_meters_come_in_several_stretches(tmp_path: Path) -> None:
    changes = changes_of(range(1, 4))
    async with rig(tmp_path, "shanghai", changes=changes) as found:
        await found.deliver(changes, size=1)
        tops = {"01000": ["main-e.energy_import"], "01B00": ["hvac.energy_import", "hvac-2.energy_import"]}
        for code, points in tops.items():
            for index in range(1, 4):
                wanted = sum(interval(point, index)["value"] for point in points)
                assert float(found.centre.ledger.energy[code][local(index)]) == pytest.approx(wanted)


async def test_a_query_is_answered_at_any_moment_and_a_strange_operation_is_counted(tmp_path: Path) -> None:
    async with rig(tmp_path) as found:
        session = await found.sender.link.up()
        await found.centre.ask(Voice.strange)
        await found.centre.noise(b"\x00\xffgarbage")
        await found.centre.ask(Voice.query)
        await found.until(lambda: found.centre.replies)
        assert found.centre.replies[0].text("time") == "20261122140000"
        assert (
            list(found.centre.replies[0].body.iter("meter")) == []
        )  # nothing was read yet, and nothing is told
        assert (session.counts.ignored, session.counts.replies) == (1, 1)
        assert found.sender.link.connections == 1


async def test_a_period_the_centre_sets_is_acknowledged_kept_and_changes_which_registers_go(
    tmp_path: Path,
) -> None:
    changes = changes_of(range(1, 9))
    async with rig(tmp_path, changes=changes) as found:
        await found.sender.link.up()
        await found.centre.ask(lambda voice: voice.period(60))
        await found.until(lambda: "period_ack" in found.centre.heard)
        await found.deliver(changes)
        assert sorted(found.centre.ledger.registers["1001", "1"]) == [local(4), local(8)]
    async with rig(tmp_path) as again:
        assert again.sender.notes.memo.period(15) == 60
        assert again.sender.notes.memo.period(30) == 30, "the installer's newer word holds"


@pytest.mark.parametrize("minutes", [0, 7, 25, 45 * 60, 1441])
async def test_a_period_we_cannot_keep_is_not_acknowledged(tmp_path: Path, minutes: int) -> None:
    async with rig(tmp_path) as found:
        session = await found.sender.link.up()
        await found.centre.ask(lambda voice: voice.period(minutes))
        await found.centre.ask(Voice.query)
        await found.until(lambda: found.centre.replies)
        assert "period_ack" not in found.centre.heard
        assert session.counts.refused_periods == 1
        assert found.sender.notes.memo.period_min is None


async def test_the_centre_s_clock_is_told_and_never_taken(tmp_path: Path) -> None:
    temper = replace(temper_of("mohurd", SECRET), clock_offset_s=7200)
    async with rig(tmp_path, temper=temper) as found:
        await found.deliver(changes_of(range(1, 2)))
        while found.sender.notes.memo.clock_offset_s is None:
            await asyncio.sleep(0)
        assert found.sender.notes.memo.clock_offset_s == 7200.0
        assert found.clock.now_ms() == NOW
        assert list(found.centre.ledger.registers["1001", "1"]) == [local(1)]


async def test_a_connection_that_ends_is_made_again(tmp_path: Path) -> None:
    changes = changes_of(range(1, 2))
    async with rig(tmp_path, changes=changes) as found:
        await found.sender.link.up()
        found.centre.hang_up()
        await found.deliver(changes)
        assert found.sender.link.connections == 2
        found.differences_are_true(1, 1)


async def test_while_nobody_listens_the_waits_have_jitter_and_a_bound(tmp_path: Path) -> None:
    async with rig(tmp_path) as found:
        await found.sender.link.up()
        await found.centre.__aexit__()
        while len(found.clock.slept) < 12:
            await asyncio.sleep(0.001)
        verdict = await found.sender.send(Stretch(0, 6, changes_of(range(1, 2))))
        assert isinstance(verdict, Keep)
        assert verdict.trouble is Trouble.NO_ANSWER
        waits = [seconds for seconds in found.clock.slept if seconds != 600]
        assert all(0.5 <= seconds <= 32 for seconds in waits)
        assert len(set(waits)) > len(waits) // 2


async def test_a_stop_ends_it_whatever_the_connection_is_at(tmp_path: Path) -> None:
    """Also in the very turn in which the centre hangs up."""
    for turns in range(12):
        async with rig(tmp_path) as found:
            await found.sender.link.up()
            found.centre.hang_up()
            for _ in range(turns):
                await asyncio.sleep(0)
        assert found.sender.link.connections >= 1


async def test_ipv6(tmp_path: Path) -> None:
    changes = changes_of(range(1, 2))
    async with rig(tmp_path, host="::1", changes=changes) as found:
        assert found.sender.name == f"[::1]:{found.centre.port} (mohurd, 310101A064/01)"
        assert await found.deliver(changes) == []


async def test_what_nobody_mapped_passes_without_a_word(tmp_path: Path) -> None:
    others = [
        change(1, interval("main-e.energy_import", 1, period="day")), change(2, {"kind": "site", "name": "x"}),
        change(3, interval("main-e.energy_import", 1) | {"point": "main-e.power"}),
    ]  # fmt: skip
    async with rig(tmp_path) as found:
        assert await found.sender.send(Stretch(0, 3, others)) == Delivered(())
        assert found.centre.ledger.packets == {}


async def test_a_body_that_cannot_be_read_is_bisected_by_the_loop(tmp_path: Path) -> None:
    async with rig(tmp_path) as found:
        broken = change(1, {"kind": "interval", "point": 7})
        assert isinstance(await found.sender.send(Stretch(0, 1, [broken])), Poisoned)


async def test_a_key_file_that_is_gone_is_named(tmp_path: Path) -> None:
    async with rig(tmp_path) as found:
        await found.sender.link.up()
        (tmp_path / "secret").write_text("short")
        found.centre.hang_up()
        await found.until(lambda: not found.centre.visits)
        for _ in range(50):
            verdict = await found.sender.send(Stretch(0, 6, changes_of(range(1, 2))))
            if isinstance(verdict, Keep) and verdict.trouble is Trouble.TOKEN:
                break
            await asyncio.sleep(0)
        assert isinstance(verdict, Keep)
        assert f"{tmp_path}/secret holds 5 characters" in verdict.message
        assert "short" not in verdict.message


def test_the_rig_s_meters_are_told_apart() -> None:
    assert len({key[:2] for key in METERS.values()}) == 4
    assert NOW % QUARTER_MS == 0


HOSTILE = {
    "billion laughs": (
        b'<!DOCTYPE l [<!ENTITY a "l"><!ENTITY b "&a;&a;">]><root><common/><data operation="query">&b;</data></root>'
    ),
    "another file": b'<!DOCTYPE l SYSTEM "file:///etc/passwd"><root><common/><data operation="query"/></root>',
    "another encoding": b'<?xml version="1.0" encoding="utf-7"?><root><common/><data operation="query"/></root>',
    "no XML": b"<root><common>",
}  # fmt: skip


@pytest.mark.parametrize("xml", HOSTILE.values(), ids=HOSTILE)
async def test_hostile_xml_ends_the_connection_and_loses_nothing(tmp_path: Path, xml: bytes) -> None:
    changes = changes_of(range(1, 3))
    async with rig(tmp_path, changes=changes) as found:
        await found.sender.link.up()
        await found.centre.noise(Line("mohurd", SECRET.encode()).frame(Letter(xml)))
        await found.until(lambda: found.sender.link.connections > 1)
        assert "reply" not in found.centre.heard
        await found.deliver(changes)
        found.differences_are_true(1, 2)


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.real) for seed in range(1, 8))])
async def test_whatever_happens_in_whatever_order_the_books_are_true_in_the_end(
    tmp_path: Path, dialect: str, seed: int
) -> None:
    rng = random.Random(f"{dialect} {seed}")
    changes = changes_of(range(-2, 5))
    quick = [Act.ACK, Act.ACK, Act.ACK, Act.REFUSE, Act.CLOSE, Act.CLOSE_BOOKED, Act.NONSENSE, Act.ACK_TWICE]
    async with rig(tmp_path, dialect, changes=changes) as found:
        found.centre.acts = deque([*rng.choices(quick, k=12), rng.choice([Act.DROP, Act.LOSE_ACK])])
        await found.deliver(changes, size=rng.choice([1, 3, 8, 100]))
        found.differences_are_true(-2, 4)
        assert found.centre.faults == []
