"""The simulated school: four water meters' worth of registers, one energy meter, a timed and an untimed device on a broker."""

from __future__ import annotations

import random
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from devices import profile
from edge_config.schema import SiteFile
from edge_config.site import LoadedSite
from tests.simulation.chaos import Chaos
from tests.simulation.meters import WORD_32, Meter, Truth

POLL_S = 60.0
STARTS = (
    ("Asia/Shanghai", 1_763_911_800_000),  # 2025-11-23 15:30 UTC
    ("Asia/Shanghai", 1_764_516_600_000),  # 2025-11-30 15:30 UTC: a month ends
    ("Asia/Kathmandu", 1_763_919_900_000),  # 2025-11-23 17:45 UTC, 45 minutes off
    ("America/St_Johns", 1_763_953_200_000),  # 2025-11-24 03:00 UTC, half an hour off
    ("Europe/Berlin", 1_761_438_600_000),  # 2025-10-26 00:30 UTC: the hour before the one that comes twice
    ("Europe/Berlin", 1_761_517_800_000),  # 2025-10-26 22:30 UTC: a day of 25 hours ends
    ("Australia/Lord_Howe", 1_775_313_000_000),  # 2026-04-04 14:30 UTC: half an hour comes twice
)
"""Where a school may stand and when its story begins: half an hour before an hour, a day or a month ends there."""
FLOW_MAX = 3.6
"""m³/h: one step (a litre) a second."""


@dataclass(frozen=True, slots=True)
class Known:
    """What the tester knows of a point: its step in its unit, whether it counts, where it rolls over, how fast it may."""

    step: float
    is_counter: bool
    modulus: int | None = None
    steps_s_max: float | None = None
    truth: str | None = None
    """The device whose truth it shows, where it shows one."""


POINTS = {
    "w1.volume": Known(0.001, True, WORD_32, 1.0, "w1"),
    "w2.volume": Known(0.001, True, WORD_32, None, "w2"),
    "w3.volume": Known(0.001, True, WORD_32, None, "w3"),
    "e1.power": Known(0.0001, False),
    "e1.energy_import": Known(0.01, True),
    "e1.energy_export": Known(0.01, True),
    "tb.power": Known(0.001, False),
    "tb.energy_import": Known(0.01, True, None, None, "tb"),
    "probe.temperature": Known(0.1, False),
}


@cache
def _file(zone: str) -> SiteFile:
    return SiteFile.model_validate(
        {
            "site": {"id": "s", "name": "模拟学校", "timezone": zone},
            "gateway": {"id": "gw-1"},
            "spaces": [{"id": "a", "name": "A", "kind": "building"}],
            "buses": [
                {"id": "tcp", "kind": "modbus-tcp", "host": "192.0.2.1"},
                {"id": "rtu", "kind": "modbus-rtu", "port": "/dev/none"},
            ],
            "brokers": [{"id": "local", "host": "192.0.2.2", "in_flight_max": 4}],
            "devices": [
                {"id": "w1", "profile": "pulse-water", "bus": "tcp", "unit_id": 1, "flow_max_m3h": FLOW_MAX},
                {"id": "w2", "profile": "pulse-water", "bus": "tcp", "unit_id": 2},
                {"id": "w3", "profile": "pulse-water", "bus": "rtu", "unit_id": 3},
                {"id": "e1", "profile": "chint-dtsu666", "bus": "rtu", "unit_id": 4},
                {"id": "tb", "profile": "thingsboard-meter", "broker": "local", "topic": "tb"},
                {"id": "probe", "profile": "esphome-cold", "broker": "local", "topic": "probe"},
            ],
            "uplinks": [{"id": "district", "kind": "district-http", "url": "https://district.example/v1", "batch_max": 50}],
            "buffer": {"path": "buffer.db"},
        }
    )  # fmt: skip


@cache
def _site(zone: str) -> LoadedSite:
    file = _file(zone)
    polled = [
        device.model_copy(update={"poll_interval_s": POLL_S if device.bus else None})
        for device in file.devices
    ]
    file = file.model_copy(update={"devices": tuple(polled)})
    profiles = {device.profile: profile.load(device.profile) for device in file.devices}
    return LoadedSite(file, Path(), Path("site.yaml"), profiles)


def site_in(folder: Path, zone: str) -> LoadedSite:
    site = _site(zone)
    return LoadedSite(site.file, folder, folder / "site.yaml", site.profiles)


def truth(chaos: Chaos, device: str, steps_s_max: float, modulus: int, end_s: float) -> Truth:
    """How a device's counter runs: its rate changes in the middle of quarter-hours only."""
    rng = chaos.stream(f"truth/{device}")
    changes = [index * 900.0 + 450.0 for index in range(int(end_s // 900) + 1)]
    rates = [(0.0, rng.uniform(0, steps_s_max)), *((at, _rate(rng, steps_s_max)) for at in changes)]
    start = rng.randrange(modulus // 2)
    if modulus == WORD_32 and chaos.has("rollover") and rng.random() < 0.7:
        chaos.saw("rollover")
        start = modulus - rng.randrange(1, 1000)
    resets = [at for at, _ in chaos.spans("reset", device)]
    if resets:
        chaos.saw("reset")
        if rng.random() < 0.5:
            chaos.saw("two resets in a row")
            resets = sorted([*resets, resets[0] + rng.uniform(20, 2 * POLL_S)])
    return Truth(start, rates, modulus, resets)


def _rate(rng: random.Random, steps_s_max: float) -> float:
    return 0.0 if rng.random() < 0.2 else rng.uniform(0, steps_s_max)


def meters(truths: dict[str, Truth]) -> dict[str, dict[int, Meter]]:
    """The units of each bus."""
    energy = {
        0x2012: ("e1.power", "power"),
        0x101E: ("e1.energy_import", "energy"),
        0x1028: ("e1.energy_export", "energy"),
    }
    return {
        "tcp": {
            1: Meter(1, truths["w1"], {0: ("w1.volume", "u32")}, may_dip=True, may_lie=True),
            2: Meter(2, truths["w2"], {0: ("w2.volume", "u32")}, may_dip=True),
        },
        "rtu": {
            3: Meter(3, truths["w3"], {0: ("w3.volume", "u32")}),
            4: Meter(4, truths["e1"], energy),
        },
    }
