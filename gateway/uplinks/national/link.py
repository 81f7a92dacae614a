"""The long connection to a centre: kept up while the uplink runs, anew with jitter when it ended.

Knows addresses, keys and waits. Keys are read anew for each connection and never logged.
"""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass
from pathlib import Path

from edge_config.uplinks import NationalUplink
from gateway.uplinks.backoff import wait_s
from gateway.uplinks.national.said import Speaking
from gateway.uplinks.national.session import Asked, Counts, Session, log_in
from gateway.uplinks.national.trouble import LinkError, no_answer
from gateway.uplinks.national.wire import Wire
from gateway.uplinks.verdict import Trouble
from runtime import logs
from runtime.clock import Clock

FAILURES_MAX = 5
"""Counted for the wait: it stays below 32 s, since the loop above waits longer by itself."""
SECRET_LENGTH = 16


@dataclass(frozen=True, slots=True)
class Keys:
    secret: bytes
    login: str


def keys_of(uplink: NationalUplink) -> Keys:
    """The keys as the files hold them now. Raises LinkError that names the file."""
    secret = _key(uplink.secret_file)
    if len(secret) != SECRET_LENGTH:
        raise LinkError(
            Trouble.TOKEN,
            f"{uplink.secret_file} holds {len(secret)} characters",
            "write the 16 characters the platform gave out, on one line",
        )
    return Keys(secret.encode("ascii"), _key(uplink.md5_key_file) if uplink.md5_key_file else secret)


def _key(path: str) -> str:
    try:
        return Path(path).read_text("ascii").strip()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is not ASCII text"
        raise LinkError(
            Trouble.TOKEN, f"cannot read {path}: {reason}", "write the platform's key into it, on one line"
        ) from error


class Link:
    """``run`` keeps it up, ``up`` gives the session to speak in."""

    def __init__(
        self,
        uplink: NationalUplink,
        speaking: Speaking,
        asked: Asked,
        clock: Clock,
        rng: random.Random | None = None,
    ) -> None:
        self._uplink, self._speaking, self._asked, self._clock = uplink, speaking, asked, clock
        self._rng = rng or random.Random()  # noqa: S311 - jitter, no secret
        self._log = logs.get("national").bind(uplink=uplink.id, to=uplink.destination)
        self._session: Session | None = None
        self._trouble: LinkError | None = None
        self._changed = asyncio.Event()
        self.counts = Counts()
        self.connections = 0

    async def up(self) -> Session:
        """The session, once the centre let us in. Raises LinkError with what stands in the way, at once where it is known."""
        deadline_s = 2 * self._uplink.answer_s
        try:
            async with asyncio.timeout(deadline_s):
                while self._session is None:
                    if self._trouble is not None:
                        raise self._trouble.again()
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError as error:
            raise no_answer(f"not connected within {deadline_s:g} s") from error
        return self._session

    async def run(self) -> None:
        """Connect, stay, and connect again, until cancelled."""
        failures = 0
        while True:
            began = self.connections
            try:
                await self._stay()
            except LinkError as error:
                failures = 1 if self.connections > began else failures + 1
                delay_s = wait_s(min(failures, FAILURES_MAX), self._rng, error.wait_s)
                self._is(None, error.again(delay_s))
                self._log.info(
                    "connection ended", why=str(error), retry_s=round(delay_s, 1), ignored=self.counts.ignored
                )
                await self._clock.sleep(delay_s)
                self._trouble = None

    async def _stay(self) -> None:
        uplink, keys = self._uplink, keys_of(self._uplink)
        wire = await Wire.to(uplink.host, uplink.port, self._speaking.dialect, keys.secret, uplink.answer_s)
        async with wire:
            await log_in(wire, self._speaking, keys.login, uplink.answer_s)
            session = Session(
                wire, self._speaking, self._asked, self._clock, uplink.heartbeat_s, uplink.answer_s, self.counts,
                self._clock.now_ms(),
            )  # fmt: skip
            self.connections += 1
            self._log.info("let in", connections=self.connections)
            self._is(session, None)
            try:
                await session.run()
            finally:
                self._is(None, None)

    def _is(self, session: Session | None, trouble: LinkError | None) -> None:
        self._session, self._trouble = session, trouble
        self._changed.set()
