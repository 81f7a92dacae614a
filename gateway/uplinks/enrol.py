"""Asking a district for this gateway's key: a one-time token goes in, the key comes out. Once, by an installer's hand."""

from __future__ import annotations

from collections.abc import Iterable

import httpx2
from pydantic import ValidationError

from district.contract import REPLY_BYTES_MAX, Enrolled, Problem
from gateway.errors import UplinkError
from runtime.addresses import may_carry_secrets

TIMEOUT_S = 30.0
OK = 200
PLAIN = {"accept-encoding": "identity"}


def redeem(url: str, token: str) -> str:
    """The key. ``url`` ends in /v1. Raises UplinkError with the cause and the cure; nothing is sent over plain HTTP to
    another machine."""
    if not may_carry_secrets(url):
        raise UplinkError("the key would travel over http:// from another machine; write https:// in the url")
    try:
        with (
            httpx2.Client(timeout=TIMEOUT_S, trust_env=False, follow_redirects=False) as client,
            client.stream(
                "POST", f"{url.rstrip('/')}/enrolments", json={"token": token}, headers=PLAIN
            ) as reply,
        ):
            status, body = reply.status_code, _bounded(reply.iter_raw())
    except (httpx2.HTTPError, httpx2.InvalidURL, OSError, ValueError) as error:
        raise UplinkError(
            f"no answer from {url}: {error}; check the network and that the district runs"
        ) from error
    return _key_in(status, body, url)


def _bounded(chunks: Iterable[bytes]) -> bytes:
    """The answer as it came, never unpacked, and no more of it than an answer has: whoever answers may be nobody we know."""
    body = bytearray()
    for chunk in chunks:
        body += chunk
        if len(body) > REPLY_BYTES_MAX:
            return b""
    return bytes(body)


def _key_in(status: int, body: bytes, url: str) -> str:
    try:
        if status == OK:
            return Enrolled.model_validate_json(body).key
        raise UplinkError(f"the district refuses: {Problem.model_validate_json(body).detail}")
    except ValidationError:
        pass
    raise UplinkError(
        f"HTTP {status} from {url} is no district's answer; the url ends in /v1, and no login page of the"
        " network may stand in between"
    )
