"""Holds a profile against its own examples and against what the gateway needs of every profile.

Pure. The same function serves the tests of the packaged profiles and ``campus-gateway profiles check`` for a
profile somebody is writing. Equal means exactly equal: an example states the very float the decoder gives.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

from devices.frame_proof import cjt188_outcome, dlt645_outcome
from devices.marks import is_identified
from devices.payloads import PAYLOAD, PayloadError
from devices.payloads import decode as decode_payload
from devices.profile import (
    AnyProfile,
    Cjt188Profile,
    Dlt645Profile,
    FrameExample,
    Limits,
    ModbusProfile,
    MqttProfile,
    PayloadExample,
    RegisterExample,
    RegisterPoint,
)
from devices.quantities import Kind
from devices.registers import DecodeError
from devices.registers import decode as decode_registers


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


def flaws(profile: AnyProfile) -> list[Flaw]:
    """All that is wrong with a profile whose shape is right; empty for a sound one."""
    found = list(_points_without_example(profile))
    if isinstance(profile, ModbusProfile):
        found += _register_flaws(profile)
    elif isinstance(profile, MqttProfile):
        found += _payload_flaws(profile)
    else:
        found += _frame_flaws(profile)
    return found


def register_outcome(profile: ModbusProfile, example: RegisterExample) -> Outcome:
    """What the registers of an example decode to, with every ratio 1."""
    words = _words(example)
    outcome = Outcome()
    for name, point in profile.points.items():
        if not words.keys() & {*range(point.address, point.end)}:
            continue
        lacking = _lacking(point, words)
        if lacking:
            outcome.errors[name] = f"needs {_hexadecimal(lacking)} too"
            continue
        given = [words[at] for at in range(point.start, point.stop) if at in words]
        if point.companions:  # what lies between its numbers is of no account
            given = [words.get(at, 0) for at in range(point.start, point.stop)]
        try:
            outcome.readings[name] = decode_registers(point, given)
        except DecodeError as error:
            outcome.errors[name] = error.reason
        except ValueError as error:
            outcome.errors[name] = str(error)
    return outcome


def _lacking(point: RegisterPoint, words: dict[int, int]) -> set[int]:
    """Registers of its companions that a point needs and an example does not give."""
    needed = {at for one in point.companions for at in range(one.address, one.end)}
    return needed - words.keys()


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


def _points_without_example(profile: AnyProfile) -> Iterator[Flaw]:
    shown = {name for example in profile.examples for name in example.readings}
    for name in profile.points:
        if name not in shown:
            yield Flaw(("points", name), "has no example with a reading", "add one to `examples:`")


def _marks_without_example(profile: ModbusProfile) -> Iterator[Flaw]:
    is_shown = any(example.identified for example in profile.examples)
    if not is_shown and any(mark.is_telling for mark in profile.identify):
        yield Flaw(("identify",), "has no example", "add `identified: true` to one with these registers")


def _register_flaws(profile: ModbusProfile) -> Iterator[Flaw]:
    for name, point in profile.points.items():
        if _is_counter_without_step(point):
            wrong = f"a counter of type {point.type} whose resolution is not said"
            yield Flaw(("points", name), wrong, "add `step:` with the smallest amount the meter tells apart")
        yield from _request_flaws(name, point, profile.limits)
    yield from _marks_without_example(profile)
    known = _known_addresses(profile)
    for index, example in enumerate(profile.examples):
        strays = _words(example).keys() - known
        if strays:
            wrong = f"{_hexadecimal(strays)} is of no point"
            yield Flaw(("examples", index, "registers"), wrong, "give only registers of points")
        yield from _differences(index, example, register_outcome(profile, example))
        yield from _identity_flaws(index, profile, example)


def _request_flaws(name: str, point: RegisterPoint, limits: Limits) -> Iterator[Flaw]:
    """A point whose numbers cannot be read in one request could be put together from two moments."""
    count = point.stop - point.start
    if count > limits.registers_max:
        wrong = f"needs {count} registers in one request, limits.registers_max is {limits.registers_max}"
        yield Flaw(("points", name), wrong, "take its parts, exponent and gates from nearer registers")
    if any(first < point.stop and last >= point.start for first, last in limits.holes):
        yield Flaw(
            ("points", name), "reads over one of limits.holes", "take registers on one side of the hole"
        )


def _known_addresses(profile: ModbusProfile) -> set[int]:
    spans = [(mark.address, mark.end) for mark in profile.identify]
    for point in profile.points.values():
        spans += [(point.address, point.end), *((one.address, one.end) for one in point.companions)]
    return {address for first, end in spans for address in range(first, end)}


def _identity_flaws(index: int, profile: ModbusProfile, example: RegisterExample) -> Iterator[Flaw]:
    if example.identified is None:
        return
    words = _words(example)
    marks: dict[tuple[int, int], list[int]] = {
        (mark.function, mark.address): [words[at] for at in range(mark.address, mark.end) if at in words]
        for mark in profile.identify
    }
    found = is_identified(profile, marks)
    if found is not example.identified:
        wrong = f"says {example.identified}, the marks say {'nothing' if found is None else found}"
        right = "correct `identify:`, or the example where the device is the witness"
        yield Flaw(("examples", index, "identified"), wrong, right)


def _hexadecimal(addresses: Iterable[int]) -> str:
    return f"register {', '.join(f'0x{address:04X}' for address in sorted(addresses))}"


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


def _frame_flaws(profile: Dlt645Profile | Cjt188Profile) -> Iterator[Flaw]:
    for index, example in enumerate(profile.examples):
        if isinstance(profile, Dlt645Profile):
            readings, errors = dlt645_outcome(profile, example)
        else:
            readings, errors = cjt188_outcome(profile, example)
        yield from _differences(index, example, Outcome(readings, errors))


def _differences(
    index: int, example: RegisterExample | PayloadExample | FrameExample, got: Outcome
) -> Iterator[Flaw]:
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
