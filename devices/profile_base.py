"""What every device profile says, whatever its wire: names, source, and of a point its quantity, scale and range.

The shapes of the wires build on these: ``profile`` (Modbus, MQTT) and ``frame_profile`` (DL/T 645, CJ/T 188). Pure.
"""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from devices.quantities import QUANTITIES, Quantity

PointName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,31}$")]


class Wire(StrEnum):
    MODBUS = "modbus"
    MQTT = "mqtt"
    DLT645 = "dlt645"
    CJT188 = "cjt188"


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Names(Strict):
    """A name in English and, where it differs, in Chinese."""

    en: str
    zh: str | None = None


class PointBase(Strict):
    """What every point of a profile says, whatever its wire.

    ``scale`` turns the raw number into the quantity's canonical unit; ``offset`` is added after it.
    ``step`` is the resolution in that unit; without it, an integer's resolution is its scale. ``range`` is
    the plausible span of the value in that unit, all ratios applied.
    """

    quantity: str
    scale: Decimal = Decimal(1)
    offset: Decimal = Decimal(0)
    step: Decimal | None = Field(default=None, gt=0)
    range: tuple[float, float] | None = None
    label: Names | None = None
    sentinels: tuple[int | float, ...] = ()
    """Raw numbers that mean "no value"; integers stay integers, so that all ones of 64 bits is exact."""

    @property
    def info(self) -> Quantity:
        return QUANTITIES[self.quantity]

    @model_validator(mode="after")
    def _quantity_is_known(self) -> Self:
        if self.quantity not in QUANTITIES:
            raise ValueError(f"unknown quantity {self.quantity!r}; known are {', '.join(sorted(QUANTITIES))}")
        if self.scale == 0:
            raise ValueError("scale must not be 0")
        return self


class ProfileBase(Strict):
    profile: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{1,47}$")
    maker: Names
    models: tuple[str, ...] = Field(min_length=1)
    title: Names
    source: str
    """Where the map comes from."""
    caveats: tuple[str, ...] = ()
