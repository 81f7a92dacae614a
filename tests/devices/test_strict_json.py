"""Nothing a stranger sends gets past the reader as anything but an object or a reason."""

from __future__ import annotations

import contextlib
import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devices.strict_json import BYTES_MAX, DEPTH_MAX, PayloadError, read_object

STEADY = settings(derandomize=True, deadline=None, database=None, max_examples=300)

HOSTILE = [
    (b"", "empty"),
    (b" \r\n\t ", "empty"),
    (b"x" * 10_000_000, "too_large"),
    (b'{"a":"' + b"x" * BYTES_MAX + b'"}', "too_large"),
    (b"[" * 60_000, "too_deep"),
    (b"[" * 100_000, "too_large"),
    (b'{"a":' * 12_000, "too_deep"),
    (b'{"a":' * (DEPTH_MAX + 1) + b"1" + b"}" * (DEPTH_MAX + 1), "too_deep"),
    (b'{"a":[' * 500 + b"NaN" + b"]}" * 500, "too_deep"),
    (b'{"a":NaN,"b":' + b"[" * 60_000, "too_deep"),
    (b'{"a":"\xff"}', "not_utf8"),
    (b"\xff\xfe{", "not_utf8"),
    (b'\xef\xbb\xbf{"a":1}', "not_json"),
    (b'{"a":1', "not_json"),
    (b'{"a":1}{"a":1}', "not_json"),
    (b"{'a':1}", "not_json"),
    (b'{"a":01}', "not_json"),
    (b'{"a":"\x01"}', "not_json"),
    (b"\x00", "not_json"),
    (b"nan", "not_json"),
    (b"[]", "not_an_object"),
    (b"21.5", "not_an_object"),
    (b'"{}"', "not_an_object"),
    (b"null", "not_an_object"),
    (b"NaN", "not_an_object"),
    (b'{"a":1,"a":2}', "duplicate_key"),
    (b'{"a":1,"a" :1}', "duplicate_key"),
    (b'{"a":1,"\\u0061":2}', "duplicate_key"),
    (b'{"b":1,"b":":"}', "duplicate_key"),
    (b'{"b":1,"b":"\\u003a"}', "duplicate_key"),
    (b'{"x":[{"y":{"a":1,"a":2}}]}', "duplicate_key"),
]


@pytest.mark.parametrize(("payload", "reason"), HOSTILE)
def test_a_hostile_payload_is_refused_with_its_reason(payload: bytes, reason: str) -> None:
    with pytest.raises(PayloadError) as caught:
        read_object(payload)
    assert caught.value.reason == reason


def test_the_deepest_permitted_object_is_read() -> None:
    assert read_object(b'{"a":' * DEPTH_MAX + b"1" + b"}" * DEPTH_MAX)


def test_the_largest_permitted_payload_is_read() -> None:
    assert read_object(b'{"a":1}' + b" " * (BYTES_MAX - 7)) == {"a": 1}


@pytest.mark.parametrize("number", [b"NaN", b"1e999", b"-Infinity", b"9" * 5_000, b"1" + b"0" * 400 + b".5"])
def test_a_number_beyond_a_float_costs_the_other_fields_nothing(number: bytes) -> None:
    found = read_object(b'{"bad":' + number + b',"good":21.5}')
    assert found["good"] == 21.5
    assert not math.isfinite(found["bad"])


def test_colons_in_texts_are_not_keys() -> None:
    text = b'{"Time":"2018-01-17T18:59:50","a:b":{"c":":"}}'
    assert read_object(text) == {"Time": "2018-01-17T18:59:50", "a:b": {"c": ":"}}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inside: st.lists(inside, max_size=4) | st.dictionaries(st.text(max_size=8), inside, max_size=4),
    max_leaves=12,
)


@STEADY
@given(st.dictionaries(st.text(max_size=8), JSON, max_size=5))
def test_every_object_that_python_writes_is_read_as_it_was(value: dict[str, object]) -> None:
    assert read_object(json.dumps(value).encode()) == value
    assert read_object(json.dumps(value, ensure_ascii=False, indent=1).encode()) == value


@STEADY
@given(st.binary(max_size=200) | st.text('{}[]":,\\0123eE+-.naNulItrfsy ', max_size=80).map(str.encode))
def test_any_bytes_give_an_object_or_a_reason(payload: bytes) -> None:
    with contextlib.suppress(PayloadError):
        assert isinstance(read_object(payload), dict)
