"""The shape of a profile of a meter that speaks frames: DL/T 645 (electricity) and CJ/T 188 (water, heat, gas).

Knows where a number stands in a frame's data, its digits, sign, unit codes and status bits. Does not know meters'
addresses, check sums or time. What the standards' own text did not show us is data in a profile, never code.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from devices.profile_base import PointBase, PointName, ProfileBase, Strict, Wire

HexByte = Annotated[str, StringConstraints(pattern=r"^[0-9A-F]{2}$")]
HexBytes = Annotated[str, StringConstraints(pattern=r"^[0-9A-Fa-f]{2}( [0-9A-Fa-f]{2})*$")]


class FramePoint(PointBase):
    """A number of ``length`` bytes of BCD, low byte first. ``signed``: the top bit is a minus sign.

    ``scale`` places the decimal point: 0.01 for XXXXXX.XX."""

    length: int = Field(ge=1, le=8)
    signed: bool = False
    rollover: Decimal | None = Field(default=None, gt=0)
    """Raw value at which a counter starts again, such as 100000000 for eight digits."""
    ratio: Literal["none", "ct", "pt", "ct_pt"] = "none"

    @property
    def resolution(self) -> Decimal:
        return self.step if self.step is not None else abs(self.scale)


class Dlt645Point(FramePoint):
    """A point of a DL/T 645 meter. ``di`` is its data identifier, highest byte first as the standard prints it:
    eight digits in the 2007 edition, four in that of 1997."""

    group: Literal["fast", "slow"] = "fast"
    di: str = Field(pattern=r"^([0-9A-F]{4}|[0-9A-F]{8})$")


class Cjt188Point(FramePoint):
    """A point in the data of a CJ/T 188 reply; ``at`` is its first byte, counted after data identifier and serial."""

    at: int = Field(ge=0, le=200)
    unit_at: int | None = Field(default=None, ge=0, le=200)
    """Where the reply names the number's unit; None when it does not."""
    units: dict[HexByte, Decimal] = Field(default_factory=dict)
    """Unit code to what it is in the quantity's unit: {"2C": 1, "29": 0.001} for m³ and litres."""
    mask: int | None = Field(default=None, gt=0)
    """The bits of a status point; the bytes are then plain bits, low byte first, and not BCD."""
    values: dict[int, float] = Field(default_factory=dict)
    """What the masked bits mean, shifted down to 0; another number is an error."""

    @model_validator(mode="after")
    def _unit_has_its_codes(self) -> Self:
        if (self.unit_at is None) != (not self.units):
            raise ValueError("gives only one of unit_at and units; write both, or neither")
        if self.values and self.mask is None:
            raise ValueError("gives values without a mask; say which bits they are")
        return self

    @property
    def end(self) -> int:
        """First byte after the point and its unit."""
        return max(self.at + self.length, 0 if self.unit_at is None else self.unit_at + 1)


class Place(Strict):
    """Where a CJ/T 188 point stands in a reply of another length; the rest of the point stays as it is."""

    at: int = Field(ge=0, le=200)
    unit_at: int | None = Field(default=None, ge=0, le=200)


class FrameExample(Strict):
    """Raw reply frames from 68H to 16H, and the exact readings, or the exact error, they give with a ratio of 1.

    ``errors`` names points, or ``frame`` for frames that are refused as a whole. Points whose data are not in the
    frames are left out."""

    name: str
    frames: tuple[HexBytes, ...] = Field(min_length=1)
    readings: dict[str, float] = Field(default_factory=dict)
    errors: dict[str, str] = Field(default_factory=dict)
    source: str | None = None


class Dlt645Profile(ProfileBase):
    """An electricity meter. ``blocks``: whether it answers block identifiers (FFH), which save requests; one that
    refuses them is asked point by point."""

    wire: Literal[Wire.DLT645]
    pause_ms: int = Field(default=0, ge=0, le=5000)
    """Silence the maker asks for between two requests."""
    blocks: bool = True
    points: dict[PointName, Dlt645Point] = Field(min_length=1)
    examples: tuple[FrameExample, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _one_edition(self) -> Self:
        if len({len(point.di) for point in self.points.values()}) > 1:
            raise ValueError("mixes data identifiers of the 1997 and 2007 editions; keep one")
        return self


class Cjt188Profile(ProfileBase):
    """A water, heat or gas meter. ``meter_type`` is the type byte: 10 cold water, 11 hot, 12 drinking, 13 reclaimed,
    20 heat, 21 cooling, 30 gas, 40 electricity; the rest of each ten is the makers' (25 of some that count heat and
    cooling). ``reply_bytes`` is the length of a reply's data, identifier included;
    ``layouts`` says where all points stand in replies of other lengths. A length that is in neither is refused."""

    wire: Literal[Wire.CJT188]
    meter_type: str = Field(pattern=r"^[1-4][0-9]$")
    reply_bytes: int = Field(default=22, ge=4, le=200)
    layouts: dict[Annotated[int, Field(ge=4, le=200)], dict[PointName, Place]] = Field(default_factory=dict)
    pause_ms: int = Field(default=0, ge=0, le=5000)
    points: dict[PointName, Cjt188Point] = Field(min_length=1)
    examples: tuple[FrameExample, ...] = Field(min_length=1)

    @property
    def reply_lengths(self) -> tuple[int, ...]:
        """Every length of a reply's data that is known, the usual one first."""
        return (self.reply_bytes, *self.layouts)

    def points_of(self, length: int) -> Mapping[str, Cjt188Point]:
        """The points where they stand in a reply with so many bytes of data; KeyError for a length not known."""
        if length == self.reply_bytes:
            return self.points
        places = self.layouts[length]
        return {
            name: point.model_copy(update={"at": places[name].at, "unit_at": places[name].unit_at})
            for name, point in self.points.items()
        }

    @model_validator(mode="after")
    def _layouts_place_every_point(self) -> Self:
        for length, places in self.layouts.items():
            if length == self.reply_bytes:
                raise ValueError(f"layouts has {length}, which is reply_bytes; delete one of them")
            has_unit = {name: point.unit_at is not None for name, point in self.points.items()}
            if {name: place.unit_at is not None for name, place in places.items()} != has_unit:
                raise ValueError(f"layouts {length} must place every point, with unit_at where it has a unit")
        return self

    @model_validator(mode="after")
    def _points_lie_in_the_reply(self) -> Self:
        for length in self.reply_lengths:
            for name, point in self.points_of(length).items():
                if point.end > length - 3:
                    raise ValueError(f"point {name} ends after a reply of {length}; correct at or the length")
        return self
