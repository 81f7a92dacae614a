"""One simulated DL/T 645 or CJ/T 188 meter: a request frame to a reply frame, from the truth of that moment.

Knows its profile's layout and how such meters differ: whether they answer blocks, which way round they want the data
identifier, what they refuse. Its bytes are made by ``meter_frames``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from devices.profile import AnyProfile, Cjt188Point, Cjt188Profile, Dlt645Point
from simulators.campus import SimPoint
from simulators.errors import SimulatorError
from simulators.meter_device import SLOW_S, Fault, NowMs
from simulators.meter_frames import WAKE_UP, bcd, electric_frame, flow_frame

READ, READ_NEXT, READ_1997, READ_NEXT_1997 = 0x11, 0x12, 0x01, 0x02
OK, REFUSED, FOLLOWED = 0x80, 0xC0, 0x20
NO_SUCH_DATA, OTHER_ERROR = b"\x02", b"\x01"
CLOCK = b"\xff" * 7
"""Meters without a battery fill their clock with ones."""


class Following(StrEnum):
    """What becomes of the frames that follow: as they should be, with a wrong number, not sent at all, or refused."""

    SOUND = "sound"
    MISCOUNTED = "miscounted"
    LOST = "lost"
    REFUSED = "refused"


@dataclass(slots=True)
class FrameMeter:
    """``answered`` and ``refused`` count requests. ``orders`` are the byte orders of 901F that a CJ/T 188 meter takes,
    ``has_blocks`` whether a DL/T 645 meter answers block identifiers."""

    address: str
    profile: AnyProfile
    points: Sequence[tuple[Dlt645Point | Cjt188Point, SimPoint]]
    now_ms: NowMs
    fault: Fault | None = None
    slow_s: float = SLOW_S
    has_blocks: bool = True
    frame_bytes: int = 200
    """How many bytes after the identifier a DL/T 645 meter puts in one frame; what is more it sends in frames that follow."""
    following: Following = Following.SOUND
    reply_bytes: int | None = None
    """The length of a CJ/T 188 meter's reply where it is not the usual one of its profile."""
    orders: tuple[bytes, ...] = (b"\x90\x1f",)
    answered: int = 0
    refused: int = 0
    asked: list[bytes] = field(default_factory=list)
    _rest: dict[bytes, bytes] = field(default_factory=dict)
    """By identifier, what was not yet sent."""

    async def reply(self, request: bytes) -> bytes | None:
        """The reply to a sound request frame; None for one that is not for this meter, or that it does not answer."""
        if self.fault is Fault.DEAD:
            return None
        is_flow = isinstance(self.profile, Cjt188Profile)
        frame = self._flow(request) if is_flow else self._electric(request)
        if frame is None:
            return None
        if self.fault is Fault.SLOW:
            await asyncio.sleep(self.slow_s)
        return WAKE_UP + frame

    def _electric(self, request: bytes) -> bytes | None:
        if (
            request[7] != 0x68
            or not _is_for(request[1:7], self.address)
            or request[8] not in {READ, READ_1997, READ_NEXT, READ_NEXT_1997}
        ):
            return None
        self.asked.append(request)
        control, di = request[8], bytes((byte - 0x33) % 256 for byte in request[10:-2])
        if control in {READ_NEXT, READ_NEXT_1997}:
            return self._next(control, di)
        data = self._data_of(di[::-1].hex().upper())
        if data is None or self.fault is Fault.BUSY:
            self.refused += 1
            return electric_frame(self.address, control | REFUSED, OTHER_ERROR if data else NO_SUCH_DATA)
        self.answered += 1
        self._rest[di] = data[self.frame_bytes :]
        follows = FOLLOWED if self._rest[di] else 0
        return electric_frame(self.address, control | OK | follows, di + data[: self.frame_bytes])

    def _next(self, control: int, asked: bytes) -> bytes | None:
        """A frame that follows; the 2007 edition numbers it, at the end of its data."""
        di, number = (asked[:4], asked[4:]) if control == READ_NEXT else (asked, b"")
        rest = self._rest.pop(di, b"")
        if not rest or self.following is Following.REFUSED:
            self.refused += 1
            return electric_frame(self.address, control | REFUSED, NO_SUCH_DATA)
        self._rest[di] = rest[self.frame_bytes :]
        if self.following is Following.LOST:
            return None
        if self.following is Following.MISCOUNTED:
            number = bytes((byte + 1) % 256 for byte in number)
        follows = FOLLOWED if self._rest[di] else 0
        return electric_frame(self.address, control | OK | follows, di + rest[: self.frame_bytes] + number)

    def _data_of(self, di: str) -> bytes | None:
        """What an identifier names; a block is what stands beside each other, with ones for what is not fitted."""
        images = {
            spec.di: self._image(spec, point) for spec, point in self.points if isinstance(spec, Dlt645Point)
        }
        if di in images or di[4:] != "FF00" or not self.has_blocks:
            return images.get(di)
        family = {
            int(one[4:6], 16): image for one, image in images.items() if one[:4] == di[:4] and one[6:] == "00"
        }
        if not family:
            return None
        blank = b"\xff" * len(next(iter(family.values())))
        first = 1 if di[:2] == "02" else 0
        return b"".join(family.get(index, blank) for index in range(first, max(family) + 1))

    def _flow(self, request: bytes) -> bytes | None:
        if request[7] == 0x68 or not isinstance(self.profile, Cjt188Profile):
            return None
        kind = int(self.profile.meter_type, 16)
        if request[1] not in {kind, 0xAA} or not _is_for(request[2:9], self.address) or request[9] != 0x01:
            return None
        self.asked.append(request)
        header = request[11:14]
        if header[:2] not in self.orders:
            return None
        if self.fault is Fault.BUSY:
            self.refused += 1
            return flow_frame(kind, self.address, 0xC1, header[2:] + b"\x00\x00")
        self.answered += 1
        return flow_frame(kind, self.address, 0x81, header + self._page(self.profile))

    def _page(self, profile: Cjt188Profile) -> bytes:
        length = self.reply_bytes or profile.reply_bytes
        page = bytearray(length - 3)
        page[-9:-2] = CLOCK
        places = profile.points_of(length)
        for _, point in self.points:
            spec = places[point.key]
            for at, byte in enumerate(self._image(spec, point), spec.at):
                page[at] = byte if spec.mask is None else page[at] | byte
            if spec.unit_at is not None:
                page[spec.unit_at] = int(next(code for code, unit in spec.units.items() if unit == 1), 16)
        return bytes(page)

    def _image(self, spec: Dlt645Point | Cjt188Point, point: SimPoint) -> bytes:
        raw = int(point.raw(self.now_ms()))
        if isinstance(spec, Cjt188Point) and spec.mask is not None:
            lowest = spec.mask & -spec.mask
            return (raw * lowest & spec.mask).to_bytes(spec.length, "little")
        return bcd(raw, spec.length)


def _is_for(plate: bytes, address: str) -> bool:
    own = bytes.fromhex(address)[::-1]
    return all(asked in {0xAA, byte} for asked, byte in zip(plate, own, strict=True))


def frame_meter(
    points: Sequence[SimPoint], profile: AnyProfile, now_ms: NowMs, fault: Fault | None
) -> FrameMeter:
    """The meter that these points, all of one device, belong to."""
    device = points[0].device
    if device.address is None:
        raise SimulatorError(f"{device.id}: has no address")
    specs = [(point.spec, point) for point in points if isinstance(point.spec, Dlt645Point | Cjt188Point)]
    return FrameMeter(device.address, profile, specs, now_ms, fault)
