from __future__ import annotations

import gzip
import hashlib
import re
import tracemalloc
import zlib
from typing import Any

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from district import body
from district.contract import Fault
from district.refusal import Refusal
from tests.district import campus


def fault_of(plain: bytes) -> Fault:
    with pytest.raises(Refusal) as caught:
        body.parse(plain)
    return caught.value.problem.error


def good(**more: object) -> bytes:
    return campus.envelope(
        [campus.change(3, campus.site()), campus.change(5, campus.point("a.b"))], 2, 6, **more
    )


def redigested(plain: bytes) -> bytes:
    """With the digest of the changes as they are now, where there are any."""
    array = plain.partition(b'"changes":')[2][:-1]
    digest = hashlib.sha256(array).hexdigest().encode()
    return re.sub(rb'"sha256": "[0-9a-f]{64}"', b'"sha256": "%s"' % digest, plain)


def test_a_good_batch_is_read_as_it_was_sent() -> None:
    found = body.parse(body.inflate(gzip.compress(good()), "gzip"))
    assert [change.seq for change in found.changes] == [3, 5]


def test_the_digest_is_over_the_bytes_of_the_array_and_not_over_their_meaning() -> None:
    respaced = good().replace(b'"kind": ', b'"kind":  ')
    assert fault_of(respaced) is Fault.DAMAGED


def test_a_name_that_looks_like_the_changes_key_does_not_move_the_digest() -> None:
    tricky = campus.envelope([campus.change(1, campus.site(name='","changes":[1],"x":"'))], 0, 1)
    assert body.parse(tricky).changes[0].seq == 1


@pytest.mark.parametrize(
    "plain",
    [
        b"", b"not json", b"[]", b"{}", good(site=""), good(sha256="0"), good(from_seq=-1), good(to_seq=2**60),
        good().replace(b'"revision": 1', b'"revision": 0'), good().replace(b'"kind": "site"', b'"kind": "moon"'),
        good()[:-5], b"[" * 100_000, b"\xff\xfe", good(epoch="x" * 101),
        good().replace(b'"timezone"', b'"area_m2": NaN, "timezone"'),
        good().replace(b'"timezone"', b'"area_m2": 1e999, "timezone"'),
    ],
)  # fmt: skip
def test_what_is_not_the_contract_is_invalid(plain: bytes) -> None:
    assert fault_of(redigested(plain)) is Fault.INVALID


def test_what_was_changed_on_the_way_condemns_no_record() -> None:
    assert fault_of(good().replace(b'"kind": "site"', b'"kind": "moon"')) is Fault.DAMAGED


@pytest.mark.parametrize(
    ("seqs", "low", "high"), [((3, 3), 2, 6), ((5, 3), 2, 6), ((2, 3), 2, 6), ((3, 7), 2, 6), ((), 4, 4)]
)
def test_numbers_out_of_order_or_range_are_invalid(seqs: tuple[int, ...], low: int, high: int) -> None:
    changes = [campus.change(seq, campus.site()) for seq in seqs]
    assert fault_of(campus.envelope(changes, low, high)) is Fault.INVALID


def test_the_first_wrong_field_is_named() -> None:
    with pytest.raises(Refusal, match=r"`timezone` - at `\$\[0\]\.body`"):
        body.parse(campus.envelope([campus.change(1, {"kind": "site", "name": "x"})], 0, 1))


def one(body: dict[str, Any]) -> bytes:
    return campus.envelope([campus.change(1, body)], 0, 1)


@pytest.mark.parametrize(
    "plain",
    [
        one(campus.site(name="\0")), one(campus.point("a\0b")), one(campus.site()).replace(b"Asia", b"\\ud800"),
        one(campus.site(area_m2="12")), one(campus.site(students=True)), one(campus.site()).replace(b"Asia", b"\xff"),
        one(campus.event(evidence={"deep": "X"})).replace(b'"X"', b"[" * 100_000 + b"]" * 100_000),
        one(campus.event(evidence={"long": "X"})).replace(b'"X"', b"9" * 5000),
        campus.envelope([campus.change(1, campus.site())], 0, 1, epoch="e\0"),
    ],
)  # fmt: skip
def test_what_no_database_can_keep_is_invalid(plain: bytes) -> None:
    assert fault_of(redigested(plain)) is Fault.INVALID


def test_an_escaped_backslash_before_u0000_is_an_ordinary_text() -> None:
    assert body.parse(one(campus.site(name="\\u0000"))).changes[0].seq == 1


def named(plain: bytes) -> dict[int, str]:
    with pytest.raises(Refusal) as caught:
        body.parse(redigested(plain))
    assert caught.value.problem.error is Fault.INVALID
    return {record.seq: record.reason for record in caught.value.problem.invalid}


def some(*wrong: int, text: str = "moon") -> bytes:
    bodies = {seq: campus.site(name=text) | ({} if text == "\0" else {"kind": text}) for seq in wrong}
    return campus.envelope([campus.change(seq, bodies.get(seq, campus.site())) for seq in range(3, 9)], 2, 12)


@given(wrong=st.sets(st.integers(3, 8), min_size=1), text=st.sampled_from(["moon", "\0", "x" * 5000]))
def test_each_record_that_is_wrong_is_named_and_no_other(wrong: set[int], text: str) -> None:
    found = named(some(*wrong, text=text))
    assert set(found) == wrong
    assert all(0 < len(reason) <= 200 for reason in found.values())


@pytest.mark.parametrize(
    "plain",
    [
        some(5).replace(b'"seq": 6', b'"seq": 5'), some(5).replace(b'"seq": 6', b'"seq": "6"'),
        some(5).replace(b'"seq": 8', b'"seq": 13'), some(5).replace(b'"seq": 3', b'"seq": 2'), good(site=""),
        some(5).replace(b'"moon"', b'"mo'), some(5).replace(b'"from_seq": 2', b'"from_seq": "2"'),
    ],
)  # fmt: skip
def test_nothing_is_named_where_it_cannot_be_told_which_record_it_is(plain: bytes) -> None:
    assert named(plain) == {}


WHOLE = {"gzip": gzip.compress(b"{}", mtime=0), "zstd": zstandard.compress(b"{}")}


@pytest.mark.parametrize("encoding", WHOLE)
def test_either_compression_is_read(encoding: str) -> None:
    assert body.inflate(WHOLE[encoding], encoding) == b"{}"


@pytest.mark.parametrize("encoding", WHOLE)
def test_s20_a_bomb_is_refused_before_it_is_unpacked(encoding: str) -> None:
    """One byte too many, then four times as much: what is kept of it does not grow."""
    for size in (body.PLAIN_BYTES_MAX + 1, 4 * body.PLAIN_BYTES_MAX):
        bomb = gzip.compress(b"0" * size, 1) if encoding == "gzip" else zstandard.compress(b"0" * size)
        tracemalloc.start()
        with pytest.raises(Refusal) as caught:
            body.inflate(bomb, encoding)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert caught.value.problem.error is Fault.TOO_LARGE
        assert peak < 3 * body.PLAIN_BYTES_MAX


@pytest.mark.parametrize(
    ("encoding", "raw"),
    [
        (encoding, raw)
        for encoding, whole in WHOLE.items()
        for raw in (b"", b"nonsense", whole[:-1], whole + b"x", whole + whole[:-1], zlib.compress(b"{}"))
    ]
    + [("zstd", WHOLE["zstd"] * 2), ("gzip", WHOLE["gzip"] * (body.GZIP_MEMBERS_MAX + 1))],
)
def test_broken_compression_is_damage_and_condemns_no_record(encoding: str, raw: bytes) -> None:
    with pytest.raises(Refusal) as caught:
        body.inflate(raw, encoding)
    assert caught.value.problem.error is Fault.DAMAGED


def test_members_of_a_gzip_stream_are_one_text() -> None:
    """RFC 1952, 2.2: "members simply appear one after another in the file"."""
    plain = good()
    members = [gzip.compress(plain[at : at + 100]) for at in range(0, len(plain), 100)]
    assert body.inflate(b"".join(members), "gzip") == plain
    assert body.inflate(WHOLE["gzip"] * body.GZIP_MEMBERS_MAX, "gzip") == b"{}" * body.GZIP_MEMBERS_MAX


def test_s20_a_bomb_of_many_members_is_refused_before_it_is_unpacked() -> None:
    half = gzip.compress(b"0" * (body.PLAIN_BYTES_MAX // 2 + 1), 1)
    with pytest.raises(Refusal) as caught:
        body.inflate(half * 60, "gzip")
    assert caught.value.problem.error is Fault.TOO_LARGE


@pytest.mark.parametrize(
    ("headers", "encoding"),
    [
        ([], ""),
        ([""], ""),
        (["gzip"], "gzip"),
        (["GZIP"], "gzip"),
        ([" x-gzip "], "gzip"),
        (["identity"], ""),
        (["identity, Zstd"], "zstd"),
        (["identity", "gzip"], "gzip"),
        (["gzip,"], "gzip"),
        (["br"], "br"),
    ],
)
def test_a_coding_is_named_in_any_case_and_may_stand_beside_none(headers: list[str], encoding: str) -> None:
    assert body.encoding_of(headers) == encoding


@pytest.mark.parametrize("headers", [["gzip", "gzip"], ["zstd, gzip"], ["gzip", "identity, br"]])
def test_several_layers_of_coding_are_refused_by_name(headers: list[str]) -> None:
    with pytest.raises(Refusal, match=r"Content-Encoding names .* and .*; use one of gzip and zstd, once"):
        body.encoding_of(headers)


def test_s20_a_window_larger_than_a_batch_is_not_reserved() -> None:
    parameters = zstandard.ZstdCompressionParameters(window_log=27, write_content_size=False)
    stream = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    with pytest.raises(Refusal) as caught:
        body.inflate(stream.compress(b"{}") + stream.flush(), "zstd")
    assert caught.value.problem.error is Fault.DAMAGED


def test_an_encoding_nobody_agreed_on_is_refused() -> None:
    with pytest.raises(Refusal, match="use gzip or zstd"):
        body.inflate(b"", "br")
