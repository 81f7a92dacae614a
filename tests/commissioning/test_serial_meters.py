"""Meters of other protocols on one line are read, examined and explained like Modbus ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_config.plan import BusPlan
from edge_config.site import LoadedSite
from gateway.commissioning.advice import advise
from gateway.commissioning.doctor import LISTEN_S, examine
from gateway.commissioning.explain import explain
from gateway.commissioning.line import bus_of, line_of, scannable
from gateway.commissioning.live import look, target_of
from gateway.commissioning.scan import Found, Wanted, scan
from gateway.commissioning.scan_rounds import PROTOCOLS, Round, Steps
from gateway.commissioning.suggest import bus_profiles
from gateway.errors import NotConnectedError
from gateway.sources.line_request import line_request
from tests.sources.meter_lines import FLAT, HEAT, PUMP, WATER, school, serial, simulated

DEVICES = (FLAT, HEAT, PUMP)


def line(folder: Path) -> LoadedSite:
    return school(folder, serial(timeout_s=0.15), DEVICES)


async def test_what_is_shown_is_what_the_meters_show(tmp_path: Path) -> None:
    site = line(tmp_path)
    async with simulated(site) as truth, line_of(site, "line") as bus:
        for device in ("flat", "heat", "pump"):
            rows = (await look(bus, target_of(site, device), 0)).rows
            assert {row.point: row.value for row in rows} == truth.expected(device)
            assert all(row.raw and row.quality == "good" for row in rows)


async def test_a_healthy_mixed_line_needs_no_advice(tmp_path: Path) -> None:
    site = line(tmp_path)
    async with simulated(site):
        targets = [target_of(site, device) for device in site.devices]
        units = await examine(line_of(site, "line", LISTEN_S), targets, 2, lambda *_: None)
    assert [set(unit.counts) for unit in units] == [{"answered"}] * 3
    quiet = BusPlan("line", "serial-meter", "", 3, 3, 1.0, 1.0, "")
    told = advise(bus_of(site, "line"), quiet, units)
    assert [one for one in told if one.subject != "bus"] == []


def test_the_frames_of_a_meter_are_explained_as_they_are_sent(tmp_path: Path) -> None:
    site = school(tmp_path, serial(), [FLAT, WATER])
    for device in site.devices:
        text = "\n".join(explain(site, device))
        for ready in target_of(site, device).poll.blocks:
            assert line_request(ready.request).sent.hex(" ").upper() in text
    assert "DI " in "\n".join(explain(site, "flat"))


async def test_a_line_of_meters_that_is_taken_is_left_alone(tmp_path: Path) -> None:
    site = line(tmp_path)
    async with simulated(site), line_of(site, "line") as holder, line_of(site, "line") as other:
        await look(holder, target_of(site, "flat"), 0)
        with pytest.raises(NotConnectedError, match=r"is in use.*collector"):
            await look(other, target_of(site, "flat"), 0)


async def test_meters_and_units_of_one_line_are_found_with_the_profiles_that_fit(tmp_path: Path) -> None:
    site = school(tmp_path, serial(timeout_s=0.15), [FLAT, WATER, PUMP])
    names = ("dlt645-single-phase", "dlt645-three-phase", "cjt188-water", "cjt188-heat", "eastron-sdm630")
    profiles = [one for one in bus_profiles() if one.profile in names]
    async with simulated(site):
        bus = scannable(site, "line")
        wanted = Wanted([Round(bus, PROTOCOLS)], [103, 104], profiles, meter_timeout_s=0.15)
        found = [one async for one in scan(wanted, Steps(lambda *_: None, 4), lambda _: None)]
    assert [_found(one) for one in found] == [
        ("dlt645", FLAT["address"], "dlt645-single-phase"),
        ("cjt188", WATER["address"], "cjt188-water"),
        ("modbus", 104, "eastron-sdm630"),
    ]


def _found(one: Found) -> tuple[str, str | int | None, str]:
    return one.protocol, one.address or one.unit_id, one.suggestions[0].profile
