"""The wire of control commands: one JSON object per line, one answer per command, both bounded.

Pure. What a command means is known to the collector's handlers alone; what this room guarantees is that a line is
either a whole, well-formed command or refused with a sentence.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import msgspec

from gateway.errors import ControlError

LINE_MAX = 64 * 1024
"""Bytes of a command or an answer with its newline."""

KEY_MAX = 200


@dataclass(frozen=True, slots=True)
class Command:
    """``key`` is the idempotency key: the same key never has a second effect and always gets the same answer. ``user``
    gave the command, ``subject`` is what it is about (an event_id, a day, …)."""

    key: str
    user: str
    name: str
    subject: str = ""
    body: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Answer:
    """``result`` when ``ok``, else ``error``: a sentence for the person who gave the command."""

    ok: bool
    result: dict[str, Any] | None = None
    error: str | None = None


def encode(message: Command | Answer) -> bytes:
    """One line with its newline. Raises ControlError when it is too long or holds what JSON cannot say."""
    try:
        line = msgspec.json.encode(message) + b"\n"
    except (TypeError, ValueError) as error:
        raise ControlError(f"this cannot be written as JSON: {error}") from error
    if len(line) > LINE_MAX:
        raise ControlError(f"{len(line)} bytes are more than the {LINE_MAX} a control message may have")
    return line


def decode_command(line: bytes) -> Command:
    """Raises ControlError naming what is wrong with the line."""
    try:
        command = msgspec.json.decode(line, type=Command)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ControlError(f"not a control command: {error}") from error
    if not 0 < len(command.key) <= KEY_MAX or not command.user or not command.name:
        raise ControlError(
            f"a control command needs a key of at most {KEY_MAX} characters, a user and a name"
        )
    return command


def decode_answer(line: bytes) -> Answer:
    """Raises ControlError when the line is no answer: something else than a collector holds the socket."""
    try:
        return msgspec.json.decode(line, type=Answer)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ControlError(
            f"the collector's answer cannot be read: {error}; are both of the same version?"
        ) from error
