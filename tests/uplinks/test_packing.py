"""Compression for a district: the same bytes each time, and nothing lost on one that knows gzip alone."""

from __future__ import annotations

import gzip
from collections.abc import Sequence

import pytest

from district.body import inflate
from gateway.uplinks import district_http, packing
from gateway.uplinks.drain import Drain
from gateway.uplinks.packing import best, packed
from gateway.uplinks.sender import Sender, Stretch
from gateway.uplinks.verdict import Keep, Trouble, Verdict
from tests.uplinks.conftest import IDENTITY, Line
from tests.uplinks.front import canned, refusal
from tests.uplinks.memory import MemoryFeed, SelfMovingClock, rows

BODY = b'{"kind":"interval"}' * 100


@pytest.mark.parametrize("encoding", ["zstd", "gzip"])
def test_the_same_body_is_the_same_bytes_and_a_district_reads_them(encoding: packing.Encoding) -> None:
    assert packed(BODY, encoding) == packed(BODY, encoding)
    assert inflate(packed(BODY, encoding), encoding) == BODY


def test_without_the_library_it_is_gzip(monkeypatch: pytest.MonkeyPatch) -> None:
    assert best() == "zstd"
    monkeypatch.setattr(packing, "find_spec", lambda _: None)
    assert best() == "gzip"
    assert gzip.decompress(packed(BODY, best())) == BODY


async def drained(line: Line, feed: MemoryFeed) -> None:
    async with district_http.DistrictHttp(line.front.url, str(line.token_file)) as wire:
        clock = SelfMovingClock()
        sender: Sender = district_http.DistrictSender(wire, IDENTITY, clock)
        drain = Drain(line.uplink(batch_max=10), feed, sender, clock)
        while await drain.step() is not None:
            pass


def encodings(seen: Sequence[bytes]) -> list[str]:
    heads = [request.partition(b"\r\n\r\n")[0].decode().lower() for request in seen]
    return [head.partition("content-encoding: ")[2].partition("\r")[0] for head in heads]


@pytest.mark.parametrize(
    "answer",
    [
        refusal("400 Bad Request", "invalid"),
        refusal("422 Unprocessable", "invalid"),
        canned("415 Unsupported"),
    ],
)
async def test_a_district_that_does_not_know_zstd_is_told_gzip_and_condemns_nothing(
    line: Line, answer: bytes
) -> None:
    line.front.script.append(answer)
    feed = MemoryFeed(rows(30))
    await drained(line, feed)
    assert (feed.cursor, feed.dead, line.effects()) == (30, {}, 28)
    assert encodings(line.front.seen) == ["zstd", "gzip", "gzip", "gzip"]


async def test_a_batch_that_both_are_refused_for_goes_on_as_zstd(line: Line) -> None:
    line.front.script.extend([canned("415 Unsupported")] * 2)
    feed = MemoryFeed(rows(20))
    await drained(line, feed)
    assert encodings(line.front.seen) == ["zstd", "gzip", "zstd", "zstd"]
    assert (feed.cursor, feed.dead) == (20, {})


async def test_a_line_that_ends_no_large_batch_in_time_gets_smaller_ones(line: Line) -> None:
    """Nothing is sent at all here: a batch of 4000 gets no answer, one of 1000 does."""
    sizes: list[int] = []

    class Slow:
        name = "slow"

        async def send(self, stretch: Stretch) -> Verdict:
            sizes.append(len(stretch.changes))
            return Keep(Trouble.NO_ANSWER, "no complete answer within 60 s", "wait")

    feed = MemoryFeed(rows(6000))
    drain = Drain(line.uplink(), feed, Slow(), SelfMovingClock())
    drain._sizes.at_most = 4000
    for _ in range(4):
        await drain.step()
    assert sizes == [4000, 2000, 1000, 1000]
