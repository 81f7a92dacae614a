"""How a body is compressed for a district. Pure: the same body gives the same bytes every time.

zstd where the extra ``zstd`` is installed, half the bytes of gzip for an eighth of the CPU (docs/decisions/0012); a district
that is older than that word is told gzip.
"""

from __future__ import annotations

import gzip
from importlib.util import find_spec
from typing import Literal

Encoding = Literal["zstd", "gzip"]

GZIP_LEVEL, ZSTD_LEVEL = 5, 1
"""gzip 5: 1.1 µs and 23.7 bytes a record; level 6 takes 1.4 µs for as many, level 3 0.7 µs for 27.3. zstd 1: 0.13 µs and 12.1
bytes (docs/decisions/0012)."""
MAY_NOT_KNOW_ZSTD = frozenset({400, 406, 415, 422, 501})
"""What a district, or a proxy before it, may say to an encoding it does not know; an older district calls the batch invalid."""


def best() -> Encoding:
    return "gzip" if find_spec("zstandard") is None else "zstd"


def packed(body: bytes, encoding: Encoding) -> bytes:
    if encoding == "gzip":
        return gzip.compress(body, GZIP_LEVEL, mtime=0)
    import zstandard

    return zstandard.ZstdCompressor(level=ZSTD_LEVEL).compress(body)
