"""Keys and one-time tokens of gateways, and the signature under a request. Pure, but for the randomness of new ones.

A key is ``site.gateway.keyid.secret``, a token ``site.gateway.secret``: all but the last part says where to look, so that
a lookup carries its ``site_id``. The secret has 256 random bits, which is why one SHA-256 is enough: there is nothing a
slower hash would protect from guessing.

The key never travels: a request carries the HMAC-SHA256, under the digest of the key, of what it asks for and of the body
exactly as sent. It needs no time stamp, for a batch is its own nonce: a copy of a request has no second effect (S14).
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass

ID = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
"""What a site or gateway id looks like; the site file's schema asks for the same."""
SCHEME = "Campus-Sign-1"
SIGNED_REQUEST = b"POST /v1/batches\n"

_NAME = r"[a-z0-9][a-z0-9-]{0,39}"
_KEY = re.compile(rf"({_NAME})\.({_NAME})\.([a-z0-9]{{1,20}})")
_RELAY = re.compile(rf"({_NAME})\.([a-z0-9]{{1,20}})")
_FOR = re.compile(rf"({_NAME})\.({_NAME})")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_PARAMETER = re.compile(r'\s*([A-Za-z0-9]+)\s*=\s*"([^"]{0,200})"\s*(?:,|$)')
HEADER_LENGTH_MAX = 1000
_RELAY_KEY = re.compile(rf"({_NAME})\.([a-z0-9]{{1,20}})\.[A-Za-z0-9_-]{{20,100}}")
_TOKEN = re.compile(rf"({_NAME})\.({_NAME})\.[A-Za-z0-9_-]{{20,100}}")


@dataclass(frozen=True, slots=True)
class Signed:
    """Whose key a request names, and the signature it carries."""

    site: str
    gateway: str
    key_id: str
    sha256: str
    relay: str | None = None
    """The relay that speaks for the gateway, and whose key it is then."""


def new_key(site: str, gateway: str) -> tuple[str, str]:
    """(key id, key)."""
    key_id = secrets.token_hex(4)
    return key_id, f"{site}.{gateway}.{key_id}.{secrets.token_urlsafe(32)}"


def new_token(site: str, gateway: str) -> str:
    return f"{site}.{gateway}.{secrets.token_urlsafe(32)}"


def named_in(token: str) -> tuple[str, str] | None:
    """(site, gateway) a token says it is for; None when it is no token."""
    found = _TOKEN.fullmatch(token)
    return (found[1], found[2]) if found else None


def digest(secret: str) -> str:
    """What is stored of a key or a token."""
    return hashlib.sha256(secret.encode()).hexdigest()


def read_authorization(header: str) -> Signed | None:
    """None for any other header than ``Campus-Sign-1 key="site.gateway.keyid", sha256="…"``, or that of a relay:
    ``Campus-Sign-1 relay="name.keyid", for="site.gateway", sha256="…"``.

    RFC 9110, 11: scheme and names in any case, parameters in any order, blanks around them; and hex digits in any case."""
    named = _parameters(header)
    sha256 = named.pop("sha256", "").lower()
    if _SHA256.fullmatch(sha256) is None:
        return None
    if named.keys() == {"key"} and (key := _KEY.fullmatch(named["key"])):
        return Signed(key[1], key[2], key[3], sha256)
    if named.keys() != {"relay", "for"}:
        return None
    relay, whom = _RELAY.fullmatch(named["relay"]), _FOR.fullmatch(named["for"])
    return Signed(whom[1], whom[2], relay[2], sha256, relay[1]) if relay and whom else None


def _parameters(header: str) -> dict[str, str]:
    """Of our scheme, by name; none at all where the header is another's, too long, or names one twice."""
    scheme, _, rest = header.strip().partition(" ")
    found: dict[str, str] = {}
    if scheme.lower() != SCHEME.lower() or len(header) > HEADER_LENGTH_MAX:
        return found
    at = 0
    while at < len(rest):
        one = _PARAMETER.match(rest, at)
        if one is None or one[1].lower() in found:
            return {}
        found[one[1].lower()] = one[2]
        at = one.end()
    return found


def new_relay_key(relay: str) -> tuple[str, str]:
    """(key id, key)."""
    key_id = secrets.token_hex(4)
    return key_id, f"{relay}.{key_id}.{secrets.token_urlsafe(32)}"


def relay_authorization(key: str, site: str, gateway: str, raw: bytes) -> str | None:
    """The header under which a relay sends a gateway's body; None when ``key`` is no relay's key."""
    found = _RELAY_KEY.fullmatch(key)
    if found is None:
        return None
    signed = signature(digest(key), raw)
    return f'{SCHEME} relay="{found[1]}.{found[2]}", for="{site}.{gateway}", sha256="{signed}"'


def signature(key_sha256: str, raw: bytes) -> str:
    """Over ``raw``, the body as it travels (compressed), under the digest of the key as ASCII."""
    message = SIGNED_REQUEST + hashlib.sha256(raw).hexdigest().encode()
    return hmac.new(key_sha256.encode(), message, hashlib.sha256).hexdigest()


def fits(signed: Signed, key_sha256: str, raw: bytes) -> bool:
    return hmac.compare_digest(signature(key_sha256, raw), signed.sha256)
