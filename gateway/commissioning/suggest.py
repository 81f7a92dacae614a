"""Which profile would fit a unit or meter that answers: each of its protocol is tried on it and judged by what it reads.

Knows profiles and plausible numbers. A suggestion is a likelihood and not a finding: two meters may share a map, and
registers that hold 0 say nothing. What the device says of itself, where its profile knows where to look, comes first.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from devices import profile as packaged
from devices.marks import is_identified, text_of
from devices.profile import AnyProfile, ModbusProfile, MqttProfile, RegisterPoint
from edge_config.schema import Bus, Device, Gateway, Site, SiteFile
from edge_config.site import LoadedSite
from gateway.commissioning import plausible
from gateway.commissioning.line import Answer, Line, Outcome
from gateway.commissioning.live import Look, look, target_of
from gateway.sources.polled_device import REPLY_HEADER, ReadyBlock
from gateway.sources.request_plan import registers_of

SHOWN_MAX = 3
SCORE_MIN = 0.6
SILENCES_MAX = 3
"""A unit that no longer answers is left alone: each silence costs the line twice its time-out."""

TRIAL = "trial"

Marks = dict[tuple[int, int], Sequence[int]]
"""Words by function code and address."""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """``score`` 0 to 1 is the mean plausibility of the profile's points on this unit, unread points counting 0."""

    profile: str
    title_zh: str
    title_en: str
    score: float
    sample: str
    is_identified: bool = False
    """Whether the device's own identification registers say that it is this one."""
    says: str = ""
    """The texts that stand where this profile's devices keep maker, model or serial number."""


@dataclass(frozen=True, slots=True)
class Who:
    """Whom a trial reads: a Modbus unit, or a meter by the address on its plate."""

    unit_id: int | None = None
    address: str | None = None


async def suggest(line: Line, who: Who, profiles: Iterable[AnyProfile]) -> tuple[Suggestion, ...]:
    """The likeliest profiles, best first; none when nothing fits. Raises NotConnectedError."""
    found: list[Suggestion] = []
    asker = _Remembering(line)
    for profile in profiles:
        if asker.silences >= SILENCES_MAX:
            break
        marks, is_known = await _identified(asker, who, profile)
        target = target_of(trial_site(line.bus, who, profile), TRIAL)
        seen = await look(asker, target, 0)
        if (
            isinstance(profile, ModbusProfile) and profile.sunspec is not None
        ):  # its marks may stand elsewhere; the search knows
            is_known = any(isinstance(ready, ReadyBlock) for ready, _ in seen.replies)
        value = _score(profile, seen)
        if is_known or (is_known is None and value >= SCORE_MIN):
            found.append(
                _suggestion(profile, seen, value, is_known=bool(is_known), says=_texts(profile, marks))
            )
    return tuple(sorted(found, key=lambda one: (not one.is_identified, -one.score))[:SHOWN_MAX])


def bus_profiles() -> list[AnyProfile]:
    """The packaged profiles of what answers on a bus, by name."""
    loaded = (packaged.load(name) for name in packaged.names())
    return [profile for profile in loaded if not isinstance(profile, MqttProfile)]


def trial_site(bus: Bus, who: Who, profile: AnyProfile) -> LoadedSite:
    """A site of one device, so that a unit is read by the very code that would poll it."""
    file = SiteFile(
        site=Site(id=TRIAL, name=TRIAL),
        gateway=Gateway(id=TRIAL),
        buses=(bus,),
        devices=(
            Device(id=TRIAL, profile=profile.profile, bus=bus.id, unit_id=who.unit_id, address=who.address),
        ),
    )
    return LoadedSite(file, Path(), Path(TRIAL), {profile.profile: profile})


class _Remembering:
    """A line that is asked each question once: profiles overlap, and a bus at 9600 baud is slow."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._known: dict[bytes, Answer] = {}
        self.silences = 0

    async def ask(self, request: bytes) -> Answer:
        if request not in self._known:
            self._known[request] = answer = await self._line.ask(request)
            self.silences += answer.outcome is Outcome.SILENT
        return self._known[request]


def _score(profile: AnyProfile, seen: Look) -> float:
    scores = []
    for row, point in zip(seen.rows, profile.points.values(), strict=True):
        value = 0.0
        if row.value is not None and row.quality != "bad":
            value = plausible.score(point, row.value)
        # a meter's frame names what it holds and its check sum holds: a 0 in it proves as much as any number
        scores.append(value if isinstance(point, RegisterPoint) else float(value > 0))
    return sum(scores) / len(scores)


async def _identified(asker: _Remembering, who: Who, profile: AnyProfile) -> tuple[Marks, bool | None]:
    """A profile's identification registers, and whether they say it is this device; None where it has none."""
    if not isinstance(profile, ModbusProfile) or who.unit_id is None:
        return {}, None
    marks = await _marks(asker, who.unit_id, profile)
    return marks, is_identified(profile, marks)


async def _marks(asker: _Remembering, unit_id: int, profile: ModbusProfile) -> Marks:
    """What stands at a profile's identification registers, as far as the unit lets them be read."""
    words: Marks = {}
    for mark in profile.identify:
        count = mark.end - mark.address
        answer = await asker.ask(struct.pack(">BBHH", unit_id, mark.function, mark.address, count))
        if answer.outcome is Outcome.ANSWERED:
            found = registers_of(mark.function, count, answer.reply[REPLY_HEADER:])
            words[mark.function, mark.address] = found
    return words


def _texts(profile: AnyProfile, marks: Marks) -> str:
    if not isinstance(profile, ModbusProfile):
        return ""
    found = [text_of(marks[at]) for mark in profile.identify
             if mark.type is None and (at := (mark.function, mark.address)) in marks]  # fmt: skip
    return ", ".join(text for text in found if text and text.isprintable())


def _suggestion(profile: AnyProfile, seen: Look, value: float, *, is_known: bool, says: str) -> Suggestion:
    sample = ", ".join(f"{row.point.partition('.')[2]} {row.value:g} {row.unit}" for row in seen.rows
                       if row.value is not None)  # fmt: skip
    title = profile.title
    return Suggestion(
        profile.profile, title.zh or title.en, title.en, round(value, 2), sample, is_known, says
    )
