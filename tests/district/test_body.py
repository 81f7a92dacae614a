from __future__ import annotations

import gzip
import zlib

import pytest

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
    ],
)  # fmt: skip
def test_what_is_not_the_contract_is_invalid(plain: bytes) -> None:
    assert fault_of(plain) is Fault.INVALID


@pytest.mark.parametrize(
    ("seqs", "low", "high"), [((3, 3), 2, 6), ((5, 3), 2, 6), ((2, 3), 2, 6), ((3, 7), 2, 6), ((), 4, 4)]
)
def test_numbers_out_of_order_or_range_are_invalid(seqs: tuple[int, ...], low: int, high: int) -> None:
    changes = [campus.change(seq, campus.site()) for seq in seqs]
    assert fault_of(campus.envelope(changes, low, high)) is Fault.INVALID


def test_the_first_wrong_field_is_named() -> None:
    with pytest.raises(Refusal, match=r"changes\.0\.body\.site\.timezone"):
        body.parse(campus.envelope([campus.change(1, {"kind": "site", "name": "x"})], 0, 1))


def test_a_bomb_is_refused_before_it_is_unpacked() -> None:
    bomb = gzip.compress(b"0" * (body.PLAIN_BYTES_MAX + 1))
    with pytest.raises(Refusal) as caught:
        body.inflate(bomb, "gzip")
    assert caught.value.problem.error is Fault.TOO_LARGE


@pytest.mark.parametrize(
    "raw",
    [
        b"no gzip",
        gzip.compress(b"{}", mtime=0)[:-4],
        gzip.compress(b"{}", mtime=0) + b"x",
        zlib.compress(b"{}"),
    ],
)
def test_broken_compression_is_damage_and_condemns_no_record(raw: bytes) -> None:
    with pytest.raises(Refusal) as caught:
        body.inflate(raw, "gzip")
    assert caught.value.problem.error is Fault.DAMAGED


def test_an_encoding_nobody_agreed_on_is_refused() -> None:
    with pytest.raises(Refusal, match="use gzip"):
        body.inflate(b"", "br")
