"""What InfluxDB's answer to a write means for the records. Pure.

204 is the only receipt. A record is condemned only where the database itself says that a line is wrong; a database that is
not there, a field of another type and a page of somebody else keep everything.
"""

from __future__ import annotations

import msgspec

from gateway.uplinks.line_protocol import Lines
from gateway.uplinks.verdict import Delivered, Keep, Poisoned, Reply, TooLarge, Trouble, Verdict

OF_A_LINE = ("partial write", "unable to parse", "failure writing points to database: partial write")
WITHOUT_POINTS = "requires points"
DETAIL_MAX = 300


class _Fault(msgspec.Struct):
    """1.x says ``error``; 2.x ``code`` and ``message``."""

    error: str = ""
    code: str = ""
    message: str = ""


def judge(reply: Reply, lines: Lines) -> Verdict:
    """What a reply to the lines means."""
    if reply.status == 204:
        return Delivered(lines.refused)
    said = _said(reply)
    detail = (
        f"HTTP {reply.status}: {said}" if said else f"HTTP {reply.status} without InfluxDB's answer shape"
    )
    if "field type conflict" in said:
        cure = "these measurements hold fields of other types: choose another `prefix`, or drop them in the database"
        return Keep(Trouble.REFUSED, detail, cure)
    if reply.status in {400, 422} and said.startswith(OF_A_LINE):
        return Poisoned(detail)
    if reply.status == 413:
        return TooLarge(detail, is_final=False)
    if 200 <= reply.status < 300:
        return Keep(Trouble.NOT_A_RECEIPT, detail, "check the url: InfluxDB answers a write with 204")
    return _keep(reply, detail)


def refusal_of_nothing(reply: Reply) -> Keep | None:
    """What is wrong where no line was sent; None where the database took that, or says that there is none."""
    said = _said(reply)
    if reply.status in {200, 204} or (reply.status == 400 and WITHOUT_POINTS in said):
        return None
    return _keep(
        reply,
        f"HTTP {reply.status}: {said}" if said else f"HTTP {reply.status} without InfluxDB's answer shape",
    )


_CAUSES = {
    401: (Trouble.UNAUTHORIZED, "check the token file, or username and password file"),
    403: (Trouble.FORBIDDEN, "give this user or token the right to write there"),
    404: (Trouble.NOT_FOUND, "create the database (CREATE DATABASE …) or bucket, and check the url"),
    408: (Trouble.BUSY, "the line is slow; it goes on by itself"),
    429: (Trouble.BUSY, "the database asks to wait; it goes on by itself"),
    503: (Trouble.BUSY, "the database asks to wait; it goes on by itself"),
}


def _keep(reply: Reply, detail: str) -> Keep:
    trouble, cure = _CAUSES.get(
        reply.status, (Trouble.REFUSED, "check the url of the uplink, and what stands in between")
    )
    if reply.status >= 500 and reply.status not in _CAUSES:
        trouble, cure = Trouble.SERVER_ERROR, "the database has a problem; it goes on by itself"
    wait = reply.retry_after.strip()
    is_seconds = wait.isascii() and wait.isdigit()
    return Keep(trouble, detail, cure, min(float(wait), 3600.0) if is_seconds else 0.0)


def _said(reply: Reply) -> str:
    try:
        fault = msgspec.json.decode(reply.body, type=_Fault)
    except msgspec.DecodeError:
        return ""
    return (fault.error or (fault.message if fault.code else ""))[:DETAIL_MAX]
