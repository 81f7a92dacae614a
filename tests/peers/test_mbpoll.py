"""Our simulated meters read by mbpoll, a Modbus master written in C that knows nothing of us."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest

from edge_config.loader import load_site
from runtime.clock import parse_utc
from simulators.buses import Buses
from simulators.campus import Campus
from simulators.demo_site import write_demo_site

pytestmark = pytest.mark.real("mbpoll")

NOW = parse_utc("2026-09-07T10:17:00+08:00")


async def mbpoll(port: int | None, *options: str) -> list[str]:
    """The values mbpoll shows for one poll, as it prints them."""
    process = await asyncio.create_subprocess_exec(
        "mbpoll", "-m", "tcp", "-p", str(port), "-o", "10", "-0", "-B", "-1", *options, "127.0.0.1",
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    said, _ = await asyncio.wait_for(process.communicate(), 60)
    return re.findall(r"^\[\d+\]:\s+(\S+)", said.decode(), re.MULTILINE)


async def test_mbpoll_reads_the_truth_from_our_simulator(tmp_path: Path) -> None:
    campus = Campus(load_site(write_demo_site(tmp_path)))
    async with Buses(campus, lambda: NOW, {}, {"east": 0, "west": 0}) as buses:
        east, west = buses.served["east"].port, buses.served["west"].port
        (main_e,) = await mbpoll(east, "-a", "1", "-t", "4:int", "-r", str(0x084C))
        assert int(main_e) == int(campus.truth("main-e.energy_import", NOW) * 10)
        (hvac_a,) = await mbpoll(east, "-a", "21", "-t", "3:float", "-r", str(0x0048))
        assert float(hvac_a) == pytest.approx(float(campus.truth("hvac-a.energy_import", NOW)), rel=1e-4)
        (pv,) = await mbpoll(west, "-a", "9", "-t", "3:int", "-r", "55")
        assert int(pv) == int(campus.truth("pv.energy_yield", NOW) * 10)


async def test_mbpoll_is_refused_what_a_meter_does_not_have(tmp_path: Path) -> None:
    campus = Campus(load_site(write_demo_site(tmp_path)))
    async with Buses(campus, lambda: NOW, {}, {"east": 0, "west": 0}) as buses:
        assert await mbpoll(buses.served["east"].port, "-a", "1", "-t", "4", "-r", str(0x5000)) == []
