"""A bus with an ear on it: each question with its outcome, its latency and the bytes nobody asked for.

Knows the wire's errors and how long frames are; does not know points. A silence or nonsense is an outcome here and
not an exception; only a bus that cannot be opened at all raises, because then no unit can be judged.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, Self

from edge_config.schema import Bus, SerialBus
from edge_config.site import LoadedSite
from gateway.errors import ConfigError, NoAnswerError, NonsenseError, NotConnectedError, RefusedError
from gateway.sources.bus_line import Tap
from gateway.sources.modbus import PymodbusWire
from gateway.sources.poll import build_bus
from gateway.sources.seam import Exchange

MBAP_BYTES, CRC_BYTES = 6, 2
"""What travels around unit id and PDU: the header before the unit id on TCP, the checksum under RTU framing."""

STOP_THE_COLLECTOR = (
    "采集程序运行时独占串口，请先停掉它再试"
    " / a running collector holds a serial line for itself: stop it first, start it again afterwards"
)


class Outcome(StrEnum):
    """What came of a question."""

    ANSWERED = "answered"
    REFUSED = "refused"
    SILENT = "silent"
    NONSENSE = "nonsense"


@dataclass(frozen=True, slots=True)
class Answer:
    """``took_s`` is from the request's last byte handed over to the reply; ``extra_bytes`` came on top of the reply."""

    outcome: Outcome
    took_s: float
    reply: bytes = b""
    code: int | None = None
    detail: str = ""
    extra_bytes: int = 0

    @property
    def is_sign_of_life(self) -> bool:
        """A reply or a refusal: a device is there and understands Modbus."""
        return self.outcome in {Outcome.ANSWERED, Outcome.REFUSED}


class Asker(Protocol):
    """Whoever can be asked: a line, or one that remembers what a line said."""

    async def ask(self, request: bytes) -> Answer:
        """Raises NotConnectedError when the bus cannot be opened: unplugged, taken, or nobody listens."""
        ...


class Line:
    """``async with Line(bus) as line``: one bus, held exclusively where it is a serial port."""

    def __init__(
        self, bus: Bus, make_wire: Callable[[Tap], Exchange] | None = None, listen_s: float = 0.0
    ) -> None:
        """``make_wire`` makes another wire than a plain Modbus one; ``listen_s`` is how long to listen after a Modbus
        reply for bytes nobody asked for."""
        self.bus, self._listen_s = bus, listen_s
        self._sent_at, self._heard, self._last = 0.0, 0, b""
        self._wire = PymodbusWire(bus, self._hear) if make_wire is None else make_wire(self._hear)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._wire.close()

    async def ask(self, request: bytes) -> Answer:
        """Raises NotConnectedError when the bus cannot be opened: unplugged, taken, or nobody listens."""
        now = asyncio.get_running_loop().time
        self._sent_at, self._heard, self._last = now(), 0, b""
        try:
            reply = await self._wire.exchange(request)
        except NotConnectedError as error:
            if isinstance(self.bus, SerialBus):
                raise NotConnectedError(f"{error}; {STOP_THE_COLLECTOR}") from error
            raise
        except RefusedError as error:
            return Answer(Outcome.REFUSED, now() - self._sent_at, code=error.code, detail=str(error))
        except NoAnswerError as error:
            return Answer(Outcome.SILENT, now() - self._sent_at, detail=str(error))
        except NonsenseError as error:
            return Answer(Outcome.NONSENSE, now() - self._sent_at, detail=str(error))
        took_s = now() - self._sent_at
        if not (self._listen_s and isinstance(self._wire, PymodbusWire)):
            return Answer(Outcome.ANSWERED, took_s, reply)
        await asyncio.sleep(self._listen_s)
        return Answer(Outcome.ANSWERED, took_s, reply, extra_bytes=self._extra(reply))

    def _extra(self, reply: bytes) -> int:
        around = MBAP_BYTES if self.bus.kind == "modbus-tcp" else CRC_BYTES
        return max(0, self._heard - len(reply) - around)

    def _hear(self, is_sending: bool, data: bytes) -> None:
        if is_sending:
            self._sent_at, self._heard, self._last = asyncio.get_running_loop().time(), 0, b""
            return
        is_more = len(data) > len(self._last) and data.startswith(self._last)
        self._heard += len(data) - (len(self._last) if is_more else 0)
        self._last = data


def line_of(site: LoadedSite, bus_id: str, listen_s: float = 0.0) -> Line:
    """A bus of the site file on the very wire the collector would use. Raises ConfigError."""
    bus = bus_of(site, bus_id)
    return Line(bus, lambda tap: build_bus(site, bus, tap)[1], listen_s)


def bus_of(site: LoadedSite, bus_id: str) -> Bus:
    """A bus of the site file, as it is written there. Raises ConfigError."""
    known = {bus.id: bus for bus in site.file.buses}
    if bus_id not in known:
        raise ConfigError(f"there is no bus {bus_id!r} in {site.path}; it has {', '.join(known) or 'none'}")
    return known[bus_id]


def scannable(site: LoadedSite, bus_id: str) -> Bus:
    """A bus with its port's path made whole. Raises ConfigError."""
    bus = bus_of(site, bus_id)
    if isinstance(bus, SerialBus):  # a relative path starts at the site file's folder, as all of them do
        return bus.model_copy(update={"port": str(site.folder / bus.port)})
    return bus
