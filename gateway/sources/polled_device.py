"""A Modbus device as the poller sees it, made from the site file, and what is remembered of it between polls.

Knows blocks and decoders; does not know wires, clocks or where readings go.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from devices.profile import ModbusProfile
from devices.registers import DecodeError, Decoder, decoder, ratio_of
from edge_config.plan import request_s
from edge_config.schema import Bus, Device
from edge_config.site import LoadedSite
from gateway.errors import ConfigError, WireError
from gateway.points import expected_interval_s
from gateway.sources.device_health import DeviceHealth
from gateway.sources.poll_groups import slow_points
from gateway.sources.request_plan import Block, halves, plan, registers_of

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


def polled_device(site: LoadedSite, device: Device) -> PolledDevice:
    """Raises ConfigError for a device that cannot be polled."""
    profile = site.profiles[device.profile]
    if not isinstance(profile, ModbusProfile) or device.unit_id is None:
        raise ConfigError(f"device {device.id}: a device on a bus needs a Modbus profile and a unit_id")
    blocks = plan(profile.points, profile.limits)
    return PolledDevice(
        device=device.id,
        unit_id=device.unit_id,
        interval_s=expected_interval_s(device, profile),
        blocks=blocks,
        decoders={
            name: decoder(point, ratio_of(point, device.ct_ratio, device.pt_ratio))
            for name, point in profile.points.items()
        },
        pause_s=profile.limits.pause_ms / 1000,
        slow=slow_points(profile.points, blocks),
    )


@dataclass(frozen=True, slots=True)
class Undecoded:
    """A point whose registers hold no usable number; ``example`` are its words in hexadecimal."""

    point: str
    reason: str
    example: str


@dataclass(frozen=True, slots=True)
class ReadyBlock:
    """A block with everything that does not change from poll to poll worked out."""

    block: Block
    request: bytes
    points: tuple[tuple[str, int, int, Decoder], ...]
    is_slow: bool = False

    def bus_s(self, bus: Bus) -> float:
        """Seconds of the bus that the read should take."""
        return request_s(bus, self.block.count)

    def values(self, reply: bytes) -> tuple[list[tuple[str, float]], list[Undecoded]]:
        """Point names and values in ``reply``, and what could not be decoded."""
        words = registers_of(self.block.function, self.block.count, reply[REPLY_HEADER:])
        good: list[tuple[str, float]] = []
        bad: list[Undecoded] = []
        for name, first, end, decode in self.points:
            try:
                good.append((name, decode(words[first:end])))
            except DecodeError as error:
                bad.append(
                    Undecoded(name, error.reason, " ".join(f"{word:04x}" for word in words[first:end]))
                )
        return good, bad


class DevicePoll:
    """What is remembered between polls: health, the blocks as learnt so far, the state last reported, and how many
    seconds of the bus the fast and the slow blocks took when they were last read."""

    __slots__ = ("blocks", "device", "health", "reported", "took_s")

    def __init__(self, device: PolledDevice) -> None:
        self.device = device
        self.health = DeviceHealth(device.interval_s)
        self.blocks = [self._ready(block) for block in device.blocks]
        self.reported: tuple[str, type[WireError] | None] | None = None
        self.took_s = {False: 0.0, True: 0.0}

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
        return ReadyBlock(block, block.request(device.unit_id), points, is_slow)
