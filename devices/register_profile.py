"""The shape of a profile of a Modbus device: where each number stands in its registers, and what vouches for it.

A plain point is one span of registers. A compound one has more: further registers to add, a power of ten, a bit
field that must say that the number counts. All of them are read with the value, in one request. Pure.
"""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from devices.profile_base import PointBase, PointName, ProfileBase, Strict, Wire

Address = Annotated[int, Field(ge=0, le=0xFFFF)]


class RegisterType(StrEnum):
    """``bcd``: unsigned packed decimal digits, four bits each, the highest first before ``order`` is applied."""

    U16 = "u16"
    I16 = "i16"
    U32 = "u32"
    I32 = "i32"
    U64 = "u64"
    I64 = "i64"
    F32 = "f32"
    F64 = "f64"
    BCD16 = "bcd16"
    BCD32 = "bcd32"
    BCD64 = "bcd64"

    @property
    def registers(self) -> int:
        """How many 16-bit registers the type fills."""
        return self.bits // 16

    @property
    def bits(self) -> int:
        return int(self.value.lstrip("uifbcd"))

    @property
    def is_integer(self) -> bool:
        return self.value[0] != "f"

    @property
    def is_signed(self) -> bool:
        return self.value[0] in "if"


class ByteOrder(StrEnum):
    """Order of the bytes of a 32-bit value on the wire; ABCD is big-endian, CDAB has the low word first."""

    ABCD = "ABCD"
    CDAB = "CDAB"
    BADC = "BADC"
    DCBA = "DCBA"


class Registers(Strict):
    """A number in registers: ``address`` is the zero-based PDU address of the first."""

    address: Address
    type: RegisterType
    order: ByteOrder = ByteOrder.ABCD

    @property
    def end(self) -> int:
        """First address after the number."""
        return self.address + self.type.registers


class Part(Registers):
    """Further registers whose raw number × ``scale`` is added to the value: a fraction, or another tariff."""

    scale: Decimal = Decimal(1)
    sentinels: tuple[int | float, ...] = ()


class Exponent(Registers):
    """Where the power of ten stands that the number is to be multiplied by, from -10 to 10 (SunSpec's scale
    factor, or the exponent of a mantissa)."""

    type: RegisterType = RegisterType.I16
    sentinels: tuple[int, ...] = (-0x8000,)


class Gate(Registers):
    """A register that vouches for the value: ``bits`` [first, last] of it, bit 0 the lowest, must lie in
    ``range``, both ends included; else the value is not used."""

    type: RegisterType = RegisterType.U16
    bits: tuple[int, int] | None = None
    range: tuple[int, int]


class RegisterPoint(PointBase):
    """A point in Modbus registers. ``address`` is the zero-based PDU address; ``ratio`` names the device's
    ratio (CT, PT or both) the value must still be multiplied by.

    The value is ((raw × scale + Σ part × its scale) × 10^exponent + offset) × ratio, in the point's unit."""

    address: Address
    function: Literal[1, 2, 3, 4] = 3
    type: RegisterType
    order: ByteOrder = ByteOrder.ABCD
    bits: tuple[int, int] | None = None
    """[first, last] of the register's bits, bit 0 the lowest; the others say something else."""
    width: int | None = Field(default=None, ge=8, le=64)
    """Bits after which a counter rolls over; None when the map does not say."""
    rollover: Decimal | None = Field(default=None, gt=0)
    """Value in raw units at which a decimal counter rolls over, for example 100000000."""
    ratio: Literal["none", "ct", "pt", "ct_pt"] = "none"
    group: Literal["fast", "slow"] = "fast"
    parts: tuple[Part, ...] = ()
    exponent: Exponent | None = None
    gates: tuple[Gate, ...] = ()

    @model_validator(mode="after")
    def _rolls_over_once(self) -> Self:
        if self.width is not None and self.rollover is not None:
            raise ValueError("gives both width and rollover; keep the one the map states")
        if self.stop > 0x10000:
            raise ValueError(
                f"ends after the last register; {self.type} needs {self.type.registers} registers"
            )
        return self

    @model_validator(mode="after")
    def _bits_are_of_the_register(self) -> Self:
        fields: tuple[RegisterPoint | Gate, ...] = (self, *self.gates)
        for one in fields:
            if one.bits is None:
                continue
            first, last = one.bits
            if one.type.value[0] != "u" or not 0 <= first <= last < one.type.bits:
                raise ValueError(
                    f"bits {first} to {last} are not in a {one.type}; write [first, last] of a u16, u32 or u64"
                )
        return self

    @model_validator(mode="after")
    def _sum_says_its_step(self) -> Self:
        if not (self.parts or self.exponent):
            return self
        if self.step is None:
            raise ValueError("has parts or an exponent and no step; add `step:` with the smallest difference")
        if self.width is not None or self.rollover is not None:
            raise ValueError("has parts or an exponent and a rollover; delete width and rollover")
        return self

    @property
    def end(self) -> int:
        """First address after the value's own registers."""
        return self.address + self.type.registers

    @property
    def companions(self) -> tuple[Registers, ...]:
        """The other numbers that must be read with the value."""
        return (*self.parts, *((self.exponent,) if self.exponent else ()), *self.gates)

    @property
    def start(self) -> int:
        """First address that must be read for the point."""
        return min([self.address, *(one.address for one in self.companions)])

    @property
    def stop(self) -> int:
        """First address after all that must be read for the point."""
        return max([self.end, *(one.end for one in self.companions)])

    @property
    def resolution(self) -> Decimal:
        if self.step is not None:
            return self.step
        return abs(self.scale) if self.type.is_integer else Decimal("0.001")


class Limits(Strict):
    """What the device's maker allows on the bus."""

    registers_max: int = Field(default=100, ge=1, le=125)
    pause_ms: int = Field(default=0, ge=0, le=5000)
    holes: tuple[tuple[int, int], ...] = ()
    """Spans [first, last] that answer with exception 2 when a block covers them."""


class Mark(Strict):
    """Registers by which the device is known, read when somebody looks for devices and never in a poll.

    Either ``length`` registers of text, two characters each, that hold ``text``; or a number of ``type`` that is
    one of ``numbers``. Without ``text`` and ``numbers`` whatever stands there is only shown."""

    address: Address
    function: Literal[3, 4] = 3
    length: int | None = Field(default=None, ge=1, le=64)
    text: str | None = None
    type: RegisterType | None = None
    order: ByteOrder = ByteOrder.ABCD
    numbers: tuple[int, ...] = ()

    @model_validator(mode="after")
    def _is_text_or_number(self) -> Self:
        if (self.length is None) == (self.type is None):
            raise ValueError("is neither text nor number; give `length:` for a text or `type:` for a number")
        if (self.text is not None and self.length is None) or (self.numbers and self.type is None):
            raise ValueError("mixes text and number; text goes with `length:`, numbers go with `type:`")
        return self

    @property
    def end(self) -> int:
        """First address after the mark."""
        if self.type is not None:
            return self.address + self.type.registers
        return self.address + (self.length or 0)

    @property
    def is_telling(self) -> bool:
        """Whether the mark can tell this device from another."""
        return self.text is not None or bool(self.numbers)


class SunSpec(Strict):
    """The block of SunSpec in which the points lie. Where it begins is found in the device's chain of blocks; the
    profile's addresses are those of a device whose block begins at ``address``."""

    models: tuple[Annotated[int, Field(ge=1, le=0xFFFE)], ...] = Field(min_length=1)
    """The model numbers that are laid out as the profile says."""
    address: Address


class RegisterExample(Strict):
    """Raw registers by address, and the exact readings, or the exact error, they give with a ratio of 1.

    Points none of whose own registers are given are left out. ``identified`` says whether the device's marks are
    found in these registers."""

    name: str
    registers: dict[int, list[int]]
    readings: dict[str, float] = Field(default_factory=dict)
    errors: dict[str, str] = Field(default_factory=dict)
    identified: bool | None = None
    source: str | None = None


class ModbusProfile(ProfileBase):
    wire: Literal[Wire.MODBUS]
    limits: Limits = Limits()
    identify: tuple[Mark, ...] = ()
    sunspec: SunSpec | None = None
    points: dict[PointName, RegisterPoint] = Field(min_length=1)
    examples: tuple[RegisterExample, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _points_are_of_the_block(self) -> Self:
        for name, point in self.points.items() if self.sunspec else ():
            if point.function != 3 or not any(_vouches(gate, point, self.sunspec) for gate in point.gates):
                raise ValueError(
                    f"point {name} is not bound to its SunSpec block; read it with function 3, from registers after "
                    "sunspec.address, and add the model number there to `gates:` with a range of sunspec.models"
                )
        return self


def _vouches(gate: Gate, point: RegisterPoint, block: SunSpec | None) -> bool:
    """Whether a gate is open only where the point's block begins with one of the block's models."""
    if block is None or (gate.address, gate.type, gate.bits) != (block.address, RegisterType.U16, None):
        return False
    return point.start == block.address and {*range(gate.range[0], gate.range[1] + 1)} <= {*block.models}
