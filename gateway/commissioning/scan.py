"""Who answers on a bus: unit after unit, on a serial line at one speed and parity after another. Only ever reads.

Knows which question hurts nobody (one holding register, then one input register at address 0: a refusal is an answer,
too). A unit that is silent costs the line twice its time-out, so a scan is given a short one.
"""

from __future__ import annotations

import itertools
import struct
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from devices.profile import ModbusProfile
from edge_config.schema import Bus, SerialBus
from gateway.commissioning.line import Answer, Line, Outcome
from gateway.commissioning.suggest import Suggestion, suggest

UNIT_IDS = range(1, 248)
PROBES = ((3, 0), (4, 0))
"""Function code and address asked for; the second only where the first met nonsense."""

BAUDRATES = (9600, 2400, 4800, 19200, 38400, 115200)
PARITIES: tuple[Literal["N", "E", "O"], ...] = ("N", "E", "O")
"""What meters are delivered with, the usual ones first."""

BAUDRATES_KNOWN: frozenset[int] = frozenset(get_args(SerialBus.model_fields["baudrate"].annotation))
EVERY_UNIT = 0.9
"""When this share of the units asked answers, it is one device that answers to any unit id."""

Tell = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Found:
    """A unit that answered, or garbled an answer. ``bus`` has the speed and parity it was found at."""

    bus: Bus
    unit_id: int
    outcome: str
    latency_ms: float
    suggestions: tuple[Suggestion, ...] = ()
    detail: str = ""

    @property
    def setting(self) -> str:
        """Speed and parity, such as ``9600 8N1``; empty on TCP."""
        bus = self.bus
        return f"{bus.baudrate} 8{bus.parity}{bus.stopbits}" if isinstance(bus, SerialBus) else ""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to scan: the settings of one line, the units, the profiles to try, and whether to go on after a hit."""

    buses: Sequence[Bus]
    units: Sequence[int]
    profiles: Sequence[ModbusProfile]
    tries_all: bool = False


async def scan(wanted: Wanted, tell: Tell) -> AsyncIterator[Found]:
    """Units as they are found. Settings after the first at which somebody answers are tried only if ``tries_all``.

    Raises NotConnectedError when the line cannot be opened."""
    total, done = len(wanted.buses) * len(wanted.units), itertools.count(1)
    for bus in wanted.buses:
        is_alive = False
        async with Line(bus) as line:
            for unit_id in wanted.units:
                answer = await _probe(line, unit_id)
                tell(next(done), total)
                if answer.outcome is Outcome.SILENT:
                    continue
                is_alive = is_alive or answer.is_sign_of_life
                found = await suggest(line, unit_id, wanted.profiles) if answer.is_sign_of_life else ()
                yield Found(
                    bus, unit_id, answer.outcome.value, round(answer.took_s * 1000, 1), found, answer.detail
                )
        if is_alive and not wanted.tries_all:
            return


def settings_of(
    bus: SerialBus, baudrates: Iterable[int], parities: Iterable[Literal["N", "E", "O"]]
) -> list[SerialBus]:
    """The line's own setting first, then every other of the lists, speed by speed."""
    tried = [bus.model_copy(update={"baudrate": b, "parity": p}) for b in baudrates for p in parities]
    return [bus, *(other for other in tried if (other.baudrate, other.parity) != (bus.baudrate, bus.parity))]


def answers_to_any(found: Sequence[Found], asked: int) -> bool:
    """Whether it is one device that answers to any unit id, as a meter with its own Ethernet port may."""
    return asked >= 10 and len(found) >= EVERY_UNIT * asked


async def _probe(line: Line, unit_id: int) -> Answer:
    for function, address in PROBES:
        answer = await line.ask(struct.pack(">BBHH", unit_id, function, address, 1))
        if answer.outcome is not Outcome.NONSENSE:
            return answer
    return answer
