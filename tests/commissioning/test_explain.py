"""`check --explain` prints what really goes on the wire."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from edge_config.loader import load_site
from edge_config.schema import TcpBus
from gateway.commissioning.explain import explain, rtu_frame, tcp_frame
from gateway.commissioning.live import target_of
from gateway.errors import ConfigError
from gateway.sources.modbus import PymodbusWire
from tests.commissioning.meters import DTSU666, INVERTER, bus_of, site
from tests.sources import slave as far_end
from tests.sources.slave import Slave

METER = "id: m, profile: chint-dtsu666, unit_id: 17, ct_ratio: 10, space: a-1"


def test_the_frames_of_a_published_example_come_out() -> None:
    """Modbus over Serial Line: read 3 registers from 0x006B of unit 17, CRC 76 87 with the low byte first."""
    request = bytes.fromhex("1103006B0003")
    assert rtu_frame(request).hex(" ") == "11 03 00 6b 00 03 76 87"
    assert tcp_frame(request, 1).hex(" ") == "00 01 00 00 00 06 11 03 00 6b 00 03"


@pytest.mark.parametrize("kind", ["modbus-tcp", "modbus-rtu-over-tcp"])
async def test_the_bytes_are_those_that_the_wire_sends(tmp_path: Path, kind: str) -> None:
    logging.getLogger("pymodbus").setLevel(logging.CRITICAL)
    sent: list[bytes] = []
    is_rtu = kind == "modbus-rtu-over-tcp"
    async with far_end.tcp(Slave(bus_of({17: DTSU666})), is_rtu=is_rtu) as port:
        loaded = site(tmp_path, port, METER, kind=kind)
        (bus,) = loaded.file.buses
        assert isinstance(bus, TcpBus)
        wire = PymodbusWire(bus, lambda is_sending, data: sent.append(data) if is_sending else None)
        for ready in target_of(loaded, "m").poll.blocks:
            await wire.exchange(ready.request)
        await wire.close()
    text = "\n".join(explain(loaded, "m"))
    assert len(sent) == 2
    for frame in sent:
        assert frame.hex(" ").upper() in text


def test_a_meter_is_explained_with_scale_ratio_step_and_interval(tmp_path: Path) -> None:
    text = "\n".join(explain(site(tmp_path, 502, METER), "m"))
    assert (
        "m.energy_import: 正向有功电能 active_energy_import, 3 0x101E, f32 ABCD, raw × 1, × 10 (CT × PT)"
        in text
    )
    assert "= kWh, step 0.1, expected every" in text
    assert "plausible -2000 to 2000" in text


def test_of_a_sunspec_device_it_is_said_that_its_place_is_found_out(tmp_path: Path) -> None:
    text = "\n".join(explain(site(tmp_path, 502, INVERTER), "m"))
    assert (
        "as of a device whose SunSpec block begins at 40069; where it does is found at the first poll" in text
    )


def test_a_sensor_is_explained_with_topics_and_fields(tmp_path: Path) -> None:
    path = tmp_path / "site.yaml"
    path.write_text(
        "site: {id: s, name: S}\ngateway: {id: g}\nbrokers: [{id: b, host: 127.0.0.1}]\n"
        "devices:\n  - {id: uv, profile: tasmota-uv-lamp, broker: b, topic: tele/uv}\n",
        encoding="utf-8",
    )
    text = "\n".join(explain(load_site(path), "uv"))
    assert "tele/uv/SENSOR" in text
    assert "field ENERGY.Power" in text
    assert "online is 'Online', offline is 'Offline'" in text


def test_a_device_that_does_not_exist_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"there is no device 'x' in .*it has m"):
        list(explain(site(tmp_path, 502, METER), "x"))
