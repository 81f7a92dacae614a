"""Uplinks whose keys contradict each other are named, with what would be right."""

from __future__ import annotations

import pytest

from tests.edge_config.conftest import Folder

LINES = 'id: db, kind: line-protocol, url: "https://db.example:8086", db: campus'


def sentences(folder: Folder, entry: str) -> list[str]:
    folder.write(more=f"  - {{{entry}}}\n")
    return folder.sentences()


@pytest.mark.parametrize("entry", [LINES, LINES.replace("db: campus", "org: o, bucket: b, space: tag")])
def test_an_uplink_that_is_right_is_loaded(folder: Folder, entry: str) -> None:
    assert sentences(folder, entry) == []


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        (", db: campus", "", "uplinks[db]: says not where to write, name `db` (InfluxDB 1.x)"),
        ("db: campus", "db: campus, bucket: b", "uplinks[db]: names both a `db` and an `org` or `bucket`"),
        ("db: campus", "org: o", "uplinks[db]: InfluxDB 2.x needs `org` and `bucket`, write both"),
        (
            "db: campus",
            "db: campus, username: u",
            "uplinks[db]: needs `username` and `password_file` together",
        ),
        (":8086", ":8086/write", "uplinks[db].url: is more than the server's address"),
        ("https:", "influx:", "uplinks[db].url"),
        ("db: campus", "db: campus, prefix: 1x", "write a word of letters, digits and underscores"),
        ("db: campus", "db: campus, token_file: nowhere", "uplinks[db].token_file"),
    ],
)
def test_a_line_protocol_uplink_that_is_wrong_is_named(
    folder: Folder, old: str, new: str, sentence: str
) -> None:
    assert old in LINES
    found = sentences(folder, LINES.replace(old, new))
    assert [one for one in found if sentence in one], found


def test_every_kind_says_what_its_receipt_is() -> None:
    from typing import get_args

    from edge_config.uplinks import Uplink

    kinds = get_args(get_args(Uplink)[0])
    assert {kind.receipt for kind in kinds} <= {"batch", "record", "none"}
    assert all("receipt" in vars(kind) for kind in kinds)
