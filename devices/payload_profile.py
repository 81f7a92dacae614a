"""The shape of a profile of a device that speaks MQTT: where each number stands in its messages.

Knows objects, plain words, and bytes that a LoRaWAN network server wraps in an object. Does not know brokers. Pure.
"""

from __future__ import annotations

import re
from decimal import Decimal
from functools import cached_property
from typing import Annotated, Literal, NamedTuple, Self

from pydantic import Field, StringConstraints, model_validator

from devices.profile_base import PointBase, PointName, ProfileBase, Strict, Wire

ChannelId = Annotated[str, StringConstraints(pattern=r"^[0-9A-F]{4}$")]
Passed = Annotated[int, Field(ge=1, le=64)]
"""How many bytes to pass over."""
ChannelType = Literal["u8", "i8", "u16", "i16", "u24", "u32", "i32"]

_DOT = re.compile(r"(?<!\\)\.")


class FieldPoint(PointBase):
    """A point in an MQTT payload. ``path`` is dotted (``ENERGY.Total``, ``params.em:0.total_act_power``; a dot
    inside a key is written ``\\.``, and digits count from 0 where a list lies: ``ENERGY.Power.2``), the channel's four
    digits where the profile has ``channels``, and empty for a plain value payload. ``topic`` is a suffix appended to
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


class PayloadExample(Strict):
    """One payload under ``topic`` (suffix), and the exact readings, or the exact error, it gives.

    ``errors`` names points, or ``payload`` for a message that is refused as a whole."""

    name: str
    payload: str
    topic: str = ""
    readings: dict[str, float] = Field(default_factory=dict)
    errors: dict[str, str] = Field(default_factory=dict)
    device_time: str | None = None
    source: str | None = None


class Availability(Strict):
    """A topic suffix on which the device's last will says online or offline; ``path`` is as in a point."""

    topic: str
    path: str = ""
    online: str
    offline: str


class Channels(Strict):
    """Bytes in base64 at ``data`` of the object: channel, type and value over and over, low byte first.

    ``types`` gives every pair of channel and type (four hexadecimal digits) its form, or how many bytes to pass
    over; ``history`` gives the bytes of pairs that hold a reading from the device's memory, whose form and time are not
    known: they are passed over and said to be. A pair that is in neither ends the reading. What came under another
    ``port`` is not read at all."""

    data: str = "data"
    port_path: str = "fPort"
    port: int = Field(ge=1, le=223)
    types: dict[ChannelId, ChannelType | Passed] = Field(min_length=1)
    history: dict[ChannelId, Passed] = Field(default_factory=dict)

    @cached_property
    def data_keys(self) -> tuple[str, ...]:
        return keys_of(self.data)

    @cached_property
    def port_keys(self) -> tuple[str, ...]:
        return keys_of(self.port_path)

    @cached_property
    def forms(self) -> dict[bytes, tuple[str, int, str | None]]:
        """By the two bytes of a pair: its name, how many bytes its value has, and its form, None to pass over."""
        return {
            bytes.fromhex(pair): (pair, form, None)
            if isinstance(form, int)
            else (pair, int(form[1:]) // 8, form)
            for pair, form in (self.types | self.history).items()
        }


class PayloadField(NamedTuple):
    """One point of a payload with its dotted paths cut into keys. ``is_bare``: the number is the value."""

    name: str
    point: FieldPoint
    keys: tuple[str, ...]
    unit_keys: tuple[str, ...]
    is_bare: bool


def keys_of(path: str) -> tuple[str, ...]:
    """The keys of a dotted path; none for an empty one."""
    return tuple(key.replace("\\.", ".") for key in _DOT.split(path)) if path else ()


class MqttProfile(ProfileBase):
    """``format`` json: one object per message; plain: the payload is one number or word; channels: an object that
    wraps bytes. ``time_path`` names a device time in the payload, if it has one; ``message_id`` the fields that
    together tell a message from its repetition. ``quoted``: the device writes its numbers, also that of an epoch, in
    quotes; of any other device such a number is an error."""

    wire: Literal[Wire.MQTT]
    format: Literal["json", "plain", "channels"] = "json"
    quoted: bool = False
    interval_s: float = Field(gt=0)
    """How often the device speaks by itself."""
    time_path: str = ""
    time_format: Literal["iso8601", "compact", "epoch_s", "epoch_ms"] = "iso8601"
    """``compact``: YYYYMMDDhhmmss, with or without three more digits of milliseconds, in the site's zone."""
    message_id: tuple[str, ...] = ()
    channels: Channels | None = None
    availability: Availability | None = None
    points: dict[PointName, FieldPoint] = Field(min_length=1)
    examples: tuple[PayloadExample, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _channels_go_with_their_format(self) -> Self:
        if (self.format == "channels") != (self.channels is not None):
            raise ValueError("gives only one of `format: channels` and `channels:`; write both, or neither")
        if self.quoted and self.format != "json":
            raise ValueError("has `quoted` without `format: json`; only JSON knows quotes")
        for name, point in self.points.items():
            if self.channels is not None and not isinstance(self.channels.types.get(point.path), str):
                raise ValueError(
                    f"path {point.path!r} of point {name} is no channel with a form; list it in types"
                )
        return self

    @cached_property
    def fields(self) -> dict[str, tuple[PayloadField, ...]]:
        """The points by topic suffix, their paths cut into keys."""
        found: dict[str, list[PayloadField]] = {}
        for name, point in self.points.items():
            is_bare = point.scale == 1 and point.offset == 0 and not (point.values or point.sentinels)
            one = PayloadField(name, point, keys_of(point.path), keys_of(point.unit_path), is_bare)
            found.setdefault(point.topic, []).append(one)
        return {suffix: tuple(fields) for suffix, fields in found.items()}

    @cached_property
    def time_keys(self) -> tuple[str, ...]:
        """``time_path`` cut into keys; empty when the payload carries no time."""
        return keys_of(self.time_path)

    @cached_property
    def message_id_keys(self) -> tuple[tuple[str, ...], ...]:
        """The paths of ``message_id`` cut into keys."""
        return tuple(keys_of(path) for path in self.message_id)
