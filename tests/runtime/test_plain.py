"""No word of a device, a broker or a district forges a line of the log or speaks to a terminal (S9, S18)."""

from __future__ import annotations

import json
from typing import Any

import pytest
import structlog

from runtime import logs
from runtime.plain import plain

HOSTILE = [
    "name\r\nlevel=critical forged",
    "\x1b[2J\x1b[31mred",
    "\x1b]0;title\x07",
    "\x9b31m",
    "\x7f\x08\x00",
    "line\u2028and\u2029paragraph\x85next",
    "\u202egnp.exe\u2066",
    "lone \ud800 surrogate",
]


def is_seen(text: str) -> bool:
    """One line that holds nothing but what is seen as itself."""
    return text.isprintable() and len(text.splitlines()) <= 1 and text.encode() != b""


@pytest.mark.parametrize("text", HOSTILE)
def test_s9_what_would_not_be_seen_is_written_out(text: str) -> None:
    assert is_seen(plain(text))
    assert json.loads(f'"{plain(text)}"') == text


@pytest.mark.parametrize("text", ["教学楼A · 101教室", "é ü 😀 ٣ ✓", "a\tb\n"])
def test_words_stay_as_they_are(text: str) -> None:
    assert plain(text, "\t\n") == text


@pytest.mark.parametrize("text", HOSTILE)
def test_s18_a_line_of_the_log_is_one_line_and_says_what_was_said(text: str) -> None:
    event: dict[str, Any] = {"event": text, "topic": text, "more": [{"name": text}], "exception": text}
    line = logs._json(None, "warning", dict(event))
    assert is_seen(line)
    assert json.loads(line) == event


@pytest.mark.parametrize("text", HOSTILE)
def test_s18_on_a_terminal_too(text: str) -> None:
    event = {"event": text, "topic": text, "more": [{"name": text}]}
    line = structlog.dev.ConsoleRenderer(colors=False)(None, "warning", logs._seen(None, "warning", event))
    assert is_seen(line)


def test_s18_a_trace_keeps_its_lines_and_nothing_else() -> None:
    seen = logs._seen(None, "error", {"event": "e", "exception": "Traceback\n  Boom: \x1b[2J"})
    assert seen["exception"] == "Traceback\n  Boom: \\u001b[2J"
