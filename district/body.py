"""From the bytes of a request to a batch that is what its sender sent. Pure.

Knows sizes, compression, digest and schema. Does not know gateways, the database or what a record means.
"""

from __future__ import annotations

import hashlib
import zlib

import msgspec
from pydantic import ValidationError

from district.contract import Batch, Fault
from district.refusal import Refusal

COMPRESSED_BYTES_MAX = 4 * 1024 * 1024
PLAIN_BYTES_MAX = 32 * 1024 * 1024


class _Slice(msgspec.Struct):
    """Only to lay hands on the exact bytes of the ``changes`` array."""

    changes: msgspec.Raw


def inflate(raw: bytes, encoding: str) -> bytes:
    """The plain body. ``encoding`` is the Content-Encoding header: gzip, or empty for none."""
    if encoding in {"", "identity"}:
        return raw
    if encoding != "gzip":
        raise Refusal(Fault.INVALID, f"Content-Encoding {encoding!r} is not known here; use gzip")
    stream = zlib.decompressobj(wbits=31)
    try:
        plain = stream.decompress(raw, PLAIN_BYTES_MAX + 1)
    except zlib.error as error:
        raise Refusal(Fault.DAMAGED, f"the gzip stream is broken: {error}") from error
    if len(plain) > PLAIN_BYTES_MAX:
        raise Refusal(
            Fault.TOO_LARGE, f"the batch is larger than {PLAIN_BYTES_MAX} bytes; send fewer changes"
        )
    if not stream.eof or stream.unused_data:
        raise Refusal(Fault.DAMAGED, "the gzip stream is cut off or followed by other bytes")
    return plain


def parse(plain: bytes) -> Batch:
    """A batch whose schema, digest and order hold. Raises Refusal with the first thing that is wrong."""
    try:
        batch = Batch.model_validate_json(plain)
        changes = msgspec.json.decode(plain, type=_Slice).changes
    except ValidationError as error:
        raise Refusal(Fault.INVALID, _first_of(error)) from error
    except msgspec.DecodeError as error:  # stricter than pydantic: NaN and Infinity are not JSON
        raise Refusal(Fault.INVALID, f"body: {error}") from error
    if hashlib.sha256(changes).hexdigest() != batch.sha256:
        raise Refusal(
            Fault.DAMAGED, "sha256 is not that of the changes array as it arrived; send the batch again"
        )
    _check_order(batch)
    return batch


def _first_of(error: ValidationError) -> str:
    found = error.errors(include_url=False, include_context=False, include_input=False)
    where = ".".join(str(part) for part in found[0]["loc"]) or "body"
    return f"{where}: {found[0]['msg']} ({error.error_count()} in all)"


def _check_order(batch: Batch) -> None:
    last = batch.from_seq
    for change in batch.changes:
        if change.seq <= last:
            raise Refusal(Fault.INVALID, f"seq {change.seq} does not come after {last}")
        last = change.seq
    if last > batch.to_seq or batch.to_seq <= batch.from_seq:
        raise Refusal(
            Fault.INVALID, f"seq {last} does not lie in the range above {batch.from_seq} up to {batch.to_seq}"
        )
