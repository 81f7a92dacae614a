"""`uplink …`: what staff are told of an uplink, and what it asks of the collector and the receiver."""

from __future__ import annotations

import asyncio
import json
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gateway.cli.uplink import shown, uplink
from gateway.errors import CollectorAwayError
from gateway.place import Place
from gateway.store import uplinks
from gateway.store.database import open_writer
from tests.store.shelf import Shelf
from tests.uplinks.front import PORTAL, Front, refusal, standing


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A buffer with an hour of a sensor, its uplink after an outage, and the site file it belongs to."""
    path = tmp_path / "site.yaml"
    _write(path, "http://127.0.0.1:9/v1")
    with Shelf(
        tmp_path, uplinks=[{"id": "district", "kind": "district-http", "url": "http://127.0.0.1:9/v1"}]
    ) as shelf:
        shelf.hours(2)
        uplinks.keep(shelf.connection, "district", Place(2, ranges=((8, 9),)))
        uplinks.failed(shelf.connection, "district", "unauthorized: the key is not known", shelf.now)
        buffer = shelf.site.buffer_path
    (tmp_path / "var").mkdir(exist_ok=True)
    if buffer != tmp_path / "var" / "buffer.db":
        buffer.rename(tmp_path / "var" / "buffer.db")
    return path


def _write(path: Path, url: str) -> None:
    path.write_text(
        "site: {id: s, name: 测试学校}\ngateway: {id: gw-1}\nbuses: [{id: east, kind: modbus-tcp, host: 127.0.0.1}]\n"
        "devices: [{id: main-e, profile: acrel-adl400, bus: east, unit_id: 1}]\n"
        f"uplinks: [{{id: district, kind: district-http, url: '{url}'}}]\n",
        encoding="utf-8",
    )


def run(*words: str | Path) -> Result:
    return CliRunner().invoke(uplink, [str(word) for word in words])


def test_status_says_what_waits_in_each_lane_and_what_to_do(site: Path) -> None:
    said = run("status", site, "--over", "0").output
    for words in (
        "实时 live",
        "待补传 back-fill",
        "每批回执",
        "对方不认识本网关的密钥",
        "请区平台重新登记本网关",
    ):
        assert words in said
    (row,) = [json.loads(line) for line in run("status", site, "--json", "--over", "0").output.splitlines()]
    live, backfill = row["lanes"]
    assert (backfill["lane"], backfill["waiting"]) == ("backfill", 6)
    assert live["waiting"] + 6 == row["waiting"] == row["head"] - 3


def test_explain_prints_the_bytes_of_the_newest_interval_or_of_one_change(site: Path) -> None:
    said = run("explain", site).output
    assert '{"kind":"interval"' in said.replace(" ", "") or '"kind":"interval"' in said
    assert "POST /v1/batches HTTP/1.1" in said
    assert "28 b5 2f fd" in said, "the zstd bytes"
    assert "seq 1, site" in run("explain", site, "1").output
    assert run("explain", site, "999999").exit_code == 1
    assert shown(b"\x00\x01") == "00 01"
    assert shown("中文\r\n".encode()) == "中文\r\n"
    assert shown(b"ab", as_hex=True) == "61 62"


@pytest.mark.parametrize(
    "words", [("resend", "1", "3"), ("pause",), ("resume",), ("resend", "2020-01-01", "2030-01-01")]
)
def test_commands_need_a_collector_that_runs(site: Path, words: tuple[str, ...]) -> None:
    result = run(words[0], site, *words[1:])
    assert isinstance(result.exception, CollectorAwayError)


def test_what_is_no_stretch_and_no_uplink_is_said(site: Path) -> None:
    assert "neither a time" in run("resend", site, "yesterday", "3").output
    assert "the site file has district" in run("pause", site, "--uplink", "other").output


@pytest.mark.parametrize(
    ("reply", "says", "code"),
    [
        (refusal("422 Unprocessable", "invalid"), "密钥有效", 0),
        (refusal("401 Unauthorized", "unauthorized"), "对方不认识本网关的密钥", 1),
        (PORTAL, "网络是否弹出了登录页面", 1),
        (None, "没有连通", 1),
    ],
)
def test_test_says_what_answered(site: Path, reply: bytes | None, says: str, code: int) -> None:
    async def ask() -> Result:
        async with standing(Front(0)) as front:
            front.script.append(reply or b"")
            _write(site, front.url)
            result = await asyncio.to_thread(run, "test", site)
            assert len(front.seen) == 1
            return result

    result = asyncio.run(ask())
    assert says in result.output
    assert result.exit_code == code


def test_an_uplink_that_was_never_used_has_everything_before_it(site: Path) -> None:
    with closing(open_writer(site.parent / "var" / "buffer.db")) as connection:
        connection.execute("DELETE FROM uplink")
        connection.execute("DELETE FROM uplink_range")
    assert "待补传" not in run("status", site, "--over", "0").output
