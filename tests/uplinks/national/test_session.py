"""A session on a wire in memory: who is let in, and what ends a connection."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from edge_config.dialect import Word
from gateway.uplinks.national.heard import Heard
from gateway.uplinks.national.mapping import speaking_of
from gateway.uplinks.national.packets import Packet
from gateway.uplinks.national.session import Asked, Counts, Session, is_period, log_in
from gateway.uplinks.national.trouble import LinkError
from gateway.uplinks.national.wire import Wire
from gateway.uplinks.verdict import Trouble
from tests.uplinks.national.rig import NOW, RigClock, site_of, uplink_of


class MemoryWire(Wire):
    """Says nothing to anybody and hears what the test puts in; aborted, it hears an end."""

    def __init__(self, heard: Sequence[Heard] = ()) -> None:
        self.said: list[Word] = []
        self.inbox: asyncio.Queue[Heard | None] = asyncio.Queue()
        self.is_aborted = False
        for one in heard:
            self.inbox.put_nowait(one)

    async def say(self, word: Word, xml: str, sequence: int | None = None) -> None:
        self.said.append(word)

    async def hear(self) -> Heard:
        found = await self.inbox.get()
        if found is None:
            raise LinkError(Trouble.NO_ANSWER, "ended", "")
        return found

    def abort(self) -> None:
        self.is_aborted = True
        self.inbox.put_nowait(None)


def said(word: Word, **texts: str) -> Heard:
    return Heard(word, word, texts)


SEQUENCE = said("sequence", sequence="12345678")


def session_of(wire: MemoryWire, folder: Path, answer_s: float = 0.05) -> Session:
    site = site_of(folder)

    async def newest() -> Packet | None:
        return None

    async def set_period(minutes: int) -> bool:
        return False

    asked = Asked(newest, set_period, lambda offset_s: None)
    speaking = speaking_of(site, uplink_of(site))
    return Session(wire, speaking, asked, RigClock(), 600.0, answer_s, Counts(), NOW)


async def test_a_login_asks_proves_and_is_let_in(tmp_path: Path) -> None:
    wire = MemoryWire([SEQUENCE, said("result", result="pass")])
    await log_in(wire, session_of(wire, tmp_path).speaking, "key", 1.0)
    assert wire.said == ["request", "md5"]


@pytest.mark.parametrize("result", ["fail", "", "PASSED", "ok", "pass pass"])
async def test_anything_but_pass_is_no(tmp_path: Path, result: str) -> None:
    wire = MemoryWire([SEQUENCE, said("result", result=result)])
    with pytest.raises(LinkError) as found:
        await log_in(wire, session_of(wire, tmp_path).speaking, "key", 1.0)
    assert found.value.trouble is Trouble.UNAUTHORIZED


async def test_a_result_that_says_both_is_none(tmp_path: Path) -> None:
    wire = MemoryWire([SEQUENCE, Heard("result", "result", {"result": "pass"}, frozenset({"result"}))])
    with pytest.raises(LinkError, match="twice"):
        await log_in(wire, session_of(wire, tmp_path).speaking, "key", 1.0)


async def test_an_empty_sequence_is_not_proved_upon(tmp_path: Path) -> None:
    wire = MemoryWire([said("sequence", sequence="")])
    with pytest.raises(LinkError, match="empty"):
        await log_in(wire, session_of(wire, tmp_path).speaking, "key", 1.0)
    assert wire.said == ["request"]


async def test_a_login_nobody_answers_ends(tmp_path: Path) -> None:
    wire = MemoryWire()
    with pytest.raises(LinkError, match="not answered within"):
        await log_in(wire, session_of(wire, tmp_path).speaking, "key", 0.05)


async def test_a_heartbeat_nobody_answers_ends_the_connection(tmp_path: Path) -> None:
    wire = MemoryWire()
    with pytest.raises(LinkError, match=r"notify was not answered|ended"):
        await session_of(wire, tmp_path).run()
    assert wire.is_aborted
    assert wire.said == ["notify"]


async def test_an_answer_nobody_waits_for_ends_the_connection(tmp_path: Path) -> None:
    wire = MemoryWire([said("time", time="20261122140000"), said("report_ack", report_ack="pass")])
    with pytest.raises(LinkError, match="out of step"):
        await session_of(wire, tmp_path, 1.0).run()


async def test_whoever_waits_learns_that_the_connection_ended(tmp_path: Path) -> None:
    wire = MemoryWire()
    session = session_of(wire, tmp_path, 5.0)
    running = asyncio.create_task(session.run())
    telling = asyncio.create_task(session.tell("report", "", 1, frozenset({"report_ack"})))
    while "report" not in wire.said:
        await asyncio.sleep(0)
    wire.inbox.put_nowait(None)
    for task in (running, telling):
        with pytest.raises(LinkError, match="ended"):
            await task


async def test_on_a_connection_that_ended_nothing_more_is_said(tmp_path: Path) -> None:
    """Also where nothing is ever answered: what is said to nobody must not pass for sent."""
    wire = MemoryWire()
    wire.inbox.put_nowait(None)
    session = session_of(wire, tmp_path, 5.0)
    with pytest.raises(LinkError):
        await session.run()
    before = list(wire.said)
    with pytest.raises(LinkError, match="ended"):
        await session.tell("report", "", 1, frozenset())
    assert wire.said == before


async def test_a_login_that_is_taken_back_ends_the_connection(tmp_path: Path) -> None:
    wire = MemoryWire([said("result", result="fail")])
    with pytest.raises(LinkError, match="took the login back"):
        await session_of(wire, tmp_path, 1.0).run()


async def test_a_period_that_cannot_be_kept_on_disk_is_not_acknowledged(tmp_path: Path) -> None:
    wire = MemoryWire([said("period", period="30"), said("result", result="fail")])
    with pytest.raises(LinkError):
        await session_of(wire, tmp_path, 1.0).run()
    assert "period_ack" not in wire.said


@pytest.mark.parametrize("minutes", [15, 30, 45, 60, 90, 120, 180, 240, 360, 480, 720, 1440])
def test_a_period_is_whole_quarter_hours_that_divide_a_day(minutes: int) -> None:
    assert is_period(minutes)


@pytest.mark.parametrize("minutes", [0, 1, 5, 20, 75, 105, 1425, 2880])
def test_other_periods_are_none(minutes: int) -> None:
    assert not is_period(minutes)
