"""Asking a district for this gateway's key: a one-time token goes in, the key comes out. Once, by an installer's hand."""

from __future__ import annotations

import httpx2
from pydantic import ValidationError

from district.contract import REPLY_BYTES_MAX, Enrolled, Problem
from gateway.errors import UplinkError
from runtime.addresses import may_carry_secrets

TIMEOUT_S = 30.0


def redeem(url: str, token: str) -> str:
    """The key. ``url`` ends in /v1. Raises UplinkError with the cause and the cure; nothing is sent over plain HTTP to
    another machine."""
    if not may_carry_secrets(url):
        raise UplinkError("the key would travel over http:// from another machine; write https:// in the url")
    try:
        reply = httpx2.post(
            f"{url.rstrip('/')}/enrolments", json={"token": token}, timeout=TIMEOUT_S, trust_env=False,
            follow_redirects=False,
        )  # fmt: skip
    except (httpx2.HTTPError, httpx2.InvalidURL, OSError, ValueError) as error:
        raise UplinkError(
            f"no answer from {url}: {error}; check the network and that the district runs"
        ) from error
    return _key_in(reply, url)


def _key_in(reply: httpx2.Response, url: str) -> str:
    if len(reply.content) <= REPLY_BYTES_MAX:
        try:
            if reply.status_code == 200:
                return Enrolled.model_validate_json(reply.content).key
            raise UplinkError(f"the district refuses: {Problem.model_validate_json(reply.content).detail}")
        except ValidationError:
            pass
    raise UplinkError(
        f"HTTP {reply.status_code} from {url} is no district's answer; the url ends in /v1, and no login page of the"
        " network may stand in between"
    )
