"""The signature under a batch: the district's key signs and never travels. Pure.

A key is ``site.gateway.keyid.secret``. The request names it by all but the secret, and carries the HMAC-SHA256, under the
digest of the key, of the route and of the body exactly as it is sent (``district/README.md``, "Signature").
"""

from __future__ import annotations

import hashlib
import hmac

SCHEME = "Campus-Sign-1"


def authorization(key: str, compressed: bytes) -> str:
    """The Authorization header of a POST of ``compressed`` to /v1/batches."""
    named = key.rpartition(".")[0]
    digest = hashlib.sha256(key.encode()).hexdigest()
    message = b"POST /v1/batches\n" + hashlib.sha256(compressed).hexdigest().encode()
    signature = hmac.new(digest.encode(), message, hashlib.sha256).hexdigest()
    return f'{SCHEME} key="{named}", sha256="{signature}"'
