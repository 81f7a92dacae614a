"""Stretches of the feed in, packages on a real disk out."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from edge_config.uplinks import ExportUplink
from gateway.errors import QueryTimeoutError, StoreError
from gateway.model import Change
from gateway.query.views import DayRecords
from gateway.uplinks.drain import Drain
from gateway.uplinks.export_sender import ExportSender, days_of
from gateway.uplinks.kinds import sender_of
from gateway.uplinks.records import EventRecord, IntervalRecord, Record, StatementRecord
from gateway.uplinks.sender import Stretch
from gateway.uplinks.verdict import Delivered, Keep, Trouble, Verdict
from tests.district.campus import METER, MIDNIGHT, QUARTER, event, site, slot
from tests.house.source import ROOT
from tests.uplinks.memory import MemoryFeed, SelfMovingClock, row
from tests.uplinks.speakers import QUANTITY, speaker

DAY = "2026-11-22"
STATEMENT = {
    "kind": "statement", "day": DAY, "points": 1, "slots_due": 96, "slots_measured": 95, "slots_estimated": 0,
    "slots_missing": 1, "events_opened": 1,
}  # fmt: skip
DAY_OF_SLOTS = [row(seq, slot(METER, seq - 1, 1.0 if seq != 5 else None)) for seq in range(1, 97)]
EVENT = row(97, event(start=MIDNIGHT))
TOLD = row(98, STATEMENT)


def section(folder: Path, **more: Any) -> ExportUplink:
    return ExportUplink.model_validate({"id": "base", "kind": "export", "folder": str(folder), **more})


def memory(changes: Sequence[Change]) -> MemoryFeed:
    return MemoryFeed(list(changes), points=dict(QUANTITY))


async def sent(folder: Path, feed: MemoryFeed, stretch: Sequence[Change]) -> Verdict:
    async with sender_of(section(folder), speaker(feed)) as sender:
        return await sender.send(Stretch(0, stretch[-1].seq, stretch))


def versions(folder: Path) -> list[str]:
    place = folder / "demo" / DAY
    return sorted(path.name for path in place.iterdir()) if place.is_dir() else []


def quarters(version: Path) -> list[dict[str, str]]:
    return list(
        csv.DictReader(io.StringIO((version / "intervals-15min.csv").read_text("utf-8-sig"), newline=""))
    )


async def test_a_day_is_written_when_its_statement_is_there(tmp_path: Path) -> None:
    early = memory(DAY_OF_SLOTS)
    assert await sent(tmp_path, early, DAY_OF_SLOTS) == Delivered(())
    assert versions(tmp_path) == []
    whole = memory([*DAY_OF_SLOTS, EVENT, TOLD])
    assert await sent(tmp_path, whole, [TOLD]) == Delivered(())
    assert versions(tmp_path) == ["v001"]
    found = quarters(tmp_path / "demo" / DAY / "v001")
    assert len(found) == 96
    assert sum(float(one["value"]) for one in found if one["value"]) == 95
    assert [one["content"] for one in found if not one["value"]] == ["missing"]
    assert (
        json.loads((tmp_path / "demo" / DAY / "v001" / "events.json").read_bytes())["rows"][0]["event_id"]
        == "e1"
    )


async def test_the_same_stretch_again_makes_nothing_new(tmp_path: Path) -> None:
    feed = memory([*DAY_OF_SLOTS, TOLD])
    for _ in range(3):
        assert await sent(tmp_path, feed, feed.changes) == Delivered(())
    assert versions(tmp_path) == ["v001"]


async def test_a_late_figure_makes_a_new_version_and_the_old_one_stays(tmp_path: Path) -> None:
    feed = memory([*DAY_OF_SLOTS, TOLD])
    await sent(tmp_path, feed, feed.changes)
    late = row(99, slot(METER, 4, 7.0), revision=2)
    feed.changes.append(late)
    assert await sent(tmp_path, feed, [late]) == Delivered(())
    assert versions(tmp_path) == ["v001", "v002"]
    old, new = (quarters(tmp_path / "demo" / DAY / version) for version in ("v001", "v002"))
    assert (old[4]["value"], old[4]["content"]) == ("", "missing")
    assert (new[4]["value"], new[4]["content"], new[4]["revision"]) == ("7.0", "measured", "2")


async def test_a_folder_that_cannot_be_written_keeps_everything_and_goes_on_when_it_can(
    tmp_path: Path,
) -> None:
    feed = memory([*DAY_OF_SLOTS, TOLD])
    verdict = await sent(tmp_path / "share", feed, feed.changes)
    assert isinstance(verdict, Keep)
    assert verdict.trouble is Trouble.FOLDER
    (tmp_path / "share").mkdir()
    assert await sent(tmp_path / "share", feed, feed.changes) == Delivered(())


async def test_a_file_where_a_folder_should_be_keeps_everything(tmp_path: Path) -> None:
    (tmp_path / "demo").write_text("x")
    feed = memory([*DAY_OF_SLOTS, TOLD])
    verdict = await sent(tmp_path, feed, feed.changes)
    assert isinstance(verdict, Keep)
    assert verdict.trouble is Trouble.FOLDER


FULL = """\
import asyncio, sys
from pathlib import Path
from tests.uplinks.test_export_sender import DAY_OF_SLOTS, TOLD, memory, sent
print(asyncio.run(sent(Path(sys.argv[1]), memory([*DAY_OF_SLOTS, TOLD]), [TOLD])))
"""


@pytest.mark.real("unshare")
@pytest.mark.parametrize(("options", "cure"), [("size=16k", "the disk is full"), ("ro", "mounted read-only")])
def test_a_disk_that_is_full_or_read_only_keeps_everything_with_its_cure(
    tmp_path: Path, options: str, cure: str
) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    command = f'mount -t tmpfs -o {options} none "$1" && exec "$2" -c "$3" "$1"'
    done = subprocess.run(
        ["unshare", "-Urm", "sh", "-c", command, "sh", str(disk), sys.executable, FULL],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Keep(" in done.stdout
    assert cure in done.stdout


async def test_an_outage_of_days_is_drained_into_one_version_of_each(tmp_path: Path) -> None:
    days = [row(2 + index, slot(METER, index, float(index))) for index in range(3 * 96)]
    told = [row(400 + day, {**STATEMENT, "day": f"2026-11-{22 + day}"}) for day in range(3)]
    feed = memory([row(1, site()), *days, *told])
    uplink = section(tmp_path, batch_max=50)
    async with sender_of(uplink, speaker(feed)) as sender:
        drain = Drain(uplink, feed, sender, SelfMovingClock())
        while await drain.step() is not None:
            pass
    assert feed.cursor == 402
    assert sorted(path.name for path in (tmp_path / "demo").iterdir()) == [
        "2026-11-22",
        "2026-11-23",
        "2026-11-24",
    ]
    for day in (tmp_path / "demo").iterdir():
        assert [version.name for version in day.iterdir()] == ["v001"]
        assert len(quarters(day / "v001")) == 96


async def test_a_busy_buffer_keeps_everything_and_a_broken_one_ends_the_collector(tmp_path: Path) -> None:
    class Busy(MemoryFeed):
        async def day(self, day: date) -> DayRecords:
            raise QueryTimeoutError("busy") if not self.errors else StoreError("gone")

    feed = Busy([TOLD])
    assert isinstance(await sent(tmp_path, feed, [TOLD]), Keep)
    feed.errors.append("now")
    with pytest.raises(StoreError):
        await sent(tmp_path, feed, [TOLD])


def test_records_belong_to_the_local_day_they_begin_on() -> None:
    zone = ZoneInfo("Asia/Shanghai")

    def interval(start: int, period: str) -> IntervalRecord:
        return IntervalRecord(METER, period, start, start + QUARTER, "measured", 1.0)

    records: list[Record] = [
        interval(MIDNIGHT - QUARTER, "15min"),
        interval(MIDNIGHT, "hour"),
        interval(MIDNIGHT - 30 * 86_400_000, "month"),
        EventRecord("e", "k", "s", MIDNIGHT + 86_400_000, 1, "open"),
        StatementRecord("2026-12-01"),
    ]
    assert days_of(zone, records) == [
        date(2026, 11, 21),
        date(2026, 11, 22),
        date(2026, 11, 23),
        date(2026, 12, 1),
    ]


async def test_a_statement_of_no_day_is_refused(tmp_path: Path) -> None:
    wrong = row(1, {**STATEMENT, "day": "2026-13-45"})
    verdict = await sent(tmp_path, memory([wrong]), [wrong])
    assert isinstance(verdict, Delivered)
    assert [seq for seq, _ in verdict.refused] == [1]


async def test_a_record_is_explained_as_its_row_and_nothing_is_written(tmp_path: Path) -> None:
    async with sender_of(section(tmp_path), speaker(memory([]))) as sender:
        assert isinstance(sender, ExportSender)
        ((_, raw),) = sender.explain(DAY_OF_SLOTS[0])
        assert (json.loads(raw)["value"], json.loads(raw)["unit"]) == (1.0, "kWh")
        assert "refused" in sender.explain(row(1, {"kind": "interval"}))[0][0]
    assert list(tmp_path.iterdir()) == []
