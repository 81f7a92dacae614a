"""DL/T 645-2007 frames, and the read requests and replies of the 1997 edition.

Knows frames, the 33H added to data, data identifiers and a meter's refusals. Does not know lines or time-outs; what a
sound frame is, is in ``framing``, and here it has a second start byte.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from devices import bcd, framing
from devices.frame_profile import Dlt645Point, Dlt645Profile
from devices.registers import ONE, DecodeError

ADDED = 0x33
HEADER, SECOND_START = 10, 7
"""Bytes before the data, and where among them the start byte stands again."""
READ, READ_NEXT, READ_ADDRESS, READ_1997, READ_NEXT_1997 = 0x11, 0x12, 0x13, 0x01, 0x02
FOLLOWED = 0x20
"""Bit of a control code: more frames follow."""
BROADCAST_ADDRESS = "99" * 6

ERRORS: tuple[tuple[str, str], ...] = (
    ("其他错误", "other error"),
    ("无请求数据", "no such data"),
    ("密码错或未授权", "wrong password"),
    ("通信速率不能更改", "baud rate cannot be changed"),
    ("年时区数超", "too many year zones"),
    ("日时段数超", "too many day periods"),
    ("费率数超", "too many tariffs"),
)
"""Bits of the error byte from bit 0, after the 2007 edition; not re-read in its text."""
NO_SUCH_DATA = 0x02


@dataclass(frozen=True, slots=True)
class Frame(framing.Addressed):
    """One frame, 33H taken off its data. ``address`` is as on the wire, low byte first."""

    address: bytes
    control: int
    data: bytes

    def encode(self) -> bytes:
        """The bytes on the wire, without wake-up."""
        added = bytes((byte + ADDED) & 0xFF for byte in self.data)
        head = (framing.START, *self.address, framing.START, self.control, len(added))
        return framing.closed(bytes(head) + added)

    @property
    def is_followed(self) -> bool:
        """Whether more frames wait to be read."""
        return bool(self.control & FOLLOWED) and not self.is_refusal


def frames(heard: bytes) -> Iterator[Frame]:
    """Every sound frame in what was heard, in order; noise, wake-up bytes and broken frames are passed over."""
    for body in framing.bodies(heard, HEADER, SECOND_START):
        data = bytes((byte - ADDED) & 0xFF for byte in body[HEADER:])
        yield Frame(body[1:7], body[8], data)


def read(address: str, di: str) -> Frame:
    """The request for one data identifier: eight digits in the 2007 edition, four in that of 1997."""
    control = READ if len(di) == 8 else READ_1997
    return Frame(bcd.address_bytes(address), control, bytes.fromhex(di)[::-1])


def read_address() -> Frame:
    """The request by which the only meter on a line tells its address."""
    return Frame(bytes((framing.WILDCARD,)) * 6, READ_ADDRESS, b"")


def read_next(request: Frame, sequence: int) -> Frame:
    """The request for what follows a reply with the bit ``FOLLOWED``; ``sequence`` counts from 1."""
    is_2007 = len(di_of(request)) == 4
    control = READ_NEXT if is_2007 else READ_NEXT_1997
    return Frame(request.address, control, di_of(request) + (bytes((sequence,)) if is_2007 else b""))


def di_of(frame: Frame) -> bytes:
    """The data identifier of a request or a reply with data, low byte first."""
    return frame.data[: 2 if frame.control & 0x1F in {READ_1997, READ_NEXT_1997} else 4]


def answers(reply: Frame, request: Frame) -> bool:
    """Whether ``reply`` is the answer to ``request``: by address, control code and data identifier.

    A refusal carries no identifier. The wildcard AA in a request stands for any two digits."""
    if reply.control & ~(framing.REFUSAL | FOLLOWED) != request.control | framing.REPLY:
        return False
    if not framing.is_meant(request.address, reply.address):
        return False
    if reply.is_refusal:
        return len(reply.data) == 1
    if request.control == READ_ADDRESS:
        return reply.data == reply.address
    if request.control == READ_NEXT and reply.data[-1:] != request.data[-1:]:
        return False
    return len(reply.data) >= len(di_of(request)) and di_of(reply) == di_of(request)


def payload(replies: Sequence[Frame]) -> bytes:
    """The data after the identifier of a reply and the frames that followed it, without their sequence numbers."""
    parts = []
    for reply in replies:
        data = reply.data[len(di_of(reply)) :]
        parts.append(data[:-1] if reply.control & 0x1F == READ_NEXT else data)
    return b"".join(parts)


def refusal(error: int) -> tuple[str, str]:
    """What an error byte says, in Chinese and English."""
    said = [words for bit, words in enumerate(ERRORS) if error >> bit & 1] or [
        ("未说明原因", "no reason given")
    ]
    return "、".join(zh for zh, _ in said), ", ".join(en for _, en in said)


BLOCK_FIRST = {"0001": 0, "0002": 0, "0201": 1, "0202": 1}
"""Identifiers whose third pair counts totals and tariffs from 00, or phases from 01: FF there is all of them."""


@dataclass(frozen=True, slots=True)
class Read:
    """One request and what its reply holds: points with their first byte after the identifier."""

    di: str
    places: tuple[tuple[str, int], ...]


def plan(points: Mapping[str, Dlt645Point], *, blocks: bool) -> tuple[Read, ...]:
    """The reads that fetch all points; with ``blocks`` those of one family in one read."""
    families: dict[str, list[str]] = {}
    for name, point in points.items():
        families.setdefault(_family(point) if blocks else point.di, []).append(name)
    found: list[Read] = []
    for di, names in families.items():
        if len({points[name].di for name in names}) == 1:
            found.append(Read(points[names[0]].di, tuple((name, 0) for name in names)))
        else:
            found.append(Read(di, tuple((name, _block_at(points[name])) for name in names)))
    return tuple(found)


def _family(point: Dlt645Point) -> str:
    """The block a point lies in; its own identifier when there is none."""
    known = len(point.di) == 8 and point.di[:4] in BLOCK_FIRST and point.di[6:] == "00"
    return f"{point.di[:4]}FF00" if known else point.di


def _block_at(point: Dlt645Point) -> int:
    return (int(point.di[4:6], 16) - BLOCK_FIRST[point.di[:4]]) * point.length


def decode(point: Dlt645Point, data: bytes, at: int = 0, ratio: Decimal = ONE) -> float:
    """The point's value from the data after an identifier. Raises DecodeError; a block that ends before the point,
    as that of a meter with fewer tariffs does, has no value for it."""
    part = data[at : at + point.length]
    if len(part) < point.length:
        raise DecodeError("no_value")
    return bcd.value(point, part, ratio)


def places_of(profile: Dlt645Profile, di: bytes) -> tuple[tuple[str, int], ...]:
    """The points a reply with this identifier (low byte first) holds, asked for as a block or one by one."""
    text = di[::-1].hex().upper()
    for blocks in (True, False):
        for one in plan(profile.points, blocks=blocks):
            if one.di == text:
                return one.places
    return ()
