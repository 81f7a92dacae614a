"""In which order a line is asked: its own speed and parity first, then those meters are delivered with. Pure.

A round is one setting of the line and the protocols asked at it. The first questions are the cheap ones: six to a line
for all DL/T 645 and CJ/T 188 meters, before hundreds of Modbus unit ids at each speed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal, get_args

from edge_config.schema import Bus, SerialBus

Protocol = Literal["modbus", "dlt645", "cjt188"]
Parity = Literal["N", "E", "O"]
PROTOCOLS: Final = frozenset[Protocol](get_args(Protocol))
FRAME_PROTOCOLS: Final = frozenset[Protocol]({"dlt645", "cjt188"})

BAUDRATES = (9600, 2400, 4800, 19200, 38400, 115200)
PARITIES: tuple[Parity, ...] = ("N", "E", "O")
"""What Modbus meters are delivered with, the usual ones first."""
METER_BAUDRATES: dict[int, frozenset[Protocol]] = {
    2400: FRAME_PROTOCOLS,
    9600: FRAME_PROTOCOLS,
    1200: frozenset({"dlt645"}),
    4800: frozenset({"dlt645"}),
}
"""At even parity, which both standards ask for."""
BAUDRATES_KNOWN: frozenset[int] = frozenset(get_args(SerialBus.model_fields["baudrate"].annotation))

REQUEST_CHARACTERS = {"modbus": 8, "dlt645": 20, "cjt188": 20}
FRAME_QUESTIONS = 4
"""At most, to find out whether one meter of a protocol is on the line."""
UNIT_QUESTIONS = 2
BITS = 11
SERVER_BAUDRATE = 2400
"""Reckoned behind a serial server, whose speed is not known here."""


@dataclass(frozen=True, slots=True)
class Round:
    """One setting of a line and what is asked at it."""

    bus: Bus
    asks: frozenset[Protocol] = frozenset({"modbus"})


Tell = Callable[[int, int], None]
"""Told steps done and steps in all."""


class Steps:
    """How far a scan is."""

    def __init__(self, tell: Tell, total: int) -> None:
        self._tell, self._done, self._total = tell, 0, total

    def done(self, count: int = 1) -> None:
        self._done += count
        self._total = max(self._total, self._done)
        self._tell(self._done, self._total)

    def more(self, count: int) -> None:
        """There is more to do than was known."""
        self._total += count


def rounds_of(
    bus: Bus,
    asks: frozenset[Protocol],
    baudrates: Sequence[int] | None = None,
    parities: Sequence[Parity] | None = None,
) -> list[Round]:
    """The line's own setting first; with no lists given, then the meters' usual ones and the Modbus units'; with lists,
    every protocol at each of their settings."""
    if not isinstance(bus, SerialBus):
        return [Round(bus, asks)]
    others: list[tuple[SerialBus, frozenset[Protocol]]]
    if baudrates is None and parities is None:
        others = [(_at(bus, speed, "E"), asks & at) for speed, at in METER_BAUDRATES.items()]
        others += [(one, asks & {"modbus"}) for one in _settings(bus, BAUDRATES, PARITIES)]
    else:
        others = [(one, asks) for one in _settings(bus, baudrates or BAUDRATES, parities or PARITIES)]
    own = (bus.baudrate, bus.parity)
    return [
        Round(bus, asks),
        *(Round(one, at) for one, at in others if at and (one.baudrate, one.parity) != own),
    ]


def steps_of(rounds: Sequence[Round], units: int) -> int:
    """Steps of a whole scan: one for each unit and for each protocol of meters at each setting."""
    return sum(len(one.asks & FRAME_PROTOCOLS) + ("modbus" in one.asks) * units for one in rounds)


def seconds_max(rounds: Sequence[Round], units: int, meter_timeout_s: float) -> float:
    """How long a scan takes on which nobody answers. A time-out is followed by as long a silence on a raw line."""
    return sum(_round_s(one, units, meter_timeout_s) for one in rounds)


def silent_s(bus: Bus, protocol: Protocol, timeout_s: float) -> float:
    """Seconds of the line that a question takes to which nobody answers."""
    if bus.kind == "modbus-tcp":
        return timeout_s
    baudrate = bus.baudrate if isinstance(bus, SerialBus) else SERVER_BAUDRATE
    return 2 * timeout_s + REQUEST_CHARACTERS[protocol] * BITS / baudrate


def _round_s(one: Round, units: int, meter_timeout_s: float) -> float:
    timeout_s = max(one.bus.timeout_s, meter_timeout_s)
    meters = sum(
        FRAME_QUESTIONS * silent_s(one.bus, asked, timeout_s) for asked in one.asks & FRAME_PROTOCOLS
    )
    modbus = UNIT_QUESTIONS * silent_s(one.bus, "modbus", one.bus.timeout_s) if "modbus" in one.asks else 0.0
    return meters + units * modbus


def _settings(bus: SerialBus, baudrates: Iterable[int], parities: Sequence[Parity]) -> list[SerialBus]:
    return [_at(bus, speed, parity) for speed in baudrates for parity in parities]


def _at(bus: SerialBus, baudrate: int, parity: Parity) -> SerialBus:
    return bus.model_copy(update={"baudrate": baudrate, "parity": parity})
