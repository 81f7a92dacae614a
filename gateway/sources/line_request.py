"""What goes out on a raw line for one request, and which of the bytes heard are its reply. Pure.

Three protocols may take turns on one line: DL/T 645, CJ/T 188 and Modbus RTU. A reply is matched by address, control
code and data identifier, or by unit, function, length and check sum; anything else that is heard is not looked at.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from pymodbus.framer.rtu import FramerRTU

from devices import cjt188, dlt645
from gateway.errors import NoAnswerError, RefusedError
from gateway.sources import faults, meter_faults
from gateway.sources.request_plan import data_length

WAKE_UP = b"\xfe\xfe\xfe\xfe"
"""Before every frame to a meter; DL/T 645-2007 asks for four at most, CJ/T 188-2004 for two to four."""
NO_SUCH_DATA = 2
"""``RefusedError.code`` for "no such data" on every wire: Modbus's own, and bit 1 of a DL/T 645 error byte."""
CONVERTER_SAYS_SILENT = frozenset({0x0A, 0x0B})
MODBUS_REQUEST = 6
"""Unit id, function, address and count; a meter's frame is never as short."""

F = TypeVar("F", dlt645.Frame, cjt188.Frame)


class LineRequest(Protocol):
    """One request on the line."""

    @property
    def sent(self) -> bytes:
        """The bytes that go out."""
        ...

    @property
    def unit(self) -> str:
        """Whom it asks, for people: a unit id or the digits on a plate."""
        ...

    def reply_in(self, heard: bytes) -> bytes | None:
        """The reply among the bytes heard, None while there is none. Raises RefusedError or NoAnswerError."""
        ...

    def following(self, reply: bytes, count: int) -> LineRequest | None:
        """The request for what follows a reply, the ``count``-th; None when it is complete."""
        ...


def line_request(request: bytes) -> LineRequest:
    """From what the seam takes: a whole DL/T 645 or CJ/T 188 frame, or a Modbus unit and PDU. ValueError for others."""
    if len(request) == MODBUS_REQUEST:
        return RtuRequest(request)
    for electric in dlt645.frames(request):
        return Dlt645Request(electric)
    for frame in cjt188.frames(request):
        return Cjt188Request(frame)
    raise ValueError(f"not a request: {request.hex(' ')}")


@dataclass(frozen=True, slots=True)
class MeterRequest(Generic[F]):
    """A frame to a meter; ``replies`` are those to it among the bytes heard."""

    frame: F

    @property
    def sent(self) -> bytes:
        return WAKE_UP + self.frame.encode()

    @property
    def unit(self) -> str:
        return self.frame.plate

    @abstractmethod
    def replies(self, heard: bytes) -> Iterable[F]: ...

    @abstractmethod
    def refusal(self, reply: F) -> RefusedError: ...

    def reply_in(self, heard: bytes) -> bytes | None:
        for reply in self.replies(heard):
            if reply.is_refusal:
                raise self.refusal(reply)
            return reply.encode()
        return None


@dataclass(frozen=True, slots=True)
class Dlt645Request(MeterRequest[dlt645.Frame]):
    """A DL/T 645 frame."""

    def replies(self, heard: bytes) -> Iterable[dlt645.Frame]:
        return (reply for reply in dlt645.frames(heard) if dlt645.answers(reply, self.frame))

    def refusal(self, reply: dlt645.Frame) -> RefusedError:
        error = reply.data[0]
        code = NO_SUCH_DATA if error & dlt645.NO_SUCH_DATA else error
        return RefusedError(meter_faults.refused(self.unit, *dlt645.refusal(error)), code)

    def following(self, reply: bytes, count: int) -> LineRequest | None:
        (frame,) = dlt645.frames(reply)
        return Dlt645Request(dlt645.read_next(self.frame, count)) if frame.is_followed else None


@dataclass(frozen=True, slots=True)
class Cjt188Request(MeterRequest[cjt188.Frame]):
    """A CJ/T 188 frame."""

    def replies(self, heard: bytes) -> Iterable[cjt188.Frame]:
        return (reply for reply in cjt188.frames(heard) if cjt188.answers(reply, self.frame))

    def refusal(self, reply: cjt188.Frame) -> RefusedError:
        said = reply.data.hex(" ")
        return RefusedError(meter_faults.refused(self.unit, said, said), NO_SUCH_DATA)

    def following(self, reply: bytes, count: int) -> None:
        """A CJ/T 188-2004 reply is one frame."""


@dataclass(frozen=True, slots=True)
class RtuRequest:
    """A Modbus read of a meter that shares the line."""

    request: bytes

    @property
    def sent(self) -> bytes:
        return self.request + _crc(self.request)

    @property
    def unit(self) -> str:
        return str(self.request[0])

    def reply_in(self, heard: bytes) -> bytes | None:
        unit_id, function = self.request[0], self.request[1]
        size = data_length(function, int.from_bytes(self.request[4:6], "big"))
        for at in range(len(heard)):
            head = heard[at : at + 3]
            if head == bytes((unit_id, function, size)) and _is_sound(
                whole := heard[at : at + 5 + size], 5 + size
            ):
                return whole[:-2]
            if head[:2] == bytes((unit_id, function | 0x80)) and _is_sound(heard[at : at + 5], 5):
                raise _refusal(unit_id, function, head[2])
        return None

    def following(self, reply: bytes, count: int) -> None:
        """A Modbus reply is one frame."""


def _is_sound(frame: bytes, length: int) -> bool:
    return len(frame) == length and _crc(frame[:-2]) == frame[-2:]


def _crc(data: bytes) -> bytes:
    return FramerRTU.compute_CRC(data).to_bytes(2, "big")


def _refusal(unit_id: int, function: int, code: int) -> RefusedError | NoAnswerError:
    if code in CONVERTER_SAYS_SILENT:
        return NoAnswerError(faults.not_reached(unit_id, code))
    return RefusedError(faults.refused(unit_id, function, code), code)
