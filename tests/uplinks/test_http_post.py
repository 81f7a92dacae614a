from __future__ import annotations

import pytest

from gateway.uplinks.http_post import USER_AGENT, HttpConnection, wire_url
from tests.uplinks.front import Front, canned, standing


@pytest.mark.parametrize(
    ("url", "server", "port", "target", "host"),
    [
        (
            "https://district.example/v1/batches",
            b"district.example",
            None,
            b"/v1/batches",
            "district.example",
        ),
        ("http://127.0.0.1:8099", b"127.0.0.1", 8099, b"/", "127.0.0.1:8099"),
        ("http://[::1]:8086/write?db=a%20b", b"::1", 8086, b"/write?db=a%20b", "[::1]:8086"),
        ("https://区平台.example/v1", b"xn--dkr8pm4x.example", None, b"/v1", "xn--dkr8pm4x.example"),
        ("https://d.example/数据/a%2Fb", b"d.example", None, b"/%E6%95%B0%E6%8D%AE/a%2Fb", "d.example"),
    ],
)
def test_a_url_goes_over_the_wire_in_ascii(
    url: str, server: bytes, port: int | None, target: bytes, host: str
) -> None:
    found, shown = wire_url(url)
    assert (found.host, found.port, found.target, shown) == (server, port, target, host)


@pytest.mark.parametrize("url", ["https:///v1", "http://", "http://d.example:port/v1"])
def test_a_url_that_names_no_server_is_refused(url: str) -> None:
    with pytest.raises(ValueError):
        wire_url(url)


async def test_a_request_says_who_we_are_and_what_it_carries() -> None:
    async with standing(Front(0)) as front:
        front.script.append(canned("200 OK", b"{}", "text/plain", "Set-Cookie: a=b"))
        front.script.append(canned("200 OK", b"{}", "text/plain"))
        async with HttpConnection(front.url, 5.0, 5.0, 1000) as connection:
            for _ in range(2):
                await connection.post(f"{front.url}/batches", b"four", {"content-type": "text/x"})
    assert len(front.seen) == 2
    for request in front.seen:
        head = request.decode("ascii").lower()
        assert "\r\ncontent-length: 4\r\n" in head
        assert f"\r\nuser-agent: {USER_AGENT}\r\n" in head
        assert f"\r\nhost: {front.url.split('/')[2]}\r\n" in head
        assert "cookie" not in head
