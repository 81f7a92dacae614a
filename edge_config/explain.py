"""What pydantic found wrong, in sentences an installer can act on.

Knows pydantic's error types and the site file's models. Every sentence names the value that is written and what
would be right; an error type without a sentence of its own keeps pydantic's words.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from edge_config.keys import keys, kinds_at, model_at
from edge_config.problems import DocPath, Problem, choices, nearest, step
from edge_config.yaml_marks import Document

Sentence = tuple[str, str]

PATTERNS = {
    r"^[a-z0-9][a-z0-9-]{0,39}$": "use lower-case letters, digits and hyphens, at most 40, such as main-e",
    r"^[a-z0-9][a-z0-9-]{0,39}\.[a-z][a-z0-9_]{0,31}$": "write device.point, such as main-e.energy_import",
    r"^[0-9]{2}[0-9A-Z]{3}$": "write the five characters of the national code, such as 01000 or 01B00",
    r"^[0-9A-Fa-f]{12,14}$": "write the 12 or 14 digits on the meter's plate",
    r"^[^+#/][^+#]{0,199}$": "write the beginning of a topic, such as zigbee2mqtt, without + and #",
    r"^(?:[^+#/]+/)*\+(?:/[^+#/]+)*$": "write the topic with one + in the place of the device, such as zigbee2mqtt/+",
    r"^[0-9A-Za-z_.-]{1,32}$": "write letters, digits, dots, hyphens or underscores, at most 32, in quotes where it is a number",
    r"^[A-Za-z][A-Za-z0-9_]{0,39}$": "write a word of letters, digits and underscores, such as campus",
    r"^[0-9A-Z]{14,24}$": "write the station's MN as the centre gave it out, 14 to 24 digits and capital letters",
    r"^[0-9]{2}$": 'write two digits in quotes, such as "22"',
    r"^[A-Za-z][A-Za-z0-9]{1,9}$": "write a factor code such as a34004 or LA",
    r"^https?://": "begin with https:// (or http:// on the campus network)",
    r"^\d{4}-\d{2}-\d{2}$": "write the date as 2026-09-01",
    r"^([01]\d|2[0-3]):(00|15|30|45)-(([01]\d|2[0-3]):(00|15|30|45)|24:00)$": (
        "write two quarter-hours of the day, such as 08:00-11:00 or 22:00-24:00"
    ),
}
NUMBERS = {
    "int_parsing",
    "int_type",
    "int_from_float",
    "float_parsing",
    "float_type",
    "decimal_parsing",
    "decimal_type",
}


def explain(error: ValidationError, document: Document, root: type[BaseModel]) -> list[Problem]:
    """One Problem for each thing pydantic found, at the place where it is written."""
    return [_problem(detail, document, root) for detail in error.errors(include_url=False)]


def path_of(detail: ErrorDetails, data: Any) -> DocPath:
    """The document's path of an error: pydantic's location without the union tags it puts in between."""
    path: list[str | int] = []
    here = data
    for part in detail["loc"]:
        if isinstance(here, dict) and part not in here and part == here.get("kind"):
            continue
        path.append(part)
        here = step(here, part)
    return tuple(path)


def _problem(detail: ErrorDetails, document: Document, root: type[BaseModel]) -> Problem:
    path = path_of(detail, document.data)
    kind = detail["type"]
    if kind == "missing":
        return document.problem(path, "is missing", f"add the line `{path[-1]}: …` to this entry")
    if kind == "extra_forbidden":
        model = model_at(root, path[:-1], document.data)
        known = list(keys(model)) if model else []
        right = nearest(path[-1], known, f"keys here are {choices(known, 20)}")
        return document.problem(path, "is not a key of this place", right, at_key=True)
    if kind == "union_tag_not_found":
        kinds = kinds_at(root, path, document.data)
        return document.problem((*path, "kind"), "is missing", f"add `kind:` with {choices(kinds)}")
    if kind == "union_tag_invalid":
        tags = [tag.strip("' ") for tag in detail["ctx"]["expected_tags"].split(",")]
        right = nearest(detail["ctx"]["tag"], tags, f"write {choices(tags)}")
        return document.problem(
            (*path, "kind"), f"{detail['ctx']['tag']!r} is no kind of this section", right
        )
    wrong, right = sentence(detail)
    return document.problem(path, wrong, right)


def shown(value: Any) -> str:
    """A value as its file writes it, cut to a line's length."""
    text = "nothing" if value is None else json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 60 else f"{text[:57]}…"


def sentence(detail: ErrorDetails) -> Sentence:
    """What is wrong with a value, and what would be right."""
    value, context = detail["input"], detail.get("ctx", {})
    make = _SENTENCES.get(detail["type"])
    if make is not None:
        return make(value, context)
    if detail["type"] in NUMBERS:
        whole = detail["type"].startswith("int")
        return (
            f"{shown(value)} is not a {'whole ' if whole else ''}number",
            "write digits without quotes or units",
        )
    return f"{shown(value)} is not accepted", detail["msg"][:1].lower() + detail["msg"][1:]


def _string(value: Any, context: dict[str, Any]) -> Sentence:
    del context
    if isinstance(value, int | float):
        return f"{shown(value)} is a number where text belongs", f'put it in quotes: "{value}"'
    return f"{shown(value)} where text belongs", "write one word or a text in quotes"


def _literal(value: Any, context: dict[str, Any]) -> Sentence:
    expected = context["expected"].replace(" or ", ", ").replace("'", "").split(", ")
    if str(value) in expected:
        return f"{shown(value)} is a number where text belongs", f'put it in quotes: "{value}"'
    return f"{shown(value)} is not one of the choices", nearest(value, expected, f"write {choices(expected)}")


def _pattern(value: Any, context: dict[str, Any]) -> Sentence:
    pattern = str(context["pattern"])
    return f"{shown(value)} has the wrong form", PATTERNS.get(pattern, f"it must match {pattern}")


def _bound(word: str, key: str) -> Callable[[Any, dict[str, Any]], Sentence]:
    return lambda value, context: (f"{shown(value)} is out of range", f"it must be {word} {context[key]}")


def _mapping(value: Any, context: dict[str, Any]) -> Sentence:
    del context
    return f"{shown(value)} where a section with keys belongs", "write `key: value` lines under it"


def _list(value: Any, context: dict[str, Any]) -> Sentence:
    del context
    return f"{shown(value)} where a list belongs", "begin each entry with `- `, or write [a, b]"


def _too_short(value: Any, context: dict[str, Any]) -> Sentence:
    return f"{shown(value)} is too short", f"write at least {context['min_length']}"


def _bool(value: Any, context: dict[str, Any]) -> Sentence:
    del context
    return f"{shown(value)} is neither true nor false", "write true or false"


_SENTENCES: dict[str, Callable[[Any, dict[str, Any]], Sentence]] = {
    "string_type": _string,
    "literal_error": _literal,
    "string_pattern_mismatch": _pattern,
    "greater_than": _bound("above", "gt"),
    "greater_than_equal": _bound("at least", "ge"),
    "less_than": _bound("below", "lt"),
    "less_than_equal": _bound("at most", "le"),
    "model_type": _mapping,
    "model_attributes_type": _mapping,
    "dict_type": _mapping,
    "tuple_type": _list,
    "list_type": _list,
    "too_short": _too_short,
    "string_too_short": _too_short,
    "bool_type": _bool,
    "bool_parsing": _bool,
}
