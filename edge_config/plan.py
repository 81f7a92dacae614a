"""What a site will do to its buses, its broker and its card: requests, load, topics, readings a day, buffer size.

Pure arithmetic over a loaded site. How a profile's points are grouped into requests is the poller's business and comes
in as a function; the figures that stand in for what only a measurement knows are named constants with their source.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from devices import dlt645
from devices.profile import AnyProfile, Cjt188Profile, Dlt645Profile, ModbusProfile, MqttProfile
from edge_config.schema import Bus, Device, SerialBus, TcpBus
from edge_config.site import LoadedSite

POLL_INTERVAL_S = 10.0
"""Where the site file gives none."""
TURNAROUND_S = 0.02
"""A meter's time to think between request and answer on a serial line; datasheets say 5 to 100 ms."""
TCP_ROUND_TRIP_S = 0.01
"""Request and answer over a campus network to a Modbus TCP meter."""
METER_TURNAROUND_S = 0.1
"""The same of a DL/T 645 or CJ/T 188 meter, which may take up to half a second."""
METER_CHARACTERS = 4 + 16 + 4 + 12
"""Wake-up bytes and frame of a read and its reply, without the reply's data."""
METER_BAUDRATE = 2400
"""Of such meters behind a serial server."""
SERVER_BAUDRATE = 9600
"""Behind a serial server (RTU over TCP) the line's speed is not in the site file; this is the usual one."""
BUSY_PCT = 80.0
"""Above this a retry or a slow meter makes polls late (ARCHITECTURE 8)."""

DEVICES_NAMED = 8
"""So many of a bus's devices are named in a sentence, the costliest first."""

DAY_S = 86_400
RAW_DAYS, QUARTER_DAYS, HOUR_DAYS, DAY_DAYS = 14, 400, 3 * 365, 10 * 365
"""Retention of raw readings, quarter-hours and hours (ARCHITECTURE 13); days are kept for ever, ten years counted."""
READING_BYTES = 30
"""At rest, with CRC (ARCHITECTURE 1, BUDGETS)."""
INTERVAL_BYTES = 85
"""At rest; 100 points × 30 days of quarter-hours in the buffer's own table took 65 (counters) and 83 (gauges) each."""
CHANGE_BYTES = 300
"""At rest; a delivered change stays for as long as a raw reading (docs/decisions/0005)."""
GIB = 1024**3


@dataclass(frozen=True, slots=True)
class Request:
    """One read of ``registers`` registers, sent at every ``every``-th poll; ``points`` that come with no other read before
    it. Points of a profile that no read counts are taken to come at every poll."""

    registers: int
    every: int = 1
    points: int = 0


@dataclass(frozen=True, slots=True)
class FrameRead:
    """One read of a DL/T 645 or CJ/T 188 meter, ``data_bytes`` long in its reply; else as ``Request``."""

    data_bytes: int
    every: int = 1
    points: int = 0


RequestsOf = Callable[[ModbusProfile, float], Sequence[Request]]
"""The requests of a profile whose device is polled every so many seconds."""
FramesOf = Callable[[Dlt645Profile | Cjt188Profile, float], Sequence[FrameRead]]
BusProfile = ModbusProfile | Dlt645Profile | Cjt188Profile


@dataclass(frozen=True, slots=True)
class PolledPlan:
    """A device's share of its bus: ``load_pct`` of the time, the interval at which the bus would be busy enough, and the
    seconds of the bus that the reads of every poll, and those made more rarely, take."""

    device: str
    interval_s: float
    load_pct: float
    fits_s: float
    fast_s: float = 0.0
    slow_s: float = 0.0


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
    polled: tuple[PolledPlan, ...] = ()

    @property
    def is_busy(self) -> bool:
        return self.load_pct > BUSY_PCT

    @property
    def is_overloaded(self) -> bool:
        """Whether the schedule cannot be kept: the collector then stretches all intervals alike."""
        return self.load_pct > 100


@dataclass(frozen=True, slots=True)
class UplinkPlan:
    uplink: str
    kind: str
    destination: str
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
    change_bytes: int
    budget_bytes: int

    @property
    def buffer_bytes(self) -> int:
        return self.raw_bytes + self.interval_bytes + self.change_bytes

    @property
    def budget_pct(self) -> float:
        return 100 * self.buffer_bytes / self.budget_bytes


def every_read(profile: Dlt645Profile | Cjt188Profile, _interval_s: float) -> Sequence[FrameRead]:
    """The reads of a meter, all at every poll."""
    if isinstance(profile, Cjt188Profile):
        return [FrameRead(profile.reply_bytes)]
    reads = dlt645.plan(profile.points, blocks=profile.blocks)
    return [FrameRead(sum(profile.points[name].length for name, _ in read.places)) for read in reads]


def plan(site: LoadedSite, requests_of: RequestsOf, frames_of: FramesOf = every_read) -> Plan:
    """The plan of a site. ``requests_of`` gives the read requests of a Modbus profile, as the poller groups them, and
    ``frames_of`` the reads of a DL/T 645 or CJ/T 188 profile."""
    points = sum(len(site.profiles[device.profile].points) for device in site.file.devices)
    readings = round(
        sum(_readings_per_day(site, device, requests_of, frames_of) for device in site.file.devices)
    )
    slots_per_point = 96 * QUARTER_DAYS + 24 * HOUR_DAYS + DAY_DAYS
    return Plan(
        site=site.file.site.name,
        devices=len(site.file.devices),
        points=points,
        virtual_points=len(site.file.points),
        buses=tuple(_bus(site, bus, requests_of, frames_of) for bus in site.file.buses),
        topics=tuple((broker.id, _topics(site, broker.id)) for broker in site.file.brokers),
        uplinks=tuple(
            UplinkPlan(uplink.id, uplink.kind, uplink.destination, uplink.only.quantities, uplink.enabled)
            for uplink in site.file.uplinks
        ),
        readings_per_day=readings,
        raw_bytes=readings * RAW_DAYS * READING_BYTES,
        interval_bytes=points * slots_per_point * INTERVAL_BYTES,
        change_bytes=points * (96 + 24 + 1) * RAW_DAYS * CHANGE_BYTES,
        budget_bytes=round(site.file.buffer.budget_gib * GIB),
    )


def poll_interval_s(device: Device, profile: AnyProfile) -> float:
    """How often a device is asked, or speaks by itself, in seconds."""
    own = profile.interval_s if isinstance(profile, MqttProfile) else POLL_INTERVAL_S
    return device.poll_interval_s or own


def _readings_per_day(
    site: LoadedSite, device: Device, requests_of: RequestsOf, frames_of: FramesOf
) -> float:
    """Each point as often as its own read is made: a slow group's come more rarely than the device is polled."""
    profile = site.profiles[device.profile]
    interval_s = poll_interval_s(device, profile)
    reads = [] if isinstance(profile, MqttProfile) else _reads(profile, interval_s, requests_of, frames_of)
    counted = sum(read.points for read in reads)
    a_poll = len(profile.points) - counted + sum(read.points / read.every for read in reads)
    return a_poll * DAY_S / interval_s


def _reads(
    profile: BusProfile, interval_s: float, requests_of: RequestsOf, frames_of: FramesOf
) -> Sequence[Request | FrameRead]:
    if isinstance(profile, ModbusProfile):
        return requests_of(profile, interval_s)
    return frames_of(profile, interval_s)


def _bus(site: LoadedSite, bus: Bus, requests_of: RequestsOf, frames_of: FramesOf) -> BusPlan:
    requests, per_s = 0, 0.0
    shares: list[PolledPlan] = []
    devices = [device for device in site.file.devices if device.bus == bus.id]
    for device in devices:
        profile = site.profiles[device.profile]
        if isinstance(profile, MqttProfile):
            continue
        interval_s = poll_interval_s(device, profile)
        reads = _reads(profile, interval_s, requests_of, frames_of)
        requests += len(reads)
        per_s += sum(1 / (interval_s * read.every) for read in reads)
        shares.append(_share(bus, device.id, profile, interval_s, reads))
    line = f"{bus.port} {bus.baudrate} Bd" if isinstance(bus, SerialBus) else _address(bus)
    load_pct = sum(share.load_pct for share in shares)
    stretch = max(1.0, load_pct / BUSY_PCT)
    polled = tuple(replace(share, fits_s=math.ceil(share.interval_s * stretch)) for share in shares)
    return BusPlan(
        bus.id, bus.kind, line, len(devices), requests, 60 * per_s, load_pct, _assumption(bus), polled
    )


def _share(
    bus: Bus, device: str, profile: BusProfile, interval_s: float, reads: Sequence[Request | FrameRead]
) -> PolledPlan:
    pause_s = (profile.limits.pause_ms if isinstance(profile, ModbusProfile) else profile.pause_ms) / 1000
    costs = [(read.every, _read_s(bus, read) + pause_s) for read in reads]
    load = sum(cost_s / (interval_s * every) for every, cost_s in costs)
    fast_s = sum(cost_s for every, cost_s in costs if every == 1)
    return PolledPlan(
        device, interval_s, 100 * load, interval_s, fast_s, sum(cost_s for _, cost_s in costs) - fast_s
    )


def _read_s(bus: Bus, read: Request | FrameRead) -> float:
    return request_s(bus, read.registers) if isinstance(read, Request) else frame_s(bus, read.data_bytes)


def overloads(found: Plan) -> list[str]:
    """A sentence for each bus whose schedule does not fit: its devices and what would fit."""
    return [_overload(bus) for bus in found.buses if bus.is_overloaded]


def _overload(bus: BusPlan) -> str:
    heaviest = sorted(bus.polled, key=lambda one: -one.load_pct)
    named = ", ".join(f"{one.device} {one.load_pct:.0f} %" for one in heaviest[:DEVICES_NAMED])
    more = f" and {len(heaviest) - DEVICES_NAMED} more" if len(heaviest) > DEVICES_NAMED else ""
    fits = {one.interval_s: one.fits_s for one in bus.polled}
    change = ", ".join(f"{was:g} → {fit:g}" for was, fit in sorted(fits.items()))
    return (
        f"bus {bus.bus}: its devices need {bus.load_pct:.0f} % of its time ({named}{more}), so all would be polled "
        f"more rarely than they should; would fit: poll_interval_s {change}, or part the line in {_lines(bus)}"
    )


def _lines(bus: BusPlan) -> int:
    return math.ceil(bus.load_pct / BUSY_PCT)


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


def frame_s(bus: Bus, data_bytes: int) -> float:
    """Seconds a bus is taken by one read of a DL/T 645 or CJ/T 188 meter whose reply has so many bytes of data."""
    baudrate, bits = METER_BAUDRATE, 11
    if isinstance(bus, SerialBus):
        baudrate, bits = bus.baudrate, 9 + bus.stopbits + (bus.parity != "N")
    return (METER_CHARACTERS + data_bytes) * bits / baudrate + METER_TURNAROUND_S


def _assumption(bus: Bus) -> str:
    if bus.kind == "modbus-tcp":
        return f"{TCP_ROUND_TRIP_S * 1000:.0f} ms a request"
    if bus.kind in {"serial-meter", "serial-meter-over-tcp"}:
        speed = "" if isinstance(bus, SerialBus) else f"{METER_BAUDRATE} Bd behind the server, "
        return f"{speed}{METER_TURNAROUND_S * 1000:.0f} ms turn-round of a meter"
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
