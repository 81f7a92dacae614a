"""What the poller needs of a device, whatever it speaks: Modbus devices and serial meters are both of this shape.

Knows nothing of its own; ``polled_device`` and ``serial_meter`` are the two that fit.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any, Protocol

from edge_config.schema import Bus
from gateway.errors import WireError
from gateway.sources.device_health import DeviceHealth
from gateway.sources.polled_device import DevicePoll, PolledDevice, Values
from gateway.sources.serial_meter import MeterPoll, SerialMeter
from gateway.sources.sunspec_device import SunSpecPoll

AnyDevice = PolledDevice | SerialMeter


class Ready(Protocol):
    """One request of a device and what its reply means."""

    @property
    def request(self) -> bytes: ...

    @property
    def is_slow(self) -> bool: ...

    @property
    def points(self) -> Sequence[tuple[Any, ...]]:
        """Each with its name first."""
        ...

    def bus_s(self, bus: Bus) -> float:
        """Seconds of the bus that it should take."""
        ...

    def values(self, reply: bytes) -> Values: ...


class Poll(Protocol):
    """What is remembered of a device between polls."""

    health: DeviceHealth
    reported: tuple[str, type[WireError] | None] | None
    took_s: dict[bool, float]

    @property
    def device(self) -> AnyDevice: ...

    @property
    def blocks(self) -> Sequence[Ready]: ...

    @property
    def trouble(self) -> WireError | None:
        """Why a device that answers cannot be read at all; known when all that is due was asked."""
        ...

    def due(self, groups: Collection[bool]) -> Iterable[Ready]:
        """The reads of a poll of these groups, to be made one after another."""
        ...

    def put_last(self, ready: Any) -> None: ...

    def cut(self, ready: Any) -> bool: ...


def poll_of(device: AnyDevice) -> Poll:
    """A device with nothing remembered of it yet."""
    if isinstance(device, SerialMeter):
        return MeterPoll(device)
    return DevicePoll(device) if device.sunspec is None else SunSpecPoll(device, device.sunspec)
