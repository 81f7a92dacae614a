"""From the bytes of a request to a batch that is what its sender sent. Pure.

Knows sizes, compression, digest and schema. Does not know gateways, the database or what a record means.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Sequence
from typing import TypeVar

import msgspec
import zstandard

from district.condemned import NUL, UNREADABLE, condemned, has_nul
from district.contract import Fault, Rejected
from district.records import Batch, Changes, Envelope
from district.refusal import Refusal

T = TypeVar("T")
COMPRESSED_BYTES_MAX = 4 * 1024 * 1024
PLAIN_BYTES_MAX = 32 * 1024 * 1024
ZSTD_WINDOW_BYTES_MAX = PLAIN_BYTES_MAX
GZIP_MEMBERS_MAX = 64
"""Each leaves the rest of the body to be copied once more."""

_envelopes = msgspec.json.Decoder(Envelope)
_changes = msgspec.json.Decoder(Changes)


def encoding_of(headers: Sequence[str]) -> str:
    """The one coding that the Content-Encoding headers of a request name, as ``inflate`` knows it; empty for none.

    RFC 9110, 8.4.1: in any case, and x-gzip is gzip. Several codings are several layers, which is no batch of ours."""
    named = [one.strip().lower() for header in headers for one in header.split(",")]
    layers = ["gzip" if one == "x-gzip" else one for one in named if one not in {"", "identity"}]
    if len(layers) > 1:
        raise Refusal(
            Fault.INVALID,
            f"Content-Encoding names {' and '.join(layers)[:80]}; use one of gzip and zstd, once",
        )
    return layers[0] if layers else ""


def inflate(raw: bytes, encoding: str) -> bytes:
    """The plain body. ``encoding`` is gzip, zstd, or empty for none. What would unpack to more than a batch may have is
    refused before it is unpacked further."""
    match encoding:
        case "" | "identity":
            return raw
        case "gzip":
            plain, is_whole = _gunzip(raw)
        case "zstd":
            plain, is_whole = _unzstd(raw)
        case _:
            raise Refusal(Fault.INVALID, f"Content-Encoding {encoding!r} is not known here; use gzip or zstd")
    if len(plain) > PLAIN_BYTES_MAX:
        raise Refusal(
            Fault.TOO_LARGE, f"the batch is larger than {PLAIN_BYTES_MAX} bytes; send fewer changes"
        )
    if not is_whole:
        raise Refusal(Fault.DAMAGED, f"the {encoding} stream is cut off or followed by other bytes")
    return plain


def _gunzip(raw: bytes) -> tuple[bytes, bool]:
    """What is inside, up to one byte more than a batch may have, and whether the stream ends where the body does.

    RFC 1952, 2.2: a gzip file is a series of members, and what they hold is one text."""
    plain = b""
    for _ in range(GZIP_MEMBERS_MAX):
        stream = zlib.decompressobj(wbits=31)
        try:
            plain += stream.decompress(raw, PLAIN_BYTES_MAX + 1 - len(plain))
        except zlib.error as error:
            raise Refusal(Fault.DAMAGED, f"the gzip stream is broken: {error}") from error
        if len(plain) > PLAIN_BYTES_MAX or not stream.eof:
            return plain, False
        raw = stream.unused_data
        if not raw:
            return plain, True
    return plain, False


def _unzstd(raw: bytes) -> tuple[bytes, bool]:
    """As for gzip. Read first as far as a batch may go, for only then is it known to be safe to unpack as a whole, which
    alone tells whether the stream is whole."""
    unpacker = zstandard.ZstdDecompressor(max_window_size=ZSTD_WINDOW_BYTES_MAX)
    try:
        with unpacker.stream_reader(raw) as reader:
            plain = reader.read(PLAIN_BYTES_MAX + 1)
        if len(plain) > PLAIN_BYTES_MAX:
            return plain, False
        stream = unpacker.decompressobj()
        return stream.decompress(raw), stream.eof and not stream.unused_data
    except zstandard.ZstdError as error:
        raise Refusal(Fault.DAMAGED, f"the zstd stream is broken: {error}") from error


def parse(plain: bytes) -> Batch:
    """A batch whose schema, digest and order hold. Raises Refusal with the first thing that is wrong, and with every record that
    is where records are all that is."""
    envelope = _decoded(_envelopes, plain)
    if hashlib.sha256(envelope.changes).hexdigest() != envelope.sha256:
        raise Refusal(
            Fault.DAMAGED, "sha256 is not that of the changes array as it arrived; send the batch again"
        )
    changes = _decoded(_changes, envelope.changes, envelope)
    batch = Batch(
        envelope.site, envelope.gateway, envelope.epoch, envelope.from_seq, envelope.to_seq, envelope.sha256,
        changes,
    )  # fmt: skip
    _check_order(batch)
    if b"\\u0000" in plain:
        _check_texts(batch, envelope)
    return batch


def _decoded(
    decoder: msgspec.json.Decoder[T], plain: bytes | msgspec.Raw, envelope: Envelope | None = None
) -> T:
    try:
        return decoder.decode(plain)
    except UNREADABLE as error:
        raise Refusal(Fault.INVALID, f"body: {error}", invalid=_named(envelope)) from error


def _named(envelope: Envelope | None) -> list[Rejected]:
    return condemned(envelope.changes, envelope.from_seq, envelope.to_seq) if envelope else []


def _check_texts(batch: Batch, envelope: Envelope) -> None:
    if any("\0" in text for text in (batch.site, batch.gateway, batch.epoch)):
        raise Refusal(Fault.INVALID, f"body: {NUL}")
    if any(has_nul(change) for change in batch.changes):
        raise Refusal(Fault.INVALID, f"body: {NUL}", invalid=_named(envelope))


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
