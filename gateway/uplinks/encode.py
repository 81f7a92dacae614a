"""From rows of the change feed to the bytes of a batch. Pure.

Bodies are joined as they are stored and never encoded again: the same stretch gives the same bytes after any restart,
and the digest in the receipt proves that those bytes arrived.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from operator import attrgetter

import msgspec

from gateway.model import Change
from gateway.uplinks.feed import Identity

_seq = attrgetter("seq")


@dataclass(frozen=True, slots=True)
class EncodedBatch:
    """One stretch (from_seq, to_seq] ready to send. ``seqs`` are those of the changes in it."""

    identity: Identity
    from_seq: int
    to_seq: int
    seqs: tuple[int, ...]
    sha256: str
    body: bytes
    """Plain JSON; ``changes`` is the last key."""


def encode(identity: Identity, from_seq: int, to_seq: int, changes: Sequence[Change]) -> EncodedBatch:
    """``changes`` lie in the range, in order of seq; holes are what a filter held back."""
    array = b"[" + b",".join(map(_element, changes)) + b"]"
    sha256 = hashlib.sha256(array).hexdigest()
    head = msgspec.json.encode(
        {
            "site": identity.site,
            "gateway": identity.gateway,
            "epoch": identity.epoch,
            "from_seq": from_seq,
            "to_seq": to_seq,
            "sha256": sha256,
        }
    )
    body = b"".join((head[:-1], b',"changes":', array, b"}"))  # put together once: it may be two megabytes
    return EncodedBatch(identity, from_seq, to_seq, tuple(map(_seq, changes)), sha256, body)


def _element(change: Change) -> bytes:
    key = msgspec.json.encode(change.key)
    return b'{"seq":%d,"key":%s,"revision":%d,"body":%s}' % (change.seq, key, change.revision, change.body)
