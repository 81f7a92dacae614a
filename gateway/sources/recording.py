"""Raw traffic as JSON lines, for support: what was asked and answered on each bus, what each broker delivered.

Knows requests, replies and messages as bytes; does not know what they mean, and holds no password. Guarantees: a
recording never grows beyond its bound and never stops the collector: when it is full or the disk refuses, it ends.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from gateway.errors import ConfigError, NoAnswerError, RefusedError, WireError
from gateway.sources.seam import Delivery, Exchange
from runtime import logs
from runtime.clock import Clock

FORMAT = 1
MEGABYTE = 1_000_000

log = logs.get("sources.recording")


def outcome_of(error: WireError | None) -> str:
    """``answered``, ``refused``, ``no_answer`` or ``nonsense``."""
    match error:
        case None:
            return "answered"
        case RefusedError():
            return "refused"
        case NoAnswerError():
            return "no_answer"
    return "nonsense"


class Recorder:
    """``with Recorder(…) as recorder``: one file. Every line is written whole and at once."""

    def __init__(self, path: Path, bytes_max: int, clock: Clock) -> None:
        """Raises ConfigError when the file cannot be made, or exists: a recording is never written over."""
        self._clock, self._left, self._path = clock, bytes_max, path
        try:
            made = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            raise ConfigError(
                f"{path} exists; name another file for the recording or remove this one"
            ) from None
        except OSError as error:
            raise ConfigError(f"{path} cannot be written: {error.strerror}; name another file") from error
        self._file = os.fdopen(made, "wb", buffering=0)
        self._line({"record": FORMAT, "at": clock.now_ms()})

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def wire(self, bus: str, wire: Exchange) -> Exchange:
        """The same wire, every exchange of which is written down."""
        return _RecordedWire(bus, wire, self)

    def tap(self, broker: str) -> Callable[[Delivery], None]:
        """What to call with each message of a broker."""

        def write(delivery: Delivery) -> None:
            payload = base64.b64encode(delivery.payload).decode("ascii")
            self._line(
                {
                    "at": self._clock.now_ms(),
                    "broker": broker,
                    "direction": "in",
                    "topic": delivery.topic,
                    "retained": delivery.retained,
                    "payload": payload,
                }
            )

        return write

    def exchanged(
        self, bus: str, request: bytes, reply: bytes | None, error: WireError | None, took_s: float
    ) -> None:
        """One request and what came of it. ``took_s`` is real seconds, waiting for a silent line included."""
        row: dict[str, object] = {
            "at": self._clock.now_ms(),
            "bus": bus,
            "request": request.hex(),
            "reply": None if reply is None else reply.hex(),
            "outcome": outcome_of(error),
            "took_ms": round(took_s * 1000, 1),
        }
        if isinstance(error, RefusedError):
            row["code"] = error.code
        if error is not None:
            row["detail"] = str(error)
        self._line(row)

    def _line(self, row: dict[str, object]) -> None:
        if self._left <= 0:
            return
        line = json.dumps(row, ensure_ascii=False).encode() + b"\n"
        if len(line) > self._left:
            self._end("the recording is full; give a larger --record-max-mb to record longer")
            return
        try:
            written = self._file.write(line)
        except OSError as error:
            self._end(f"the file cannot be written: {error.strerror}")
            return
        self._left -= len(line)
        if written != len(line):
            self._end("the disk is full")

    def _end(self, why: str) -> None:
        self._left = 0
        log.warning("recording ends", file=str(self._path), why=why)


class _RecordedWire:
    """An ``Exchange`` that writes down what passes."""

    def __init__(self, bus: str, wire: Exchange, recorder: Recorder) -> None:
        self._bus, self._wire, self._recorder = bus, wire, recorder

    async def exchange(self, request: bytes) -> bytes:
        now = asyncio.get_running_loop().time
        started = now()
        try:
            reply = await self._wire.exchange(request)
        except WireError as error:
            self._recorder.exchanged(self._bus, request, None, error, now() - started)
            raise
        self._recorder.exchanged(self._bus, request, reply, None, now() - started)
        return reply

    async def close(self) -> None:
        await self._wire.close()
