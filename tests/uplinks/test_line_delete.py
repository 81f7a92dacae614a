from __future__ import annotations

import json
from urllib.parse import parse_qs

import pytest

from edge_config.uplinks import LineProtocolUplink
from gateway.uplinks.line_delete import Request, TakenBack, judged, requests, taken_back
from gateway.uplinks.line_http import REPLY_BYTES_MAX
from gateway.uplinks.verdict import Keep, Reply, Trouble
from tests.district.campus import METER, MIDNIGHT, event, slot
from tests.uplinks.memory import row

V1 = LineProtocolUplink(id="db", kind="line-protocol", url="http://127.0.0.1:8086/", db="campus")
V2 = V1.model_copy(update={"db": None, "org": "o", "bucket": "b"})
ROW = TakenBack("campus_15min", "demo", METER, MIDNIGHT)
ONE = Request("http://x/query", "", b"", 1)


def test_only_a_later_revision_that_is_missing_takes_back() -> None:
    changes = [
        row(1, slot(METER, 0, 1.0), revision=2),
        row(2, slot(METER, 1, None)),
        row(3, slot(METER, 0, None), revision=3),
        row(4, event(), revision=2),
        row(5, {"kind": "interval"}, revision=2),
    ]
    assert taken_back(V1, "demo", changes) == [ROW]


def test_of_1_x_all_rows_go_in_one_query() -> None:
    (request,) = requests(V1, [ROW, ROW])
    assert (request.url, request.count) == ("http://127.0.0.1:8086/query", 2)
    asked = parse_qs(request.body.decode())
    statement = f"DELETE FROM \"campus_15min\" WHERE site = 'demo' AND point = 'main-e.energy_import' AND time = {MIDNIGHT}000000"
    assert asked == {"db": ["campus"], "q": [f"{statement};{statement}"]}


def test_of_1_x_the_answer_to_a_query_stays_below_what_is_read() -> None:
    rows = [TakenBack("campus_15min", "demo", METER, MIDNIGHT + n) for n in range(5000)]
    made = requests(V1, rows)
    asked = [line for one in made for line in parse_qs(one.body.decode())["q"][0].split(";")]
    assert len(asked) == len(set(asked)) == sum(one.count for one in made) == 5000
    for one in made:  # the shape of 1.x, with the largest number of a statement
        answer = {"results": [{"statement_id": one.count}] * one.count}
        assert len(json.dumps(answer)) < REPLY_BYTES_MAX / 2


def test_of_2_x_each_row_is_a_request() -> None:
    first, second = requests(V2, [ROW, ROW])
    assert first == second
    assert first.url == "http://127.0.0.1:8086/api/v2/delete?org=o&bucket=b"
    assert json.loads(first.body) == {
        "start": "2026-11-21T16:00:00.000Z",
        "stop": "2026-11-21T16:00:00.001Z",
        "predicate": '_measurement="campus_15min" AND site="demo" AND point="main-e.energy_import"',
    }


def test_nothing_to_take_back_is_no_request() -> None:
    assert requests(V1, []) == requests(V2, []) == []


def test_a_mark_in_a_name_stays_inside_its_quotes() -> None:
    (request,) = requests(V1, [TakenBack('a"b', "s'; DROP DATABASE campus", "p\\", 1)])
    statement = parse_qs(request.body.decode())["q"][0]
    assert statement == (
        "DELETE FROM \"a\\\"b\" WHERE site = 's\\'; DROP DATABASE campus' AND point = 'p\\\\' AND time = 1000000"
    )


@pytest.mark.parametrize(
    ("status", "body", "is_done"),
    [
        (204, "", True),
        (200, {"results": [{"statement_id": 0}]}, True),
        (200, {"results": []}, False),
        (200, {"results": [{"error": "not authorized"}]}, False),
        (200, {"results": [{}, {}]}, False),
        (200, "<html>please log in</html>", False),
        (403, {"error": "not authorized"}, False),
        (500, "", False),
    ],
)
def test_only_the_databases_own_word_for_every_row_is_enough(
    status: int, body: object, is_done: bool
) -> None:
    raw = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    kept = judged(Reply(status, "application/json", "", raw), ONE)
    assert (kept is None) == is_done
    if kept is not None:
        assert isinstance(kept, Keep)
        assert kept.trouble is Trouble.REFUSED
