"""A database of before is brought to this version with everything in it; what decides about gateways is worked out from it."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from district import enrolment
from district.accept import accept
from district.contract import Fault
from district.refusal import Refusal
from district.store.database import open_database
from district.store.sqlite_schema import STEPS, TABLES, VERSION
from tests.district import campus
from tests.district.campus import METER, NOW
from tests.district.test_accept import batch, numbered

CHANGES = numbered(campus.day_slots())


def of_version_2(path: Path) -> None:
    """As version 2 made it: a gateway with a key of before, two epochs received, the second its present one."""
    with closing(sqlite3.connect(path)) as connection, connection:
        for statement in (*TABLES, *STEPS[2]):
            connection.execute(statement)
        connection.execute("PRAGMA user_version = 2")
        connection.execute("INSERT INTO site VALUES ('demo', '示例中学', 'Asia/Shanghai', 1200, 24000, 1)")
        connection.execute(
            "INSERT INTO gateway VALUES ('demo', 'gw-1', '示例中学', 'digest', 5, ?, 'e-2')", (NOW,)
        )
        connection.executemany(
            "INSERT INTO received VALUES ('demo', 'gw-1', ?, ?, ?)",
            [("e-1", 0, 7), ("e-2", 0, 2), ("e-2", 5, 6)],
        )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    of_version_2(tmp_path / "d.db")
    return tmp_path / "d.db"


def test_a_database_of_version_2_keeps_what_it_holds(path: Path) -> None:
    with closing(open_database(path)) as store:
        assert accept(store, batch(CHANGES[2:5], 2, 5, epoch="e-2"), NOW).received == [(0, 6)]
        with store.snapshot() as connection:
            assert connection.rows("PRAGMA user_version") == [(VERSION,)]
            assert connection.rows("SELECT name, students, school_kind, quota FROM site") == [
                ("示例中学", 1200, None, None)
            ]
            assert connection.rows("SELECT epoch, first_at, fenced_at FROM epoch ORDER BY epoch") == [
                ("e-1", 5, NOW), ("e-2", 5, None),
            ]  # fmt: skip


def test_an_epoch_that_had_ended_before_is_closed(path: Path) -> None:
    with closing(open_database(path)) as store, pytest.raises(Refusal) as caught:
        accept(store, batch([campus.change(8, campus.slot(METER, 0))], 7, 8), NOW)
    assert caught.value.problem.error is Fault.FENCED


def test_a_gateway_of_before_is_enrolled_again(path: Path) -> None:
    with closing(open_database(path)) as store:
        assert enrolment.keys_in_force(store, "demo", "gw-1", NOW) == []
    assert campus.enrolled(path).startswith("demo.gw-1.")


def test_s19_what_one_can_sign_with_is_its_owners_alone(tmp_path: Path) -> None:
    """The database and its logs: what is stored of a key is as good as the key."""
    before = os.umask(0)
    try:
        with closing(open_database(tmp_path / "d.db")) as fresh:
            enrolment.issue_token(fresh, "demo", "gw-1", "示例中学", NOW)
            modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}
    finally:
        os.umask(before)
    assert modes == {"d.db": 0o600, "d.db-wal": 0o600, "d.db-shm": 0o600}
