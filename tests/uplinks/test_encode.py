from __future__ import annotations

import gzip
import hashlib
import json

from hypothesis import given
from hypothesis import strategies as st

from district import body
from gateway.model import Change
from gateway.uplinks.encode import encode
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
