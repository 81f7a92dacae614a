"""What a site will do to its buses, its broker and its card: requests, load, topics, readings a day, buffer size.

Pure arithmetic over a loaded site. How a profile's points are grouped into requests is the poller's business and comes
in as a function; the figures that stand in for what only a measurement knows are named constants with their source.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from devices.profile import ModbusProfile, MqttProfile
from edge_config.schema import Bus, Device, SerialBus, TcpBus
from edge_config.site import LoadedSite

POLL_INTERVAL_S = 10.0
"""Where the site file gives none."""
TURNAROUND_S = 0.02
"""A meter's time to think between request and answer on a serial line; datasheets say 5 to 100 ms."""
TCP_ROUND_TRIP_S = 0.01
"""Request and answer over a campus network to a Modbus TCP meter."""
SERVER_BAUDRATE = 9600
"""Behind a serial server (RTU over TCP) the line's speed is not in the site file; this is the usual one."""
BUSY_PCT = 80.0
"""Above this a retry or a slow meter makes polls late (ARCHITECTURE 8)."""

DAY_S = 86_400
RAW_DAYS, QUARTER_DAYS, HOUR_DAYS, DAY_DAYS = 14, 400, 3 * 365, 10 * 365
"""Retention of raw readings, quarter-hours and hours (ARCHITECTURE 13); days are kept for ever, ten years counted."""
READING_BYTES = 30
"""At rest, with CRC (ARCHITECTURE 1, BUDGETS)."""
INTERVAL_BYTES = 85
"""At rest; 100 points × 30 days of quarter-hours in the buffer's own table took 65 (counters) and 83 (gauges) each."""
GIB = 1024**3


@dataclass(frozen=True, slots=True)
class Request:
    """One read of ``registers`` registers, sent at every ``every``-th poll."""

    registers: int
    every: int = 1


RequestsOf = Callable[[ModbusProfile], Sequence[Request]]


@dataclass(frozen=True, slots=True)
class BusPlan:
    """A bus and its load. ``requests`` are those of one poll of every device; ``load_pct`` its share of busy time."""

    bus: str
    kind: str
    line: str
    devices: int
    requests: int
    requests_per_min: float
    load_pct: float
    assumption: str

    @property
    def is_busy(self) -> bool:
        return self.load_pct > BUSY_PCT


@dataclass(frozen=True, slots=True)
class UplinkPlan:
    uplink: str
    kind: str
    url: str
    groups: tuple[str, ...] | None
    is_enabled: bool


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything ``check`` prints of a site that is right."""

    site: str
    devices: int
    points: int
    virtual_points: int
    buses: tuple[BusPlan, ...]
    topics: tuple[tuple[str, tuple[str, ...]], ...]
    uplinks: tuple[UplinkPlan, ...]
    readings_per_day: int
    raw_bytes: int
    interval_bytes: int
    budget_bytes: int

    @property
    def buffer_bytes(self) -> int:
        return self.raw_bytes + self.interval_bytes

    @property
    def budget_pct(self) -> float:
        return 100 * self.buffer_bytes / self.budget_bytes


def plan(site: LoadedSite, requests_of: RequestsOf) -> Plan:
    """The plan of a site. ``requests_of`` gives the read requests of a Modbus profile, as the poller groups them."""
    points = sum(len(site.profiles[device.profile].points) for device in site.file.devices)
    readings = round(sum(_readings_per_day(site, device) for device in site.file.devices))
    slots_per_point = 96 * QUARTER_DAYS + 24 * HOUR_DAYS + DAY_DAYS
    return Plan(
        site=site.file.site.name,
        devices=len(site.file.devices),
        points=points,
        virtual_points=len(site.file.points),
        buses=tuple(_bus(site, bus, requests_of) for bus in site.file.buses),
        topics=tuple((broker.id, _topics(site, broker.id)) for broker in site.file.brokers),
        uplinks=tuple(
            UplinkPlan(uplink.id, uplink.kind, uplink.url, uplink.only.quantities, uplink.enabled)
            for uplink in site.file.uplinks
        ),
        readings_per_day=readings,
        raw_bytes=readings * RAW_DAYS * READING_BYTES,
        interval_bytes=points * slots_per_point * INTERVAL_BYTES,
        budget_bytes=round(site.file.buffer.budget_gib * GIB),
    )


def poll_interval_s(device: Device, profile: ModbusProfile | MqttProfile) -> float:
    """How often a device is asked, or speaks by itself, in seconds."""
    own = profile.interval_s if isinstance(profile, MqttProfile) else POLL_INTERVAL_S
    return device.poll_interval_s or own


def _readings_per_day(site: LoadedSite, device: Device) -> float:
    profile = site.profiles[device.profile]
    return len(profile.points) * DAY_S / poll_interval_s(device, profile)


def _bus(site: LoadedSite, bus: Bus, requests_of: RequestsOf) -> BusPlan:
    requests, per_s, load = 0, 0.0, 0.0
    devices = [device for device in site.file.devices if device.bus == bus.id]
    for device in devices:
        profile = site.profiles[device.profile]
        if not isinstance(profile, ModbusProfile):
            continue
        for request in requests_of(profile):
            rate = 1 / (poll_interval_s(device, profile) * request.every)
            requests += 1
            per_s += rate
            load += rate * (request_s(bus, request.registers) + profile.limits.pause_ms / 1000)
    line = f"{bus.port} {bus.baudrate} Bd" if isinstance(bus, SerialBus) else _address(bus)
    return BusPlan(bus.id, bus.kind, line, len(devices), requests, 60 * per_s, 100 * load, _assumption(bus))


def _address(bus: TcpBus) -> str:
    return f"[{bus.host}]:{bus.port}" if ":" in bus.host else f"{bus.host}:{bus.port}"


def request_s(bus: Bus, registers: int) -> float:
    """Seconds a bus is taken by one read: an RTU request is 8 bytes, its answer 5 and two for each register.

    Modbus over Serial Line 1.02, 2.5.1: 3.5 characters of silence end a frame, at least 1.75 ms above 19200 baud."""
    if isinstance(bus, TcpBus) and bus.kind == "modbus-tcp":
        return TCP_ROUND_TRIP_S
    baudrate, bits = SERVER_BAUDRATE, 11
    if isinstance(bus, SerialBus):
        baudrate, bits = bus.baudrate, 9 + bus.stopbits + (bus.parity != "N")
    character_s = bits / baudrate
    silence_s = max(3.5 * character_s, 0.00175)
    return (8 + 5 + 2 * registers) * character_s + 2 * silence_s + TURNAROUND_S


def _assumption(bus: Bus) -> str:
    if bus.kind == "modbus-tcp":
        return f"{TCP_ROUND_TRIP_S * 1000:.0f} ms a request"
    turnaround = f"{TURNAROUND_S * 1000:.0f} ms turn-round of the meter"
    return (
        turnaround if isinstance(bus, SerialBus) else f"{SERVER_BAUDRATE} Bd behind the server, {turnaround}"
    )


def _topics(site: LoadedSite, broker: str) -> tuple[str, ...]:
    """The topics of a broker's devices: with the suffixes their profiles add, and those of their availability."""
    topics: set[str] = set()
    for device in site.file.devices:
        profile = site.profiles[device.profile]
        if device.broker == broker and device.topic and isinstance(profile, MqttProfile):
            topics.update(device.topic + point.topic for point in profile.points.values())
            if profile.availability is not None:
                topics.add(device.topic + profile.availability.topic)
    return tuple(sorted(topics))
