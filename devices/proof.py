"""Holds a profile against its own examples and against what the gateway needs of every profile.

Pure. The same function serves the tests of the packaged profiles and ``campus-gateway profiles check`` for a
profile somebody is writing. Equal means exactly equal: an example states the very float the decoder gives.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

from devices.payloads import PayloadError
from devices.payloads import decode as decode_payload
from devices.profile import ModbusProfile, MqttProfile, PayloadExample, RegisterExample, RegisterPoint
from devices.quantities import Kind
from devices.registers import DecodeError
from devices.registers import decode as decode_registers

PAYLOAD = "payload"
"""The key in an example's ``errors`` for a message that is refused as a whole."""


@dataclass(frozen=True, slots=True)
class Flaw:
    """One thing wrong with a profile: where it stands in the document, what is wrong, what would be right."""

    path: tuple[str | int, ...]
    wrong: str
    right: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an example really gives."""

    readings: dict[str, float] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    device_time: int | None = None


def flaws(profile: ModbusProfile | MqttProfile) -> list[Flaw]:
    """All that is wrong with a profile whose shape is right; empty for a sound one."""
    found = list(_points_without_example(profile))
    if isinstance(profile, ModbusProfile):
        found += _register_flaws(profile)
    else:
        found += _payload_flaws(profile)
    return found


def register_outcome(profile: ModbusProfile, example: RegisterExample) -> Outcome:
    """What the registers of an example decode to, with every ratio 1."""
    words = _words(example)
    outcome = Outcome()
    for name, point in profile.points.items():
        given = [words[address] for address in range(point.address, point.end) if address in words]
        if not given:
            continue
        try:
            outcome.readings[name] = decode_registers(point, given)
        except DecodeError as error:
            outcome.errors[name] = error.reason
        except ValueError as error:
            outcome.errors[name] = str(error)
    return outcome


def payload_outcome(profile: MqttProfile, example: PayloadExample) -> Outcome:
    """What the payload of an example decodes to."""
    try:
        decoded = decode_payload(profile, example.topic, example.payload.encode())
    except PayloadError as error:
        return Outcome(errors={PAYLOAD: error.reason})
    return Outcome(decoded.readings, decoded.errors, decoded.device_time)


def _words(example: RegisterExample) -> dict[int, int]:
    return {
        start + offset: word
        for start, words in example.registers.items()
        for offset, word in enumerate(words)
    }


def _points_without_example(profile: ModbusProfile | MqttProfile) -> Iterator[Flaw]:
    shown = {name for example in profile.examples for name in example.readings}
    for name in profile.points:
        if name not in shown:
            yield Flaw(("points", name), "has no example with a reading", "add one to `examples:`")


def _register_flaws(profile: ModbusProfile) -> Iterator[Flaw]:
    for name, point in profile.points.items():
        if _is_counter_without_step(point):
            wrong = f"a counter of type {point.type} whose resolution is not said"
            yield Flaw(("points", name), wrong, "add `step:` with the smallest amount the meter tells apart")
    known = {address for point in profile.points.values() for address in range(point.address, point.end)}
    for index, example in enumerate(profile.examples):
        strays = [address for address in _words(example) if address not in known]
        if strays:
            wrong = f"register {', '.join(f'0x{address:04X}' for address in sorted(strays))} is of no point"
            yield Flaw(("examples", index, "registers"), wrong, "give only registers of points")
        yield from _differences(index, example, register_outcome(profile, example))


def _is_counter_without_step(point: RegisterPoint) -> bool:
    return point.info.kind is Kind.COUNTER and not point.type.is_integer and point.step is None


def _payload_flaws(profile: MqttProfile) -> Iterator[Flaw]:
    for name, point in profile.points.items():
        if point.topic and (not point.topic.startswith("/") or set(point.topic) & set("+#\0")):
            wrong = f"{point.topic!r} is not a topic suffix"
            yield Flaw(("points", name, "topic"), wrong, "begin with / and use no wildcard")
    for index, example in enumerate(profile.examples):
        if example.topic not in profile.fields:
            wrong = f"no point has the topic {example.topic!r}"
            right = f"use one of {', '.join(repr(topic) for topic in profile.fields)}"
            yield Flaw(("examples", index, "topic"), wrong, right)
            continue
        outcome = payload_outcome(profile, example)
        yield from _differences(index, example, outcome)
        expected_ms = _milliseconds(example.device_time)
        if outcome.device_time != expected_ms:
            wrong = f"says {example.device_time}, the payload's time is {_iso(outcome.device_time)}"
            right = "write the device's time in UTC, such as 2026-09-01T00:00:00Z, or leave it out"
            yield Flaw(("examples", index, "device_time"), wrong, right)


def _differences(index: int, example: RegisterExample | PayloadExample, got: Outcome) -> Iterator[Flaw]:
    for section, said, given in (
        ("readings", example.readings, got.readings),
        ("errors", example.errors, got.errors),
    ):
        expected, actual = dict[str, object](said), dict[str, object](given)
        for name in sorted(expected.keys() | actual.keys()):
            if expected.get(name) != actual.get(name):
                wrong = f"says {expected.get(name, 'nothing')}, decodes to {actual.get(name, 'nothing')}"
                right = "correct the point, or the example where the device is the witness"
                yield Flaw(("examples", index, section, name), wrong, right)


def _milliseconds(text: str | None) -> int | None:
    """UTC epoch ms of an example's time; -1, which no payload can give, for what is no time with a zone."""
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return -1
    return round(moment.timestamp() * 1000) if moment.tzinfo is not None else -1


def _iso(ms: int | None) -> str:
    return "none" if ms is None else datetime.fromtimestamp(ms / 1000, UTC).isoformat()
