"""Who answers on a bus: Modbus units, DL/T 645 and CJ/T 188 meters, at one speed and parity after another. Only ever reads.

Knows which question hurts nobody (one holding register, then one input register at address 0: a refusal is an answer,
too). A unit that is silent costs the line up to four times its time-out, so a scan is given a short one.
"""

from __future__ import annotations

import struct
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, replace

from devices.profile import AnyProfile, ModbusProfile
from edge_config.schema import Bus, SerialBus
from gateway.commissioning import scan_meters
from gateway.commissioning.identity import identities
from gateway.commissioning.line import Answer, Line, Outcome
from gateway.commissioning.scan_rounds import FRAME_PROTOCOLS, Protocol, Round, Steps
from gateway.commissioning.suggest import Suggestion, Who, suggest
from gateway.sources.poll import METER_BUSES
from gateway.sources.serial_wire import LineWire

UNIT_IDS = range(1, 248)
PROBES = ((3, 0), (4, 0))
"""Function code and address asked for; the second only where the first met silence or nonsense."""
EVERY_UNIT = 0.9
"""When this share of the units asked answers, it is one device that answers to any unit id."""
METER_TIMEOUT_S = 0.6
"""DL/T 645 and CJ/T 188 meters may take up to half a second to think."""

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Found:
    """A unit or a meter that answered, or garbled an answer. ``bus`` has the speed and parity it was found at.

    A Modbus unit has a ``unit_id``, a meter the ``address`` on its plate; None where several meters garbled one answer.
    ``says`` is maker, model and revision by a unit's own device identification."""

    bus: Bus
    unit_id: int | None
    outcome: str
    latency_ms: float
    suggestions: tuple[Suggestion, ...] = ()
    detail: str = ""
    protocol: Protocol = "modbus"
    address: str | None = None
    says: str = ""

    @property
    def setting(self) -> str:
        """Speed and parity, such as ``9600 8N1``; empty on TCP."""
        bus = self.bus
        return f"{bus.baudrate} 8{bus.parity}{bus.stopbits}" if isinstance(bus, SerialBus) else ""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to scan: the rounds of one line, the Modbus units, the profiles to try, and whether to go on after a hit."""

    rounds: Sequence[Round]
    units: Sequence[int]
    profiles: Sequence[AnyProfile]
    tries_all: bool = False
    meter_timeout_s: float = METER_TIMEOUT_S

    @property
    def wants_modbus(self) -> bool:
        return any("modbus" in turn.asks for turn in self.rounds)


async def scan(wanted: Wanted, steps: Steps, say: Say) -> AsyncIterator[Found]:
    """Who answers, round by round; rounds after the first in which somebody does are gone through only if ``tries_all``.
    Where a meter is found, Modbus units are asked at its speed, too. ``say`` is told what takes long before it does.

    Raises NotConnectedError when the line cannot be opened."""
    for turn in wanted.rounds:
        is_alive = False
        if turn.asks & FRAME_PROTOCOLS:
            async for found in _meters(turn, wanted, steps, say):
                is_alive = True
                yield found
        if "modbus" in turn.asks or (is_alive and wanted.wants_modbus):
            for found in await _units(turn.bus, wanted, steps):
                is_alive = is_alive or found.outcome != Outcome.NONSENSE
                yield found
        if is_alive and not wanted.tries_all:
            return


def answers_to_any(found: Sequence[Found], asked: int) -> bool:
    """Whether it is one device that answers to any unit id, as a meter with its own Ethernet port may."""
    return asked >= 10 and sum(one.unit_id is not None for one in found) >= EVERY_UNIT * asked


async def _units(bus: Bus, wanted: Wanted, steps: Steps) -> list[Found]:
    """The Modbus units, and what they say of themselves."""
    heard: list[Found] = []
    async with _raw(bus) if bus.kind in METER_BUSES else Line(bus) as line:
        for unit_id in wanted.units:
            answer = await _probe(line, unit_id)
            steps.done()
            if answer.outcome is Outcome.SILENT:
                continue
            profiles = [one for one in wanted.profiles if isinstance(one, ModbusProfile)]
            likely = await suggest(line, Who(unit_id=unit_id), profiles) if answer.is_sign_of_life else ()
            heard.append(_found(bus, answer, likely, unit_id=unit_id))
    alive = [one.unit_id for one in heard if one.unit_id is not None and one.outcome != Outcome.NONSENSE]
    says = await identities(bus, alive)
    return [replace(one, says=says.get(one.unit_id or 0, "")) for one in heard]


async def _probe(line: Line, unit_id: int) -> Answer:
    for function, address in PROBES:
        answer = await line.ask(struct.pack(">BBHH", unit_id, function, address, 1))
        if answer.is_sign_of_life:
            return answer
    return answer


async def _meters(turn: Round, wanted: Wanted, steps: Steps, say: Say) -> AsyncIterator[Found]:
    bus = turn.bus.model_copy(update={"timeout_s": max(turn.bus.timeout_s, wanted.meter_timeout_s)})
    async with _raw(bus) as line:
        for protocol in sorted(turn.asks & FRAME_PROTOCOLS, reverse=True):
            async for seen in scan_meters.meters(line, protocol, steps, say):
                likely: tuple[Suggestion, ...] = ()
                if seen.address is not None and seen.answer.outcome is Outcome.ANSWERED:
                    profiles = scan_meters.fitting(seen, wanted.profiles)
                    likely = await suggest(line, Who(address=seen.address), profiles)
                yield replace(_found(turn.bus, seen.answer, likely), protocol=protocol, address=seen.address)


def _raw(bus: Bus) -> Line:
    """A line on which Modbus RTU and meters' frames may take turns."""
    return Line(bus, lambda tap: LineWire(bus, tap))


def _found(bus: Bus, answer: Answer, likely: tuple[Suggestion, ...], unit_id: int | None = None) -> Found:
    return Found(bus, unit_id, answer.outcome.value, round(answer.took_s * 1000, 1), likely, answer.detail)
