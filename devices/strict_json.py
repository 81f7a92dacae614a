"""JSON from a device, read so that nothing a stranger sends can hurt or be misread.

Knows the limits of a payload; knows no profile. Guarantees: at most 64 KiB and 32 levels are looked at, one
meaning per key, no number is parsed in quadratic time, and only PayloadError comes out. NaN, Infinity and
numbers beyond a float stay in the object as non-finite floats, so that one bad field does not cost the
others.
"""

from __future__ import annotations

import json
from typing import Any, Literal

import msgspec

BYTES_MAX = 64 * 1024
DEPTH_MAX = 32
# No float has more than 309 digits before the point; what is longer is out of range without being parsed.
DIGITS_MAX = 400

Reason = Literal[
    "too_large",
    "empty",
    "not_utf8",
    "not_json",
    "too_deep",
    "not_an_object",
    "duplicate_key",
    "not_base64",
    "cut_short",
]


class PayloadError(Exception):
    """A message that is nonsense as a whole; nothing of it is used. ``reason`` is one of ``Reason``."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason = reason


def read_object(payload: bytes) -> dict[str, Any]:
    """The JSON object of a payload. Raises PayloadError."""
    refuse_size(payload)
    try:
        found = _fast.decode(payload)
        keys = _count_keys(found, 0)
        # Every key has its colon. As many colons as keys: none was overwritten by a later one of its name.
        # Otherwise a colon stands in a text, or a key is doubled: the careful reader knows.
        if keys != payload.count(b":"):
            found = _read_carefully(payload)
    except RecursionError as error:
        raise PayloadError("too_deep") from error
    except (msgspec.DecodeError, UnicodeDecodeError):
        found = _read_carefully(payload)
    if not isinstance(found, dict):
        raise PayloadError("not_an_object")
    return found


def refuse_size(payload: bytes) -> None:
    """Raises PayloadError for what is too large, or only white space."""
    if len(payload) > BYTES_MAX:
        raise PayloadError("too_large")
    if not payload.strip():
        raise PayloadError("empty")


def text_of(payload: bytes) -> str:
    """Raises PayloadError for what is not UTF-8."""
    try:
        return payload.decode("utf-8")
    except UnicodeDecodeError as error:
        raise PayloadError("not_utf8") from error


def _read_carefully(payload: bytes) -> Any:
    """The standard library's reader, four times slower, which shows doubled keys and bad numbers."""
    try:
        found = _careful.decode(text_of(payload))
        _count_keys(found, 0)
    except RecursionError as error:
        raise PayloadError("too_deep") from error
    except json.JSONDecodeError as error:
        raise PayloadError("not_json") from error
    return found


def _count_keys(value: Any, depth: int) -> int:
    """Keys of all objects inside; PayloadError when they are nested deeper than DEPTH_MAX."""
    is_object = type(value) is dict
    if not is_object and type(value) is not list:
        return 0
    if depth >= DEPTH_MAX:
        raise PayloadError("too_deep")
    keys = len(value) if is_object else 0
    for child in value.values() if is_object else value:
        if type(child) is dict or type(child) is list:
            keys += _count_keys(child, depth + 1)
    return keys


def _object_of(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise PayloadError("duplicate_key")
    return found


def _integer_of(digits: str) -> int | float:
    return int(digits) if len(digits) <= DIGITS_MAX else float("inf")


_fast = msgspec.json.Decoder()
_careful = json.JSONDecoder(object_pairs_hook=_object_of, parse_int=_integer_of)
