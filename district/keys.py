"""Keys of enrolled gateways. Pure, but for the randomness of a new key.

A key is ``site.gateway.secret``: the first two say where to look, so that a lookup carries its ``site_id``. The secret
has 256 random bits, which is why one SHA-256 is enough: there is nothing a slower hash would protect from guessing.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets

ID = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
"""What a site or gateway id looks like; the site file's schema asks for the same."""
KEY_LENGTH_MAX = 200


def new_key(site: str, gateway: str) -> str:
    return f"{site}.{gateway}.{secrets.token_urlsafe(32)}"


def digest(key: str) -> str:
    """What is stored of a key."""
    return hashlib.sha256(key.encode()).hexdigest()


def named_in(key: str) -> tuple[str, str] | None:
    """(site, gateway) a key says it is of; None when it is no key."""
    parts = key.split(".")
    if len(key) > KEY_LENGTH_MAX or not key.isascii() or len(parts) != 3:
        return None
    return parts[0], parts[1]


def fits(key: str, stored: str) -> bool:
    return hmac.compare_digest(digest(key), stored)
