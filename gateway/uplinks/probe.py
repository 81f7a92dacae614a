"""A receiver's answer to a question without effect. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.uplinks.verdict import Reply, Trouble, refusal_of
from gateway.uplinks.words import WORDS_ZH


@dataclass(frozen=True, slots=True)
class Probe:
    """What a receiver said to a question that changes nothing there."""

    is_well: bool
    answer: str
    """In words for a person, Chinese first."""
    cure: str = ""


def unwell(trouble: Trouble, message: str, cure: str) -> Probe:
    """What stands in the way of a receiver that is no district."""
    return Probe(False, f"{WORDS_ZH[trouble][0]}; {message}", cure)


def probe_of(reply: Reply) -> Probe:
    """What a district's answer to a body without a batch tells: its own refusal of it means that all is well."""
    keep = refusal_of(reply)
    if keep is None:
        return Probe(
            True, f"区平台有应答, 密钥有效; the district answers and knows the key (HTTP {reply.status})"
        )
    cause, cure = WORDS_ZH[keep.trouble]
    return Probe(False, f"{cause}; {keep.message}", f"{cure}; {keep.cure}")
