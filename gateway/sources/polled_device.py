"""A Modbus device as the poller sees it, made from the site file, and what is remembered of it between polls.

Knows blocks and decoders; does not know wires, clocks or where readings go.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from devices.plain_numbers import PlainBlock, PlainNumber, plain_number
from devices.profile import ModbusProfile, SunSpec
from devices.registers import DecodeError, Decoder, decoder, ratio_of
from edge_config.plan import request_s
from edge_config.schema import Bus, Device
from edge_config.site import LoadedSite
from gateway.errors import ConfigError, WireError
from gateway.points import expected_interval_s
from gateway.sources.device_health import DeviceHealth
from gateway.sources.poll_groups import slow_points
from gateway.sources.request_plan import BIT_FUNCTIONS, Block, halves, plan, registers_of

REPLY_HEADER = 3
"""Unit id, function code and byte count before the data of a reply."""


@dataclass(frozen=True, slots=True)
class PolledDevice:
    """A device on a bus: what to ask it for, and a decoder for each point by its name in the profile."""

    device: str
    unit_id: int
    interval_s: float
    blocks: tuple[Block, ...]
    decoders: Mapping[str, Decoder]
    pause_s: float = 0.0
    """Silence the maker asks for between two requests."""
    slow: frozenset[str] = frozenset()
    """The points of the slow group, which are not read at every poll."""
    sunspec: SunSpec | None = None
    """The block in which all points lie, where it is to be looked for."""
    plain: Mapping[str, PlainNumber] = field(default_factory=dict)
    """The points that are decoded many at once; their decoders say what is wrong with them."""


def polled_device(site: LoadedSite, device: Device) -> PolledDevice:
    """Raises ConfigError for a device that cannot be polled."""
    profile = site.profiles[device.profile]
    if not isinstance(profile, ModbusProfile) or device.unit_id is None:
        raise ConfigError(f"device {device.id}: a device on a bus needs a Modbus profile and a unit_id")
    blocks = plan(profile.points, profile.limits)
    ratios = {
        name: ratio_of(point, device.ct_ratio, device.pt_ratio) for name, point in profile.points.items()
    }
    return PolledDevice(
        device=device.id,
        unit_id=device.unit_id,
        interval_s=expected_interval_s(device, profile),
        blocks=blocks,
        decoders={name: decoder(point, ratios[name]) for name, point in profile.points.items()},
        pause_s=profile.limits.pause_ms / 1000,
        slow=slow_points(profile.points, blocks),
        sunspec=profile.sunspec,
        plain={
            name: number
            for name, point in profile.points.items()
            if (number := plain_number(point, ratios[name])) is not None
        },
    )


@dataclass(frozen=True, slots=True)
class Undecoded:
    """A point whose registers hold no usable number; ``example`` are its words in hexadecimal."""

    point: str
    reason: str
    example: str


class Values(NamedTuple):
    """What a reply says: points in full and their values, and what could not be decoded."""

    points: tuple[str, ...]
    values: list[float]
    bad: Sequence[Undecoded] = ()


@dataclass(frozen=True, slots=True)
class ReadyBlock:
    """A block with everything that does not change from poll to poll worked out."""

    block: Block
    request: bytes
    points: tuple[tuple[str, int, int, Decoder], ...]
    is_slow: bool = False
    plain: PlainBlock | None = None
    """The points that are decoded together; ``rest`` are the others."""
    rest: tuple[tuple[str, int, int, Decoder], ...] = ()

    def bus_s(self, bus: Bus) -> float:
        """Seconds of the bus that the read should take."""
        return request_s(bus, self.block.count)

    def values(self, reply: bytes) -> Values:
        """What ``reply`` says."""
        plain = self.plain
        if plain is None or (values := plain.values(reply, REPLY_HEADER)) is None:
            return self._decoded(reply, self.points, Values((), []))
        found = Values(plain.names, values)
        return self._decoded(reply, self.rest, found) if self.rest else found

    def _decoded(
        self, reply: bytes, points: Iterable[tuple[str, int, int, Decoder]], found: Values
    ) -> Values:
        """What ``points`` say besides."""
        words = registers_of(self.block.function, self.block.count, reply[REPLY_HEADER:])
        names, values, bad = list(found.points), list(found.values), list(found.bad)
        for name, first, end, decode in points:
            try:
                values.append(decode(words[first:end]))
                names.append(name)
            except DecodeError as error:
                bad.append(
                    Undecoded(name, error.reason, " ".join(f"{word:04x}" for word in words[first:end]))
                )
        return Values(tuple(names), values, bad)


class DevicePoll:
    """What is remembered between polls: health, the blocks as learnt so far, the state last reported, and how many
    seconds of the bus the fast and the slow blocks took when they were last read."""

    __slots__ = ("blocks", "device", "health", "reported", "took_s")

    trouble: WireError | None = None
    """Why a device that answers cannot be read at all."""

    def __init__(self, device: PolledDevice) -> None:
        self.device = device
        self.health = DeviceHealth(device.interval_s)
        self.blocks = [self._ready(block) for block in device.blocks]
        self.reported: tuple[str, type[WireError] | None] | None = None
        self.took_s = {False: 0.0, True: 0.0}

    def due(self, groups: Collection[bool]) -> Iterable[ReadyBlock]:
        """The reads of a poll of these groups."""
        return [ready for ready in self.blocks if ready.is_slow in groups]

    def put_last(self, ready: ReadyBlock) -> None:
        """A block that met silence is asked for last: one bad block must not hide the good ones."""
        index = self.blocks.index(ready) + 1
        self.blocks = self.blocks[index:] + self.blocks[:index]

    def cut(self, ready: ReadyBlock) -> bool:
        """Replace a refused block by its halves; False when it holds one span only."""
        parts = halves(ready.block)
        if len(parts) == 1:
            return False
        index = self.blocks.index(ready)
        self.blocks[index : index + 1] = [self._ready(part) for part in parts]
        return True

    def _ready(self, block: Block) -> ReadyBlock:
        device = self.device
        points = tuple(
            (f"{device.device}.{place.name}", place.offset, place.end, device.decoders[place.name])
            for place in block.places
        )
        is_slow = all(place.name in device.slow for place in block.places)
        plain = self._plain(block)
        known = frozenset(plain.names) if plain is not None else frozenset()
        rest = tuple(point for point in points if point[0] not in known)
        return ReadyBlock(block, block.request(device.unit_id), points, is_slow, plain, rest)

    def _plain(self, block: Block) -> PlainBlock | None:
        device = self.device
        places = [
            (f"{device.device}.{place.name}", place.offset, device.plain[place.name])
            for place in block.places
            if place.name in device.plain
        ]
        return PlainBlock(places) if places and block.function not in BIT_FUNCTIONS else None
