"""The shipped sender against a centre of the simulators, over a real socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from edge_config.uplinks import Hj212Uplink
from gateway.model import Change, Quality
from gateway.uplinks.drain import Drain
from gateway.uplinks.feed import Latest
from gateway.uplinks.hj212 import explain, places
from gateway.uplinks.hj212_sender import Hj212Sender, hj212_sender
from gateway.uplinks.present import speaking
from gateway.uplinks.sender import Stretch
from gateway.uplinks.verdict import Delivered, Keep, Trouble
from simulators.hj212_center import ACK, BARE, CLOSE, DROP, LOWER, OLD, Centre
from tests.district.campus import METER, MIDNIGHT, NOW, QUARTER, slot
from tests.uplinks.memory import MemoryFeed, SelfMovingClock, row
from tests.uplinks.speakers import QUANTITY, speaker
from tests.uplinks.test_hj212 import MN, ZONE, air

REQUEST = f"QN=20261122140000001;ST=22;CN={{}};PW=123456;MN={MN};Flag=5;CP=&&{{}}&&"
NEWEST = [Latest("air-101.pm25", NOW - 1000, 35.2, Quality.GOOD, False)]


def changes(count: int = 6) -> list[Change]:
    return [
        row(seq, air(point, 10.0 + seq, MIDNIGHT + (seq // 2) * QUARTER))
        for seq, point in zip(
            range(1, count + 1), ["air-101.pm25", "air-101.temperature"] * count, strict=False
        )
    ]


def section(port: int, **more: Any) -> Hj212Uplink:
    stations = [{"mn": MN, "points": ["air-101.pm25", "air-101.temperature"]}]
    values = {
        "id": "epb",
        "kind": "hj212",
        "host": "127.0.0.1",
        "port": port,
        "stations": stations,
        "timeout_s": 2,
        **more,
    }
    return Hj212Uplink.model_validate(values)


@asynccontextmanager
async def standing(*script: str) -> AsyncIterator[tuple[Centre, int]]:
    centre = Centre()
    centre.script.extend(script)
    port = await centre.start()
    try:
        yield centre, port
    finally:
        await centre.stop()


@asynccontextmanager
async def linked(
    *script: str, newest: Sequence[Latest] = (), sleeps: int = 0, **more: Any
) -> AsyncIterator[tuple[Hj212Sender, Centre, MemoryFeed]]:
    """``sleeps`` rounds of real-time data after the first, then never again."""
    feed = MemoryFeed(changes(), points=dict(QUANTITY), newest=list(newest))
    async with standing(*script) as (centre, port):
        who = speaker(feed, SelfMovingClock(limit=sleeps))
        async with hj212_sender(section(port, **more), who) as sender, speaking(sender):
            yield sender, centre, feed
        assert centre.wrong == []


def stretch(feed: MemoryFeed) -> Stretch:
    return Stretch(0, feed.changes[-1].seq, feed.changes)


async def test_every_message_is_acknowledged_and_then_it_is_delivered() -> None:
    async with linked(ACK, LOWER) as (sender, centre, feed):
        assert await sender.send(stretch(feed)) == Delivered(())
        assert len(centre.of("2051")) == 4
        records = centre.records()
        assert records[(MN, "2051", "20261122000000")] == {
            "a34004-Min": "10.0", "a34004-Avg": "11.0", "a34004-Max": "12.5", "a34004-Flag": "N",
        }  # fmt: skip
        assert records[(MN, "2051", "20261122001500")].keys() >= {"a34004-Avg", "a01001-Avg"}


async def test_an_answer_that_is_lost_keeps_everything_and_only_the_rest_is_said_again() -> None:
    async with linked(ACK, ACK, CLOSE) as (sender, centre, feed):
        verdict = await sender.send(stretch(feed))
        assert isinstance(verdict, Keep)
        assert verdict.trouble is Trouble.NO_ANSWER
        assert await sender.send(stretch(feed)) == Delivered(())
        times = [packet.data["DataTime"][-6:] for packet in centre.of("2051")]
        assert times == ["000000", "001500", "003000", "003000", "004500"]
        raws = [packet.raw for packet in centre.of("2051")]
        assert raws[2] == raws[3]


async def test_silence_is_given_up_and_a_late_answer_is_nobodys() -> None:
    async with linked(DROP, timeout_s=0.2) as (sender, centre, feed):
        verdict = await sender.send(stretch(feed))
        assert isinstance(verdict, Keep)
        assert verdict.trouble is Trouble.NO_ANSWER
        assert await sender.send(stretch(feed)) == Delivered(())
        assert centre.connections == 2


@pytest.mark.parametrize(
    ("code", "trouble"),
    [
        ("3", Trouble.UNAUTHORIZED),
        ("4", Trouble.FORBIDDEN),
        ("9", Trouble.DAMAGED),
        ("1", Trouble.REFUSED),
        ("2", Trouble.REFUSED),
        ("x", Trouble.REFUSED),
    ],
)
async def test_a_refusal_keeps_everything(code: str, trouble: Trouble) -> None:
    async with linked(f"refuse:{code}") as (sender, _, feed):
        verdict = await sender.send(stretch(feed))
        assert isinstance(verdict, Keep)
        assert (verdict.trouble, bool(verdict.cure)) == (trouble, True)


@pytest.mark.parametrize("act", ["ack:QnRtn=1", "ack:QnRtn=1;ExeRtn=1", "ack: ", BARE, OLD])
async def test_a_receipt_is_one_in_every_dress_a_platform_gives_it(act: str) -> None:
    """Codes in the CP of 9014, a blank between the ``&&``, no CR LF, QN in the CP: each as a published centre writes it."""
    async with linked(*[act] * 4) as (sender, centre, feed):
        assert await sender.send(stretch(feed)) == Delivered(())
        assert len(centre.of("2051")) == 4


@pytest.mark.parametrize(
    ("codes", "trouble"),
    [
        ("QnRtn=9;ExeRtn=3", Trouble.DAMAGED),
        ("QnRtn=3;ExeRtn=3", Trouble.UNAUTHORIZED),
        ("QnRtn=4;ExeRtn=3", Trouble.FORBIDDEN),
        ("QnRtn=1;ExeRtn=100", Trouble.REFUSED),
        ("ExeRtn=2", Trouble.REFUSED),
        ("QnRtn=", Trouble.REFUSED),
    ],
)
async def test_a_9014_that_names_a_fault_is_no_receipt(codes: str, trouble: Trouble) -> None:
    """A published platform answers each message with 9014 and puts what it found wrong into QnRtn and ExeRtn."""
    async with linked(f"ack:{codes}") as (sender, centre, feed):
        verdict = await sender.send(stretch(feed))
        assert isinstance(verdict, Keep)
        assert verdict.trouble is trouble
        assert len(centre.of("2051")) == 1
        assert await sender.send(stretch(feed)) == Delivered(())


async def test_an_answer_to_a_notice_is_never_taken_for_a_request() -> None:
    async with linked(newest=NEWEST) as (_, centre, _):
        await centre.until("2011")
        await centre.ask(f"QN=20261122140000001;ST=91;CN=9013;PW=123456;MN={MN};Flag=4;CP=&& &&")
        await centre.ask(REQUEST.format("1061", ""))
        await centre.until("9012")
        assert [packet.content for packet in centre.of("9011")] == ["QnRtn=1"]


@pytest.mark.parametrize(
    "raw",
    [
        "raw:##0005hello1C80\r\n",
        "raw:" + "\xff" * 3000,
        "raw:##9999" + "a" * 2000,
        f"raw:QN=20261122001500001;ST=91;CN=9014;PW=123456;MN={MN};Flag=4;CP=&&&&",
        f"raw:##0087QN=20261122001500001;ST=91;CN=9014;PW=123456;MN={MN};Flag=4;CP=&&&&0000\r\n",
    ],
)
async def test_nonsense_is_no_receipt(raw: str) -> None:
    async with linked(raw, timeout_s=0.2) as (sender, _, feed):
        verdict = await sender.send(stretch(feed))
        assert isinstance(verdict, Keep)
        assert verdict.trouble is Trouble.NO_ANSWER


async def test_an_acknowledgement_of_another_message_is_no_receipt() -> None:
    async with linked(DROP, timeout_s=0.3) as (sender, centre, feed):
        sending = asyncio.create_task(sender.send(stretch(feed)))
        await centre.until("2051")
        await centre.ask(f"QN=20261122001500999;ST=91;CN=9014;PW=123456;MN={MN};Flag=4;CP=&&&&")
        assert isinstance(await sending, Keep)


async def test_nobody_listening_is_no_answer() -> None:
    async with standing() as (_, port):
        pass
    feed = MemoryFeed(changes(), points=dict(QUANTITY))
    async with hj212_sender(section(port), speaker(feed, SelfMovingClock(limit=0))) as sender:
        verdict = await sender.send(stretch(feed))
    assert isinstance(verdict, Keep)
    assert verdict.trouble is Trouble.NO_ANSWER


async def test_a_stretch_without_a_station_needs_no_connection() -> None:
    async with linked() as (sender, centre, _):
        assert await sender.send(Stretch(0, 1, [row(1, slot(METER, 0))])) == Delivered(())
        assert centre.packets == []


async def test_the_password_is_read_anew_and_one_that_is_missing_sends_nothing(tmp_path: Path) -> None:
    secret = tmp_path / "pw"
    async with linked(password_file=str(secret)) as (sender, centre, feed):
        verdict = await sender.send(stretch(feed))
        assert isinstance(verdict, Keep)
        assert verdict.trouble is Trouble.TOKEN
        for wrong in ("a;CN=3011", "a&&", "密码", "x" * 21):
            secret.write_text(wrong)
            assert isinstance(await sender.send(stretch(feed)), Keep)
        assert centre.packets == []
        secret.write_text("a1b2c3\n")
        assert await sender.send(stretch(feed)) == Delivered(())
        assert {packet.fields["PW"] for packet in centre.packets} == {"a1b2c3"}


async def test_real_time_data_goes_up_by_itself() -> None:
    async with linked(newest=NEWEST, sleeps=2) as (_, centre, _):
        found = await centre.until("2011", 3)
        assert {packet.data["a34004-Rtd"] for packet in found} == {"35.2"}
        assert {packet.fields["Flag"] for packet in found} == {"4"}


async def test_the_centre_asks_and_is_answered() -> None:
    async with linked(newest=NEWEST) as (_, centre, _):
        await centre.until("2011")
        await centre.ask(REQUEST.format("1011", ""))
        await centre.ask(REQUEST.format("1062", "RtdInterval=30"), is_lower=True)
        await centre.ask(REQUEST.format("1061", ""))
        await centre.until("9012", 3)
        assert centre.of("1061")[0].content == "RtdInterval=30"
        assert centre.of("1011")[0].content == "SystemTime=20261122140000"
        await centre.ask(REQUEST.format("2011", ""))
        await centre.until("2011", 2)
        await centre.ask(REQUEST.format("2012", ""))
        await centre.until("9013")
        await centre.ask(REQUEST.format("2051", "BeginTime=1,EndTime=2").replace("PW=123456", "PW=000000"))
        assert (await centre.until("9011", 5))[-1].content == "QnRtn=3"


async def test_a_request_in_the_middle_of_an_exchange_disturbs_neither() -> None:
    async with linked(DROP, newest=NEWEST) as (sender, centre, feed):
        sending = asyncio.create_task(sender.send(stretch(feed)))
        (first,) = await centre.until("2051")
        await centre.ask(REQUEST.format("1061", ""))
        await centre.until("9012")
        of = first.fields
        await centre.ask(f"QN={of['QN']};ST=91;CN=9014;PW=123456;MN={MN};Flag=4;CP=&&&&")
        assert await sending == Delivered(())


async def test_a_busy_buffer_skips_a_round_and_a_broken_one_ends_the_collector() -> None:
    from gateway.errors import QueryTimeoutError, StoreError

    class Broken(MemoryFeed):
        async def latest(self) -> Sequence[Latest]:
            if not self.errors:
                self.errors.append("once")
                raise QueryTimeoutError("busy")
            raise StoreError("gone")

    feed = Broken(changes(), points=dict(QUANTITY))
    with pytest.raises(ExceptionGroup) as caught:
        async with (
            standing() as (_, port),
            hj212_sender(section(port), speaker(feed, SelfMovingClock(limit=5))) as sender,
            speaking(sender),
        ):
            await asyncio.Event().wait()
    assert caught.group_contains(StoreError)


async def test_end_to_end_everything_arrives_once_through_a_centre_that_fails() -> None:
    script = [ACK, CLOSE, "refuse:5", ACK, DROP, ACK, "refuse:100", LOWER, CLOSE]
    feed = MemoryFeed([row(seq, air("air-101.pm25", float(seq), MIDNIGHT + seq * QUARTER)) for seq in range(1, 41)],
                      points=dict(QUANTITY))  # fmt: skip
    async with standing(*script) as (centre, port):
        uplink = section(port, timeout_s=0.2, batch_max=7)
        async with hj212_sender(uplink, speaker(feed, SelfMovingClock(limit=0))) as sender:
            drain = Drain(uplink, feed, sender, SelfMovingClock())
            while await drain.step() is not None:
                pass
        held = centre.records()
        assert feed.cursor == 40
        assert len(held) == 40
        assert sorted(float(record["a34004-Avg"]) for record in held.values()) == [
            float(seq) for seq in range(1, 41)
        ]
        assert centre.script == type(centre.script)()


async def test_who_only_asks_what_would_be_said_makes_nobody_speak() -> None:
    async with standing() as (centre, port):
        feed = MemoryFeed(changes(), points=dict(QUANTITY), newest=list(NEWEST))
        async with hj212_sender(section(port), speaker(feed)) as sender:
            ((label, raw),) = sender.explain(changes()[0])
        assert raw == explain(section(port), places(section(port), QUANTITY), ZONE, changes()[0], "123456")
        assert "frame" in label
        assert centre.connections == 0


async def test_an_old_revision_sent_again_does_not_overwrite_the_newer_one() -> None:
    async with linked() as (sender, centre, feed):
        feed.changes.append(row(99, air("air-101.pm25", 50.0), revision=2))
        await sender.send(Stretch(98, 99, feed.changes[-1:]))
        first = row(1, air("air-101.pm25", 10.0))
        feed.changes[0] = first
        assert await sender.send(Stretch(0, 1, [first])) == Delivered(())
        assert centre.records()[(MN, "2051", "20261122000000")]["a34004-Avg"] == "50.0"
        assert len(centre.of("2051")) == 1


async def test_s19_a_sample_for_support_does_not_tell_the_password(tmp_path: Path) -> None:
    secret = tmp_path / "pw"
    secret.write_text("a1b2c3\n")
    async with hj212_sender(
        section(1, password_file=str(secret)), speaker(MemoryFeed([], points=dict(QUANTITY)))
    ) as sender:
        ((label, raw),) = sender.explain(changes()[0])
    assert b"a1b2c3" not in raw
    assert b"PW=******" in raw
    assert "hidden" in label
