"""Which changes a newer revision has replaced."""

from __future__ import annotations

import json

from gateway.model import Change
from tests.query.buffers import QUARTER_MS
from tests.query.conftest import Campus

METER = "main-e.energy_import"


def interval(seq: int, start: int, point: str = METER, period: str = "15min") -> Change:
    body = {"kind": "interval", "point": point, "period": period, "start": start}
    return Change(seq, "interval", f"interval/{point}/{period}/{start}", 1, json.dumps(body).encode())


def stored_seq(campus: Campus, start: int) -> int:
    row = campus.buffer.connection.execute(
        "SELECT seq FROM interval WHERE point_id = ? AND period = '15min' AND start = ?",
        (campus.buffer.ids[METER], start),
    ).fetchone()
    return int(row[0])


def test_an_interval_is_replaced_by_a_later_change_of_the_same_slot_alone(campus: Campus) -> None:
    start = campus.began + QUARTER_MS
    newest = stored_seq(campus, start)
    assert newest > 1
    changes = [interval(newest - 1, start), interval(newest, start), interval(newest + 1, start)]
    assert campus.reader.replaced(changes) == {newest - 1}
    others = [
        interval(1, campus.began - QUARTER_MS),
        interval(1, start, "nobody.energy_import"),
        interval(1, start, period="month"),
    ]
    assert campus.reader.replaced(others) == frozenset()


def test_an_event_is_replaced_by_its_later_change(campus: Campus) -> None:
    campus.buffer.event("e1", "limit", "air-101.co2", campus.midnight)
    (seq,) = campus.buffer.connection.execute("SELECT seq FROM event WHERE event_id = 'e1'").fetchone()
    body = b'{"kind":"event","event_id":"e1"}'
    changes = [Change(number, "event", "event/e1", 1, body) for number in (seq - 1, seq)]
    assert campus.reader.replaced(changes) == {seq - 1}


def test_what_cannot_be_read_and_what_has_no_revisions_is_replaced_by_nothing(campus: Campus) -> None:
    changes = [
        Change(1, "interval", "x", 1, b"not json"),
        Change(2, "interval", "x", 1, b'{"start":"now"}'),
        Change(3, "point", "point/x", 1, b'{"point":"main-e.energy_import"}'),
        Change(4, "event", "event/x", 1, b"{}"),
    ]
    assert campus.reader.replaced(changes) == frozenset()
