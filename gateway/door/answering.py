"""One command's work inside the writer's transaction: a refusal of it takes nothing else with it."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Iterable
from typing import Any

from gateway.book.accounts import Accounts

Work = Callable[[sqlite3.Connection, Accounts], Any]


def give(
    asked: Iterable[tuple[Work, asyncio.Future[Any]]], answers: Iterable[tuple[Any, Exception | None]]
) -> None:
    """Hand the answers to those who asked and still wait, after COMMIT."""
    for (_, future), (found, refusal) in zip(asked, answers, strict=True):
        if future.cancelled():
            continue
        if refusal is not None:
            future.set_exception(refusal)
        else:
            future.set_result(found)


def answer(connection: sqlite3.Connection, accounts: Accounts, work: Work) -> tuple[Any, Exception | None]:
    """What came of it, or why it was refused. Raises sqlite3.Error: that must take the batch with it."""
    connection.execute("SAVEPOINT work")
    try:
        found = work(connection, accounts)
    except sqlite3.Error:
        raise
    except Exception as refusal:  # noqa: BLE001 - handed to the one who asked
        connection.execute("ROLLBACK TO work")
        connection.execute("RELEASE work")
        return None, refusal
    connection.execute("RELEASE work")
    return found, None
