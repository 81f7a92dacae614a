"""What staff may ask of the uplinks: send a stretch again, pause and resume one, begin another epoch. Each is kept under its
key like every other act, in the transaction of its effect."""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from edge_config.site import LoadedSite
from edge_config.uplinks import Uplink
from gateway.book.accounts import Accounts
from gateway.control.protocol import Command
from gateway.door.ingest import Door
from gateway.errors import ControlError
from gateway.store import bodies, changes, events, uplinks
from gateway.store.changes import ChangeLog
from runtime.clock import Clock

Handler = Callable[[Command], Awaitable[dict[str, Any]]]
Work = Callable[[sqlite3.Connection, Command], dict[str, Any]]


def uplink_handlers(site: LoadedSite, door: Door, clock: Clock) -> Mapping[str, Handler]:
    """Command name → what carries it out. The subject is an uplink's id; that of ``new_epoch`` the gateway's."""

    def kept(work: Work) -> Handler:
        async def handle(command: Command) -> dict[str, Any]:
            now = clock.now_ms()
            return await door.execute(lambda connection, _: _once(connection, command, now, work))

        return handle

    async def resend(command: Command) -> dict[str, Any]:
        now = clock.now_ms()

        def work(connection: sqlite3.Connection, accounts: Accounts) -> dict[str, Any]:
            return _once(
                connection, command, now, lambda c, asked: _resend(site, c, asked, accounts.log, now)
            )

        return await door.execute(work)

    def pause(connection: sqlite3.Connection, command: Command) -> dict[str, Any]:
        return _paused(connection, _uplink(site, command.subject), is_paused=True)

    def resume(connection: sqlite3.Connection, command: Command) -> dict[str, Any]:
        return _paused(connection, _uplink(site, command.subject), is_paused=False)

    async def new_epoch(command: Command) -> dict[str, Any]:
        """A person decides that this machine is the gateway."""
        if command.subject != site.file.gateway.id:
            raise ControlError(f"网关编号不是 {command.subject}; this gateway is {site.file.gateway.id}")
        now = clock.now_ms()
        return await door.begin_epoch(lambda c, renew: _once(c, command, now, lambda *_: {"epoch": renew()}))

    return {
        "resend": resend, "pause_uplink": kept(pause), "resume_uplink": kept(resume), "new_epoch": new_epoch,
    }  # fmt: skip


def _resend(
    site: LoadedSite, connection: sqlite3.Connection, command: Command, log: ChangeLog, now: int
) -> dict[str, Any]:
    """补传: the changes (after_seq, to_seq] wait once more, as far as they were delivered, and what was refused of them is told
    again: a point that was moved to this gateway since, or a school it did not know, is no reason any more."""
    uplink = _uplink(site, command.subject)
    after, to_seq = (_seq(command, key) for key in ("after_seq", "to_seq"))
    if after >= to_seq:
        raise ControlError(f"没有要补传的数据; there is nothing to send again from {after + 1} to {to_seq}")
    count = uplinks.again(connection, uplink.id, [(after, to_seq)], lanes=uplink.lanes)
    refused = uplinks.take_refused(connection, uplink.id, after, to_seq)
    changes.append_again(connection, log, refused, now)
    log.flush(connection)
    return {
        "uplink": uplink.id, "after_seq": after, "to_seq": to_seq, "waiting": count, "told_again": len(refused),
    }  # fmt: skip


def _paused(connection: sqlite3.Connection, uplink: Uplink, *, is_paused: bool) -> dict[str, Any]:
    uplinks.pause(connection, uplink.id, paused=is_paused)
    return {"uplink": uplink.id, "paused": is_paused}


def _once(connection: sqlite3.Connection, command: Command, now: int, work: Work) -> dict[str, Any]:
    known = events.act(connection, command.key)
    if known is not None:
        return known
    answer = work(connection, command)
    events.add_act(
        connection, key=command.key, at=now, user=command.user, command=command.name, subject=command.subject,
        body=bodies.as_json(command.body), answer=bodies.as_json(answer),
    )  # fmt: skip
    return answer


def _uplink(site: LoadedSite, name: str) -> Uplink:
    for uplink in site.file.uplinks:
        if uplink.id == name:
            return uplink
    known = ", ".join(uplink.id for uplink in site.file.uplinks) or "none"
    raise ControlError(f"没有叫 {name} 的上报; there is no uplink {name}, the site file has {known}")


def _seq(command: Command, key: str) -> int:
    value = command.body.get(key)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ControlError(f"resend needs {key}, a number of the change feed, not {value!r}")
    return value
