"""One life of the gateway's process, on a folder of its own: at a crash the files are as they were at that instant.

What goes on after a crash is a ghost: it commits into files nobody will open, and nobody outside hears it.
"""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.simulation.chaos import Chaos

NOT_DURABLE = ("-shm", ".lock", ".ballast")


class Life:
    def __init__(self, folder: Path, heir: Path, chaos: Chaos) -> None:
        self.folder, self._heir, self.chaos = folder, heir, chaos
        self.is_alive = True
        self.crashed = asyncio.Event()
        self.connections: list[sqlite3.Connection] = []
        folder.mkdir(exist_ok=True)

    def crash(self, what: str) -> None:
        """The process is gone; ``heir`` is the folder of the next one. Only a world with its faults on crashes."""
        if not self.is_alive:
            return
        self.chaos.saw(what)
        self.end()
        self.crashed.set()

    def end(self) -> None:
        """Hand the durable files on."""
        self.is_alive = False
        self._heir.mkdir()
        for path in self.folder.iterdir():
            if not path.name.endswith(NOT_DURABLE):
                shutil.copyfile(path, self._heir / path.name)

    def bury(self) -> None:
        """Let go of what the process held."""
        for connection in self.connections:
            connection.close()
        shutil.rmtree(self.folder)

    def connect(self, *arguments: Any, **more: Any) -> sqlite3.Connection:
        """Stands in for ``sqlite3.connect``."""
        more["factory"] = _watched(self)
        connection: sqlite3.Connection = sqlite3.connect(*arguments, **more)
        self.connections.append(connection)
        return connection


def _watched(life: Life) -> Callable[..., sqlite3.Connection]:
    def make(*arguments: Any, **more: Any) -> sqlite3.Connection:
        connection = Watched(*arguments, **more)
        connection.life = life
        return connection

    return make


class Watched(sqlite3.Connection):
    """A connection on which a process may die at any statement, and a COMMIT may fail or be lost."""

    life: Life

    def execute(self, sql: str, *parameters: Any) -> sqlite3.Cursor:
        if sql == "COMMIT" and self.life.is_alive:
            return self._commit()
        cursor = super().execute(sql, *parameters)
        if self.in_transaction:
            self._may_die(
                "crash inside a migration" if sql.startswith("CREATE") else "crash inside a transaction"
            )
        return cursor

    def executemany(self, sql: str, parameters: Any) -> sqlite3.Cursor:
        cursor = super().executemany(sql, parameters)
        self._may_die("crash inside a transaction")
        return cursor

    def _may_die(self, what: str) -> None:
        life = self.life
        if life.is_alive and life.chaos.hits("crash_sql"):
            life.crash(what)

    def _commit(self) -> sqlite3.Cursor:
        life, chaos = self.life, self.life.chaos
        if chaos.hits("crash_commit"):
            if chaos.stream("commit").random() < 0.5:
                life.crash("crash before COMMIT")
                return super().execute("COMMIT")
            cursor = super().execute("COMMIT")
            life.crash("crash between COMMIT and acknowledgement")
            return cursor
        if not chaos.hits("commit_fails"):
            return super().execute("COMMIT")
        if chaos.stream("commit").random() < 0.5:
            super().execute("COMMIT")
            chaos.saw("commit reported as failed although it happened")
        else:
            chaos.saw("commit that failed")
        raise _disk_error()


def _disk_error() -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorcode, error.sqlite_errorname = sqlite3.SQLITE_IOERR, "SQLITE_IOERR"
    return error
