"""What staff and the worker may ask of the collector: each command is one transaction, answered after COMMIT.

The same idempotency key gets the same answer and no second effect. Refusals are ControlError with words for the person.
Their time is the gateway's best guess: a wall clock in doubt would date an act decades off, and refuse what is right.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any

from pydantic import ValidationError

from district.contract import StatementBody
from gateway.book.accounts import Accounts
from gateway.commands.adoption import Adoption, forget
from gateway.commands.replacement import replace_meter
from gateway.control.protocol import Command
from gateway.door.ingest import Door
from gateway.errors import ControlError
from gateway.store import bodies, candidates, events

Handler = Callable[[Command], Awaitable[dict[str, Any]]]


def handlers(
    door: Door, status: Callable[[], dict[str, Any]], adoption: Adoption | None = None
) -> Mapping[str, Handler]:
    """Command name → what carries it out. Without ``adoption`` there is no ``adopt``."""

    def kept(work: Callable[[sqlite3.Connection, Accounts, Command, int], dict[str, Any]]) -> Handler:
        async def handle(command: Command) -> dict[str, Any]:
            now = door.clock.best_ms()
            return await door.execute(
                lambda connection, accounts: _once(connection, accounts, command, now, work)
            )

        return handle

    async def say_status(_: Command) -> dict[str, Any]:
        return status()

    known: dict[str, Handler] = {
        "replace_meter": partial(_replace_meter, door),
        "acknowledge": kept(_acknowledge), "statement": kept(_statement), "dismiss": kept(_dismiss), "status": say_status,
    }  # fmt: skip
    return known if adoption is None else {**known, "adopt": partial(_adopt, door, adoption)}


async def _adopt(door: Door, adoption: Adoption, command: Command) -> dict[str, Any]:
    """采用: a candidate becomes a device. What is done outside the transaction has the same effect if it comes again."""
    known = await door.execute(lambda connection, _: events.act(connection, command.key))
    if known is not None:
        return known
    answer, now = await adoption.adopt(command), door.clock.best_ms()

    def keep(connection: sqlite3.Connection, _: Accounts, command: Command, __: int) -> dict[str, Any]:
        forget(connection, command)
        return answer

    return await door.execute(lambda connection, accounts: _once(connection, accounts, command, now, keep))


async def _replace_meter(door: Door, command: Command) -> dict[str, Any]:
    """换表: the registers of a meter that was changed for another; the next reading is not judged by the old one's."""
    now, is_trusted = door.clock.best_ms(), door.clock.is_trusted

    def replaced(
        connection: sqlite3.Connection, accounts: Accounts, command: Command, now: int
    ) -> dict[str, Any]:
        if not is_trusted:  # the readings around it would later stand elsewhere in time, and it would not
            raise ControlError(
                "网关的时钟还没有校准, 换表请在时间同步后登记; the gateway does not know the time yet, "
                "tell of the replacement once its clock is right"
            )
        return replace_meter(connection, accounts, command, now)

    answer = await door.execute(
        lambda connection, accounts: _once(connection, accounts, command, now, replaced)
    )
    door.forget(answer["points"])
    return answer


def _once(
    connection: sqlite3.Connection, accounts: Accounts, command: Command, now: int,
    work: Callable[[sqlite3.Connection, Accounts, Command, int], dict[str, Any]],
) -> dict[str, Any]:  # fmt: skip
    """Carry out a command unless its key has been, and keep it with its answer."""
    known = events.act(connection, command.key)
    if known is not None:
        return known
    answer = work(connection, accounts, command, now)
    events.add_act(
        connection, key=command.key, at=now, user=command.user, command=command.name, subject=command.subject,
        body=bodies.as_json(command.body), answer=bodies.as_json(answer),
    )  # fmt: skip
    return answer


def _acknowledge(connection: sqlite3.Connection, _: Accounts, command: Command, now: int) -> dict[str, Any]:
    """确认: someone has seen the event. What the data say of it does not change."""
    if events.find(connection, command.subject) is None:
        raise ControlError(f"没有编号为 {command.subject} 的报警; there is no event {command.subject}")
    return {"event_id": command.subject, "acknowledged_by": command.user, "acknowledged_at": now}


def _dismiss(connection: sqlite3.Connection, _: Accounts, command: Command, now: int) -> dict[str, Any]:
    """忽略: a candidate is no longer shown."""
    broker = str(command.body.get("broker", ""))
    if not candidates.is_known(connection, broker, command.subject):
        raise ControlError(
            f"没有候选设备 {command.subject}; there is no candidate {command.subject} on broker {broker}"
        )
    candidates.dismiss(connection, broker, command.subject, now)
    return {"topic": command.subject, "dismissed_at": now}


def _statement(
    connection: sqlite3.Connection, accounts: Accounts, command: Command, now: int
) -> dict[str, Any]:
    """零报告: a day's statement from the worker."""
    try:
        body = StatementBody.model_validate(command.body)
    except ValidationError as error:
        raise ControlError(
            f"a daily statement needs the fields of district.contract.StatementBody: {error}"
        ) from error
    fields = body.model_dump(exclude={"kind"})
    return {"day": body.day, "revision": accounts.statement(connection, fields, now)}
