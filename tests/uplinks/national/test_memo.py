"""What a centre told, kept over restarts."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.uplinks.national import memo
from gateway.uplinks.national.figures import CentreMetrics
from gateway.uplinks.national.memo import Memo
from gateway.uplinks.national.notes import Notes
from tests.uplinks.national.rig import RigClock, site_of, uplink_of


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = memo.path_of(tmp_path / "buffer.db", "centre")
    kept = Memo(30, 15, 1_795_327_200_000, -3.5, 1_795_327_200_001)
    memo.write(path, kept)
    assert memo.read(path) == kept
    assert [found.name for found in tmp_path.iterdir()] == ["uplink-centre.json"]


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"period_min": "x"}', b"\xff"])
def test_a_file_that_cannot_be_read_is_as_none(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "uplink-centre.json"
    path.write_bytes(content)
    assert memo.read(path) == Memo()
    assert memo.read(path).period(15) == 15


def test_the_centre_s_period_holds_until_the_site_file_says_another() -> None:
    kept = Memo(period_min=60, over_period_min=15)
    assert (kept.period(15), kept.period(30)) == (60, 30)


async def test_a_period_the_disk_does_not_take_is_not_kept(tmp_path: Path) -> None:
    uplink = uplink_of(site_of(tmp_path))
    notes = Notes(tmp_path / "gone" / "buffer.db", uplink, RigClock())
    assert not await notes.set_period(60)
    assert notes.memo.period(15) == 15


def test_metrics_tell_period_and_clock_once_they_are_known(tmp_path: Path) -> None:
    site = site_of(tmp_path)

    def told() -> dict[str, float]:
        return {
            sample.name: sample.value for family in CentreMetrics(site).collect() for sample in family.samples
        }

    assert told() == {"campus_uplink_period_minutes": 15.0}
    memo.write(memo.path_of(site.buffer_path, "centre"), Memo(60, 15, 1, -3.5, 1))
    assert told() == {"campus_uplink_period_minutes": 60.0, "campus_uplink_centre_clock_offset_seconds": -3.5}
