"""What happens in the scripted run: a site, and steps of one transaction each, the same at every run.

The steps hold what a buffer goes through: readings, repeats, corrections, late and bad readings, bursts, closing slots,
events, device states, statements, an uplink's cursor, and clean ends with a start after them.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from random import Random

from devices import profile
from edge_config.schema import LimitsFile, SiteFile
from edge_config.site import LoadedSite
from gateway.model import Reading

T0 = 1_763_856_000_000
"""2025-11-23 00:00 UTC, a quarter-hour boundary."""
MINUTE_MS = 60_000
STEP_MINUTES = 4
LIFE_STEPS = 30
ACTS = ("", "statement", "", "offline", "cursor", "reject", "online", "again", "", "candidate")
"""What else is in a step's transaction, by its number; ``again`` is a statement under a key that has been used."""


@dataclass(frozen=True, slots=True)
class Step:
    """``at`` is our clock in ms; ``life`` counts the starts of the collector."""

    number: int
    life: int
    at: int
    readings: tuple[Reading, ...]
    act: str


def site_in(folder: Path) -> LoadedSite:
    """A meter, a classroom sensor, a limit on CO₂ and a district."""
    file = SiteFile.model_validate(
        {
            "site": {"id": "s", "name": "测试学校"},
            "gateway": {"id": "gw-1"},
            "spaces": [{"id": "a-101", "name": "101", "kind": "classroom"}],
            "buses": [{"id": "east", "kind": "modbus-tcp", "host": "127.0.0.1"}],
            "brokers": [{"id": "local", "host": "127.0.0.1"}],
            "devices": [
                {"id": "main-e", "profile": "acrel-adl400", "bus": "east", "unit_id": 1, "poll_interval_s": 60},
                {"id": "air", "profile": "zigbee2mqtt-air", "broker": "local", "topic": "z/air", "space": "a-101"},
            ],
            "uplinks": [{"id": "district", "kind": "district-http", "url": "http://127.0.0.1/v1"}],
            "buffer": {"path": "buffer.db"},
        }
    )  # fmt: skip
    limits = LimitsFile.model_validate(
        {
            "valid_from": "2025-01-01",
            "limits": [
                {
                    "id": "co2", "quantity": "co2", "above": 1500, "clear": 1400, "for_minutes": 10, "level": "major",
                    "text": "二氧化碳 {value} {unit}, 超过 {limit}", "advice": "开窗通风", "source": "test",
                }
            ],
        }
    )  # fmt: skip
    profiles = {device.profile: profile.load(device.profile) for device in file.devices}
    return LoadedSite(file, folder, folder / "site.yaml", profiles, limits)


def script(count: int, seed: int = 1) -> list[Step]:
    """``count`` steps of four minutes each."""
    random = Random(seed)
    told: list[Reading] = []
    held: list[Reading] = []
    steps: list[Step] = []
    for number in range(1, count + 1):
        at = T0 + number * STEP_MINUTES * MINUTE_MS
        fresh = [one for m in range(STEP_MINUTES) for one in _minute(at - (STEP_MINUTES - m) * MINUTE_MS)]
        late, held = ([_came(at, one) for one in held], []) if number % 9 == 0 else ([], held)
        held += [fresh.pop(random.randrange(len(fresh))) for _ in range(random.randrange(3))]
        repeated = random.sample(told, min(len(told), random.randrange(4)))
        corrected = [_corrected(at, one) for one in random.sample(told, min(len(told), number % 3 == 0))]
        more = (_burst(at) if number % 20 == 7 else []) + (_bad_clock(at) if number % 25 == 11 else [])
        steps.append(
            Step(
                number,
                (number - 1) // LIFE_STEPS,
                at,
                (*fresh, *late, *repeated, *corrected, *more),
                ACTS[number % len(ACTS)],
            )
        )
        told = [one for one in (*told, *fresh, *late) if one.measured_at > at - 60 * MINUTE_MS]
    return steps


def _minute(at: int) -> list[Reading]:
    minute = (at - T0) // MINUTE_MS
    return [
        Reading("main-e.energy_import", at, at + 80, 5000 + minute * 2.5),
        Reading("main-e.power", at, at + 80, 30 + minute % 50),
        Reading("air.co2", at + 250, at + 300, 600.0 + 1200 * (minute % 90 > 60)),
    ]


def _burst(at: int) -> list[Reading]:
    """A sensor that empties its memory: a commit larger than the log is allowed to stay."""
    return [Reading("air.temperature", at - 299 + n, at, 20 + n % 7) for n in range(300)]


def _bad_clock(at: int) -> list[Reading]:
    return [Reading("air.humidity", at + 10 * 86_400_000, at, 40.0)]


def _corrected(at: int, one: Reading) -> Reading:
    return _came(at, one)._replace(value=(one.value or 0) + 0.5)


def _came(at: int, one: Reading) -> Reading:
    """A reading of an earlier minute that comes now."""
    return one._replace(received_at=at - 50)
