"""One simulated meter on a bus: answers each request from the truth of that moment, or misbehaves as asked.

pymodbus frames and sends; the bytes of the registers are ours. Knows its profile's map and limits, nothing of buses.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from pymodbus.constants import ExcCodes
from pymodbus.exceptions import NoSuchIdException
from pymodbus.simulator import DataType, SimData, SimDevice

from devices.profile import Limits, ModbusProfile, RegisterPoint
from simulators.campus import SimPoint
from simulators.errors import SimulatorError
from simulators.registers import blocks, identity, layout
from simulators.sunspec_map import DRAWN, Chain, chain_words, moved

SLOW_S = 2.0
"""Real seconds, never scaled: longer than any sensible time-out on a wire."""
NowMs = Callable[[], int]


class Fault(StrEnum):
    """How a device misbehaves: silence, exception 6, or an answer that comes too late."""

    DEAD = "dead"
    BUSY = "busy"
    SLOW = "slow"


@dataclass(slots=True)
class MeterDevice:
    """A meter's registers, computed at each request. ``answered`` and ``refused`` count requests."""

    unit_id: int
    limits: Limits
    points: Sequence[tuple[RegisterPoint, SimPoint]]
    now_ms: NowMs
    fault: Fault | None = None
    marks: Mapping[tuple[int, int], int] = field(default_factory=dict)
    """What stands at the identification registers, by function and address."""
    slow_s: float = SLOW_S
    answered: int = 0
    refused: int = 0
    _blocks: list[tuple[int, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._blocks = blocks((spec for spec, _ in self.points), (at for _, at in self.marks))

    def sim_device(self) -> SimDevice:
        data = [
            SimData(first, count=count, values=0, datatype=DataType.REGISTERS)
            for first, count in self._blocks
        ]
        return SimDevice(self.unit_id, data, action=self.act)

    async def act(
        self, function: int, first: int, address: int, count: int, registers: list[int], values: object
    ) -> ExcCodes | None:
        """pymodbus's hook before it answers: write what was asked for into ``registers`` (index 0 is ``first``)."""
        if self.fault is Fault.DEAD:
            raise NoSuchIdException(f"unit {self.unit_id} is dead")
        if self.fault is Fault.SLOW:
            await asyncio.sleep(self.slow_s)
        refusal = (
            ExcCodes.DEVICE_BUSY
            if self.fault is Fault.BUSY
            else self._refusal(function, address, count, values)
        )
        if refusal is not None:
            self.refused += 1
            return refusal
        registers[address - first : address - first + count] = self.image(function, address, count)
        self.answered += 1
        return None

    def _refusal(self, function: int, address: int, count: int, values: object) -> ExcCodes | None:
        functions = {spec.function for spec, _ in self.points} | {one for one, _ in self.marks}
        if values is not None or function not in functions:
            return ExcCodes.ILLEGAL_FUNCTION
        if count > self.limits.registers_max:
            return ExcCodes.ILLEGAL_VALUE
        if any(first < address + count and address <= last for first, last in self.limits.holes):
            return ExcCodes.ILLEGAL_ADDRESS
        return None

    def image(self, function: int, address: int, count: int) -> list[int]:
        """The registers [address, address + count) at this moment; what no point uses reads zero."""
        now = self.now_ms()
        window = [self.marks.get((function, at), 0) for at in range(address, address + count)]
        for spec, point in self.points:
            if spec.function != function or spec.stop <= address or spec.start >= address + count:
                continue
            for first, words in layout(spec, point.raw(now)):
                for offset, word in enumerate(words, first - address):
                    if 0 <= offset < count:
                        window[offset] |= word  # points may share a register, each with its own bits
        return window


def meter_device(
    points: Sequence[SimPoint],
    profile: ModbusProfile,
    now_ms: NowMs,
    fault: Fault | None,
    chain: Chain = DRAWN,
) -> MeterDevice:
    """The meter that these points, all of one device, belong to; ``chain`` is that of a SunSpec device. Raises
    SimulatorError for maps of coils."""
    device = points[0].device
    specs = [(point.spec, point) for point in points if isinstance(point.spec, RegisterPoint)]
    if any(spec.function in {1, 2} for spec, _ in specs):
        raise SimulatorError(f"{device.id}: the simulator serves registers, and {device.profile} maps coils")
    if device.unit_id is None:
        raise SimulatorError(f"{device.id}: has no unit_id")
    marks = identity(profile)
    if (block := profile.sunspec) is not None:
        specs = [(moved(spec, chain.address - block.address), point) for spec, point in specs]
        marks = chain_words(profile, block, chain)
    return MeterDevice(device.unit_id, profile.limits, specs, now_ms, fault, marks)


def nobody() -> SimDevice:
    """Every unit id that no meter has: silence, as on a real line."""

    async def silence(*_: object) -> ExcCodes | None:
        raise NoSuchIdException("no such unit")

    action: Callable[..., Coroutine[None, None, ExcCodes | None]] = silence
    return SimDevice(0, [SimData(0, count=65536, values=0, datatype=DataType.REGISTERS)], action=action)
