"""What a centre told, kept over restarts."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.uplinks.national import memo
from gateway.uplinks.national.memo import Memo


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
