"""The whole campus, live: its buses served and its sensors speaking, in one asyncio process.

Composition only. Ends when ``stop`` is set: buses closed, sensors told offline, no task left.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector

from edge_config.schema import Broker
from edge_config.site import LoadedSite
from runtime import logs
from runtime.clock import Clock
from runtime.health import Health, HealthServer
from simulators.buses import Buses
from simulators.campus import DEFAULT_SEED, Campus
from simulators.errors import SimulatorError
from simulators.frame_meter import FrameMeter
from simulators.meter_device import Fault, MeterDevice
from simulators.sensors import BrokerLogin, Speaker

log = logs.get("simulator")


@dataclass(frozen=True, slots=True)
class LiveOptions:
    """``username`` and ``password_file`` are whom the sensors connect as. ``ready`` is set when all is served."""

    username: str | None = None
    password_file: Path | None = None
    faults: Mapping[str, Fault] = field(default_factory=dict)
    health: tuple[str, int] | None = None
    seed: int = DEFAULT_SEED
    ready: asyncio.Event | None = None


class LiveFigures(Collector):
    """What the simulator counted, for ``/metrics`` and ``/healthz``."""

    def __init__(self, buses: Buses, speakers: list[Speaker]) -> None:
        self._buses, self._speakers = buses, speakers

    def registry(self) -> CollectorRegistry:
        registry = CollectorRegistry()
        registry.register(self)
        return registry

    def collect(self) -> Iterator[Metric]:
        answers = CounterMetricFamily(
            "simulator_modbus_requests", "Requests by meter and outcome", labels=["device", "outcome"]
        )
        meters: dict[str, MeterDevice | FrameMeter] = {**self._buses.meters(), **self._buses.frame_meters()}
        for name, meter in meters.items():
            answers.add_metric([name, "answered"], meter.answered)
            answers.add_metric([name, "refused"], meter.refused)
        messages = CounterMetricFamily(
            "simulator_mqtt_messages", "Messages by broker and outcome", labels=["broker", "outcome"]
        )
        for speaker in self._speakers:
            messages.add_metric([speaker.login.broker_id, "acknowledged"], speaker.sent)
            messages.add_metric([speaker.login.broker_id, "lost"], speaker.lost)
        yield answers
        yield messages

    def health(self) -> Health:
        away = [s.login.broker_id for s in self._speakers if s.sensor_count and not s.is_connected]
        problems = tuple(f"sensors cannot reach broker {name}" for name in away)
        return Health(problems, {"buses": len(self._buses.served), "meters": self._meter_count()})

    def _meter_count(self) -> int:
        return len(self._buses.meters()) + len(self._buses.frame_meters())


async def run_live(site: LoadedSite, clock: Clock, options: LiveOptions, stop: asyncio.Event) -> None:
    """Serve and speak until ``stop``. Raises SimulatorError for what the operator can put right."""
    unknown = sorted(set(options.faults) - set(site.devices))
    if unknown:
        raise SimulatorError(f"--fault names {', '.join(unknown)}, which the site does not have")
    campus = Campus(site, options.seed)
    campus.warm_up(clock.now_ms())
    speakers = [Speaker(campus, clock, _login(broker, options)) for broker in site.file.brokers]
    async with Buses(campus, clock.now_ms, options.faults) as buses:
        figures = LiveFigures(buses, speakers)
        health = _health(options, figures)
        try:
            await _until(stop, speakers, options.ready)
        finally:
            if health is not None:
                await asyncio.to_thread(health.close)


async def _until(stop: asyncio.Event, speakers: list[Speaker], ready: asyncio.Event | None) -> None:
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(speaker.run(), name=f"speaker {speaker.login.broker_id}")
            for speaker in speakers
        ]
        if ready is not None:
            ready.set()
        log.info("the campus is live", sensors=sum(speaker.sensor_count for speaker in speakers))
        await stop.wait()
        for task in tasks:
            task.cancel()


def _login(broker: Broker, options: LiveOptions) -> BrokerLogin:
    password = None
    if options.password_file is not None:
        try:
            password = options.password_file.read_text(encoding="utf-8").strip()
        except OSError as error:
            raise SimulatorError(
                f"{options.password_file} cannot be read: {error.strerror}; name a file that holds the password"
            ) from error
    return BrokerLogin(broker.id, broker.host, broker.port, options.username, password)


def _health(options: LiveOptions, figures: LiveFigures) -> HealthServer | None:
    if options.health is None:
        return None
    return health_server(options.health, figures.registry(), figures.health)


def health_server(
    where: tuple[str, int], registry: CollectorRegistry, report: Callable[[], Health]
) -> HealthServer:
    """A health server on (host, port). Raises SimulatorError when the port is taken."""
    host, port = where
    try:
        return HealthServer(host, port, registry, report)
    except OSError as error:
        raise SimulatorError(
            f"--health-port {port} cannot be used: {error.strerror}; stop what uses it or choose another"
        ) from error
