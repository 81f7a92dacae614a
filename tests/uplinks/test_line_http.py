from __future__ import annotations

import base64
import gzip
from collections.abc import Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from edge_config.uplinks import LineProtocolUplink
from gateway.errors import QueryTimeoutError
from gateway.model import Change
from gateway.uplinks.line_http import line_sender, write_url
from gateway.uplinks.sender import Stretch
from gateway.uplinks.verdict import Delivered, Keep, Trouble, Verdict
from tests.district.campus import METER, site, slot
from tests.uplinks.front import Front, canned, standing
from tests.uplinks.memory import MemoryFeed, row
from tests.uplinks.speakers import speaker

CHANGES = [row(1, site()), row(2, slot(METER, 0)), row(3, slot(METER, 1))]
TAKEN = canned("204 No Content")


def uplink(url: str, **more: Any) -> LineProtocolUplink:
    values = {"id": "db", "kind": "line-protocol", "url": url, "db": "campus", **more}
    return LineProtocolUplink.model_validate(values)


async def sent(section: LineProtocolUplink, changes: Sequence[Change] = CHANGES) -> Verdict:
    async with line_sender(section, speaker(MemoryFeed(list(changes))), total_s=5.0) as sender:
        return await sender.send(Stretch(0, changes[-1].seq, changes))


@asynccontextmanager
async def front(*replies: bytes) -> Any:
    async with standing(Front(0)) as one:
        one.script.extend(replies)
        yield one


def base(one: Front) -> str:
    return f"http://127.0.0.1:{one.port}"


def test_the_endpoints_of_both_generations() -> None:
    assert write_url(uplink("http://db:8086/", retention_policy="two years")) == (
        "http://db:8086/write?db=campus&precision=ms&rp=two+years"
    )
    v2 = uplink("https://db", db=None, org="学校", bucket="b/1")
    assert write_url(v2) == "https://db/api/v2/write?org=%E5%AD%A6%E6%A0%A1&bucket=b%2F1&precision=ms"


async def test_lines_go_up_compressed_and_204_is_the_receipt() -> None:
    async with front(TAKEN) as one:
        assert await sent(uplink(base(one))) == Delivered(())
        head, _, body = one.seen[0].partition(b"\r\n\r\n")
        assert head.startswith(b"POST /write?db=campus&precision=ms HTTP/1.1")
        assert len(gzip.decompress(body).splitlines()) == 2


async def test_a_stretch_without_a_line_needs_no_request() -> None:
    async with front() as one:
        assert await sent(uplink(base(one)), [row(1, site())]) == Delivered(())
        assert one.seen == []


async def test_a_token_or_a_password_goes_along(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("s3cret\n")
    async with front(TAKEN, TAKEN) as one:
        v2 = uplink(base(one), db=None, org="o", bucket="b", token_file=str(secret))
        v1 = uplink(base(one), username="gw", password_file=str(secret))
        assert [await sent(v2), await sent(v1)] == [Delivered(()), Delivered(())]
        assert b"authorization: Token s3cret\r\n" in one.seen[0].replace(b"Authorization", b"authorization")
        assert base64.b64encode(b"gw:s3cret") in one.seen[1]


@pytest.mark.parametrize("content", [None, b"", "密".encode(), b"a\nb"])
async def test_a_secret_that_is_none_sends_nothing(tmp_path: Path, content: bytes | None) -> None:
    secret = tmp_path / "secret"
    if content is not None:
        secret.write_bytes(content)
    async with front() as one:
        verdict = await sent(uplink(base(one), token_file=str(secret)))
        assert isinstance(verdict, Keep)
        assert verdict.trouble is Trouble.TOKEN
        assert one.seen == []


async def test_s11_a_secret_in_the_clear_stays_on_this_machine(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("s")
    verdict = await sent(uplink("http://192.0.2.1:8086", token_file=str(tmp_path / "secret")))
    assert isinstance(verdict, Keep)
    assert verdict.trouble is Trouble.TOKEN


@pytest.mark.parametrize(
    ("raw", "trouble"),
    [
        (canned("200 OK", b"<html>please log in</html>"), Trouble.NOT_A_RECEIPT),
        (canned("302 Found", b"", "text/html", "Location: /elsewhere"), Trouble.REFUSED),
        (b"HTTP/1.1 204 No", Trouble.NO_ANSWER),
        (b"garbage\r\n\r\n", Trouble.NO_ANSWER),
        (b"HTTP/1.1 400 Bad\r\nContent-Length: 1000000\r\n\r\n" + b"x" * 70_000, Trouble.NOT_A_RECEIPT),
    ],
)
async def test_a_hostile_answer_keeps_the_data(raw: bytes, trouble: Trouble) -> None:
    async with front(raw) as one:
        verdict = await sent(uplink(base(one)))
        assert isinstance(verdict, Keep)
        assert verdict.trouble is trouble


async def test_nobody_listening_is_no_answer() -> None:
    async with front() as one:
        url = base(one)
    verdict = await sent(uplink(url))
    assert isinstance(verdict, Keep)
    assert verdict.trouble is Trouble.NO_ANSWER


async def test_a_record_is_explained_without_a_request() -> None:
    async with front() as one:
        async with line_sender(uplink(base(one)), speaker(MemoryFeed(CHANGES))) as sender:
            shown = dict(sender.explain(CHANGES[1]))
            assert [gzip.decompress(body) for label, body in shown.items() if "gzip" in label] == [
                shown["line protocol 行协议"]
            ]
            assert shown["line protocol 行协议"].startswith(b"campus_15min,")
            assert "refused" in sender.explain(row(9, {"kind": "interval"}))[-1][0]
        assert one.seen == []


async def test_a_busy_buffer_keeps_everything() -> None:
    class Busy(MemoryFeed):
        async def replaced(self, changes: Sequence[Change]) -> frozenset[int]:
            raise QueryTimeoutError("busy")

    async with front() as one, line_sender(uplink(base(one)), speaker(Busy(CHANGES))) as sender:
        verdict = await sender.send(Stretch(0, 3, CHANGES))
        assert isinstance(verdict, Keep)
        assert verdict.trouble is Trouble.BUSY
