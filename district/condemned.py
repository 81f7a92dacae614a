"""Which records of a batch are not what the contract describes, so that their gateway need not search for them. Pure.

Called only where the changes as a whole could not be decoded, or hold what no database can keep. Names a record by its
``seq``; where those cannot be read or are out of order nothing is named, and the gateway halves.
"""

from __future__ import annotations

from itertools import islice
from typing import Annotated

import msgspec
from msgspec import Meta, Raw, Struct

from district.contract import CHANGES_MAX, INVALID_MAX, Rejected
from district.records import ChangeRecord, Number

REASON_MAX = 200
UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class _Numbered(Struct, frozen=True, gc=False):
    seq: Number


_raws = msgspec.json.Decoder(Annotated[list[Raw], Meta(max_length=CHANGES_MAX)])
_numbers = msgspec.json.Decoder(Annotated[list[_Numbered], Meta(max_length=CHANGES_MAX)])
_records = msgspec.json.Decoder(ChangeRecord)


def condemned(array: bytes | Raw, from_seq: int, to_seq: int) -> list[Rejected]:
    """The records of a ``changes`` array of (from_seq, to_seq] that are wrong by themselves, each with its reason."""
    try:
        seqs = [numbered.seq for numbered in _numbers.decode(array)]
        raws = _raws.decode(array)
    except UNREADABLE:
        return []
    if any(after <= seq for seq, after in zip([from_seq, *seqs], seqs, strict=False)) or seqs[-1:] > [to_seq]:
        return []
    judged = ((seq, fault(raw)) for seq, raw in zip(seqs, raws, strict=True))
    named = (Rejected(seq=seq, reason=reason[:REASON_MAX]) for seq, reason in judged if reason)
    return list(islice(named, INVALID_MAX))


def fault(raw: bytes | Raw) -> str | None:
    """What is wrong with one record as it was sent; None when nothing is."""
    try:
        record = _records.decode(raw)
    except UNREADABLE as error:
        return str(error)
    return NUL if has_nul(record) else None


NUL = "a text holds the character U+0000"
"""No database keeps one in a text."""


def has_nul(record: ChangeRecord) -> bool:
    texts = (record.key, *(v for v in msgspec.structs.astuple(record.body) if isinstance(v, str)))
    return any("\0" in text for text in texts)
