"""Browsers that a person has logged in with before, by a cookie of their own. Pure.

Somebody who guesses passwords makes the account wait for all browsers but those: a stranger cannot shut out its owner (PROMISES
S4). The cookie opens nothing; it only says whose tries are counted together.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets

MAX_AGE_S = 180 * 24 * 3600
_COOKIE = re.compile(r"([0-9a-f]{32})\.([0-9a-f]{64})")


def cookie_name(*, is_secure: bool) -> str:
    return "__Host-campus-known" if is_secure else "campus-known"


def new_cookie(key: bytes, user: str) -> str:
    """What a browser is given when ``user`` has logged in with the password."""
    nonce = secrets.token_hex(16)
    return f"{nonce}.{_mac(key, user, nonce)}"


def nonce_in(key: bytes, user: str, cookie: str) -> str | None:
    """The browser's own number, when ``user`` was given this cookie; None for anything else."""
    found = _COOKIE.fullmatch(cookie)
    if found is None or not hmac.compare_digest(_mac(key, user, found[1]), found[2]):
        return None
    return found[1]


def _mac(key: bytes, user: str, nonce: str) -> str:
    return hmac.new(key, f"known {nonce} {user}".encode(errors="replace"), hashlib.sha256).hexdigest()
