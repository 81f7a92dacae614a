"""What is published (``contract``, pydantic) and what is worked on (``records``, msgspec) are one set of rules."""

from __future__ import annotations

import json
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import ValidationError

from district import contract, records
from tests.district import campus
from tests.district.campus import METER, NOW

BODIES: list[dict[str, Any]] = [
    campus.site(students=3, area_m2=2.5, school_kind="junior", quota={"2026": {"electricity_kwh": 9.5, "water_m3": None}}),
    campus.point(METER, space="a", energy_code="01000"),
    campus.slot(METER, 3, mean=1, low=0.5, high=2, changes=4),
    campus.event(end=NOW, evidence={"text_zh": "高", "nested": {"a": [1, None, True]}}),
    {"kind": "gap", "point": METER, "start": 1, "end": 2, "count": 3, "reason": "full"},
    {
        "kind": "statement", "day": "2026-11-21", "points": 1, "slots_due": 1, "slots_measured": 1,
        "slots_estimated": 0, "slots_missing": 0, "events_opened": 0,
    },
]  # fmt: skip
NUMBERS = [0, 1, -1, 4, 5, 2**53 - 1, 2**53, 253_402_300_799_999, 253_402_300_800_000, 0.0, 0.5, 1.5, -0.1]
TEXTS = ["", "x", "x" * 100, "x" * 101, "x" * 201, "15min", "open", "total", "counter", "missing", "5"]
DAYS = ["2026-11-21\n", "2026-1-1", "٢٠٢٦-11-21"]
ODD: list[Any] = [None, True, *NUMBERS, *TEXTS, *DAYS, [], {}, {"a": 1}]
HEAD = {"seq": 1, "key": "k", "revision": 1}

_pydantic = contract.ChangeRecord.model_validate_json
_msgspec = msgspec.json.Decoder(records.ChangeRecord)


def read_by_both(record: dict[str, Any]) -> tuple[bool, bool]:
    plain = json.dumps(record).encode()
    taken = []
    for read in (lambda: _pydantic(plain, strict=True), lambda: _msgspec.decode(plain)):
        try:
            read()
            taken.append(True)
        except (ValidationError, msgspec.ValidationError):
            taken.append(False)
    return taken[0], taken[1]


@pytest.mark.parametrize("body", BODIES, ids=lambda body: str(body["kind"]))
def test_both_read_the_same_values(body: dict[str, Any]) -> None:
    plain = json.dumps({**HEAD, "body": body}).encode()
    published, worked_on = _pydantic(plain, strict=True), _msgspec.decode(plain)
    assert published.model_dump(exclude={"body": {"kind"}}) == msgspec.to_builtins(worked_on) | {
        "body": {k: v for k, v in msgspec.to_builtins(worked_on.body).items() if k != "kind"}
    }
    assert worked_on.body.kind == body["kind"]


def test_both_have_the_same_kinds_and_fields() -> None:
    published = {
        kind.__name__: set(kind.model_fields) - {"kind"} for kind in get_args(get_args(contract.Body)[0])
    }
    worked_on = {name: set(getattr(records, name).__struct_fields__) for name in published}
    assert published == worked_on


@given(
    body=st.sampled_from(BODIES),
    where=st.integers(0, 20),
    odd=st.sampled_from(ODD),
    is_dropped=st.booleans(),
    in_head=st.booleans(),
)
@example(body=BODIES[5], where=1, odd="2026-11-21\n", is_dropped=False, in_head=False)
@example(body=BODIES[5], where=1, odd="٢٠٢٦-11-21", is_dropped=False, in_head=False)
def test_both_take_and_refuse_the_same(
    body: dict[str, Any], where: int, odd: Any, is_dropped: bool, in_head: bool
) -> None:
    record: dict[str, Any] = {**HEAD, "body": dict(body)}
    target = record if in_head else record["body"]
    name = sorted(target)[where % len(target)]
    if is_dropped:
        del target[name]
    else:
        target[name] = odd
    published, worked_on = read_by_both(record)
    assert published is worked_on
