"""From rows of the change feed to the bytes of a batch. Pure.

Bodies are joined as they are stored and never encoded again: the same stretch gives the same bytes after any restart,
and the digest in the receipt proves that those bytes arrived.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import msgspec

from gateway.model import Change
from gateway.uplinks.feed import Identity

AT_ONCE = 250
"""Changes that are encoded and digested while they are still in the processor's cache."""


class _Element(msgspec.Struct, gc=False):
    """A change as ``district.contract.ChangeRecord`` wants it, in this order."""

    seq: int
    key: str
    revision: int
    body: msgspec.Raw


_encoder = msgspec.json.Encoder()


@dataclass(frozen=True, slots=True)
class EncodedBatch:
    """One stretch (from_seq, to_seq] ready to send, with the changes in it."""

    identity: Identity
    from_seq: int
    to_seq: int
    changes: Sequence[Change]
    sha256: str
    body: bytes
    """Plain JSON; ``changes`` is the last key."""

    @property
    def seqs(self) -> tuple[int, ...]:
        """Those of the changes, listed anew: few ask."""
        return tuple([one.seq for one in self.changes])


def encode(identity: Identity, from_seq: int, to_seq: int, changes: Sequence[Change]) -> EncodedBatch:
    """``changes`` lie in the range, in order of seq; holes are what a filter held back."""
    digest = hashlib.sha256()
    parts = []
    for part in _array(changes):
        digest.update(part)
        parts.append(part)
    sha256 = digest.hexdigest()
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
    body = b"".join((head[:-1], b',"changes":', *parts, b"}"))
    return EncodedBatch(identity, from_seq, to_seq, changes, sha256, body)


def _array(changes: Sequence[Change]) -> Iterator[bytes]:
    """The JSON array of all changes, in pieces."""
    yield b"["
    for at in range(0, len(changes), AT_ONCE):
        if at:
            yield b","
        elements = [
            _Element(one.seq, one.key, one.revision, msgspec.Raw(one.body))
            for one in changes[at : at + AT_ONCE]
        ]
        yield _encoder.encode(elements)[1:-1]
    yield b"]"
