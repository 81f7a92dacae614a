"""What must hold inside and around an uplink beyond the shape of its section. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from edge_config.draft import Draft
from edge_config.problems import DocPath, Finding
from edge_config.uplinks import LineProtocolUplink


def check(draft: Draft) -> Iterator[Finding]:
    """Every finding about uplinks of a kind with rules of its own."""
    for index, uplink in draft.uplinks.items():
        path: DocPath = ("uplinks", index)
        if isinstance(uplink, LineProtocolUplink):
            yield from line_protocol(path, uplink)


def line_protocol(path: DocPath, uplink: LineProtocolUplink) -> Iterator[Finding]:
    """Either the words of InfluxDB 1.x or those of 2.x, and one way to show who we are."""
    is_v2 = uplink.org is not None or uplink.bucket is not None
    if is_v2 and (uplink.db is not None or uplink.retention_policy is not None):
        yield Finding(
            path, "names both a `db` and an `org` or `bucket`", "InfluxDB 1.x has `db`, 2.x the others"
        )
    elif is_v2 and None in {uplink.org, uplink.bucket}:
        yield Finding(path, "InfluxDB 2.x needs `org` and `bucket`", "write both")
    elif not is_v2 and uplink.db is None:
        yield Finding(
            path, "says not where to write", "name `db` (InfluxDB 1.x), or `org` and `bucket` (2.x)"
        )
    if (uplink.username is None) != (uplink.password_file is None):
        yield Finding(path, "needs `username` and `password_file` together", "write both, or neither")
    if uplink.username is not None and uplink.token_file is not None:
        yield Finding(path, "has both a password and a token", "InfluxDB 1.x takes the first, 2.x the second")
    if "?" in uplink.url or uplink.url.rstrip("/").endswith("/write"):
        yield Finding(
            (*path, "url"), "is more than the server's address", "write it as http://influx.example:8086"
        )
