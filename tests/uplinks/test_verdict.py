from __future__ import annotations

import json
from typing import Any

import pytest

from gateway.uplinks.encode import encode
from gateway.uplinks.feed import Held, Identity
from gateway.uplinks.verdict import CutAt, Delivered, Keep, Poisoned, Reply, TooLarge, Trouble, judge
from tests.district.campus import NOW
from tests.uplinks.memory import rows

BATCH = encode(Identity("demo", "gw-1", "e-1"), 0, 12, rows(10))
JSON = "application/json"


def receipt(**more: Any) -> bytes:
    echo = {
        "site": "demo", "gateway": "gw-1", "epoch": "e-1", "from_seq": 0, "to_seq": 12, "count": 10,
        "sha256": BATCH.sha256, "rejected": [], "duplicate": False,
    }  # fmt: skip
    return json.dumps(echo | more).encode()


def problem(error: str, **more: Any) -> bytes:
    return json.dumps({"error": error, "detail": "why", "covered": [], **more}).encode()


def verdict(status: int, body: bytes, content_type: str = JSON, retry_after: str = "") -> object:
    return judge(Reply(status, content_type, retry_after, body), BATCH, NOW)


def kept(*args: Any, **more: Any) -> Keep:
    found = verdict(*args, **more)
    assert isinstance(found, Keep)
    return found


def test_a_receipt_of_this_batch_delivers_it() -> None:
    assert verdict(200, receipt()) == Delivered(())
    assert verdict(201, receipt(duplicate=True), "application/json; charset=utf-8") == Delivered(())


def test_refused_records_are_named_with_their_reason() -> None:
    assert verdict(200, receipt(rejected=[{"seq": 3, "reason": "no"}])) == Delivered(((3, "no"),))


@pytest.mark.parametrize(
    "wrong",
    [
        {"site": "other"}, {"gateway": "gw-2"}, {"epoch": "e-2"}, {"from_seq": 1}, {"to_seq": 11}, {"count": 9},
        {"sha256": "0" * 64}, {"rejected": [{"seq": 11, "reason": "not sent"}]},
    ],
)  # fmt: skip
def test_p7_f26_a_receipt_that_differs_anywhere_delivers_nothing(wrong: dict[str, Any]) -> None:
    assert kept(200, receipt(**wrong)).trouble is Trouble.NOT_A_RECEIPT


@pytest.mark.parametrize(
    ("status", "body", "content_type"),
    [
        (200, b"<html>log in</html>", "text/html"), (200, receipt(), "text/html"), (200, receipt(), ""),
        (200, b"{}", JSON), (200, b"", JSON), (204, b"", ""), (200, receipt()[:-9], JSON), (200, b"[1]", JSON),
    ],
)  # fmt: skip
def test_p7_f26_a_success_without_a_receipt_delivers_nothing(
    status: int, body: bytes, content_type: str
) -> None:
    assert kept(status, body, content_type).trouble is Trouble.NOT_A_RECEIPT


@pytest.mark.parametrize(
    ("status", "trouble"),
    [
        (301, Trouble.REFUSED), (302, Trouble.REFUSED), (304, Trouble.REFUSED), (401, Trouble.UNAUTHORIZED),
        (403, Trouble.FORBIDDEN), (404, Trouble.NOT_FOUND), (405, Trouble.REFUSED), (408, Trouble.BUSY),
        (429, Trouble.BUSY), (500, Trouble.SERVER_ERROR), (502, Trouble.SERVER_ERROR), (503, Trouble.SERVER_ERROR),
        (511, Trouble.SERVER_ERROR),
    ],
)  # fmt: skip
def test_p8_no_status_of_the_way_or_the_server_condemns_data(status: int, trouble: Trouble) -> None:
    assert kept(status, b"<html>", "text/html").trouble is trouble
    assert kept(status, problem("unavailable")).trouble is trouble


@pytest.mark.parametrize("status", [400, 422])
def test_only_the_districts_own_words_condemn_a_record(status: int) -> None:
    assert verdict(status, problem("invalid")) == Poisoned("why")
    assert kept(status, problem("damaged")).trouble is Trouble.DAMAGED
    assert kept(status, b"<h1>Bad Request</h1>", "text/html").trouble is Trouble.REFUSED
    assert kept(status, problem("a new word")).trouble is Trouble.REFUSED


def test_a_condemned_record_is_named_by_an_answer_to_this_very_batch() -> None:
    named = [{"seq": seq, "reason": f"no {seq}"} for seq in BATCH.seqs[:2]]
    assert verdict(422, problem("invalid", invalid=named[::-1])) == Poisoned(
        "why", tuple((seq, f"no {seq}") for seq in BATCH.seqs[:2])
    )
    stranger = {"seq": BATCH.to_seq + 1, "reason": "never sent"}
    assert verdict(422, problem("invalid", invalid=[*named, stranger])) == Poisoned("why")


@pytest.mark.parametrize(("fault", "trouble"), [("fenced", Trouble.FENCED), ("cloned", Trouble.CLONED)])
@pytest.mark.parametrize("status", [403, 409])
def test_f28_a_fence_keeps_all_and_waits_for_a_person(status: int, fault: str, trouble: Trouble) -> None:
    found = kept(status, problem(fault))
    assert (found.trouble, found.retry_after_s) == (trouble, 3600.0)
    assert "new-epoch" in found.cure


def test_f27_what_the_district_holds_is_read_from_its_receipt() -> None:
    assert verdict(200, receipt(received=[(0, 12)])) == Delivered((), Held(((0, 12),)))
    many = [(2 * number, 2 * number + 1) for number in range(200)]
    found = verdict(200, receipt(received=many))
    assert isinstance(found, Delivered)
    assert found.held is not None
    assert found.held.is_cut_off


def test_too_large_splits_and_is_final_only_from_the_district() -> None:
    assert verdict(413, problem("too_large")) == TooLarge("why", is_final=True)
    found = verdict(413, b"<html>", "text/html")
    assert isinstance(found, TooLarge)
    assert not found.is_final


@pytest.mark.parametrize(
    ("covered", "expected"),
    [([(0, 5)], CutAt(5)), ([(4, 8)], CutAt(4)), ([(9, 12), (0, 2)], CutAt(2))],
)
def test_a_covered_part_is_cut_off(covered: list[tuple[int, int]], expected: CutAt) -> None:
    assert verdict(409, problem("covered", covered=covered)) == expected


@pytest.mark.parametrize("covered", [[], [(0, 12)], [(20, 30)]])
def test_a_409_that_does_not_divide_the_batch_keeps_it(covered: list[tuple[int, int]]) -> None:
    assert kept(409, problem("covered", covered=covered)).trouble is Trouble.REFUSED


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("", 0.0), ("30", 30.0), ("0", 0.0), ("315360000", 3600.0), ("-5", 0.0), ("soon", 0.0), ("9" * 400, 3600.0),
        ("Sun, 22 Nov 2026 06:10:00 GMT", 600.0), ("Sun, 22 Nov 2026 05:00:00 GMT", 0.0),
        ("Sun, 22 Nov 2036 06:10:00 GMT", 3600.0), ("Sun, 99 Nov 2026 06:10:00 GMT", 0.0), ("٣", 0.0),
    ],
)  # fmt: skip
def test_retry_after_is_honoured_up_to_an_hour(header: str, seconds: float) -> None:
    assert kept(429, b"", retry_after=header).retry_after_s == seconds
