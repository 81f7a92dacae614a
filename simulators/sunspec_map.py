"""The map of a simulated SunSpec device: a marker, then its chain of blocks, the last of them the one with the points.

Addresses and words only, by this room's own few lines; what stands in the points is ``registers``' business.
"""

from __future__ import annotations

from dataclasses import dataclass

from devices.profile import ModbusProfile, RegisterPoint, SunSpec
from simulators.registers import identity

DRAWN_BASE = 40000
"""The base for which the profiles give their identification registers."""
HOLDING = 3
Words = dict[tuple[int, int], int]
"""By function and address."""


@dataclass(frozen=True, slots=True)
class Chain:
    """``base`` is where the marker stands, ``common`` the length of the first block, ``between`` the model and length of
    each block that follows it."""

    base: int = DRAWN_BASE
    common: int = 65
    between: tuple[tuple[int, int], ...] = ()

    @property
    def address(self) -> int:
        """Where the block with the points begins."""
        return self.base + 2 + 2 + self.common + sum(2 + length for _, length in self.between)


DRAWN = Chain()
"""As the profiles give their addresses."""


def chain_words(profile: ModbusProfile, block: SunSpec, chain: Chain) -> Words:
    """Marker, names and the head of every block; the model number of the points' own comes with its points."""
    names = {at: word for (_, at), word in identity(profile).items() if at < block.address}
    words = {at - DRAWN_BASE + chain.base: word for at, word in names.items()}
    words |= {chain.base: 0x5375, chain.base + 1: 0x6E53}
    at = chain.base + 2
    for model, length in ((1, chain.common), *chain.between):
        words |= {at: model, at + 1: length}
        at += 2 + length
    length = max(point.stop for point in profile.points.values()) - block.address - 2
    words |= {at + 1: length, at + 2 + length: 0xFFFF, at + 3 + length: 0}
    return {(HOLDING, at): word for at, word in words.items()}


def moved(point: RegisterPoint, by: int) -> RegisterPoint:
    """The point with all its registers so many addresses further on."""
    return point.model_copy(
        update={
            "address": point.address + by,
            "parts": tuple(part.model_copy(update={"address": part.address + by}) for part in point.parts),
            "exponent": point.exponent
            and point.exponent.model_copy(update={"address": point.exponent.address + by}),
            "gates": tuple(gate.model_copy(update={"address": gate.address + by}) for gate in point.gates),
        }
    )
