"""Frames of HJ 212-2017: written, split into packets, and found in a stream. Pure.

``##``, four digits of length, the data segment (at most 1024 bytes), four hex digits of CRC, CR LF. The segment is
``QN=…;ST=…;CN=…;PW=…;MN=…;Flag=…;[PNUM=…;PNO=…;]CP=&&…&&``. Flag: bit 0 asks for an acknowledgement, bit 1 says that PNUM
and PNO are there, bits 2 and up are the version, 1 for 2017. Whatever a stream holds, reading it raises nothing. A frame
whose CRC fits is whole without the CR LF, which some centres leave out: length and CRC say where it ends.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

SEGMENT_MAX = 1024
PACKETS_MAX = 9999
VERSION, ACK, SPLIT = 0b100, 0b1, 0b10

_START = b"##"
_HEAD, _DIGITS, _TAIL = 6, 4, 6
_SEGMENT = re.compile(rb"^(?P<head>[\x21-\x7e]*?;)CP=&&(?P<cp>[\x20-\x7e]*)&&$")
_CRC = re.compile(rb"[0-9A-Fa-f]{4}")
_CLOSED = re.compile(rb"[0-9A-Fa-f]{4}\r\n")


def crc(data: bytes) -> int:
    """CRC of HJ 212, which is not CRC-16/MODBUS: before each byte the register loses its own low byte. By a table, as a bit at
    a time took 0.3 s for 1,000 messages."""
    register = 0xFFFF
    for byte in data:
        mixed = (register >> 8) ^ byte
        register = (mixed >> 8) ^ _TABLE[mixed & 0xFF]
    return register


def _eight_bits(register: int) -> int:
    for _ in range(8):
        register = (register >> 1) ^ (0xA001 if register & 1 else 0)
    return register


_TABLE = tuple(map(_eight_bits, range(256)))


def frame(segment: bytes) -> bytes:
    """A data segment with its length and CRC. Raises ValueError for one that is too long."""
    if len(segment) > SEGMENT_MAX:
        raise ValueError(f"a data segment of {len(segment)} bytes; HJ 212 allows {SEGMENT_MAX}")
    return b"##%04d%b%04X\r\n" % (len(segment), segment, crc(segment))


@dataclass(frozen=True, slots=True)
class Message:
    """What is to be said. ``lead`` stands at the head of every packet (DataTime); a packet never parts one of ``parts``."""

    qn: str
    st: str
    cn: str
    mn: str
    wants_ack: bool
    lead: str = ""
    parts: tuple[str, ...] = ()


def frames(message: Message, password: str) -> list[bytes]:
    """One frame, or the packets of a message that is longer than a segment may be. Raises ValueError for a part that fits into
    none."""
    whole = _segment(message, password, message.parts, None)
    if len(whole) <= SEGMENT_MAX:
        return [frame(whole)]
    packets = _packed(message, password)
    return [
        frame(_segment(message, password, parts, (len(packets), number)))
        for number, parts in enumerate(packets, 1)
    ]


def _packed(message: Message, password: str) -> list[list[str]]:
    """Parts by packet, as many in each as fit whatever the numbers of the packets turn out to be."""
    room = SEGMENT_MAX - len(_segment(message, password, (), (PACKETS_MAX, PACKETS_MAX)))
    packets: list[list[str]] = [[]]
    left = room
    for part in message.parts:
        size = len(part.encode()) + 1
        if size > left and packets[-1]:
            packets.append([])
            left = room
        packets[-1].append(part)
        left -= size
    return packets


def _segment(message: Message, password: str, parts: Sequence[str], place: tuple[int, int] | None) -> bytes:
    flag = VERSION | (ACK if message.wants_ack else 0) | (SPLIT if place else 0)
    numbers = f"PNUM={place[0]};PNO={place[1]};" if place else ""
    content = ";".join([message.lead, *parts] if message.lead else parts)
    return (
        f"QN={message.qn};ST={message.st};CN={message.cn};PW={password};MN={message.mn};Flag={flag};{numbers}"
        f"CP=&&{content}&&"
    ).encode()


@dataclass(frozen=True, slots=True)
class Heard:
    """A frame that came. ``fields`` are those before CP, the last of a name; ``cp`` the pairs inside it."""

    fields: dict[str, str]
    cp: dict[str, str]
    is_intact: bool
    """The CRC fits."""

    def __getitem__(self, name: str) -> str:
        return self.fields.get(name, "")

    def answers(self, qn: str, mn: str) -> bool:
        """Whether it is the answer to the message of this QN and MN. HJ/T 212-2005 names the QN within CP, and some of its
        answers no MN; where one is named it has to be ours."""
        return (self["QN"] or self.cp.get("QN", "")) == qn and self["MN"] in {mn, ""}


class FrameReader:
    """Finds frames in a stream. Bytes that belong to none are dropped; never more than two frames are held."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self.dropped = 0
        """Bytes that were part of no frame, line ends aside."""

    def feed(self, data: bytes) -> list[Heard]:
        self._buffer += data
        found: list[Heard] = []
        while (heard := self._next()) is not None:
            if heard:
                found += heard
        return found

    def _next(self) -> list[Heard] | None:
        """The next frame, nothing where bytes were dropped, or None when more must come first."""
        start = self._buffer.find(_START)
        if start < 0:
            self._drop(max(0, len(self._buffer) - 1))  # the last may be half a mark
            return None
        self._drop(start)
        if len(self._buffer) < _HEAD:
            return None
        digits = bytes(self._buffer[2:_HEAD])
        length = int(digits) if digits.isdigit() else SEGMENT_MAX + 1
        if length > SEGMENT_MAX:
            self._drop(1)
            return []
        return self._framed(_HEAD + length)

    def _framed(self, end: int) -> list[Heard] | None:
        """The frame whose data segment ends at ``end``, as ``_next``."""
        segment, tail = bytes(self._buffer[_HEAD:end]), bytes(self._buffer[end : end + _TAIL])
        is_intact = _CRC.match(tail) is not None and int(tail[:_DIGITS], 16) == crc(segment)
        if not is_intact and len(tail) < _TAIL:
            return None
        if not is_intact and _CLOSED.match(tail) is None:
            self._drop(1)
            return []
        del self._buffer[: end + (_DIGITS if is_intact else _TAIL)]
        heard = read_segment(segment, is_intact)
        return [heard] if heard else []

    def _drop(self, count: int) -> None:
        self.dropped += len(self._buffer[:count].strip(b"\r\n"))
        del self._buffer[:count]


def read_segment(segment: bytes, is_intact: bool) -> Heard | None:
    """A data segment taken apart; None for one that has not its shape."""
    match = _SEGMENT.match(segment)
    if match is None:
        return None
    fields = _pairs(match["head"].decode("ascii"), ";")
    return Heard(fields, _pairs(match["cp"].decode("ascii"), ";,"), is_intact)


def _pairs(text: str, marks: str) -> dict[str, str]:
    pairs = (one.partition("=") for one in re.split(f"[{marks}]", text) if "=" in one)
    return {key.strip(): value.strip() for key, _, value in pairs}
