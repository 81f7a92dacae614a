"""Every kind answers `uplink test`, without anything that counts at the receiver."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from edge_config.uplinks import Uplink
from gateway.uplinks.kinds import sender_of
from gateway.uplinks.probe import Probe
from gateway.uplinks.sender import probed
from tests.ports import free_port
from tests.uplinks.front import canned
from tests.uplinks.memory import MemoryFeed
from tests.uplinks.speakers import speaker
from tests.uplinks.test_hj212 import MN
from tests.uplinks.test_hj212_sender import standing
from tests.uplinks.test_line_http import base, front


async def asked(**section: Any) -> Probe:
    uplink: Uplink = TypeAdapter(Uplink).validate_python({"id": "u", **section})
    async with sender_of(uplink, speaker(MemoryFeed([]))) as sender:
        probe = await probed(sender)
    assert probe is not None
    return probe


def hj212(port: int, **more: Any) -> dict[str, Any]:
    stations = [{"mn": MN, "points": ["air-101.pm25"]}]
    return {"kind": "hj212", "host": "127.0.0.1", "port": port, "stations": stations, "timeout_s": 2, **more}


async def test_a_centre_of_hj_212_is_reached_and_hears_nothing(tmp_path: Path) -> None:
    async with standing() as (centre, port):
        assert (await asked(**hj212(port))).is_well
        probe = await asked(**hj212(port, password_file=str(tmp_path / "no")))
    assert not probe.is_well
    assert centre.wrong == []
    assert centre.packets == []
    assert "没有应答" in (await asked(**hj212(free_port()))).answer


@pytest.mark.parametrize(
    ("reply", "is_well", "says"),
    [
        (canned("200 OK"), True, "可写"),
        (
            canned(
                "400 Bad Request",
                b'{"code":"invalid","message":"writing requires points"}',
                "application/json",
            ),
            True,
            "可写",
        ),
        (
            canned("404 Not Found", b'{"error":"database not found: \\"campus\\""}', "application/json"),
            False,
            "database not found",
        ),
        (
            canned("401 Unauthorized", b'{"error":"authorization failed"}', "application/json"),
            False,
            "authorization failed",
        ),
        (canned("400 Bad Request", b"<html>"), False, "InfluxDB"),
    ],
)
async def test_a_database_is_asked_by_a_write_of_nothing(reply: bytes, is_well: bool, says: str) -> None:
    async with front(reply) as one:
        probe = await asked(kind="line-protocol", url=base(one), db="campus")
        assert (probe.is_well, says in probe.answer) == (is_well, True)
        (request,) = one.seen
        assert request.partition(b"\r\n\r\n")[2] == b""


async def test_a_folder_is_tried_and_left_as_it_was(tmp_path: Path) -> None:
    assert (await asked(kind="export", folder=str(tmp_path))).is_well
    assert list(tmp_path.iterdir()) == []
    probe = await asked(kind="export", folder=str(tmp_path / "no"))
    assert (probe.is_well, "mkdir" in probe.cure) == (False, True)


async def test_a_broker_that_is_not_there_is_said() -> None:
    probe = await asked(kind="mqtt", host="127.0.0.1", port=free_port(), homeassistant=True)
    assert (probe.is_well, "没有应答" in probe.answer) == (False, True)
