"""A recording is decoded again as the collector decoded it."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
from pathlib import Path

import pytest

from edge_config.loader import load_site
from gateway.commissioning.replayed import Decoded, Decoder
from gateway.errors import ConfigError
from gateway.sources.poll import build_bus, run_bus
from gateway.sources.recording import Recorder
from gateway.sources.seam import Delivery
from tests.commissioning.meters import DTSU666, INVERTER, SUNSPEC, bus_of, site
from tests.sources import slave as far_end
from tests.sources.fakes import Clock, Sink
from tests.sources.slave import Script, Slave

HEAD = b'{"record": 1, "at": 0}'


@pytest.fixture(autouse=True)
def _quiet_pymodbus() -> None:
    logging.getLogger("pymodbus").setLevel(logging.CRITICAL)


METER = "id: m, profile: chint-dtsu666, unit_id: 1, ct_ratio: 10"


async def collected(folder: Path, script: Script, device: str = METER) -> tuple[Sink, list[Decoded]]:
    """What the collector made of some polls, and what the recording of them gives."""
    sink, path = Sink(), folder / "traffic.jsonl"
    async with far_end.tcp(Slave(script)) as port:
        loaded = site(folder, port, device)
        (bus,) = loaded.file.buses
        devices, wire = build_bus(loaded, bus)
        clock = Clock(sleeps_left=20)
        with Recorder(path, 100_000, clock) as recorder, pytest.raises(asyncio.CancelledError):
            await run_bus(bus, devices, recorder.wire("east", wire), sink, clock)
    return sink, list(Decoder(loaded).decode(path.read_bytes().splitlines()))


async def test_a_recording_gives_the_readings_the_collector_had(tmp_path: Path) -> None:
    sink, decoded = await collected(tmp_path, bus_of({1: DTSU666}))
    replayed = [(reading.point, reading.value) for one in decoded for reading in one.readings]
    assert replayed == [(reading.point, reading.value) for reading in sink.readings]
    assert ("m.energy_import", 12345.0) in replayed


async def test_blocks_that_were_cut_on_the_way_are_recognised(tmp_path: Path) -> None:
    well = bus_of({1: DTSU666})

    def strict(request: bytes) -> bytes | None:
        return well(request) if int.from_bytes(request[4:6], "big") == 2 else b"\x01\x83\x02"

    sink, decoded = await collected(tmp_path, strict)
    replayed = [(reading.point, reading.value) for one in decoded for reading in one.readings]
    assert replayed == [(reading.point, reading.value) for reading in sink.readings]
    assert {"m.energy_import", "m.energy_export", "m.power"} <= {point for point, _ in replayed}
    assert any(one.note.startswith("refused") for one in decoded)


async def test_a_sunspec_device_is_recognised_wherever_its_block_was_found(tmp_path: Path) -> None:
    sink, decoded = await collected(tmp_path, bus_of({1: SUNSPEC}), INVERTER)
    replayed = [(reading.point, reading.value) for one in decoded for reading in one.readings]
    assert replayed == [(reading.point, reading.value) for reading in sink.readings]
    assert replayed[:2] == [("m.power", 12.34), ("m.energy_yield", 45678.9)]
    assert [one.note for one in decoded if one.note.startswith("unknown")] == []


def test_messages_are_decoded_with_their_rejections(tmp_path: Path) -> None:
    path = tmp_path / "site.yaml"
    path.write_text(
        "site: {id: s, name: S}\ngateway: {id: g}\nspaces: [{id: a, name: A}]\nbrokers: [{id: b, host: 127.0.0.1}]\n"
        "devices:\n  - {id: air, profile: zigbee2mqtt-air, broker: b, topic: z/air, space: a}\n",
        encoding="utf-8",
    )
    with Recorder(tmp_path / "r", 10_000, Clock()) as recorder:
        tap = recorder.tap("b")
        tap(Delivery("z/air", b'{"co2": 612, "temperature": "warm"}', False, lambda: None))
        tap(Delivery("z/other", b"1", False, lambda: None))
    good, stray = Decoder(load_site(path)).decode((tmp_path / "r").read_bytes().splitlines())
    assert [(reading.point, reading.value) for reading in good.readings] == [("air.co2", 612.0)]
    assert [(one.subject, one.reason) for one in good.rejections] == [("air.temperature", "not_a_number")]
    assert stray.note == "unknown_topic: z/other"


def test_a_broken_line_is_said_and_stops_nothing(tmp_path: Path) -> None:
    loaded = site(tmp_path, 502, "id: m, profile: chint-dtsu666, unit_id: 1")
    stranger = {
        "at": 1,
        "bus": "east",
        "request": "090300000001",
        "reply": "0903020000",
        "outcome": "answered",
    }
    broken = [b"{", b"[]", b'{"at": 1}', b'{"at": 1, "bus": "east", "request": "zz"}', b"[" * 100_000]
    found = list(Decoder(loaded).decode([HEAD, *broken, json.dumps(stranger).encode()]))
    assert [one.note for one in found[:-1]] == ["not a line of a recording"] * len(broken)
    assert found[-1].note.startswith("unknown_request")


def test_a_file_that_is_no_recording_is_refused(tmp_path: Path) -> None:
    loaded = site(tmp_path, 502, "id: m, profile: chint-dtsu666, unit_id: 1")
    with pytest.raises(ConfigError, match="no recording of ours"):
        list(Decoder(loaded).decode([b'{"point": "m.power"}']))


def test_messages_of_the_devices_of_a_mapping_are_decoded(tmp_path: Path) -> None:
    path = tmp_path / "site.yaml"
    path.write_text(
        "site: {id: s, name: S}\n"
        "gateway: {id: gw-1}\n"
        "spaces:\n  - {id: a, name: A, kind: room}\n"
        "brokers:\n  - {id: local, host: 127.0.0.1}\n"
        "mappings:\n"
        "  - {broker: local, topic: zigbee2mqtt/+, profile: zigbee2mqtt-air, names: {box-1: a}}\n",
        encoding="utf-8",
    )

    def message(name: str) -> bytes:
        payload = base64.b64encode(b'{"co2": 640}').decode()
        row = {
            "at": 7,
            "broker": "local",
            "topic": f"zigbee2mqtt/{name}",
            "payload": payload,
            "retained": False,
        }
        return json.dumps(row).encode()

    known, unknown = Decoder(load_site(path)).decode([HEAD, message("box-1"), message("box-7")])
    assert [(one.point, one.value) for one in known.readings] == [("box-1.co2", 640.0)]
    assert unknown.note == "unknown_topic: zigbee2mqtt/box-7"
