"""A school whose buffer holds eight days of known data, and a reader over it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from edge_config.site import LoadedSite
from gateway.query.reader import Reader
from tests.query.buffers import DAY_MS, QUARTER_MS, Buffer, ManualClock, local_ms, school, steady, wavering


@dataclass(frozen=True, slots=True)
class Campus:
    site: LoadedSite
    buffer: Buffer
    clock: ManualClock
    reader: Reader
    midnight: int
    began: int


def filled(site: LoadedSite, day: str = "2026-11-18", clock: str = "10:05") -> Campus:
    """A Wednesday at five past ten; eight days of data before it, every meter of the site with a flow of its own."""
    now, midnight = local_ms(site, day, clock), local_ms(site, day)
    began = midnight - 8 * DAY_MS
    buffer = Buffer(site)
    for number, name in enumerate(("main-e", "hvac-a", "light-a", "kitchen-e"), 1):
        buffer.counter(
            f"{name}.energy_import",
            began,
            now,
            wavering(40 // number, 7),
            register=1000,
        )
    buffer.counter("pv.energy_yield", began, now, lambda slot: slot % 5)
    buffer.counter("main-w.volume", began, now, lambda slot: 30 + slot % 3)
    buffer.counter("water-canteen.volume", began, now, lambda slot: 120 + slot % 11)
    buffer.counter("uv-101.energy_import", began, now, lambda _: 1)
    buffer.gauge("main-e.power", began, now, lambda slot: 100.0 + slot % 96)
    for name, value in (("air-101.co2", 800.0), ("air-102.co2", 1250.0), ("air-101.temperature", 22.0)):
        buffer.gauge(name, began, now, steady(value))
    for name, value in (("fridge", 4.0), ("freezer", -18.0), ("sample", 5.0), ("hot", 65.0)):
        buffer.gauge(f"{name}.temperature", began, now, steady(value))
    buffer.gauge("uv-101.lamp_power", began, now, lambda _: 0.0)
    buffer.gauge("cabinet.temperature", began, now, lambda _: 25.0)
    for device in site.devices:
        buffer.device(device, "online", began)
    clock_now = ManualClock(now)
    return Campus(site, buffer, clock_now, Reader(site, clock_now), midnight, began)


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Campus:
    """Filled once; every test gets a copy of its file."""
    campus = filled(school(tmp_path_factory.mktemp("template")))
    campus.buffer.connection.close()
    return campus


@pytest.fixture
def campus(tmp_path: Path, template: Campus) -> Iterator[Campus]:
    site, clock = school(tmp_path), ManualClock(template.clock.ms)
    with template.buffer.copied_to(site) as buffer:
        yield Campus(site, buffer, clock, Reader(site, clock), template.midnight, template.began)


def ago(campus: Campus, quarters: int) -> int:
    """The start of the n-th closed slot before now."""
    return campus.clock.ms - campus.clock.ms % QUARTER_MS - quarters * QUARTER_MS
