"""The shape of a device profile: one YAML file that drives poller, simulator, tests, docs and page labels.

A profile knows a device's registers or payload fields and carries its own examples. It does not know sites,
ratios, addresses on a bus or time. The only I/O is reading the packaged YAML files, once per profile.
"""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, Field, TypeAdapter

from devices.frame_profile import Cjt188Point, Cjt188Profile, Dlt645Point, Dlt645Profile, FrameExample
from devices.payload_profile import (
    Availability,
    Channels,
    FieldPoint,
    MqttProfile,
    PayloadExample,
    PayloadField,
    keys_of,
)
from devices.profile_base import Names, PointBase, PointName, ProfileBase, Wire
from devices.register_profile import (
    ByteOrder,
    Exponent,
    Gate,
    Limits,
    Mark,
    ModbusProfile,
    Part,
    RegisterExample,
    RegisterPoint,
    Registers,
    RegisterType,
    SunSpec,
)

__all__ = [
    "SHAPES",
    "AnyPoint",
    "AnyProfile",
    "Availability",
    "ByteOrder",
    "Channels",
    "Cjt188Point",
    "Cjt188Profile",
    "Dlt645Point",
    "Dlt645Profile",
    "Exponent",
    "FieldPoint",
    "FrameExample",
    "Gate",
    "Limits",
    "Mark",
    "ModbusProfile",
    "MqttProfile",
    "Names",
    "Part",
    "PayloadExample",
    "PayloadField",
    "PointBase",
    "PointName",
    "ProfileBase",
    "RegisterExample",
    "RegisterPoint",
    "RegisterType",
    "Registers",
    "SunSpec",
    "Wire",
    "keys_of",
    "load",
    "names",
    "parse",
    "schema",
    "values_of",
]


AnyPoint = RegisterPoint | FieldPoint | Dlt645Point | Cjt188Point
AnyProfile = ModbusProfile | MqttProfile | Dlt645Profile | Cjt188Profile
Profile = Annotated[AnyProfile, Field(discriminator="wire")]


class _Document(BaseModel):
    root: Profile


DIGITS_MAX = 100


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

    def construct_yaml_int(self, node: yaml.ScalarNode) -> int:
        if len(node.value) > DIGITS_MAX:
            problem = f"a number of more than {DIGITS_MAX} digits"
            raise yaml.constructor.ConstructorError(None, None, problem, node.start_mark)
        return int(super().construct_yaml_int(node))


_Loader.add_constructor("tag:yaml.org,2002:int", _Loader.construct_yaml_int)


SHAPES: dict[str, type[AnyProfile]] = {
    Wire.MODBUS.value: ModbusProfile,
    Wire.MQTT.value: MqttProfile,
    Wire.DLT645.value: Dlt645Profile,
    Wire.CJT188.value: Cjt188Profile,
}
"""The shape of a profile by the word its ``wire`` says."""


def values_of(text: str) -> Any:
    """The plain values of YAML text. Raises yaml.YAMLError, also for a key that is given twice."""
    return yaml.load(text, _Loader)  # noqa: S506 - it is a SafeLoader


def parse(text: str) -> AnyProfile:
    """A profile from YAML text. Raises yaml.YAMLError or pydantic.ValidationError."""
    return _Document.model_validate({"root": values_of(text)}).root


def schema() -> dict[str, Any]:
    """The JSON Schema of a profile file, as published in ``devices/profile.schema.json``."""
    found = TypeAdapter(Profile).json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Device profile"} | found


def names() -> list[str]:
    """The packaged profiles, sorted."""
    folder = resources.files("devices") / "profiles"
    files = [entry.name for entry in folder.iterdir()]
    return sorted(name.removesuffix(".yaml") for name in files if name.endswith(".yaml"))


@cache
def load(name: str) -> AnyProfile:
    """A packaged profile by name; KeyError when there is none of that name."""
    if name not in names():
        raise KeyError(name)
    entry = resources.files("devices") / "profiles" / f"{name}.yaml"
    return parse(entry.read_text(encoding="utf-8"))
