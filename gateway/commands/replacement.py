"""换表: a meter is changed for another. Old final and new initial register are kept as readings, so that what flowed up to
the change is counted and the step between the two registers never is.

Runs inside the transaction of a control command. Refusals are ControlError with words for the person.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import Any

from devices.quantities import Kind
from edge_config.schema import Device
from gateway.book.accounts import Accounts
from gateway.control.protocol import Command
from gateway.errors import ControlError
from gateway.model import QUARTER_MS, Event, EventState, Level, Point, Readings
from gateway.rules.episode import closed, opened
from gateway.store import events, points, readings, replacements
from gateway.store.replacements import Replacement

KEYS = frozenset({"at", "registers", "ct_ratio", "pt_ratio", "note"})
BACK_MS_MAX = 7 * 86_400_000
"""As late as readings may come (ARCHITECTURE 3): what is older is in intervals whose raw readings may be gone."""

NOTE_MAX = 500


@dataclass(frozen=True, slots=True)
class Registers:
    """Where one counter stood, in its point's unit, ratios applied: ``final`` of the old meter, ``initial`` of the new one."""

    point: Point
    final: Decimal
    initial: Decimal


def replace_meter(
    connection: sqlite3.Connection, accounts: Accounts, command: Command, now: int
) -> dict[str, Any]:
    """Keep the registers of a replaced meter. Raises ControlError with what is wrong, and nothing is kept then."""
    site = accounts.site
    device = site.devices.get(command.subject)
    if device is None:
        raise ControlError(f"没有设备 {command.subject}; there is no device {command.subject}")
    if unknown := sorted(command.body.keys() - KEYS):
        raise ControlError(f"a replacement has no {', '.join(unknown)}; it has {', '.join(sorted(KEYS))}")
    at = _moment(command, now)
    ct_ratio, pt_ratio = (_ratio(command, key, getattr(device, key)) for key in ("ct_ratio", "pt_ratio"))
    found = _registers(device, accounts.points, command)
    for one in found:
        at = min(at, _free_from(connection, one.point, at))
        _refuse_below(connection, one, at)
    for one in found:
        _keep(connection, one, at, (ct_ratio, pt_ratio))
    accounts.restore(
        connection, now
    )  # whose registers they are is known before they come: a fall may look like a rollover
    accounts.book(connection, [pair for one in found for pair in _pair(one, at, now)], now)
    evidence = {
        "user": command.user, "note": str(command.body.get("note", ""))[:NOTE_MAX], "ct_ratio": str(ct_ratio),
        "pt_ratio": str(pt_ratio),
        "registers": {one.point.name: [float(one.final), float(one.initial)] for one in found},
    }  # fmt: skip
    accounts.tell(
        connection, [_event(site.file.site.id, device, at, evidence), *_withdrawn(connection, found, at)], now
    )
    accounts.restore(connection, now)  # the open slot is counted anew, with what is now known
    return {"device": device.id, "at": at, "points": [one.point.name for one in found]}


def _keep(connection: sqlite3.Connection, one: Registers, at: int, ratios: tuple[Decimal, Decimal]) -> None:
    point_id = points.id_of(connection, one.point.name)
    final, initial = (round(Fraction(value) / Fraction(one.point.step)) for value in (one.final, one.initial))
    replacements.put(connection, Replacement(point_id, at, final, initial, *ratios))


def _pair(one: Registers, at: int, now: int) -> list[Readings]:
    return [
        Readings((one.point.name,), at + late, now, [float(value)])
        for late, value in enumerate((one.final, one.initial))
    ]


def _refuse_below(connection: sqlite3.Connection, one: Registers, at: int) -> None:
    last = readings.last_before(connection, points.id_of(connection, one.point.name), at)
    if last is None or Fraction(one.final) >= (last - 1) * Fraction(one.point.step):  # a panel may round
        return
    stood = float(last * one.point.step)
    raise ControlError(
        f"{one.point.name}: 旧表止数 {one.final} 小于换表前的读数 {stood:g}, 请核对; the old meter's final register {one.final} "
        f"is below its last reading before that time, {stood:g} {one.point.unit}; check register and time"
    )


def _registers(device: Device, all_points: Mapping[str, Point], command: Command) -> list[Registers]:
    """Every counter of the device has to be told: one that is left out would count the step between two meters."""
    given = command.body.get("registers")
    counters = {
        name.partition(".")[2]: point
        for name, point in all_points.items()
        if point.device == device.id and point.kind is Kind.COUNTER
    }
    if not counters:
        raise ControlError(f"设备 {device.id} 没有计量; device {device.id} counts nothing")
    if not isinstance(given, dict) or given.keys() != counters.keys():
        raise ControlError(
            f"请给出全部表底数: {', '.join(counters)}; give old final and new initial register of each of {', '.join(counters)}"
        )
    return [Registers(point, *(_figure(name, given[name], which) for which in ("final", "initial")))
            for name, point in counters.items()]  # fmt: skip


def _figure(name: str, given: object, which: str) -> Decimal:
    text = given.get(which) if isinstance(given, dict) else None
    try:
        value = Decimal(str(text))
    except InvalidOperation:
        value = Decimal("NaN")
    if not value.is_finite() or value < 0 or value > 10**15:
        raise ControlError(f"{name}.{which}: {text!r} 不是表底数; is no register, write it as 12345.6")
    return value


def _moment(command: Command, now: int) -> int:
    at = command.body.get("at")
    if not isinstance(at, int) or isinstance(at, bool) or not now - BACK_MS_MAX <= at <= now:
        raise ControlError(
            f"at: {at!r} 应为过去 7 天内的时间; it must be a time of the last 7 days, in UTC milliseconds"
        )
    return at


def _ratio(command: Command, key: str, now: Decimal) -> Decimal:
    text = command.body.get(key, str(now))
    try:
        value = Decimal(str(text))
    except InvalidOperation:
        value = Decimal(0)
    if not value.is_finite() or value <= 0:
        raise ControlError(f"{key}: {text!r} 不是变比; is no ratio, write it as 40")
    return value


def _free_from(connection: sqlite3.Connection, point: Point, at: int) -> int:
    """The newest time up to ``at`` at which, and 1 ms after which, the point has no reading yet, both in one slot."""
    point_id = points.id_of(connection, point.name)
    while (at + 1) % QUARTER_MS == 0 or any(
        readings.find(connection, point_id, moment) is not None for moment in (at, at + 1)
    ):
        at -= 1
    return at


def _event(site: str, device: Device, at: int, evidence: dict[str, Any]) -> Event:
    words = {"text_zh": "更换表计", "text_en": "Meter replaced"}
    return closed(opened(site, "meter_replaced", device.id, "", at, Level.NOTICE, {**words, **evidence}), at)


def _withdrawn(connection: sqlite3.Connection, found: list[Registers], at: int) -> list[Event]:
    """A fall of the register that the replacement explains was no reset. One to a meter that stood higher explains none."""
    return [
        replace(event, state=EventState.WITHDRAWN)
        for one in found
        if one.initial < one.final
        for event in events.of_kind(connection, "reset", one.point.name, at)[:1]
    ]
