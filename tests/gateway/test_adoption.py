"""Candidates of a real broker, adopted while the collector runs: nothing stored before, everything after."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from edge_config.loader import load_site
from edge_config.site import LoadedSite
from gateway.app import collect
from gateway.control import client
from gateway.control.protocol import Command
from gateway.errors import ControlError
from gateway.query.reader import Reader
from runtime.clock import SystemClock
from tests.ports import free_port
from tests.sources.brokers import Mosquitto, mosquitto
from tests.sources.talk import publish

pytestmark = pytest.mark.real("mosquitto")

SITE = """\
site: {{id: s, name: 测试学校}}
gateway: {{id: gw-1}}
spaces:
  - {{id: a, name: A, kind: building}}
  - {{id: a-101, name: "101", kind: classroom, in: a}}
brokers:
  - {{id: local, host: 127.0.0.1, port: {port}, discover: [site]}}
devices:
  - {{id: air-101, profile: zigbee2mqtt-air, broker: local, topic: other/air-101, space: a-101}}
mappings:
  - {{broker: local, topic: zigbee2mqtt/+, profile: zigbee2mqtt-air, names: {{box-1: a-101}}}}
buffer: {{path: buffer.db, commit_interval_s: 0.2}}
collector: {{port: {health}}}
"""
STRANGER, PAYLOAD = "site/new-box", '{"co2":640,"pm25":5,"temperature":24.8,"humidity":60}'
BODY = {"broker": "local", "id": "box-2", "profile": "zigbee2mqtt-air", "name": "新盒子", "space": "a-101"}


def written(folder: Path, port: int) -> Path:
    path = folder / "site.yaml"
    path.write_text(SITE.format(port=port, health=free_port()), encoding="utf-8")
    return path


@asynccontextmanager
async def collector(path: Path) -> AsyncIterator[LoadedSite]:
    site, stop = load_site(path), asyncio.Event()
    task = asyncio.create_task(collect(site, SystemClock(), stop))
    try:
        async with asyncio.timeout(60):
            while not site.control_path.exists() and not task.done():
                await asyncio.sleep(0.01)
        yield site
    finally:
        stop.set()
        await task


async def send(site: LoadedSite, key: str, command: str, subject: str, **body: Any) -> dict[str, Any]:
    return await client.send(site.control_path, Command(key, "王工", command, subject, body), timeout_s=60)


async def values_of(real: Mosquitto, site: LoadedSite, topic: str, point: str) -> float | None:
    """Publish until a reading of the point is there: its value."""
    reader = Reader(load_site(site.path), SystemClock())
    async with asyncio.timeout(60):
        while True:
            await publish(real.broker, PAYLOAD, topic=topic)
            found = [one.value for one in reader.latest([point]) if one.value is not None]
            if found:
                return found[0]


async def appeared(real: Mosquitto, site: LoadedSite, topic: str = STRANGER) -> Reader:
    reader = Reader(site, SystemClock())
    async with asyncio.timeout(60):
        while topic not in [one.topic for one in reader.candidates()]:
            await publish(real.broker, PAYLOAD, topic=topic)
            await asyncio.sleep(0.05)
    return reader


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Candidates are kept at once instead of every few seconds."""
    monkeypatch.setattr("gateway.sources.mqtt.KEEP_S", 0.05)


async def test_a_stranger_is_shown_adopted_and_read_without_a_restart(tmp_path: Path) -> None:
    async with mosquitto(tmp_path) as real:
        path = written(tmp_path, real.port)
        before = path.read_bytes()
        async with collector(path) as site:
            reader = await appeared(real, site)
            (one,) = reader.candidates()
            assert (one.profile, one.sample) == ("zigbee2mqtt-air", PAYLOAD)
            assert reader.latest() == [] or all(found.value is None for found in reader.latest())
            answer = await send(site, "k1", "adopt", STRANGER, **BODY)
            assert answer == {"device": "box-2", "topic": STRANGER, "profile": "zigbee2mqtt-air"}
            assert await send(site, "k1", "adopt", STRANGER, **BODY) == answer
            assert await values_of(real, site, STRANGER, "box-2.co2") == 640.0
            assert reader.candidates() == []
        again = load_site(path)
        assert again.adopted == ("box-2",)
        assert again.devices["box-2"].name == "新盒子"
        assert path.read_bytes() == before
        async with collector(path) as site:
            assert await values_of(real, site, STRANGER, "box-2.co2") == 640.0
            # A crash between file and commit: the command comes again, and finds its work done.
            assert await send(site, "k2", "adopt", STRANGER, **BODY) == answer


async def test_a_sub_meter_is_adopted_with_the_meter_above_it_and_its_energy_code(tmp_path: Path) -> None:
    async with mosquitto(tmp_path) as real:
        path = written(tmp_path, real.port)
        main = (
            "  - {id: main-e, profile: tasmota-energy, broker: local, topic: tele/main, energy_code: '01000'}"
        )
        path.write_text(path.read_text("utf-8").replace("mappings:", f"{main}\nmappings:"), encoding="utf-8")
        meter = {
            **BODY,
            "id": "plug",
            "profile": "tasmota-energy",
            "parent": "main-e",
            "energy_code": "01A00",
        }
        async with collector(path) as site:
            await appeared(real, site)
            with pytest.raises(ControlError, match=r"'02000' is .*tasmota-energy measures"):
                await send(site, "k0", "adopt", STRANGER, **{**meter, "energy_code": "02000"})
            await send(site, "k1", "adopt", STRANGER, **meter)
        plug = load_site(path).devices["plug"]
        assert (plug.parent, plug.energy_code, plug.space) == ("main-e", "01A00", "a-101")


async def test_a_mapping_reads_its_names_and_shows_the_others(tmp_path: Path) -> None:
    async with mosquitto(tmp_path) as real, collector(written(tmp_path, real.port)) as site:
        assert await values_of(real, site, "zigbee2mqtt/box-1", "box-1.humidity") == 60.0
        reader = await appeared(real, site, "zigbee2mqtt/box-7")
        assert [one.topic for one in reader.candidates()] == ["zigbee2mqtt/box-7"]


async def test_what_would_not_load_is_refused_in_words_and_writes_nothing(tmp_path: Path) -> None:
    async with mosquitto(tmp_path) as real, collector(written(tmp_path, real.port)) as site:
        await appeared(real, site)
        for said, change in (
            ("no space has the id 'nowhere'", {"space": "nowhere"}),
            ("no profile is called 'nothing'", {"profile": "nothing"}),
            ("Modbus profile on a broker", {"profile": "acrel-adl400"}),
            ("the id air-101 is taken", {"id": "air-101"}),
            ("correct id", {"id": "Ä b"}),
            ("correct energy_code", {"energy_code": "lights"}),
            ("no device has the id 'nothing'", {"parent": "nothing"}),
            ("it knows no bus", {"bus": "east"}),
            ("no candidate", {"broker": "elsewhere"}),
        ):
            with pytest.raises(ControlError, match=said):
                await send(site, f"k{said}", "adopt", STRANGER, **{**BODY, **change})
        with pytest.raises(ControlError, match="there is no candidate site/never"):
            await send(site, "k", "adopt", "site/never", **BODY)
        assert not site.web_path.exists()


async def test_a_dismissed_stranger_is_shown_no_more_however_often_it_speaks(tmp_path: Path) -> None:
    async with mosquitto(tmp_path) as real, collector(written(tmp_path, real.port)) as site:
        reader = await appeared(real, site)
        await send(site, "d1", "dismiss", STRANGER, broker="local")
        await appeared(real, site, "site/another")
        assert [one.topic for one in reader.candidates()] == ["site/another"]
        with pytest.raises(ControlError, match="there is no candidate site/never"):
            await send(site, "d2", "dismiss", "site/never", broker="local")
