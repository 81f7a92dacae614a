"""The collector's composition root: one task group of sources, door, uplinks and control, and the order of its end.

At a stop the sources end first, then what they handed over is committed and acknowledged, then uplinks and control end,
then the buffer closes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from edge_config.schema import Bus, Device
from edge_config.site import LoadedSite
from gateway.candidate import Candidate
from gateway.commands.adoption import Adoption
from gateway.commands.buffer import buffer_handlers
from gateway.commands.plant import handlers
from gateway.commands.uplinks import uplink_handlers
from gateway.control.server import ControlServer
from gateway.delivery.run import deliver, scrub
from gateway.door.ingest import Door
from gateway.errors import ConfigError
from gateway.metrics import health_of, registry_of
from gateway.points import build_points
from gateway.recovery.salvaging import salvage_waiting
from gateway.sources.recording import Recorder
from gateway.store import candidates
from gateway.uplinks.national.figures import CentreMetrics
from runtime import logs, memory
from runtime.clock import Clock
from runtime.health import HealthServer

if TYPE_CHECKING:
    from gateway.sources.mqtt import BrokerSource
    from gateway.sources.polled import AnyDevice
    from gateway.sources.seam import Exchange

log = logs.get("collector")

Source = Callable[[Door], Coroutine[Any, Any, None]]


async def collect(
    site: LoadedSite, clock: Clock, stop: asyncio.Event, recorder: Recorder | None = None
) -> None:
    """Run the collector until ``stop``. Raises ConfigError, StoreError or StoreLockedError when it cannot begin."""
    brokers = _brokers(site, recorder)
    sources, points = _sources(site, brokers, recorder), build_points(site)
    async with AsyncExitStack() as stack:
        door = await stack.enter_async_context(Door(site, points, clock))
        stack.callback(_health_server(site, door, clock).close)
        writer = asyncio.create_task(door.run(), name="door")
        control = ControlServer(
            site.control_path,
            {
                **handlers(
                    door, lambda: health_of(door, clock).facts, Adoption(site, door, partial(_take_up, brokers))
                ),
                **buffer_handlers(site, door, clock),
                **uplink_handlers(site, door, clock),
            },
        )  # fmt: skip
        memory.settle()
        log.info("collecting", site=site.file.site.id, points=len(points), epoch=door.epoch)
        async with asyncio.TaskGroup() as outer:
            beside = (
                deliver(site, door, clock), scrub(site.buffer_path, door, clock), salvage_waiting(site, door, clock),
                control.run(),
            )  # fmt: skip
            others = [outer.create_task(work) for work in beside]
            try:
                await _run_until(stop, [source(door) for source in sources], writer)
            finally:
                door.close()
                await writer
                for task in others:
                    task.cancel()


async def _run_until(
    stop: asyncio.Event, works: list[Coroutine[Any, Any, None]], writer: asyncio.Task[None]
) -> None:
    """Sources run until the stop, or until one of them or the writer fails."""
    async with asyncio.TaskGroup() as group:
        tasks: list[asyncio.Task[Any]] = [group.create_task(work) for work in works]
        tasks.append(group.create_task(stop.wait()))
        await asyncio.wait({writer, *tasks}, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()


def _brokers(site: LoadedSite, recorder: Recorder | None) -> dict[str, BrokerSource]:
    """A site without a broker loads no MQTT (1.5 MB). Raises ConfigError for what cannot be used."""
    if not site.file.brokers:
        return {}
    from gateway.sources.mqtt import build_broker

    return {broker.id: _tapped(build_broker(site, broker), recorder) for broker in site.file.brokers}


def _sources(
    site: LoadedSite, brokers: Mapping[str, BrokerSource], recorder: Recorder | None
) -> list[Source]:
    """Every bus and broker of the site, ready to run on a door. Raises ConfigError for what cannot be used."""
    sources: list[Source] = []
    for bus in site.file.buses:
        from gateway.sources.poll import build_bus  # a site without a bus loads no Modbus (2 MB)

        devices, wire = build_bus(site, bus)
        wire = wire if recorder is None else recorder.wire(bus.id, wire)
        sources.append(partial(_bus, bus, devices, wire))
    for broker in brokers.values():
        sources.append(partial(_broker, broker))
    return sources


async def _bus(bus: Bus, devices: Sequence[AnyDevice], wire: Exchange, door: Door) -> None:
    from gateway.sources.poll import run_bus

    await run_bus(bus, devices, wire, door, door.clock)


async def _broker(source: BrokerSource, door: Door) -> None:
    from gateway.sources.mqtt import run_broker

    async def keep(found: list[Candidate]) -> None:
        await door.execute(lambda connection, _: candidates.put(connection, found))

    await run_broker(source, door, door.clock, keep=keep)


def _tapped(source: BrokerSource, recorder: Recorder | None) -> BrokerSource:
    """The source, its messages written down where a recording is wanted."""
    return source if recorder is None else replace(source, tap=recorder.tap(source.access.broker.id))


def _take_up(brokers: Mapping[str, BrokerSource], site: LoadedSite, device: Device) -> None:
    """A device that staff adopted, on its way to its broker."""
    from gateway.sources.mqtt import mqtt_device

    brokers[str(device.broker)].arrivals.put_nowait(mqtt_device(site, device))


def _health_server(site: LoadedSite, door: Door, clock: Clock) -> HealthServer:
    listen, registry = site.file.collector, registry_of(door)
    registry.register(CentreMetrics(site))
    try:
        return HealthServer(listen.host, listen.port, registry, lambda: health_of(door, clock))
    except OSError as error:
        raise ConfigError(
            f"{listen.host} port {listen.port} cannot be used: {error.strerror}; stop what uses it or give the collector "
            "another one (site file: collector: {port: …})"
        ) from error
