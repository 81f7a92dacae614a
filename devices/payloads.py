"""MQTT payloads to readings in each point's unit.

Knows paths, words and units of a profile; bytes inside an object are the business of ``channels``. Does not know
topics beyond their suffix, brokers, plausible ranges or the present time. A field that is absent or null gives
nothing; a field that is no number gives an error of its own and costs the others nothing; a message that is
nonsense as a whole is a PayloadError.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass, field, replace
from datetime import datetime, tzinfo
from decimal import Decimal
from typing import Any

from devices.channels import channel_values
from devices.profile import FieldPoint, MqttProfile, PayloadField
from devices.strict_json import PayloadError, read_object, refuse_size, text_of

__all__ = ["DEVICE_TIME", "PAYLOAD", "Decoded", "PayloadError", "decode"]

PAYLOAD = "payload"
"""The key in ``Decoded.errors`` for what is wrong with the message and not with one field."""
DEVICE_TIME = "device_time"
"""The key in ``Decoded.errors`` for a time field that is no time (``not_a_time``)."""

_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_JSON_NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?", re.ASCII)
_COMPACT = re.compile(r"(\d{14})(\d{3})?", re.ASCII)
_INDEX = re.compile(r"0|[1-9]\d{0,3}", re.ASCII)
_TEXT_MAX = 64
_TIME_MAX_MS = 253_402_300_800_000  # the year 10000


@dataclass(frozen=True, slots=True)
class Decoded:
    """Readings and errors by point name. ``device_time`` is UTC epoch milliseconds, None when the payload
    has none. ``message_id`` is the same for a message that comes twice, and None when the payload does not say.

    Errors are ``not_a_number``, ``no_value`` (a sentinel), ``unknown_word``, ``unknown_unit``,
    ``not_a_time``, ``unknown_channel``, ``history_record``.
    """

    readings: dict[str, float] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    device_time: int | None = None
    message_id: str | None = None


class _FieldError(Exception):
    """One field cannot be used; the argument is the reason."""


def decode(profile: MqttProfile, suffix: str, payload: bytes, zone: tzinfo | None = None) -> Decoded:
    """What one message under the device's topic + ``suffix`` says. Raises PayloadError.

    ``zone`` is the site's, for device times written without one; without it such a time is not used.
    """
    fields = profile.fields.get(suffix, ())
    if profile.format == "plain":
        refuse_size(payload)
        root: Any = _plain_value(text_of(payload).strip())
    else:
        root = read_object(payload)
    if profile.channels is not None:
        found, error = channel_values(profile.channels, root)
        decoded = _decoded(fields, found)
        decoded.errors.update({PAYLOAD: error} if error else {})
    else:
        decoded = _decoded(fields, root, quoted=profile.quoted)
    if profile.message_id:
        decoded = replace(decoded, message_id=_message_id(profile, root))
    return _timed(decoded, profile, root, zone) if profile.time_keys else decoded


def _decoded(fields: tuple[PayloadField, ...], root: Any, *, quoted: bool = False) -> Decoded:
    decoded = Decoded()
    for one in fields:
        try:
            value = _value(root, one, quoted=quoted)
        except _FieldError as error:
            decoded.errors[one.name] = str(error)
        else:
            if value is not None:
                decoded.readings[one.name] = value
    return decoded


def _message_id(profile: MqttProfile, root: Any) -> str | None:
    """The fields of ``message_id`` in one text; None unless all are there as text or whole number."""
    found = [_at(root, keys) for keys in profile.message_id_keys]
    if not all(type(one) is str or type(one) is int for one in found):
        return None
    return json.dumps(found)


def _plain_value(text: str) -> str | float:
    """A payload without JSON: a number, or else a word for ``values``; "nan" stays a word that is no
    number."""
    return float(text) if len(text) <= _TEXT_MAX and _NUMBER.fullmatch(text) else text


def _at(root: Any, keys: tuple[str, ...]) -> Any:
    """What lies at a path, None where nothing does."""
    for key in keys:
        if type(root) is dict:
            root = root.get(key)
        elif type(root) is list and _INDEX.fullmatch(key) and int(key) < len(root):
            root = root[int(key)]
        else:
            return None
    return root


def _unquoted(raw: Any) -> Any:
    """The number a text writes as JSON would write it: no sign but minus, no zero in front, nothing around it. What else
    it may be ("0064", "25 ℃", a bare minus) stays the text it is."""
    is_number = type(raw) is str and len(raw) <= _TEXT_MAX and _JSON_NUMBER.fullmatch(raw)
    return float(raw) if is_number else raw


def _value(root: Any, one: PayloadField, *, quoted: bool) -> float | None:
    raw = _at(root, one.keys)
    if raw is None:
        return None
    if quoted and not one.point.values:
        raw = _unquoted(raw)
    value = _number(raw) if one.is_bare else _converted(raw, one.point)
    return _in_celsius(value, _at(root, one.unit_keys)) if one.unit_keys else value


def _number(raw: Any) -> float:
    """A finite float from a JSON number or boolean, and from nothing else: "21.5" in quotes is a text."""
    if type(raw) is not float and type(raw) is not int and type(raw) is not bool:
        raise _FieldError("not_a_number")
    try:
        value = float(raw)
    except OverflowError as error:
        raise _FieldError("not_a_number") from error
    if not math.isfinite(value):
        raise _FieldError("not_a_number")
    return value + 0.0  # -0.0 becomes 0.0


def _converted(raw: Any, point: FieldPoint) -> float:
    """A word by the profile's table, or raw × scale + offset with the payload's decimal digits taken at
    their word: 0.06 Wh is 0.00006 kWh and not its neighbour."""
    if point.values:
        return _word_value(raw, point)
    if raw in point.sentinels and type(raw) is not bool:
        raise _FieldError("no_value")
    digits = Decimal(repr(_number(raw)))
    return _number(float(digits * point.scale + point.offset))


def _word_value(raw: Any, point: FieldPoint) -> float:
    word = ("true" if raw else "false") if type(raw) is bool else raw
    if type(word) is not str or word not in point.values:
        raise _FieldError("unknown_word")
    return point.values[word]


def _in_celsius(value: float, unit: Any) -> float:
    if unit is None or unit == "C":
        return value
    if unit != "F":
        raise _FieldError("unknown_unit")
    return float((Decimal(str(value)) - 32) * 5 / 9)


def _timed(decoded: Decoded, profile: MqttProfile, root: Any, zone: tzinfo | None) -> Decoded:
    raw = _at(root, profile.time_keys)
    if raw is None:
        return decoded
    try:
        moment = _moment_ms(raw, profile, zone)
    except (ValueError, OverflowError):
        return replace(decoded, errors=decoded.errors | {DEVICE_TIME: "not_a_time"})
    return replace(decoded, device_time=moment)


def _moment_ms(raw: Any, profile: MqttProfile, zone: tzinfo | None) -> int | None:
    """UTC epoch ms; ValueError or OverflowError for what is no moment between 1970 and 9999."""
    match profile.time_format:
        case "iso8601":
            ms = _iso_ms(raw, zone)
        case "compact":
            ms = _compact_ms(raw, zone)
        case "epoch_s" | "epoch_ms":
            ms = _epoch_ms(_unquoted(raw) if profile.quoted else raw, profile.time_format)
    if ms is not None and not 0 <= ms < _TIME_MAX_MS:
        raise ValueError(ms)
    return ms


def _iso_ms(raw: Any, zone: tzinfo | None) -> int | None:
    if type(raw) is not str or not 16 <= len(raw) <= _TEXT_MAX:  # a date alone is no moment
        raise ValueError(raw)
    moment = datetime.fromisoformat(raw)
    if moment.tzinfo is None:
        if zone is None:
            return None
        moment = moment.replace(tzinfo=zone)
    return round(moment.timestamp() * 1000)


def _compact_ms(raw: Any, zone: tzinfo | None) -> int | None:
    """A whole number is as good as a text: one of 14 digits that is a time is no other number."""
    found = _COMPACT.fullmatch(str(raw)) if type(raw) is str or type(raw) is int else None
    if found is None:
        raise ValueError(raw)
    moment = datetime.strptime(found[1], "%Y%m%d%H%M%S").replace(tzinfo=zone)
    return None if zone is None else round(moment.timestamp() * 1000) + int(found[2] or 0)


def _epoch_ms(raw: Any, time_format: str) -> int:
    if type(raw) is not float and type(raw) is not int:
        raise ValueError(raw)
    return round(raw * 1000 if time_format == "epoch_s" else raw)
