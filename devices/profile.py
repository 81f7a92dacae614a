"""The shape of a device profile: one YAML file that drives poller, simulator, tests, docs and page labels.

A profile knows a device's registers or payload fields and carries its own examples. It does not know sites,
ratios, addresses on a bus or time. The only I/O is reading the packaged YAML files, once per profile.
"""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from functools import cache, cached_property
from importlib import resources
from typing import Annotated, Any, Literal, NamedTuple, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, model_validator

from devices.quantities import QUANTITIES, Quantity

PointName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,31}$")]


class Wire(StrEnum):
    MODBUS = "modbus"
    MQTT = "mqtt"
    DLT645 = "dlt645"
    CJT188 = "cjt188"


class RegisterType(StrEnum):
    U16 = "u16"
    I16 = "i16"
    U32 = "u32"
    I32 = "i32"
    U64 = "u64"
    I64 = "i64"
    F32 = "f32"
    F64 = "f64"

    @property
    def registers(self) -> int:
        """How many 16-bit registers the type fills."""
        return int(self.value[1:]) // 16

    @property
    def is_integer(self) -> bool:
        return self.value[0] != "f"


class ByteOrder(StrEnum):
    """Order of the bytes of a 32-bit value on the wire; ABCD is big-endian, CDAB has the low word first."""

    ABCD = "ABCD"
    CDAB = "CDAB"
    BADC = "BADC"
    DCBA = "DCBA"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Names(_Strict):
    """A name in English and, where it differs, in Chinese."""

    en: str
    zh: str | None = None


class _PointBase(_Strict):
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


class RegisterPoint(_PointBase):
    """A point in Modbus registers. ``address`` is the zero-based PDU address; ``ratio`` names the device's
    ratio (CT, PT or both) the value must still be multiplied by."""

    address: int = Field(ge=0, le=0xFFFF)
    function: Literal[1, 2, 3, 4] = 3
    type: RegisterType
    order: ByteOrder = ByteOrder.ABCD
    width: int | None = Field(default=None, ge=8, le=64)
    """Bits after which a counter rolls over; None when the map does not say."""
    rollover: Decimal | None = Field(default=None, gt=0)
    """Value in raw units at which a decimal counter rolls over, for example 100000000."""
    ratio: Literal["none", "ct", "pt", "ct_pt"] = "none"
    group: Literal["fast", "slow"] = "fast"

    @model_validator(mode="after")
    def _rolls_over_once(self) -> Self:
        if self.width is not None and self.rollover is not None:
            raise ValueError("gives both width and rollover; keep the one the map states")
        if self.end > 0x10000:
            raise ValueError(
                f"ends after the last register; {self.type} needs {self.type.registers} registers"
            )
        return self

    @property
    def end(self) -> int:
        """First address after the point."""
        return self.address + self.type.registers

    @property
    def resolution(self) -> Decimal:
        if self.step is not None:
            return self.step
        return abs(self.scale) if self.type.is_integer else Decimal("0.001")


class FieldPoint(_PointBase):
    """A point in an MQTT payload. ``path`` is dotted (``ENERGY.Total``, ``params.em:0.total_act_power``;
    keys with dots are not supported); empty for a plain value payload. ``topic`` is a suffix appended to
    the device's topic."""

    path: str = ""
    topic: str = ""
    values: dict[str, float] = Field(default_factory=dict)
    """Words to numbers in the quantity's unit, for example {"ON": 1, "OFF": 0}; nothing else is then
    accepted. JSON's true and false are the words "true" and "false", and count as 1 and 0 without
    ``values``."""
    rollover: Decimal | None = Field(default=None, gt=0)
    unit_path: str = ""
    """Where the payload names its own unit (Tasmota's TempUnit); "F" is converted."""

    @property
    def resolution(self) -> Decimal:
        return self.step if self.step is not None else Decimal("0.001")


class Limits(_Strict):
    """What the device's maker allows on the bus."""

    registers_max: int = Field(default=100, ge=1, le=125)
    pause_ms: int = Field(default=0, ge=0, le=5000)
    holes: tuple[tuple[int, int], ...] = ()
    """Spans [first, last] that answer with exception 2 when a block covers them."""


class RegisterExample(_Strict):
    """Raw registers by address, and the exact readings, or the exact error, they give with a ratio of 1.

    Points none of whose registers are given are left out."""

    name: str
    registers: dict[int, list[int]]
    readings: dict[str, float] = Field(default_factory=dict)
    errors: dict[str, str] = Field(default_factory=dict)
    source: str | None = None


class PayloadExample(_Strict):
    """One payload under ``topic`` (suffix), and the exact readings, or the exact error, it gives.

    ``errors`` names points, or ``payload`` for a message that is refused as a whole."""

    name: str
    payload: str
    topic: str = ""
    readings: dict[str, float] = Field(default_factory=dict)
    errors: dict[str, str] = Field(default_factory=dict)
    device_time: str | None = None
    source: str | None = None


class Availability(_Strict):
    """A topic suffix on which the device's last will says online or offline; ``path`` is as in a point."""

    topic: str
    path: str = ""
    online: str
    offline: str


class _ProfileBase(_Strict):
    profile: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{1,47}$")
    maker: Names
    models: tuple[str, ...] = Field(min_length=1)
    title: Names
    source: str
    """Where the map comes from."""
    caveats: tuple[str, ...] = ()


class ModbusProfile(_ProfileBase):
    wire: Literal[Wire.MODBUS]
    limits: Limits = Limits()
    points: dict[PointName, RegisterPoint] = Field(min_length=1)
    examples: tuple[RegisterExample, ...] = Field(min_length=1)


class PayloadField(NamedTuple):
    """One point of a payload with its dotted paths cut into keys. ``is_bare``: the number is the value."""

    name: str
    point: FieldPoint
    keys: tuple[str, ...]
    unit_keys: tuple[str, ...]
    is_bare: bool


def _keys_of(path: str) -> tuple[str, ...]:
    return tuple(path.split(".")) if path else ()


class MqttProfile(_ProfileBase):
    """``format`` json: one object per message; plain: the payload is one number or word. ``time_path``
    names a device time in the payload, if it has one."""

    wire: Literal[Wire.MQTT]
    format: Literal["json", "plain"] = "json"
    interval_s: float = Field(gt=0)
    """How often the device speaks by itself."""
    time_path: str = ""
    time_format: Literal["iso8601", "epoch_s", "epoch_ms"] = "iso8601"
    availability: Availability | None = None
    points: dict[PointName, FieldPoint] = Field(min_length=1)
    examples: tuple[PayloadExample, ...] = Field(min_length=1)

    @cached_property
    def fields(self) -> dict[str, tuple[PayloadField, ...]]:
        """The points by topic suffix, their paths cut into keys."""
        found: dict[str, list[PayloadField]] = {}
        for name, point in self.points.items():
            is_bare = point.scale == 1 and point.offset == 0 and not (point.values or point.sentinels)
            one = PayloadField(name, point, _keys_of(point.path), _keys_of(point.unit_path), is_bare)
            found.setdefault(point.topic, []).append(one)
        return {suffix: tuple(fields) for suffix, fields in found.items()}

    @cached_property
    def time_keys(self) -> tuple[str, ...]:
        """``time_path`` cut into keys; empty when the payload carries no time."""
        return _keys_of(self.time_path)


Profile = Annotated[ModbusProfile | MqttProfile, Field(discriminator="wire")]


class _Document(BaseModel):
    root: Profile


class _Loader(yaml.SafeLoader):
    """YAML's plain types; a key given twice is a mistake, not the last one."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key in [key for key, _ in node.value if isinstance(key, yaml.ScalarNode)]:
            if key.value in seen:
                problem = f"key {key.value!r} is given twice"
                raise yaml.constructor.ConstructorError(None, None, problem, key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)


SHAPES: dict[str, type[ModbusProfile | MqttProfile]] = {
    Wire.MODBUS.value: ModbusProfile,
    Wire.MQTT.value: MqttProfile,
}
"""The shape of a profile by the word its ``wire`` says."""


def values_of(text: str) -> Any:
    """The plain values of YAML text. Raises yaml.YAMLError, also for a key that is given twice."""
    return yaml.load(text, _Loader)  # noqa: S506 - it is a SafeLoader


def parse(text: str) -> ModbusProfile | MqttProfile:
    """A profile from YAML text. Raises yaml.YAMLError or pydantic.ValidationError."""
    return _Document.model_validate({"root": values_of(text)}).root


def names() -> list[str]:
    """The packaged profiles, sorted."""
    folder = resources.files("devices") / "profiles"
    files = [entry.name for entry in folder.iterdir()]
    return sorted(name.removesuffix(".yaml") for name in files if name.endswith(".yaml"))


@cache
def load(name: str) -> ModbusProfile | MqttProfile:
    """A packaged profile by name; KeyError when there is none of that name."""
    if name not in names():
        raise KeyError(name)
    entry = resources.files("devices") / "profiles" / f"{name}.yaml"
    return parse(entry.read_text(encoding="utf-8"))
