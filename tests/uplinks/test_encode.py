from __future__ import annotations

import gzip
import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from district import body
from gateway.model import Change
from gateway.uplinks.encode import AT_ONCE, encode
from gateway.uplinks.feed import Identity
from tests.uplinks.memory import rows

IDENTITY = Identity("demo", "gw-1", "e-1")


def test_the_same_rows_give_the_same_bytes() -> None:
    first, second = (encode(IDENTITY, 0, 6, rows(6)) for _ in range(2))
    assert first == second
    assert first.body == second.body


def test_bodies_go_up_as_they_are_stored() -> None:
    stored = b'{"kind":  "site",\t"name": "\xe4\xb8\xad", "timezone": "UTC", "area_m2": 1.50}'
    batch = encode(IDENTITY, 0, 1, [Change(1, "site", "site", 1, stored)])
    assert stored in batch.body


def written_out(change: Change) -> bytes:
    """What a batch has held of a change since the first version."""
    key = json.dumps(change.key, ensure_ascii=False).encode()
    return b'{"seq":%d,"key":%s,"revision":%d,"body":%s}' % (change.seq, key, change.revision, change.body)


@pytest.mark.parametrize("count", [0, 1, AT_ONCE - 1, AT_ONCE, AT_ONCE + 1, 2 * AT_ONCE, 2 * AT_ONCE + 7])
def test_a_batch_is_the_same_bytes_in_every_version_however_long_it_is(count: int) -> None:
    """What an older version began is sent again by a newer one, and its digest is known."""
    changes = [
        Change(2**31 + seq, "interval", f'15min/"空调"\\{seq}', seq % 3 + 1, b'{"value":%d.50}' % seq)
        for seq in range(count)
    ]
    array = b"[" + b",".join(map(written_out, changes)) + b"]"
    batch = encode(IDENTITY, 0, 2**32, changes)
    assert batch.sha256 == hashlib.sha256(array).hexdigest()
    head = b'{"site":"demo","gateway":"gw-1","epoch":"e-1","from_seq":0,"to_seq":4294967296,"sha256":"%s"'
    assert batch.body == head % batch.sha256.encode() + b',"changes":' + array + b"}"


def test_the_digest_is_over_the_changes_array() -> None:
    batch = encode(IDENTITY, 0, 4, rows(4))
    array = batch.body.partition(b',"changes":')[2][:-1]
    assert hashlib.sha256(array).hexdigest() == batch.sha256
    assert [change["seq"] for change in json.loads(array)] == [1, 2, 3, 4] == list(batch.seqs)


@given(key=st.text(min_size=1, max_size=50), epoch=st.text(min_size=1, max_size=50), upto=st.integers(2, 20))
def test_the_district_reads_what_was_encoded(key: str, epoch: str, upto: int) -> None:
    changes = [Change(c.seq, c.kind, key, c.revision, c.body) for c in rows(upto)]
    batch = encode(Identity("demo", "gw-1", epoch), 0, upto + 5, changes)
    found = body.parse(body.inflate(gzip.compress(batch.body), "gzip"))
    assert (found.epoch, found.to_seq, found.sha256) == (epoch, upto + 5, batch.sha256)
    assert {change.key for change in found.changes} == {key}
