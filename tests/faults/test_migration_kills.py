"""F18: a migration that is killed at any write or sync, or meets a full disk, loses no row of a buffer of any schema (P20)."""

from __future__ import annotations

import re
import sys
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

from gateway.store.database import open_writer, schema_of
from tests.faults.tracing import run, traced
from tests.store.test_migrations import SCHEMAS, columns_of, contents, made

pytestmark = [pytest.mark.real("strace"), pytest.mark.timeout(1800)]

POINTS = 12
"""Calls to fail at, of each kind of failure and each schema, spread evenly."""


def migrating(folder: Path) -> list[str]:
    return [sys.executable, "-m", "tests.faults.migrating", str(folder / "buffer.db")]


def calls(folder: Path, schema: str) -> list[tuple[str, int]]:
    """Every call on the buffer while it is migrated, by its kind and its number among them."""
    folder.mkdir()
    made(folder / "buffer.db", schema)
    log = folder / "calls"
    done = run([*traced(folder, log), *migrating(folder)])
    assert done.returncode == 0, done.stderr
    found = Counter(re.findall(r"^\d+ +(\w+)\(", log.read_text(encoding="utf-8"), re.MULTILINE))
    return [(call, number + 1) for call, times in sorted(found.items()) for number in range(times)]


@pytest.mark.parametrize("fault", ["signal=SIGKILL", "error=ENOSPC"])
@pytest.mark.parametrize("schema", SCHEMAS)
def test_p20_a_migration_that_ends_at_any_call_loses_no_row(schema: str, fault: str, tmp_path: Path) -> None:
    points = calls(tmp_path / "whole", schema)
    columns = columns_of(made(tmp_path / "untouched.db", schema))
    with closing(open_writer(tmp_path / "untouched.db")) as connection:
        whole, schemas = contents(connection, columns), schema_of(connection)
    struck = 0
    for call, number in points[:: max(1, len(points) // POINTS)]:
        folder = tmp_path / f"{call}-{number}"
        folder.mkdir()
        made(folder / "buffer.db", schema)
        log = folder / "calls"
        run([*traced(folder, log, f"{call}:{fault}:when={number}+"), *migrating(folder)])
        said = log.read_text(encoding="utf-8")
        struck += "killed by SIGKILL" in said or "(INJECTED)" in said
        with closing(open_writer(folder / "buffer.db")) as connection:
            assert contents(connection, columns) == whole, f"{fault} at {call} {number}"
            assert schema_of(connection) == schemas
    assert struck > min(len(points), POINTS) // 2
