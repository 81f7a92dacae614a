"""One device read once, through the poller's own blocks and decoders: values beside the registers they came from.

Knows a device's points and their plausible ranges; does not know wires (``line.py`` does) or where readings go.
Guarantees: what is shown is what the collector would store, with the same quality and the same reason, whatever the
device speaks.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from devices.profile import AnyPoint, AnyProfile, Cjt188Point, Dlt645Point, RegisterPoint
from edge_config.schema import Device
from edge_config.site import LoadedSite
from gateway.commissioning.line import Answer, Asker, Outcome, bus_of
from gateway.errors import ConfigError
from gateway.model import Point, Quality, Reading, Readings
from gateway.points import build_points
from gateway.sources.owners import WRONG_IDENTITY
from gateway.sources.poll import build_bus
from gateway.sources.polled import Poll, Ready, poll_of
from gateway.sources.polled_device import REPLY_HEADER, ReadyBlock
from gateway.sources.request_plan import registers_of
from gateway.sources.sunspec_device import SunSpecPoll
from gateway.validate import Validator

CUT_AT = frozenset({2, 3})
"""Exceptions by which a device refuses a block that covers an address it does not have; the poller cuts it, too."""


@dataclass(frozen=True, slots=True)
class Row:
    """One point as read just now. ``value`` is in ``unit``; ``place`` is where the device keeps it; ``raw`` is
    what came for it in hexadecimal, a meter's whole frame, empty without a reply; ``reason`` says why there is no good
    value."""

    point: str
    label_zh: str
    label_en: str
    value: float | None
    unit: str
    quality: str
    reason: str | None
    place: str
    raw: str
    registers: tuple[int, ...]
    latency_ms: float | None


@dataclass(slots=True)
class Target:
    """A device of a site, ready to be read; remembers how its blocks were cut."""

    device: Device
    profile: AnyProfile
    points: Mapping[str, Point]
    poll: Poll
    validator: Validator


@dataclass(slots=True)
class _Heard:
    """What one reading of all blocks gave, by point."""

    values: dict[str, float] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)
    replies: list[tuple[Ready, Answer]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Look:
    """The rows of a device in the order of its profile, and each request with its answer."""

    rows: tuple[Row, ...]
    replies: tuple[tuple[Ready, Answer], ...]

    @property
    def answers(self) -> tuple[Answer, ...]:
        return tuple(answer for _, answer in self.replies)


def target_of(site: LoadedSite, device_id: str) -> Target:
    """Raises ConfigError for a device that does not exist or is on no bus."""
    device = site.devices.get(device_id)
    if device is None:
        raise ConfigError(
            f"there is no device {device_id!r} in {site.path}; `query SITE.yaml devices` lists them"
        )
    profile = site.profiles[device.profile]
    if device.bus is None:
        raise ConfigError(
            f"device {device_id} speaks by itself and cannot be asked; `query SITE.yaml latest` shows what it said, "
            "`check SITE.yaml --explain` how it is understood"
        )
    polled, _ = build_bus(site, bus_of(site, device.bus))
    own = next(one for one in polled if one.device == device_id)
    points = {point.name: point for point in build_points(site) if point.device == device_id}
    return Target(device, profile, points, poll_of(own), Validator(points))


async def look(line: Asker, target: Target, now_ms: int) -> Look:
    """Read every block once; after a silence the rest is not asked. ``now_ms`` is the readings' time.

    Raises NotConnectedError."""
    heard = _Heard()
    waiting = [*target.poll.blocks] if await _is_placed(line, target.poll, heard) else []
    if target.poll.trouble is not None:
        heard.reasons.update(dict.fromkeys(target.points, WRONG_IDENTITY))
    while waiting:
        ready = waiting.pop(0)
        answer = await line.ask(ready.request)
        instead = _instead(target.poll, ready, answer)
        if instead:
            waiting[:0] = instead
            continue
        heard.replies.append((ready, answer))
        if answer.outcome is Outcome.ANSWERED:
            points, values, bad = ready.values(answer.reply)
            heard.values.update(zip(points, values, strict=True))
            heard.reasons.update({undecoded.point: undecoded.reason for undecoded in bad})
        elif not answer.is_sign_of_life:
            break
        if target.poll.device.pause_s:
            await asyncio.sleep(target.poll.device.pause_s)
    return Look(_rows(target, heard, now_ms), tuple(heard.replies))


async def _is_placed(line: Asker, poll: Poll, heard: _Heard) -> bool:
    """Find the block of a SunSpec device, as the poller does first; other devices are where their profile says."""
    for step in poll.search() if isinstance(poll, SunSpecPoll) else ():
        answer = await line.ask(step.request)
        heard.replies.append((step, answer))
        if answer.outcome is Outcome.ANSWERED:
            step.values(answer.reply)
        elif not answer.is_sign_of_life:
            poll.put_last(step)
            return False
    return poll.trouble is None


def _instead(poll: Poll, ready: Ready, answer: Answer) -> Sequence[Ready]:
    """What to ask in the place of a block that was refused, or of a meter that may want to be asked another way round, as
    the poller does; nothing where there is no more to try."""
    if answer.outcome is Outcome.SILENT:
        known = {one.request for one in poll.blocks}
        poll.put_last(ready)
        return [one for one in poll.blocks if one.request not in known]
    if answer.code not in CUT_AT:
        return ()
    index, count = poll.blocks.index(ready), len(poll.blocks)
    return poll.blocks[index : index + 1 + len(poll.blocks) - count] if poll.cut(ready) else ()


def _rows(target: Target, heard: _Heard, now_ms: int) -> tuple[Row, ...]:
    group = Readings(tuple(heard.values), now_ms, now_ms, list(heard.values.values()))
    judged = {reading.point: reading for reading in target.validator.judge_all([group]).readings}
    return tuple(
        _row(target.points[f"{target.device.id}.{name}"], point, heard, judged)
        for name, point in target.profile.points.items()
    )


def _row(point: Point, spot: AnyPoint, heard: _Heard, judged: Mapping[str, Reading]) -> Row:
    reading, asked = judged.get(point.name), _asked(point.name, heard)
    answer = asked[1] if asked else None
    registers = _registers(point.name, spot, *asked) if asked else ()
    reason = heard.reasons.get(point.name) or (answer.outcome.value if answer else "not_asked")
    return Row(
        point=point.name, label_zh=point.label_zh, label_en=point.label_en,
        value=heard.values.get(point.name), unit=point.unit,
        quality=(reading.quality if reading else Quality.BAD).name.lower(),
        reason=reading.reason if reading else reason,
        place=place_of(spot), raw=" ".join(f"{word:04x}" for word in registers) or (answer.reply.hex(" ") if answer else ""),
        registers=registers, latency_ms=round(answer.took_s * 1000, 1) if answer else None,
    )  # fmt: skip


def place_of(point: AnyPoint) -> str:
    """Where a device keeps a point: function and address, data identifier, byte of the reply, or field."""
    match point:
        case RegisterPoint():
            return f"{point.function} 0x{point.address:04X}"
        case Dlt645Point():
            return f"DI {point.di}"
        case Cjt188Point():
            return f"byte {point.at}"
    return point.path or "payload"


def _asked(name: str, heard: _Heard) -> tuple[Ready, Answer] | None:
    """The request that asked for the point, if it was made."""
    return next((one for one in heard.replies if any(point[0] == name for point in one[0].points)), None)


def _registers(point: str, spot: AnyPoint, ready: Ready, answer: Answer) -> tuple[int, ...]:
    if answer.outcome is not Outcome.ANSWERED:
        return ()
    if not (isinstance(ready, ReadyBlock) and isinstance(spot, RegisterPoint)):
        return ()
    block = ready.block
    words = registers_of(block.function, block.count, answer.reply[REPLY_HEADER:])
    return next(tuple(words[first:end]) for name, first, end, _ in ready.points if name == point)
