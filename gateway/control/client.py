"""Giving a command to the collector. Its time-outs are real time, never the gateway's clock.

An answer means that the command is committed, or refused and without effect. Without an answer the outcome is not
known: give the same command again under the same key.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from gateway.control.protocol import LINE_MAX, Command, decode_answer, encode
from gateway.errors import CollectorAwayError, ControlError

__all__ = [
    "TIMEOUT_S",
    "Command",
    "send",
]  # Command is what ``send`` takes, so that a client imports one module

TIMEOUT_S = 10.0


async def send(path: Path, command: Command, timeout_s: float = TIMEOUT_S) -> dict[str, Any]:
    """The command's result. Raises ControlError with the collector's words when it is refused, and CollectorAwayError
    when nobody answers: then the same command may be given again."""
    line = encode(command)
    try:
        async with asyncio.timeout(timeout_s):
            reply = await _exchange(path, line)
    except TimeoutError:
        raise CollectorAwayError(
            f"the collector did not answer within {timeout_s:g} s; the command may have been carried out, and giving it "
            "again under the same key is safe"
        ) from None
    answer = decode_answer(reply)
    if not answer.ok:
        raise ControlError(answer.error or "the collector refused without a word")
    return answer.result or {}


async def _exchange(path: Path, line: bytes) -> bytes:
    try:
        reader, writer = await asyncio.open_unix_connection(path, limit=LINE_MAX)
    except (FileNotFoundError, ConnectionRefusedError) as error:
        raise CollectorAwayError(
            "the collector is not running, so nothing was changed; start it with `campus-gateway collect` or `run` "
            f"(nobody listens on {path})"
        ) from error
    except OSError as error:
        raise ControlError(
            f"{path} cannot be used: {error.strerror or error}; run as the collector's user"
        ) from error
    try:
        writer.write(line)
        await writer.drain()
        reply = await reader.readline()
    except (ConnectionError, ValueError) as error:
        raise CollectorAwayError(
            f"the collector went away before it answered ({error}); give the command again"
        ) from error
    finally:
        writer.close()
    if not reply.endswith(b"\n"):
        raise CollectorAwayError("the collector went away before it answered; give the command again")
    return reply
