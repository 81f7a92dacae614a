"""What a device profile says, in words and rows for people. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from devices.profile import (
    AnyPoint,
    AnyProfile,
    Dlt645Point,
    FieldPoint,
    Mark,
    ModbusProfile,
    MqttProfile,
    Names,
    RegisterPoint,
)

RATIOS = {"none": "", "ct": " × CT", "pt": " × PT", "ct_pt": " × CT × PT"}


def both(names: Names) -> str:
    """The name in English and, where it has one, in Chinese."""
    return names.en if names.zh is None else f"{names.en} {names.zh}"


def wire(one: AnyProfile) -> str:
    """How the device is spoken to."""
    if isinstance(one, MqttProfile):
        return f"MQTT, {one.format}, speaks every {one.interval_s:g} s"
    pause_ms = one.limits.pause_ms if isinstance(one, ModbusProfile) else one.pause_ms
    pause = f", {pause_ms} ms pause" if pause_ms else ""
    if isinstance(one, ModbusProfile):
        block = one.sunspec
        where = f", SunSpec block of model {', '.join(map(str, block.models))}" if block is not None else ""
        return f"Modbus, at most {one.limits.registers_max} registers in a request{pause}{where}"
    return f"{one.wire.value}{pause}"


def point_rows(one: AnyProfile) -> list[tuple[str, ...]]:
    """A row for each point: name, place, form, then its step, unit and meaning."""
    return [_row(name, point) for name, point in one.points.items()]


def mark(one: Mark) -> str:
    """Where an identification mark stands, and what it says of the device."""
    form = one.type.value if one.type is not None else f"text of {one.length} registers"
    expected = f" with {one.text!r}" if one.text is not None else ""
    expected += f", one of {', '.join(map(str, one.numbers))}" if one.numbers else ""
    return f"0x{one.address:04X} ({one.address}), function {one.function}: {form}{expected}"


def _row(name: str, point: AnyPoint) -> tuple[str, ...]:
    meaning = (f"step {point.resolution}", point.info.unit, f"{point.info.label_en} {point.info.label_zh}")
    if isinstance(point, RegisterPoint):
        place = f"0x{point.address:04X} ({point.address}), function {point.function}"
        return (name, place, "".join(_number(point)), *meaning)
    if isinstance(point, FieldPoint):
        words = ", ".join(f"{word}={value:g}" for word, value in point.values.items())
        place = f"{point.topic} {point.path}".strip() or "the payload"
        return (name, place, words or f"× {point.scale}", *meaning)
    place = f"identifier {point.di}" if isinstance(point, Dlt645Point) else f"byte {point.at}"
    return (name, place, f"{point.length} bytes × {point.scale}{RATIOS[point.ratio]}", *meaning)


def _number(point: RegisterPoint) -> Iterator[str]:
    """The type and all that a raw number goes through, in the order of the arithmetic."""
    yield f"{point.type} {point.order}{_bits(point.bits)} × {point.scale}"
    for part in point.parts:
        yield f" + {part.type} at {part.address} × {part.scale}"
    if point.exponent is not None:
        yield f" × 10^({point.exponent.type} at {point.exponent.address})"
    if point.offset:
        yield f" + {point.offset}" if point.offset > 0 else f" - {-point.offset}"
    yield RATIOS[point.ratio]
    for gate in point.gates:
        yield f", if {gate.range[0]}..{gate.range[1]} at {gate.address}{_bits(gate.bits)}"


def _bits(bits: tuple[int, int] | None) -> str:
    return "" if bits is None else f" bits {bits[0]}-{bits[1]}"
