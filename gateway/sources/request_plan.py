"""From the points of a device to few block reads, and from a reply to the registers of each point. Pure.

Knows addresses, widths and what the maker allows in one request; does not know values, time or wires. Every
point lies wholly in exactly one block, with the scale factor, fraction or gate that is read with it; no block is
longer than ``registers_max`` unless a single point is, and no block covers a register that is known to be refused.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from devices.profile import Limits, RegisterPoint

FILL_REGISTERS_MAX = 16
"""Unused registers read to save a request: 16 cost 33 ms at 9600 baud, a request and its turn-round more."""

BIT_FUNCTIONS = frozenset({1, 2})
"""Coils and discrete inputs: one bit where a register has sixteen."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a point sits in its block: ``registers`` words from ``offset``, all that is read for it."""

    name: str
    offset: int
    registers: int

    @property
    def end(self) -> int:
        """First offset after the point."""
        return self.offset + self.registers


@dataclass(frozen=True, slots=True)
class Block:
    """One read request: function code, first address and count, and the points its reply holds."""

    function: int
    address: int
    count: int
    places: tuple[Place, ...]

    @property
    def end(self) -> int:
        """First address after the block."""
        return self.address + self.count

    def request(self, unit_id: int) -> bytes:
        """Unit id and PDU as ``Exchange`` takes them."""
        return struct.pack(">BBHH", unit_id, self.function, self.address, self.count)


def plan(
    points: Mapping[str, RegisterPoint], limits: Limits, *, fill_max: int = FILL_REGISTERS_MAX
) -> tuple[Block, ...]:
    """The blocks that read all ``points``, by function and address, joined greedily from the lowest."""
    blocks: list[Block] = []
    for name, point in sorted(points.items(), key=lambda item: _order(item[1])):
        last = blocks[-1] if blocks else None
        if last is not None and _fits(last, point, limits, fill_max):
            blocks[-1] = _joined(last, name, point)
        else:
            count = point.stop - point.start
            blocks.append(Block(point.function, point.start, count, (Place(name, 0, count),)))
    return tuple(blocks)


def halves(block: Block) -> tuple[Block, ...]:
    """The block cut in two at the widest gap between its points; the block alone when it is one span.

    For a device that refuses an address inside a block: cutting again and again finds what it refuses."""
    ends = _ends(block.places)
    gaps = [
        (place.offset - end, index)
        for index, (place, end) in enumerate(zip(block.places[1:], ends[:-1], strict=True), start=1)
        if place.offset >= end
    ]
    if not gaps:
        return (block,)
    middle = len(block.places) / 2
    cut = max(gaps, key=lambda gap: (gap[0], -abs(gap[1] - middle)))[1]
    return _trimmed(block, block.places[:cut]), _trimmed(block, block.places[cut:])


def registers_of(function: int, count: int, data: bytes) -> Sequence[int]:
    """The words of a reply's data; a bit of a coil or discrete input counts as one word of 0 or 1."""
    if function in BIT_FUNCTIONS:
        return [data[index >> 3] >> (index & 7) & 1 for index in range(count)]
    return struct.unpack(f">{count}H", data)


def data_length(function: int, count: int) -> int:
    """How many bytes of data the reply to such a read has."""
    return (count + 7) // 8 if function in BIT_FUNCTIONS else 2 * count


def _order(point: RegisterPoint) -> tuple[int, int, int]:
    return point.function, point.start, point.stop


def _fits(block: Block, point: RegisterPoint, limits: Limits, fill_max: int) -> bool:
    end = max(block.end, point.stop)
    return (
        block.function == point.function
        and point.start - block.end <= fill_max
        and end - block.address <= limits.registers_max
        and not any(first < end and last >= block.address for first, last in limits.holes)
    )


def _joined(block: Block, name: str, point: RegisterPoint) -> Block:
    place = Place(name, point.start - block.address, point.stop - point.start)
    count = max(block.end, point.stop) - block.address
    return Block(block.function, block.address, count, (*block.places, place))


def _ends(places: Iterable[Place]) -> list[int]:
    """After each place, the furthest offset reached so far: points may overlap."""
    ends: list[int] = []
    for place in places:
        ends.append(max(place.end, ends[-1] if ends else 0))
    return ends


def _trimmed(block: Block, places: tuple[Place, ...]) -> Block:
    first, end = places[0].offset, _ends(places)[-1]
    moved = tuple(Place(place.name, place.offset - first, place.registers) for place in places)
    return Block(block.function, block.address + first, end - first, moved)
