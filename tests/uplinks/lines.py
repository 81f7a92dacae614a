"""A reader of line protocol of the tests' own, written from its reference: a state machine over the marks of one line."""

from __future__ import annotations

from typing import NamedTuple


class Line(NamedTuple):
    measurement: str
    tags: dict[str, str]
    fields: dict[str, str | float | int]
    at: int


def read_line(text: str) -> Line:
    head, rest = _until(text, " ")
    measurement, *pairs = _split(head, ",")
    fields_text, at = _fields_end(rest)
    tags = dict(_pair(pair) for pair in pairs)
    return Line(_plain(measurement, ", "), tags, _fields(fields_text), int(at))


def _until(text: str, mark: str) -> tuple[str, str]:
    """Up to the first mark that has no backslash before it."""
    for place, one in enumerate(text):
        if one == mark and (place == 0 or text[place - 1] != "\\"):
            return text[:place], text[place + 1 :]
    raise ValueError(f"no {mark!r} in {text!r}")


def _split(text: str, mark: str) -> list[str]:
    parts: list[str] = []
    while True:
        try:
            part, text = _until(text, mark)
        except ValueError:
            return [*parts, text]
        parts.append(part)


def _pair(text: str) -> tuple[str, str]:
    key, value = _until(text, "=")
    return _plain(key, ",= "), _plain(value, ",= ")


def _plain(text: str, marks: str) -> str:
    for mark in marks:
        text = text.replace("\\" + mark, mark)
    return text


def _fields_end(text: str) -> tuple[str, str]:
    inside, skip = False, False
    for place, one in enumerate(text):
        if skip:
            skip = False
        elif one == "\\" and inside:
            skip = True
        elif one == '"':
            inside = not inside
        elif one == " " and not inside:
            return text[:place], text[place + 1 :]
    raise ValueError(f"no end of the fields in {text!r}")


def _fields(text: str) -> dict[str, str | float | int]:
    found: dict[str, str | float | int] = {}
    while text:
        key, text = text.split("=", 1)
        if text[0] == '"':
            value, text = _quoted(text[1:])
            found[key] = value
        else:
            number, _, text = text.partition(",")
            found[key] = int(number[:-1]) if number.endswith("i") else float(number)
    return found


def _quoted(text: str) -> tuple[str, str]:
    out, marks = "", iter(enumerate(text))
    for place, one in marks:
        if one == "\\" and text[place + 1] in '"\\':
            out += next(marks)[1]
        elif one == '"':
            return out, text[place + 2 :]
        else:
            out += one
    raise ValueError("no end of a string")
