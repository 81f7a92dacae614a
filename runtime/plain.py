"""Words of others where people read them line by line: on a terminal, in a log. Pure."""

from __future__ import annotations

import re

_UNSEEN = re.compile(
    "[\\x00-\\x1f\\x7f-\\x9f\\u061c\\u200e\\u200f\\u2028-\\u202e\\u2066-\\u2069\\ufeff\\ud800-\\udfff]"
)
"""What moves a cursor, colours, breaks a line, turns the direction of writing (Unicode 15, UAX 9) or cannot be written at all."""


def plain(text: str, keep: str = "") -> str:
    """``text`` with each character that would not be seen as itself written as JSON writes it, but for those of ``keep``: a
    device's name can neither begin a line of the log nor speak to a terminal."""
    return _UNSEEN.sub(lambda found: found[0] if found[0] in keep else f"\\u{ord(found[0]):04x}", text)
