"""A real PostgreSQL server of our own: its files in a temporary folder, on a unix socket only, as an unprivileged user."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import psycopg

SETTINGS = "fsync={fsync}\nlisten_addresses=''\nmax_connections=60\nshared_buffers=64MB\nunix_socket_directories='{folder}'\n"
"""Without fsync in the suite: what a power cut leaves is PostgreSQL's own affair."""


@dataclass
class Server:
    folder: Path

    def url(self, role: str) -> str:
        return f"postgresql:///postgres?host={self.folder}&user={role}"

    def new_database(self) -> str:
        """The URL of what is empty: a role with a schema of its own, which costs less than a database and is as far apart."""
        name = f"d{uuid4().hex[:12]}"
        with psycopg.connect(self.url("district"), autocommit=True) as connection:
            connection.execute(f"CREATE ROLE {name} LOGIN")
            connection.execute(f"CREATE SCHEMA AUTHORIZATION {name}")
            connection.execute(f"GRANT TEMPORARY ON DATABASE postgres TO {name}")
        return self.url(name)

    def start(self) -> None:
        self._control("start", "-l", str(self.folder / "log"))

    def stop(self) -> None:
        self._control("stop", "-m", "immediate")

    def _control(self, *words: str) -> None:
        _run(self.folder, "pg_ctl", "-D", str(self.folder / "data"), "-w", "-t", "120", *words)


@contextmanager
def server(*, is_synced: bool = False) -> Iterator[Server]:
    """Started; stopped and removed at the end. The folder's name is short: a socket's path has 107 bytes at most."""
    folder = Path(tempfile.mkdtemp(prefix="pg-"))
    try:
        if os.geteuid() == 0:
            shutil.chown(folder, _user())
        _run(
            folder,
            "initdb",
            "-D",
            str(folder / "data"),
            "-U",
            "district",
            "-A",
            "trust",
            "-N",
            "-E",
            "UTF8",
            "--locale=C",
        )
        with (folder / "data" / "postgresql.conf").open("a") as file:
            file.write(SETTINGS.format(folder=folder, fsync="on" if is_synced else "off"))
        running = Server(folder)
        running.start()
        try:
            yield running
        finally:
            running.stop()
    finally:
        shutil.rmtree(folder)


def _user() -> str:
    """PostgreSQL does not run as root."""
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


def _run(folder: Path, program: str, *words: str) -> None:
    found = shutil.which(program) or str(max(Path("/usr/lib/postgresql").glob(f"*/bin/{program}")))
    done = subprocess.run(
        [found, *words], cwd=folder, user=_user() if os.geteuid() == 0 else None, stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"{program}: {done.stderr}"
